//! What the user writes behind `-netdev` and `-nic`.
//!
//! A kind of network, then properties: `user,id=n0,hostfwd=tcp::2222-:22`. A comma inside a value is written twice, a property
//! without a value is `on`. Words for what is wrong are QEMU's where it has some.

#[cfg(test)]
mod tests;

use crate::{Config, GuestForward, HostForward, RuleError, SocketSpec};
use std::net::Ipv4Addr;

/// Which network.
#[derive(Clone, Debug)]
pub enum Kind {
    /// No card (`-nic none`).
    None,
    /// A NAT in this process.
    User(Box<Config>),
    /// A wire to another emulator.
    Socket(SocketSpec),
}

/// A network as the user described it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name.
    pub id: Option<String>,
    /// Which one.
    pub kind: Kind,
    /// Of `-nic`: the card's model.
    pub model: Option<String>,
    /// Of `-nic`: the card's address.
    pub mac: Option<String>,
}

/// A description that makes no sense. Prints as `-option value: reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} {value}: {reason}")]
pub struct SpecError {
    option: String,
    value: String,
    reason: Reason,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("Parameter 'type' expects a netdev backend type")]
    Kind,
    #[error("network backend '{0}' is not supported")]
    Unsupported(String),
    #[error("Parameter 'id' is missing")]
    NoId,
    #[error("Invalid parameter '{0}'")]
    Property(String),
    #[error("Parameter '{0}' expects 'on' or 'off'")]
    Switch(String),
    #[error("{0} is not supported")]
    Absent(&'static str),
    #[error("{0}")]
    Words(&'static str),
    #[error("address resolution failed for {0}")]
    Address(String),
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// The parts between single commas; doubled ones are one.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let last = parts.len() - 1;
        if c != ',' {
            parts[last].push(c);
        } else if rest.next_if_eq(&',').is_some() {
            parts[last].push(',');
        } else {
            parts.push(String::new());
        }
    }
    parts
}

pub(crate) type Properties = Vec<(String, String)>;

impl Spec {
    /// Reads `text` behind `option`: `-netdev`, which wants an id, or `-nic`, which knows the card's properties, too.
    ///
    /// # Errors
    /// It makes no sense, or names what is not there.
    pub fn parse(option: &str, text: &str) -> Result<Self, SpecError> {
        Self::read(option, text).map_err(|reason| SpecError {
            option: option.to_owned(),
            value: text.to_owned(),
            reason,
        })
    }

    fn read(option: &str, text: &str) -> Result<Self, Reason> {
        let mut parts = parts(text).into_iter();
        let kind = parts.next().unwrap_or_default();
        let kind = kind.strip_prefix("type=").unwrap_or(&kind).to_owned();
        let mut properties: Properties = parts
            .filter(|part| !part.is_empty())
            .map(|part| match part.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (part, "on".to_owned()),
            })
            .collect();
        let mut take = |name: &str| {
            let found = properties.iter().rposition(|(known, _)| known == name)?;
            let value = properties.remove(found).1;
            properties.retain(|(known, _)| known != name);
            Some(value)
        };
        let id = take("id");
        let card = option != "-netdev";
        let (model, mac) = if card {
            (take("model"), take("mac"))
        } else {
            (None, None)
        };
        if !card && id.is_none() {
            return Err(Reason::NoId);
        }
        let kind = match kind.as_str() {
            "none" if card && properties.is_empty() => Kind::None,
            "user" => Kind::User(Box::new(user(properties)?)),
            "socket" => Kind::Socket(SocketSpec::read(properties)?),
            "tap" | "bridge" | "l2tpv3" | "stream" | "dgram" | "vde" | "vhost-user" | "vhost-vdpa"
            | "hubport" => {
                return Err(Reason::Unsupported(kind));
            }
            "none" if card => return Err(Reason::Property(properties.remove(0).0)),
            _ => return Err(Reason::Kind),
        };
        Ok(Self { id, kind, model, mac })
    }
}

pub(crate) fn switch(name: &str, value: &str) -> Result<bool, Reason> {
    match value {
        "on" | "yes" | "true" | "y" => Ok(true),
        "off" | "no" | "false" | "n" => Ok(false),
        _ => Err(Reason::Switch(name.to_owned())),
    }
}

