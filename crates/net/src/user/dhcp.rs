//! The DHCP server (RFC 2131, 2132): a handful of leases that never end, each given to one Ethernet address.

use super::Nat;
use super::config::Config;
use super::frame::{self, IpHead, Link};
use smoltcp::wire::{DhcpPacket, EthernetAddress, IpProtocol};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Port of the server.
pub(super) const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// Addresses there are to give.
const LEASES: usize = 16;
const LEASE_SECONDS: u32 = 86_400;
const MAGIC: u32 = 0x6382_5363;

mod option {
    pub(super) const MASK: u8 = 1;
    pub(super) const ROUTER: u8 = 3;
    pub(super) const DNS: u8 = 6;
    pub(super) const HOSTNAME: u8 = 12;
    pub(super) const DOMAIN: u8 = 15;
    pub(super) const REQUESTED: u8 = 50;
    pub(super) const LEASE: u8 = 51;
    pub(super) const TYPE: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const TFTP_SERVER: u8 = 66;
    pub(super) const BOOTFILE: u8 = 67;
    pub(super) const SEARCH: u8 = 119;
    pub(super) const END: u8 = 255;
}

mod message {
    pub(super) const DISCOVER: u8 = 1;
    pub(super) const OFFER: u8 = 2;
    pub(super) const REQUEST: u8 = 3;
    pub(super) const DECLINE: u8 = 4;
    pub(super) const ACK: u8 = 5;
    pub(super) const NAK: u8 = 6;
    pub(super) const RELEASE: u8 = 7;
    pub(super) const INFORM: u8 = 8;
}

/// Who has which address.
#[derive(Default)]
pub(super) struct Leases([Option<EthernetAddress>; LEASES]);

impl Leases {
    fn address(config: &Config, slot: usize) -> Option<Ipv4Addr> {
        let ip = Ipv4Addr::from_bits(config.dhcp_start.to_bits().checked_add(slot as u32)?);
        let free = ip != config.host && ip != config.dns && ip != config.broadcast();
        (free && config.contains(ip)).then_some(ip)
    }

    /// The address of `mac`: the one it has, the one it wants if that is free, or the next.
    fn find(&mut self, config: &Config, mac: EthernetAddress, wanted: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let usable = |slot: &usize| Self::address(config, *slot).is_some();
        let slot = (0..LEASES)
            .filter(usable)
            .find(|&slot| self.0[slot] == Some(mac))
            .or_else(|| {
                let free = |slot: &usize| usable(slot) && self.0[*slot].is_none();
                let wanted = (0..LEASES)
                    .filter(free)
                    .find(|&slot| Self::address(config, slot) == wanted);
                wanted.or_else(|| (0..LEASES).find(free))
            })?;
        self.0[slot] = Some(mac);
        Self::address(config, slot)
    }

    fn release(&mut self, mac: EthernetAddress) {
        for slot in self.0.iter_mut().filter(|slot| **slot == Some(mac)) {
            *slot = None;
        }
    }
}

/// What a client asks.
struct Question {
    kind: Option<u8>,
    wanted: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    mac: EthernetAddress,
    id: u32,
    has: Ipv4Addr,
    flags: [u8; 2],
}

fn parse(payload: &[u8]) -> Option<Question> {
    let packet = DhcpPacket::new_checked(payload).ok()?;
    // A request, from Ethernet.
    if payload.len() < 240 || payload[..3] != [1, 1, 6] || packet.magic_number() != MAGIC {
        return None;
    }
    let mut question = Question {
        kind: None,
        wanted: None,
        server: None,
        mac: packet.client_hardware_address(),
        id: packet.transaction_id(),
        has: packet.client_ip(),
        flags: [payload[10], payload[11]],
    };
    for found in packet.options() {
        let address = || <[u8; 4]>::try_from(found.data).ok().map(Ipv4Addr::from);
        match found.kind {
            option::TYPE => question.kind = found.data.first().copied(),
            option::REQUESTED => question.wanted = address(),
            option::SERVER => question.server = address(),
            _ => {}
        }
    }
    question.mac.is_unicast().then_some(question)
}

