//! Conversations without connections: UDP, name service and echo. Each has a socket of the host's.
//!
//! A datagram of the guest's makes a flow, or finds it; answers stay in the host's socket until the card has room. Flows
//! go when nothing has passed for a while, or when there are too many, the one unused for longest first.

use super::frame::{self, IpHead, MTU};
use super::{Nat, Source, dhcp, host, tftp};
use crate::watch::Watch;
use rustix::net::{RecvFlags, SendFlags, recvfrom, send, sendto};
use smoltcp::wire::{Icmpv4Message, Icmpv4Packet, IpProtocol, UdpPacket};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use util_mainloop::Interest;

/// Flows at the same time.
const LIMIT: usize = 512;
const SECOND: i64 = 1_000_000_000;

/// What a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// From an address of the guest's to anybody.
    Udp(SocketAddrV4),
    /// From an address of the guest's to the name server.
    Dns(SocketAddrV4),
    /// Echoes with one identifier.
    Ping(Ipv4Addr, u16),
}

impl Kind {
    /// How long it lasts unused.
    fn patience(self) -> i64 {
        match self {
            Self::Udp(_) => 240 * SECOND,
            Self::Dns(_) | Self::Ping(..) => 30 * SECOND,
        }
    }

    fn guest(self) -> Ipv4Addr {
        match self {
            Self::Udp(at) | Self::Dns(at) => *at.ip(),
            Self::Ping(ip, _) => ip,
        }
    }
}

pub(super) struct Flow {
    pub(super) kind: Kind,
    pub(super) socket: Watch,
    /// It waits for its turn to give the card something.
    queued: bool,
    used_ns: i64,
    /// A rule made it, and it stays.
    pub(super) rule: bool,
    /// Who was heard of last.
    peer: Option<SocketAddr>,
    /// Beginning of the last packet of the guest's, to tell it what became of it.
    last: Vec<u8>,
}

/// All flows.
#[derive(Default)]
pub(super) struct Flows {
    by_kind: BTreeMap<Kind, u64>,
    pub(super) flows: BTreeMap<u64, Flow>,
    next: u64,
}

impl Flows {
    fn remove(&mut self, id: u64) {
        if let Some(flow) = self.flows.remove(&id) {
            self.by_kind.remove(&flow.kind);
        }
    }

    fn make_room(&mut self) {
        while self.flows.len() >= LIMIT {
            let oldest = self
                .flows
                .iter()
                .filter(|(_, flow)| !flow.rule)
                .min_by_key(|(_, flow)| flow.used_ns);
            let Some((&id, _)) = oldest else { return };
            self.remove(id);
        }
    }

