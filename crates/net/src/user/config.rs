//! What a user-mode network is like: addresses, services, rules.

use super::rule::{GuestForward, HostForward};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// A user-mode network. The default is QEMU's: 10.0.2.0/24, gateway .2, name server .3, guests from .15 on.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the network.
    pub net: Ipv4Addr,
    /// Bits of it that are the network's.
    pub prefix: u8,
    /// The host, which is the gateway, DHCP and TFTP server.
    pub host: Ipv4Addr,
    /// The name server: what is sent there goes to the host's.
    pub dns: Ipv4Addr,
    /// First address given to guests.
    pub dhcp_start: Ipv4Addr,
    /// Name given to guests.
    pub hostname: Option<String>,
    /// Domain given to guests.
    pub domain: Option<String>,
    /// Domains in which guests look for names.
    pub search: Vec<String>,
    /// Directory of files that guests can fetch by TFTP.
    pub tftp: Option<PathBuf>,
    /// Name of the TFTP server given to guests; without, it is the host's address.
    pub tftp_server: Option<String>,
    /// File given to guests that boot over the network.
    pub bootfile: Option<String>,
    /// No way to the host or beyond it, but by rules.
    pub restrict: bool,
    /// Ports of the host's that lead to guests.
    pub host_forwards: Vec<HostForward>,
    /// Addresses that lead to something of the host's.
    pub guest_forwards: Vec<GuestForward>,
    /// The host's name server, if it is not the one in `/etc/resolv.conf`.
    pub resolver: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            net: Ipv4Addr::new(10, 0, 2, 0),
            prefix: 24,
            host: Ipv4Addr::new(10, 0, 2, 2),
            dns: Ipv4Addr::new(10, 0, 2, 3),
            dhcp_start: Ipv4Addr::new(10, 0, 2, 15),
            hostname: None,
            domain: None,
            search: Vec::new(),
            tftp: None,
            tftp_server: None,
            bootfile: None,
            restrict: false,
            host_forwards: Vec::new(),
            guest_forwards: Vec::new(),
            resolver: None,
        }
    }
}

impl Config {
    /// The bits that are the network's.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0))
    }

    /// Whether `ip` is in the network.
    pub fn contains(&self, ip: Ipv4Addr) -> bool {
        ip & self.mask() == self.net
    }

    /// The address of all in the network.
    pub fn broadcast(&self) -> Ipv4Addr {
        self.net | !self.mask()
    }
}
