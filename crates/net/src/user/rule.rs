//! Forwarding rules as users write them, with QEMU's words for what is wrong with one.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::path::PathBuf;

/// A port of the host's that leads to a port of a guest: `tcp|udp:[hostaddr]:hostport-[guestaddr]:guestport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostForward {
    /// UDP; otherwise TCP.
    pub udp: bool,
    /// Address of the host's; none: all.
    pub host: Ipv4Addr,
    /// Port of the host's; 0: any.
    pub host_port: u16,
    /// Address of the guest; none: the first that DHCP gives.
    pub guest: Option<Ipv4Addr>,
    /// Port of the guest's.
    pub guest_port: u16,
}

/// Where connections to an address of the network's go: `[tcp]:[server]:port-target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestForward {
    /// The address.
    pub at: SocketAddrV4,
    /// What is there.
    pub target: Target,
}

/// Something of the host's that speaks a stream of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `cmd:…`: a command, run by the shell for each connection, with the connection as input and output.
    Command(String),
    /// `tcp:host:port`: a TCP connection.
    Tcp(SocketAddr),
    /// `unix:path`: a connection to a local socket.
    Unix(PathBuf),
}

/// A rule that makes no sense, or that the host refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A host forwarding rule that is none.
    #[error("Invalid host forwarding rule '{rule}' ({reason})")]
    Host {
        /// As it was given.
        rule: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The host refuses: the port is taken, or not for this user.
    #[error("Could not set up host forwarding rule '{0}'")]
    SetUp(String),
    /// A guest forwarding rule that is none.
    #[error("Invalid guest forwarding rule '{0}'")]
    Guest(String),
    /// The address is taken, or is not the network's.
    #[error("Conflicting/invalid host:port in guest forwarding rule '{0}'")]
    Conflict(String),
    /// A character device, which a connection cannot be given to here.
    #[error("Could not open guest forwarding device '{0}': only cmd:, tcp: and unix: are supported")]
    Device(String),
}

/// What is before `separator`, and what follows it.
fn split(text: &str, separator: char) -> Option<(&str, &str)> {
    text.split_once(separator)
}

fn port(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

impl HostForward {
    /// Reads a rule.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        let bad = |reason| RuleError::Host {
            rule: rule.to_owned(),
            reason,
        };
        let (protocol, rest) = split(rule, ':').ok_or_else(|| bad("No : separators"))?;
        let udp = match protocol {
            "tcp" | "" => false,
            "udp" => true,
            _ => return Err(bad("Bad protocol name")),
        };
        let (host, rest) = split(rest, ':').ok_or_else(|| bad("Missing : separator"))?;
        let host = match host {
            "" => Ipv4Addr::UNSPECIFIED,
            host => host.parse().map_err(|_| bad("Bad host address"))?,
        };
        let (text, rest) = split(rest, '-').ok_or_else(|| bad("Bad host port separator"))?;
        let host_port = match text {
            "" => 0,
            text => port(text).ok_or_else(|| bad("Bad host port"))?,
        };
        let (guest, text) = split(rest, ':').ok_or_else(|| bad("Missing guest address"))?;
        let guest = match guest {
            "" => None,
            guest => Some(guest.parse().map_err(|_| bad("Bad guest address"))?),
        };
        let guest_port = port(text)
            .filter(|&port| port != 0)
            .ok_or_else(|| bad("Bad guest port"))?;
        Ok(Self {
            udp,
            host,
            host_port,
            guest,
            guest_port,
        })
    }

    /// Reads what `hostfwd_remove` takes: `tcp|udp:[hostaddr]:hostport`.
    ///
    /// # Errors
    /// It is no such thing, in words.
    pub fn parse_key(key: &str) -> Result<(bool, Ipv4Addr, u16), String> {
        let read = || {
            let (protocol, rest) = split(key, ':')?;
            let udp = match protocol {
                "tcp" | "" => false,
                "udp" => true,
                _ => return None,
            };
            let (host, text) = split(rest, ':')?;
            let host = match host {
                "" => Ipv4Addr::UNSPECIFIED,
                host => host.parse().ok()?,
            };
            Some((udp, host, port(text)?))
        };
        read().ok_or_else(|| "invalid format".to_owned())
    }
}

impl fmt::Display for HostForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = if self.udp { "udp" } else { "tcp" };
        let some = |ip: Ipv4Addr| {
            if ip.is_unspecified() {
                String::new()
            } else {
                ip.to_string()
            }
        };
        let host = some(self.host);
        let guest = self.guest.map_or_else(String::new, some);
        write!(
            f,
            "{protocol}:{host}:{}-{guest}:{}",
            self.host_port, self.guest_port
        )
    }
}