    /// Drops what nobody uses.
    pub(super) fn tick(&mut self, now: i64) {
        let old = |flow: &Flow| !flow.rule && now - flow.used_ns > flow.kind.patience();
        let gone: Vec<u64> = self
            .flows
            .iter()
            .filter(|(_, flow)| old(flow))
            .map(|(&id, _)| id)
            .collect();
        for id in gone {
            self.remove(id);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Closes a rule's flow.
    pub(super) fn close(&mut self, kind: Kind) {
        if let Some(&id) = self.by_kind.get(&kind) {
            self.remove(id);
        }
    }
}

impl Nat {
    /// A packet of UDP, whose IP header is `ip`.
    pub(super) fn udp_from_guest(&mut self, src: Ipv4Addr, dst: Ipv4Addr, packet: &[u8], ip: &[u8]) {
        let Ok(datagram) = UdpPacket::new_checked(packet) else {
            return;
        };
        if datagram.dst_port() == dhcp::SERVER && (dst.is_broadcast() || dst == self.config.host) {
            return self.dhcp_from_guest(datagram.payload());
        }
        let guest = SocketAddrV4::new(src, datagram.src_port());
        if !self.config.contains(src) || guest.port() == 0 || datagram.dst_port() == 0 {
            return;
        }
        if dst == self.config.host && datagram.dst_port() == tftp::PORT && self.config.tftp.is_some() {
            return self.tftp_from_guest(guest, datagram.payload());
        }
        if dst == self.config.dns && datagram.dst_port() == 53 {
            if self.config.restrict {
                return;
            }
            let config = &self.config;
            let open = || host::udp_connect(&host::resolver(config)).ok();
            let fd = self.socket_for(Kind::Dns(guest), open);
            return self.flow_send(Kind::Dns(guest), fd, datagram.payload(), None, ip, packet);
        }
        let Some(to) = self.config.outward(dst) else {
            return;
        };
        let to = SocketAddrV4::new(to, datagram.dst_port());
        if self.config.restrict && !self.is_peer(Kind::Udp(guest), to) {
            return;
        }
        let open = || host::udp_bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).ok();
        let fd = self.socket_for(Kind::Udp(guest), open);
        self.flow_send(Kind::Udp(guest), fd, datagram.payload(), Some(to), ip, packet);
    }

    /// An echo to somebody who is not us.
    pub(super) fn ping_from_guest(&mut self, src: Ipv4Addr, dst: Ipv4Addr, packet: &[u8], ip: &[u8]) {
        let Some(to) = self.config.outward(dst).filter(|_| !self.config.restrict) else {
            return;
        };
        if packet.len() < 8 || !self.config.contains(src) {
            return;
        }
        let kind = Kind::Ping(src, Icmpv4Packet::new_unchecked(packet).echo_ident());
        let fd = self.socket_for(kind, || host::ping().ok());
        self.flow_send(kind, fd, packet, Some(SocketAddrV4::new(to, 0)), ip, packet);
    }

    /// Whether a rule made the flow, and `to` was heard of last: the answer is part of what the rule allows.
    fn is_peer(&self, kind: Kind, to: SocketAddrV4) -> bool {
        let flow = self
            .flows
            .by_kind
            .get(&kind)
            .and_then(|id| self.flows.flows.get(id));
        flow.is_some_and(|flow| flow.rule && flow.peer == Some(to.into()))
    }

    /// Nothing if the flow is there already.
    fn socket_for(&self, kind: Kind, open: impl FnOnce() -> Option<OwnedFd>) -> Option<OwnedFd> {
        if self.flows.by_kind.contains_key(&kind) {
            return None;
        }
        open()
    }

    /// Makes a flow.
    pub(super) fn flow_open(&mut self, kind: Kind, fd: OwnedFd, rule: bool) {
        self.flows.make_room();
        self.flows.next += 1;
        let id = self.flows.next;
        let socket = self.watch(fd, Interest::READ, Source::Flow(id));
        let flow = Flow {
            kind,
            socket,
            queued: false,
            used_ns: self.now,
            rule,
            peer: None,
            last: Vec::new(),
        };
        self.flows.flows.insert(id, flow);
        if let Some(old) = self.flows.by_kind.insert(kind, id) {
            self.flows.flows.remove(&old);
        }
    }

    fn flow_send(
        &mut self,
        kind: Kind,
        fd: Option<OwnedFd>,
        data: &[u8],
        to: Option<SocketAddrV4>,
        ip: &[u8],
        packet: &[u8],
    ) {
        if let Some(fd) = fd {
            self.flow_open(kind, fd, false);
        }
        let Some(&id) = self.flows.by_kind.get(&kind) else {
            return;
        };
        let Some(flow) = self.flows.flows.get_mut(&id) else {
            return;
        };
        flow.used_ns = self.now;
        flow.last.clear();
        flow.last.extend_from_slice(ip);
        flow.last.extend_from_slice(&packet[..packet.len().min(8)]);
        let sent = match to {
            Some(to) => sendto(&flow.socket, data, SendFlags::NOSIGNAL, &to),
            None => send(&flow.socket, data, SendFlags::NOSIGNAL),
        };
        match sent {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => {}
            Err(error) => {
                tracing::debug!(?kind, %error, "a datagram is lost");
                let last = std::mem::take(&mut flow.last);
                self.unreachable(&last, error);
            }
        }
    }

    pub(super) fn flow_ready(&mut self, id: u64) {
        if let Some(flow) = self.flows.flows.get_mut(&id)
            && !flow.queued
        {
            flow.queued = true;
            // The rest of it comes when the card has room.
            flow.socket.set(Interest::NONE);
            self.ready.push_back(Source::Flow(id));
        }
    }

    /// Puts one datagram of the flow's among the frames for the guest. False if it has none.
    pub(super) fn flow_turn(&mut self, id: u64) -> bool {
        let Some(flow) = self.flows.flows.get_mut(&id) else {
            return false;
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        flow.queued = false;
        let (kind, now) = (flow.kind, self.now);
        let received = recvfrom(&flow.socket, &mut buffer[..], RecvFlags::empty());
        let last = match &received {
            Ok((_, _, from)) => {
                flow.used_ns = now;
                flow.peer = from.clone().and_then(host::address);
                flow.queued = true;
                self.ready.push_back(Source::Flow(id));
                Vec::new()
            }
            Err(_) => {
                flow.socket.set(Interest::READ);
                std::mem::take(&mut flow.last)
            }
        };
        let found = match received {
            Ok((_, count, from)) => {
                let data = &mut buffer[..count.min(65_507)];
                self.flow_deliver(kind, data, from.and_then(host::address));
                true
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => false,
            // What became of an earlier datagram; the socket is as good as before.
            Err(error) => {
                self.unreachable(&last, error);
                false
            }
        };
        self.buffer = buffer;
        found
    }

    fn flow_deliver(&mut self, kind: Kind, data: &mut [u8], from: Option<SocketAddr>) {
        let (source, protocol, payload) = match kind {
            Kind::Dns(guest) => {
                let source = SocketAddrV4::new(self.config.dns, 53);
                (
                    *source.ip(),
                    IpProtocol::Udp,
                    frame::udp_datagram(source, guest, data),
                )
            }
            Kind::Udp(guest) => {
                let Some(from) = from else { return };
                let source = SocketAddrV4::new(self.config.inward(from.ip()), from.port());
                (
                    *source.ip(),
                    IpProtocol::Udp,
                    frame::udp_datagram(source, guest, data),
                )
            }
            Kind::Ping(_, ident) => {
                let Some(from) = from else { return };
                if data.len() < 8 {
                    return;
                }
                let mut packet = Icmpv4Packet::new_unchecked(data);
                if packet.msg_type() != Icmpv4Message::EchoReply {
                    return;
                }
                packet.set_echo_ident(ident);
                packet.fill_checksum();
                (
                    self.config.inward(from.ip()),
                    IpProtocol::Icmp,
                    packet.into_inner().to_vec(),
                )
            }
        };
        self.send_ip(source, kind.guest(), protocol, &payload);
    }

    /// Sends an IP packet to the guest, in pieces if it is long.
    pub(super) fn send_ip(&mut self, src: Ipv4Addr, dst: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) {
        let Some(link) = self.link_to(dst) else {
            return self.ask_for(dst);
        };
        let ident = self.next_ident();
        // Pieces begin at multiples of eight.
        let piece = (MTU - frame::IP) & !7;
        for (index, part) in payload.chunks(piece).enumerate() {
            let offset = index * piece;
            let head = IpHead {
                src,
                dst,
                protocol,
                ident,
                fragment: (offset as u16, offset + part.len() < payload.len()),
            };
            let mut out = Vec::with_capacity(frame::ETHERNET + frame::IP + part.len());
            frame::ipv4(&mut out, link, &head, part.len());
            out.extend_from_slice(part);
            self.control(out);
        }
    }
}
