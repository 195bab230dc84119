//! Which Ethernet address a guest's IP address is behind, and the answers to ARP (RFC 826).

use super::Nat;
use super::frame::{self, Link};
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetProtocol};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Addresses remembered. A card usually has one.
const LIMIT: usize = 64;

/// What ARP and packets have told.
#[derive(Default)]
pub(super) struct Neighbours(BTreeMap<Ipv4Addr, EthernetAddress>);

impl Neighbours {
    pub(super) fn get(&self, ip: Ipv4Addr) -> Option<EthernetAddress> {
        self.0.get(&ip).copied()
    }

    /// True if that is news.
    fn learn(&mut self, ip: Ipv4Addr, mac: EthernetAddress) -> bool {
        if self.0.get(&ip) == Some(&mac) {
            return false;
        }
        if self.0.len() >= LIMIT && !self.0.contains_key(&ip) {
            self.0.pop_first();
        }
        self.0.insert(ip, mac);
        true
    }
}

impl Nat {
    /// Takes note of where `ip` is.
    pub(super) fn learn(&mut self, ip: Ipv4Addr, mac: EthernetAddress) {
        let ours = ip == self.config.host || ip == self.config.dns;
        if mac.is_unicast() && self.config.contains(ip) && !ours && self.neighbours.learn(ip, mac) {
            self.tcp_neighbour_found(ip);
        }
    }

    /// The way to `ip`, if it is known.
    pub(super) fn link_to(&self, ip: Ipv4Addr) -> Option<Link> {
        let to = self.neighbours.get(ip)?;
        Some(Link { from: self.mac, to })
    }

    /// Asks where `ip` is.
    pub(super) fn ask_for(&mut self, ip: Ipv4Addr) {
        let unknown = EthernetAddress([0; 6]);
        let (mac, host) = (self.mac, self.config.host);
        self.send_arp(
            EthernetAddress::BROADCAST,
            ArpOperation::Request,
            host,
            unknown,
            ip,
            mac,
        );
    }

    pub(super) fn arp_from_guest(&mut self, packet: &[u8]) {
        let Ok(packet) = ArpPacket::new_checked(packet) else {
            return;
        };
        let Ok(ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        }) = ArpRepr::parse(&packet)
        else {
            return;
        };
        self.learn(source_protocol_addr, source_hardware_addr);
        // A guest that asks for its own address looks whether somebody else has it.
        if operation == ArpOperation::Request
            && target_protocol_addr != source_protocol_addr
            && self.answers_for(target_protocol_addr)
        {
            let mac = self.mac;
            self.send_arp(
                source_hardware_addr,
                ArpOperation::Reply,
                target_protocol_addr,
                source_hardware_addr,
                source_protocol_addr,
                mac,
            );
        }
    }

    /// Whether there is somebody at `ip`, on our side of the wire.
    fn answers_for(&self, ip: Ipv4Addr) -> bool {
        let config = &self.config;
        let forward = || config.guest_forwards.iter().any(|rule| *rule.at.ip() == ip);
        ip == config.host || ip == config.dns || forward()
    }

    fn send_arp(
        &mut self,
        to: EthernetAddress,
        operation: ArpOperation,
        source: Ipv4Addr,
        target_mac: EthernetAddress,
        target: Ipv4Addr,
        source_mac: EthernetAddress,
    ) {
        let repr = ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: source_mac,
            source_protocol_addr: source,
            target_hardware_addr: target_mac,
            target_protocol_addr: target,
        };
        let mut out = Vec::new();
        frame::ethernet(&mut out, Link { from: source_mac, to }, EthernetProtocol::Arp);
        out.resize(frame::ETHERNET + repr.buffer_len(), 0);
        repr.emit(&mut ArpPacket::new_unchecked(&mut out[frame::ETHERNET..]));
        self.control(out);
    }
}