impl GuestForward {
    /// Reads a rule. `default` is where a rule without an address is.
    ///
    /// # Errors
    /// It is none, or leads to what is not supported.
    pub fn parse(rule: &str, default: Ipv4Addr) -> Result<Self, RuleError> {
        let bad = || RuleError::Guest(rule.to_owned());
        let (protocol, rest) = split(rule, ':').ok_or_else(bad)?;
        if !matches!(protocol, "tcp" | "") {
            return Err(bad());
        }
        let (server, rest) = split(rest, ':').ok_or_else(bad)?;
        let server = match server {
            "" => default,
            server => server.parse().map_err(|_| bad())?,
        };
        let (text, target) = split(rest, '-').ok_or_else(bad)?;
        let port = port(text).filter(|&port| port != 0).ok_or_else(bad)?;
        Ok(Self {
            at: SocketAddrV4::new(server, port),
            target: Target::parse(target)?,
        })
    }
}

impl Target {
    fn parse(text: &str) -> Result<Self, RuleError> {
        let other = || RuleError::Device(text.to_owned());
        let (kind, rest) = split(text, ':')
            .filter(|(_, rest)| !rest.is_empty())
            .ok_or_else(other)?;
        match kind {
            "cmd" => Ok(Self::Command(rest.to_owned())),
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" => {
                let mut found = rest.to_socket_addrs().map_err(|_| other())?;
                Ok(Self::Tcp(found.next().ok_or_else(other)?))
            }
            _ => Err(other()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_rules() {
        let any = Ipv4Addr::UNSPECIFIED;
        for (text, udp, host, host_port, guest, guest_port) in [
            ("tcp::2222-:22", false, any, 2222, None, 22),
            (
                ":127.0.0.1:80-10.0.2.16:8080",
                false,
                Ipv4Addr::LOCALHOST,
                80,
                Some(Ipv4Addr::new(10, 0, 2, 16)),
                8080,
            ),
            ("udp::-:53", true, any, 0, None, 53),
            ("udp::0x10-:53", true, any, 16, None, 53),
        ] {
            let rule = HostForward {
                udp,
                host,
                host_port,
                guest,
                guest_port,
            };
            assert_eq!(HostForward::parse(text), Ok(rule), "{text}");
            assert_eq!(HostForward::parse(&rule.to_string()), Ok(rule), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_host_rule() {
        for (text, reason) in [
            ("xx", "No : separators"),
            ("", "No : separators"),
            ("sctp::1-:2", "Bad protocol name"),
            ("tcp:", "Missing : separator"),
            ("tcp:here:1-:2", "Bad host address"),
            ("tcp::1", "Bad host port separator"),
            ("tcp::x-:2", "Bad host port"),
            ("tcp::65536-:2", "Bad host port"),
            ("tcp::1-2", "Missing guest address"),
            ("tcp::1-there:2", "Bad guest address"),
            ("tcp::1-:", "Bad guest port"),
            ("tcp::1-:0", "Bad guest port"),
            ("tcp::1-:+5", "Bad guest port"),
        ] {
            let error = HostForward::parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("Invalid host forwarding rule '{text}' ({reason})")
            );
        }
    }

    #[test]
    fn guest_rules() {
        let default = Ipv4Addr::new(10, 0, 2, 4);
        let at =
            |text: &str| GuestForward::parse(text, default).map(|rule| (rule.at.to_string(), rule.target));
        assert_eq!(
            at("tcp:10.0.2.100:7-cmd:cat"),
            Ok(("10.0.2.100:7".into(), Target::Command("cat".into())))
        );
        assert_eq!(
            at("::9-tcp:127.0.0.1:99"),
            Ok(("10.0.2.4:9".into(), Target::Tcp("127.0.0.1:99".parse().unwrap())))
        );
        assert_eq!(
            at("tcp::9-unix:/tmp/a-b:c"),
            Ok(("10.0.2.4:9".into(), Target::Unix("/tmp/a-b:c".into())))
        );
        for text in [
            "",
            "udp::1-cmd:x",
            "tcp:1-cmd:x",
            "tcp::0-cmd:x",
            "tcp:a:1-cmd:x",
            "tcp::1",
        ] {
            assert_eq!(
                at(text).unwrap_err().to_string(),
                format!("Invalid guest forwarding rule '{text}'")
            );
        }
        assert!(matches!(at("tcp::1-stdio"), Err(RuleError::Device(_))));
    }

    #[test]
    fn keys() {
        let key = (true, Ipv4Addr::LOCALHOST, 5);
        assert_eq!(HostForward::parse_key("udp:127.0.0.1:5"), Ok(key));
        for text in ["", "tcp:5", "x::5", "tcp::5-:6"] {
            assert!(HostForward::parse_key(text).is_err(), "{text}");
        }
    }
}