/// Bits of the network an address is in if it does not say, by its class and RFC 1918.
fn usual_prefix(net: Ipv4Addr) -> u8 {
    match net.octets() {
        [0..=127, ..] => 8,
        [172, 16..=31, ..] => 12,
        [128..=191, ..] => 16,
        [192, 168, ..] => 16,
        [198, 18..=19, ..] => 15,
        [224..=255, ..] => 28,
        _ => 24,
    }
}

/// `address[/bits|/mask]`.
fn network(text: &str) -> Result<(Ipv4Addr, u8), Reason> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let address: Ipv4Addr = address
        .parse()
        .map_err(|_| Reason::Words("Failed to parse network address"))?;
    let bad = Reason::Words("Failed to parse netmask");
    let prefix = match mask {
        None => usual_prefix(address),
        Some(mask) => match (mask.parse::<u8>(), mask.parse::<Ipv4Addr>()) {
            (Ok(bits @ 4..=32), _) => bits,
            (_, Ok(mask)) if mask.to_bits().leading_ones() == mask.to_bits().count_ones() => {
                mask.to_bits().leading_ones() as u8
            }
            _ => return Err(bad),
        },
    };
    // There are the host, a name server and a guest.
    if !(4..=30).contains(&prefix) {
        return Err(bad);
    }
    Ok((address, prefix))
}

fn user(properties: Properties) -> Result<Config, Reason> {
    let mut config = Config::default();
    let last = |name: &str| properties.iter().rev().find(|(known, _)| known == name);
    if let Some((_, text)) = last("net") {
        let (net, prefix) = network(text)?;
        config.prefix = prefix;
        config.net = net & config.mask();
        let inside = |low: u32| config.net | (Ipv4Addr::from_bits(low) & !config.mask());
        (config.host, config.dns, config.dhcp_start) = (inside(0x0202), inside(0x0203), inside(0x020f));
    }
    let address =
        |name: &str, default: Ipv4Addr, unread: &'static str, outside: &'static str| match last(name) {
            None => Ok(default),
            Some((_, text)) => {
                let ip = text.parse().map_err(|_| Reason::Words(unread))?;
                let inside = config.contains(ip) && ip != config.net && ip != config.broadcast();
                inside.then_some(ip).ok_or(Reason::Words(outside))
            }
        };
    let host = address(
        "host",
        config.host,
        "Failed to parse host",
        "Host doesn't belong to network",
    )?;
    let dns = address(
        "dns",
        config.dns,
        "Failed to parse DNS",
        "DNS doesn't belong to network",
    )?;
    let dhcp_start = address(
        "dhcpstart",
        config.dhcp_start,
        "Failed to parse DHCP start address",
        "DHCP doesn't belong to network",
    )?;
    if dns == host {
        return Err(Reason::Words("DNS must be different from host"));
    }
    if dhcp_start == host || dhcp_start == dns {
        return Err(Reason::Words("DHCP must be different from host and DNS"));
    }
    (config.host, config.dns, config.dhcp_start) = (host, dns, dhcp_start);
    let forward_default = config.net | (Ipv4Addr::from_bits(0x0204) & !config.mask());
    for (name, value) in properties {
        match name.as_str() {
            "net" | "host" | "dns" | "dhcpstart" => {}
            "ipv4" if switch(&name, &value)? => {}
            "ipv4" => return Err(Reason::Absent("a user-mode network without IPv4")),
            "ipv6" if !switch(&name, &value)? => {}
            "ipv6" => return Err(Reason::Absent("IPv6")),
            "hostname" => config.hostname = Some(value),
            "domainname" => config.domain = Some(value),
            "dnssearch" => config.search.push(value),
            "tftp" => config.tftp = Some(value.into()),
            "tftp-server-name" => config.tftp_server = Some(value),
            "bootfile" => config.bootfile = Some(value),
            "restrict" => config.restrict = switch(&name, &value)?,
            "hostfwd" => config.host_forwards.push(HostForward::parse(&value)?),
            "guestfwd" => config
                .guest_forwards
                .push(GuestForward::parse(&value, forward_default)?),
            "smb" | "smbserver" => return Err(Reason::Absent("a file server (smb)")),
            _ => return Err(Reason::Property(name)),
        }
    }
    Ok(config)
}