impl Nat {
    pub(super) fn dhcp_from_guest(&mut self, payload: &[u8]) {
        let Some(question) = parse(payload) else { return };
        if question.server.is_some_and(|server| server != self.config.host) {
            return;
        }
        let wanted = question
            .wanted
            .or((!question.has.is_unspecified()).then_some(question.has));
        let (kind, ip) = match question.kind {
            Some(message::DECLINE | message::RELEASE) => return self.leases.release(question.mac),
            Some(message::INFORM) => (Some(message::ACK), Some(Ipv4Addr::UNSPECIFIED)),
            kind @ (None | Some(message::DISCOVER | message::REQUEST)) => {
                let ip = self.leases.find(&self.config, question.mac, wanted);
                match kind {
                    // The first protocol, without kinds of messages (RFC 951).
                    None => (None, ip),
                    Some(message::DISCOVER) => (Some(message::OFFER), ip),
                    Some(_) if ip.is_some() && (wanted.is_none() || wanted == ip) => (Some(message::ACK), ip),
                    Some(_) => (Some(message::NAK), None),
                }
            }
            Some(_) => return,
        };
        if ip.is_none() && kind != Some(message::NAK) {
            return;
        }
        let reply = self.dhcp_reply(&question, kind, ip);
        let to_all = Ipv4Addr::BROADCAST;
        let (src, dst) = (
            SocketAddrV4::new(self.config.host, SERVER),
            SocketAddrV4::new(to_all, CLIENT),
        );
        let datagram = frame::udp_datagram(src, dst, &reply);
        let link = Link {
            from: self.mac,
            to: EthernetAddress::BROADCAST,
        };
        let head = IpHead {
            src: self.config.host,
            dst: to_all,
            protocol: IpProtocol::Udp,
            ident: self.next_ident(),
            fragment: (0, false),
        };
        let mut out = Vec::new();
        frame::ipv4(&mut out, link, &head, datagram.len());
        out.extend(datagram);
        self.control(out);
    }

    fn dhcp_reply(&self, question: &Question, kind: Option<u8>, ip: Option<Ipv4Addr>) -> Vec<u8> {
        let config = &self.config;
        let mut reply = vec![0; 236];
        reply[..3].copy_from_slice(&[2, 1, 6]);
        reply[4..8].copy_from_slice(&question.id.to_be_bytes());
        reply[10..12].copy_from_slice(&question.flags);
        reply[28..34].copy_from_slice(question.mac.as_bytes());
        reply.extend(MAGIC.to_be_bytes());
        let mut put = |kind: u8, data: &[u8]| {
            let data = &data[..data.len().min(255)];
            reply.extend([kind, data.len() as u8]);
            reply.extend_from_slice(data);
        };
        if let Some(kind) = kind {
            put(option::TYPE, &[kind]);
        }
        put(option::SERVER, &config.host.octets());
        let Some(ip) = ip else {
            reply.push(option::END);
            return reply;
        };
        put(option::MASK, &config.mask().octets());
        if !config.restrict {
            put(option::ROUTER, &config.host.octets());
            put(option::DNS, &config.dns.octets());
        }
        if !ip.is_unspecified() {
            put(option::LEASE, &LEASE_SECONDS.to_be_bytes());
        }
        for (kind, text) in [
            (option::HOSTNAME, &config.hostname),
            (option::DOMAIN, &config.domain),
            (option::TFTP_SERVER, &config.tftp_server),
            (option::BOOTFILE, &config.bootfile),
        ] {
            if let Some(text) = text {
                put(kind, text.as_bytes());
            }
        }
        let search = search_list(&config.search);
        if !search.is_empty() {
            put(option::SEARCH, &search);
        }
        reply.push(option::END);
        reply[16..20].copy_from_slice(&ip.octets());
        reply[20..24].copy_from_slice(&config.host.octets());
        if let Some(file) = &config.bootfile {
            let file = &file.as_bytes()[..file.len().min(127)];
            reply[108..108 + file.len()].copy_from_slice(file);
        }
        // What BOOTP clients expect at least.
        let length = reply.len().max(300);
        reply.resize(length, 0);
        reply
    }
}

/// Domains as DNS writes them (RFC 3397), as many as there is room for.
fn search_list(domains: &[String]) -> Vec<u8> {
    let mut list = Vec::new();
    for domain in domains {
        let mut name = Vec::new();
        for label in domain.split('.').filter(|label| !label.is_empty()) {
            let label = &label.as_bytes()[..label.len().min(63)];
            name.push(label.len() as u8);
            name.extend(label);
        }
        name.push(0);
        if list.len() + name.len() > 255 {
            break;
        }
        list.extend(name);
    }
    list
}
