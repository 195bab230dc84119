//! The user-mode network: a guest's packets become connections of this process, so no privileges are needed.
//!
//! Frames of the guest wait in an inbox; on the main loop's thread [`Nat`] takes them apart and moves what is in them into
//! sockets. Towards the guest, whoever has something stands in line, and makes its next frame when the card has room: what
//! the card does not take stays in the host's sockets, and their peers hear of it. Mirrors QEMU's `-netdev user` in
//! addresses, services and rules. IPv6 is not spoken: guests find no router for it and use IPv4.

mod checksum;
mod config;
mod describe;
mod dhcp;
mod flow;
mod forward;
mod frame;
mod host;
mod icmp;
mod neighbours;
mod reassembly;
mod ring;
mod rule;
mod tcp;
mod tftp;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use rule::{GuestForward, HostForward, RuleError, Target};

use crate::Context;
use crate::outlet::{Frames, Inbox, Outlet};
use crate::watch::Watch;
use crate::wire::{Abilities, Card, Network, Offload};
use parking_lot::Mutex;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use util_mainloop::timer::{Timer, TimerList};
use util_mainloop::{BottomHalf, Interest, LoopHandle};

/// Ready-made frames that wait for the card.
const CONTROL: usize = 512;
/// Frames given to the card in one go, before others get their turn of the loop.
const BATCH: usize = 64;
/// How often is looked for what is overdue.
const TICK: i64 = 250_000_000;

/// Who has something for the guest, or whose socket is ready.
#[derive(Clone, Copy, Debug)]
enum Source {
    Tcp(u64),
    Flow(u64),
    Listener(u64),
}

/// The network's state. Only the main loop's thread works on it, but for what the monitor asks.
struct Nat {
    config: Config,
    main_loop: LoopHandle,
    shared: Weak<Shared>,
    /// The host's address on the wire.
    mac: EthernetAddress,
    /// Host time when the work at hand began.
    now: i64,
    abilities: Abilities,
    ident: u16,
    connections_begun: u32,
    neighbours: neighbours::Neighbours,
    leases: dhcp::Leases,
    reassembly: reassembly::Reassembly,
    tftp: tftp::Tftp,
    flows: flow::Flows,
    tcp: tcp::Table,
    forwards: forward::Forwards,
    control: VecDeque<Vec<u8>>,
    ready: VecDeque<Source>,
    /// For datagrams on their way.
    buffer: Vec<u8>,
}

impl Nat {
    /// Puts a frame among those for the guest; it is lost if nobody takes them.
    fn control(&mut self, frame: Vec<u8>) {
        if self.control.len() < CONTROL {
            self.control.push_back(frame);
        }
    }

    fn next_ident(&mut self) -> u16 {
        self.ident = self.ident.wrapping_add(1);
        self.ident
    }

    /// A first sequence number: ahead of those of connections that ended (RFC 9293, 3.4.1).
    fn next_iss(&mut self) -> u32 {
        self.connections_begun = self.connections_begun.wrapping_add(1);
        ((self.now >> 12) as u32).wrapping_add(self.connections_begun.wrapping_mul(0x0101_0101))
    }

    /// Watches a socket on behalf of `source`.
    fn watch(&self, fd: OwnedFd, interest: Interest, source: Source) -> Watch {
        let shared = self.shared.clone();
        Watch::new(&self.main_loop, fd, interest, move |_| {
            if let Some(shared) = shared.upgrade() {
                shared.work(|nat| nat.socket_ready(source));
            }
        })
    }

    fn socket_ready(&mut self, source: Source) {
        match source {
            Source::Tcp(id) => self.tcp_ready(id),
            Source::Flow(id) => self.flow_ready(id),
            Source::Listener(id) => self.forward_ready(id),
        }
    }

    fn frame_from_guest(&mut self, bytes: &[u8], offload: Offload) {
        let Ok(frame) = EthernetFrame::new_checked(bytes) else {
            return;
        };
        if !frame.src_addr().is_unicast() {
            return;
        }
        match frame.ethertype() {
            EthernetProtocol::Arp => self.arp_from_guest(frame.payload()),
            EthernetProtocol::Ipv4 => self.ip_from_guest(frame.src_addr(), frame.payload(), offload),
            _ => {}
        }
    }

