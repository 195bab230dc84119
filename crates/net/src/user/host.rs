//! Sockets of the host's, none of which blocks, and how addresses of one side look from the other.

use super::config::Config;
use rustix::net::{
    AddressFamily, Protocol, SocketAddrAny, SocketFlags, SocketType, bind, connect, ipproto, listen,
    socket_with, sockopt,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};

const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

fn family(address: &SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}

fn begun(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(rustix::io::Errno::INPROGRESS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A TCP connection that is being made.
pub(super) fn tcp_connect(to: &SocketAddr) -> io::Result<OwnedFd> {
    let fd = socket_with(family(to), SocketType::STREAM, FLAGS, None)?;
    tune(&fd);
    begun(connect(&fd, to))?;
    Ok(fd)
}

/// A connection to a local socket that is being made.
pub(super) fn unix_connect(path: &std::path::Path) -> io::Result<OwnedFd> {
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    begun(connect(&fd, &rustix::net::SocketAddrUnix::new(path)?))?;
    Ok(fd)
}

/// What the guest has cut into segments need not wait here.
pub(super) fn tune(fd: impl AsFd) {
    let _ = sockopt::set_tcp_nodelay(fd, true);
}

/// A listening TCP socket.
pub(super) fn tcp_listen(at: SocketAddrV4) -> io::Result<OwnedFd> {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, FLAGS, None)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    bind(&fd, &at)?;
    listen(&fd, 32)?;
    Ok(fd)
}

/// A UDP socket at `at`.
pub(super) fn udp_bind(at: SocketAddrV4) -> io::Result<OwnedFd> {
    let fd = socket_with(AddressFamily::INET, SocketType::DGRAM, FLAGS, None)?;
    bind(&fd, &at)?;
    Ok(fd)
}

/// A UDP socket with one peer.
pub(super) fn udp_connect(to: &SocketAddr) -> io::Result<OwnedFd> {
    let fd = socket_with(family(to), SocketType::DGRAM, FLAGS, None)?;
    connect(&fd, to)?;
    Ok(fd)
}

/// A socket for ICMP echo, which the host gives to users of the groups in `net.ipv4.ping_group_range`.
pub(super) fn ping() -> io::Result<OwnedFd> {
    let icmp: Protocol = ipproto::ICMP;
    Ok(socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        FLAGS,
        Some(icmp),
    )?)
}

/// The address a socket has.
pub(super) fn local(fd: impl AsFd) -> Option<SocketAddr> {
    address(rustix::net::getsockname(fd).ok()?)
}

pub(super) fn address(any: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(any).ok()
}

/// Closes a connection with a reset rather than as if it had come to its end.
pub(super) fn reset(fd: impl AsFd) {
    let _ = sockopt::set_socket_linger(fd, Some(std::time::Duration::ZERO));
}

/// The host's name server: the first in `/etc/resolv.conf`.
pub(super) fn resolver(config: &Config) -> SocketAddr {
    config.resolver.unwrap_or_else(|| {
        let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        SocketAddr::new(name_server(&text).unwrap_or(Ipv4Addr::LOCALHOST.into()), 53)
    })
}

/// The first name server in the text of `resolv.conf`. Ones that are reachable through one interface only are left out.
fn name_server(text: &str) -> Option<IpAddr> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter(|rest| rest.starts_with([' ', '\t']))
        .find_map(|rest| rest.split_whitespace().next()?.parse().ok())
}

impl Config {
    /// Where the host reaches what the guest calls `ip`; nowhere, if that is none of the guest's business.
    pub(super) fn outward(&self, ip: Ipv4Addr) -> Option<Ipv4Addr> {
        if ip == self.host {
            return Some(Ipv4Addr::LOCALHOST);
        }
        let nowhere = ip.is_loopback()
            || ip.is_unspecified()
            || ip.is_multicast()
            || ip.octets()[0] >= 240
            || self.contains(ip);
        (!nowhere).then_some(ip)
    }

    /// What the guest calls the host's `ip`. What it has no address for, it knows as the host itself.
    pub(super) fn inward(&self, ip: IpAddr) -> Ipv4Addr {
        let ip = match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(ip) => Ipv6Addr::to_ipv4_mapped(&ip),
        };
        match ip {
            Some(ip) if !ip.is_loopback() && !ip.is_unspecified() && !self.contains(ip) => ip,
            _ => self.host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers() {
        for (text, server) in [
            ("", None),
            (
                "search a\nnameserver 9.9.9.9\nnameserver 1.1.1.1\n",
                Some("9.9.9.9"),
            ),
            ("# nameserver 1.2.3.4\n nameserver\t::1 # ours", Some("::1")),
            ("nameserver fe80::1%eth0\nnameserver 8.8.8.8", Some("8.8.8.8")),
            ("nameservers 1.2.3.4\nnameserver", None),
        ] {
            assert_eq!(name_server(text), server.map(|s| s.parse().unwrap()), "{text:?}");
        }
    }

    #[test]
    fn addresses_of_the_other_side() {
        let config = Config::default();
        for (guest, host) in [
            ("10.0.2.2", Some("127.0.0.1")),
            ("10.0.2.9", None),
            ("127.0.0.1", None),
            ("0.0.0.0", None),
            ("224.0.0.1", None),
            ("255.255.255.255", None),
            ("192.0.2.1", Some("192.0.2.1")),
        ] {
            let host: Option<Ipv4Addr> = host.map(|ip| ip.parse().unwrap());
            assert_eq!(config.outward(guest.parse().unwrap()), host, "{guest}");
        }
        for (host, guest) in [
            ("127.0.0.53", "10.0.2.2"),
            ("::1", "10.0.2.2"),
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("10.0.2.15", "10.0.2.2"),
        ] {
            let guest: Ipv4Addr = guest.parse().unwrap();
            assert_eq!(config.inward(host.parse().unwrap()), guest, "{host}");
        }
    }
}