    fn ip_from_guest(&mut self, mac: EthernetAddress, bytes: &[u8], offload: Offload) {
        let Ok(packet) = Ipv4Packet::new_checked(bytes) else {
            return;
        };
        let header = usize::from(packet.header_len());
        if packet.version() != 4 || header < frame::IP || checksum::sum(&bytes[..header]) != 0xffff {
            return;
        }
        let (src, dst) = (packet.src_addr(), packet.dst_addr());
        self.learn(src, mac);
        let protocol = packet.next_header();
        let payload = packet.payload();
        let whole;
        let payload = if packet.more_frags() || packet.frag_offset() != 0 {
            let key = reassembly::Key {
                src,
                dst,
                protocol: protocol.into(),
                ident: packet.ident(),
            };
            let offset = usize::from(packet.frag_offset());
            match self.reassembly.add(key, offset, packet.more_frags(), payload) {
                Some(payload) => {
                    whole = payload;
                    &whole[..]
                }
                None => return,
            }
        } else {
            payload
        };
        match protocol {
            IpProtocol::Tcp => self.tcp_from_guest(src, dst, payload, offload),
            IpProtocol::Udp => {
                let trusted = offload.verified || offload.checksum.is_some();
                if trusted || udp_checksum_holds(src, dst, payload) {
                    self.udp_from_guest(src, dst, payload, &bytes[..header]);
                }
            }
            IpProtocol::Icmp => self.icmp_from_guest(src, dst, payload, &bytes[..header]),
            _ => {}
        }
    }

    /// Makes the next frame for the guest in `to`.
    fn next_frame(&mut self, to: &mut Vec<u8>) -> Option<Offload> {
        // Sockets whose datagrams lead nowhere do not keep the loop.
        for _ in 0..4 * BATCH {
            if let Some(frame) = self.control.pop_front() {
                *to = frame;
                return Some(Offload {
                    verified: true,
                    ..Offload::default()
                });
            }
            match self.ready.pop_front()? {
                Source::Tcp(id) => {
                    if let Some(offload) = self.tcp_turn(id, to) {
                        return Some(offload);
                    }
                }
                Source::Flow(id) => {
                    self.flow_turn(id);
                }
                Source::Listener(_) => {}
            }
        }
        None
    }

    fn tick(&mut self) {
        self.tcp_tick();
        self.flows.tick(self.now);
        self.forwards.tick();
    }

    /// Whether anything can become overdue.
    fn waits(&self) -> bool {
        !self.tcp.is_empty() || !self.flows.is_empty() || self.forwards.waits()
    }
}

/// A datagram's checksum, if it has one.
fn udp_checksum_holds(src: Ipv4Addr, dst: Ipv4Addr, datagram: &[u8]) -> bool {
    let Some(&[high, low, ..]) = datagram.get(4..8) else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(datagram) = datagram.get(..length).filter(|datagram| datagram.len() >= 8) else {
        return false;
    };
    let pseudo = checksum::pseudo(src, dst, IpProtocol::Udp.into(), length);
    datagram[6..8] == [0, 0] || checksum::add(pseudo, checksum::sum(datagram)) == 0xffff
}

struct Shared {
    realtime: Arc<TimerList>,
    inbox: Inbox,
    outlet: Outlet,
    /// What the card can do: bit 0 checksums, bit 1 cutting.
    abilities: AtomicU8,
    /// Frames that were worked on; their memory is used again.
    worked: Mutex<Frames>,
    nat: Mutex<Nat>,
    half: OnceLock<BottomHalf>,
    timer: OnceLock<Timer>,
}

impl Shared {
    fn half(&self) {
        if let Some(half) = self.half.get() {
            half.schedule();
        }
    }

    /// Works on the state, and then gives the card what came of it.
    fn work<R>(&self, work: impl FnOnce(&mut Nat) -> R) -> R {
        let result = {
            let mut nat = self.nat.lock();
            self.refresh(&mut nat);
            work(&mut nat)
        };
        self.deliver();
        result
    }

    fn refresh(&self, nat: &mut Nat) {
        nat.now = self.realtime.now_ns();
        let abilities = self.abilities.load(Ordering::Relaxed);
        nat.abilities = Abilities {
            checksum: abilities & 1 != 0,
            segment: abilities & 2 != 0,
        };
    }

    /// Takes what the card sent, and what it has room for.
    fn turn(&self) {
        let worked = std::mem::take(&mut *self.worked.lock());
        let frames = self.inbox.take(worked);
        self.work(|nat| {
            for (frame, offload) in frames.iter() {
                nat.frame_from_guest(frame, offload);
            }
            nat.tcp_flush();
        });
        *self.worked.lock() = frames;
    }

    /// Gives the card frames while it has room. The state is free while it takes one: the card may send meanwhile.
    fn deliver(&self) {
        let mut frame = Vec::new();
        let mut given = 0;
        while let Some(card) = self.outlet.ready() {
            if given == BATCH {
                self.half();
                break;
            }
            let Some(offload) = self.nat.lock().next_frame(&mut frame) else {
                break;
            };
            card.receive(&frame, offload);
            given += 1;
        }
        if self.nat.lock().waits()
            && let Some(timer) = self.timer.get()
            && !timer.is_pending()
        {
            timer.arm(self.realtime.now_ns() + TICK);
        }
    }
}

/// A user-mode network.
pub struct User {
    shared: Arc<Shared>,
}

impl User {
    /// What any card may leave to it.
    pub const ABILITIES: Abilities = Abilities {
        checksum: true,
        segment: true,
    };

    /// Opens one: puts the rules of `config` into force.
    ///
    /// # Errors
    /// The host refuses a rule's port, or two rules claim an address.
    pub fn new(config: Config, context: &Context) -> Result<Self, RuleError> {
        let host_forwards = config.host_forwards.clone();
        for (index, rule) in config.guest_forwards.iter().enumerate() {
            let taken = config.guest_forwards[..index]
                .iter()
                .any(|other| other.at == rule.at);
            let at = *rule.at.ip();
            let ours = config.contains(at) && at != config.net && at != config.broadcast();
            if taken || !ours || at == config.host || at == config.dns {
                return Err(RuleError::Conflict(format!("tcp:{}", rule.at)));
            }
        }
        let [a, b, c, d] = config.host.octets();
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            realtime: Arc::clone(&context.realtime),
            inbox: Inbox::default(),
            outlet: Outlet::default(),
            abilities: AtomicU8::new(0),
            worked: Mutex::default(),
            nat: Mutex::new(Nat {
                config,
                main_loop: context.main_loop.clone(),
                shared: shared.clone(),
                mac: EthernetAddress([0x52, 0x55, a, b, c, d]),
                now: context.realtime.now_ns(),
                abilities: Abilities::default(),
                ident: 0,
                connections_begun: 0,
                neighbours: neighbours::Neighbours::default(),
                leases: dhcp::Leases::default(),
                reassembly: reassembly::Reassembly::default(),
                tftp: tftp::Tftp::default(),
                flows: flow::Flows::default(),
                tcp: tcp::Table::default(),
                forwards: forward::Forwards::default(),
                control: VecDeque::new(),
                ready: VecDeque::new(),
                buffer: vec![0; crate::MAX_FRAME],
            }),
            half: OnceLock::new(),
            timer: OnceLock::new(),
        });
        let weak = Arc::downgrade(&shared);
        let half = context.main_loop.bottom_half(move || {
            if let Some(shared) = weak.upgrade() {
                shared.turn();
            }
        });
        let _ = shared.half.set(half);
        let weak = Arc::downgrade(&shared);
        let timer = context.realtime.timer(Box::new(move || {
            if let Some(shared) = weak.upgrade() {
                shared.work(Nat::tick);
            }
        }));
        let _ = shared.timer.set(timer);
        for rule in &host_forwards {
            shared.nat.lock().forward_add(rule)?;
        }
        Ok(Self { shared })
    }

    /// Puts a rule into force now (`hostfwd_add`).
    ///
    /// # Errors
    /// It is none, or the host refuses.
    pub fn add_host_forward(&self, rule: &str) -> Result<(), RuleError> {
        let rule = HostForward::parse(rule)?;
        self.shared.work(|nat| nat.forward_add(&rule))
    }

    /// Takes a rule, given as `tcp|udp:[hostaddr]:hostport`, out of force (`hostfwd_remove`). Connections made by it stay.
    ///
    /// # Errors
    /// There is none, in words.
    pub fn remove_host_forward(&self, key: &str) -> Result<(), String> {
        let (udp, host, port) = HostForward::parse_key(key)?;
        let removed = self.shared.work(|nat| nat.forward_remove(udp, host, port));
        removed
            .then_some(())
            .ok_or_else(|| format!("host forwarding rule for {key} not found"))
    }

    /// The ports that rules have, in the order of the rules: what a rule for any port (0) got.
    pub fn host_ports(&self) -> Vec<u16> {
        self.shared
            .nat
            .lock()
            .forwards
            .rules()
            .map(|(_, port)| port)
            .collect()
    }

    /// Connections, conversations and rules, as a table (`info usernet`).
    pub fn table(&self) -> String {
        self.shared.nat.lock().table()
    }
}

impl Network for User {
    fn send(&self, frame: &[u8], offload: Offload) {
        if self.shared.inbox.push(frame, offload) {
            self.shared.half();
        }
    }

    fn abilities(&self) -> Abilities {
        Self::ABILITIES
    }

    fn set_card_abilities(&self, abilities: Abilities) {
        let bits = u8::from(abilities.checksum) | u8::from(abilities.segment && abilities.checksum) << 1;
        self.shared.abilities.store(bits, Ordering::Relaxed);
    }

    fn accept_input(&self) {
        self.shared.half();
    }

    fn attach(&self, card: Weak<dyn Card>) {
        self.shared.outlet.attach(card);
        self.shared.half();
    }

    fn describe(&self) -> String {
        let nat = self.shared.nat.lock();
        let restrict = if nat.config.restrict { "on" } else { "off" };
        format!("user,net={},restrict={restrict}", nat.config.net)
    }
}
