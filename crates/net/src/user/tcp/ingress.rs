//! Segments of the guest's.

use super::super::rule::Target;
use super::super::{Nat, Source, checksum, host};
use super::stream::Fate;
use super::{Connection, MSS, MSS_UNSAID, Phase, RTO, SCALE};
use crate::wire::Offload;
use rustix::net::{SendFlags, send};
use smoltcp::wire::{IpProtocol, TcpPacket};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use util_mainloop::Interest;

/// From this length on, bytes go to the host at once rather than with others of their batch.
const LONG: usize = 8 << 10;

/// What a segment says.
struct Segment<'a> {
    seq: u32,
    ack: Option<u32>,
    syn: bool,
    fin: bool,
    rst: bool,
    window: u16,
    mss: Option<u16>,
    scale: Option<u8>,
    data: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Nothing if it is malformed.
    fn parse(bytes: &'a [u8]) -> Option<(Self, u16, u16)> {
        let packet = TcpPacket::new_checked(bytes).ok()?;
        let mut segment = Self {
            seq: packet.seq_number().0 as u32,
            ack: packet.ack().then(|| packet.ack_number().0 as u32),
            syn: packet.syn(),
            fin: packet.fin(),
            rst: packet.rst(),
            window: packet.window_len(),
            mss: None,
            scale: None,
            data: &bytes[usize::from(packet.header_len())..],
        };
        if segment.syn {
            let mut options = &bytes[20..usize::from(packet.header_len())];
            while let [kind, rest @ ..] = options {
                options = match (kind, rest) {
                    (0, _) => break,
                    (1, rest) => rest,
                    (kind, [length, ..]) if (2..=options.len()).contains(&usize::from(*length)) => {
                        let (option, rest) = options.split_at(usize::from(*length));
                        match (kind, &option[2..]) {
                            (2, &[high, low]) => segment.mss = Some(u16::from_be_bytes([high, low])),
                            // RFC 7323, 2.3.
                            (3, &[scale]) => segment.scale = Some(scale.min(14)),
                            _ => {}
                        }
                        rest
                    }
                    _ => break,
                };
            }
        }
        Some((segment, packet.src_port(), packet.dst_port()))
    }

    /// Sequence numbers it takes.
    fn length(&self) -> u32 {
        self.data.len() as u32 + u32::from(self.syn) + u32::from(self.fin)
    }
}

impl Connection {
    /// What the guest says of itself when it opens the connection.
    fn greet(&mut self, segment: &Segment<'_>) {
        self.rx.nxt = segment.seq.wrapping_add(1);
        self.rx.edge = self.rx.nxt;
        self.rx.scale = if segment.scale.is_some() { SCALE } else { 0 };
        self.tx.scale = segment.scale.unwrap_or(0);
        self.tx.mss = segment.mss.unwrap_or(MSS_UNSAID).clamp(64, MSS);
        self.tx.window = u32::from(segment.window);
    }

    /// The guest has everything before `ack`. False if there is no such thing.
    fn acknowledge(&mut self, segment: &Segment<'_>, ack: u32, now: i64) -> bool {
        let fin_at = self.fin_at();
        let tx = &mut self.tx;
        let new = ack.wrapping_sub(tx.una);
        if new > tx.max.wrapping_sub(tx.una) {
            // Of the past, or of what was never sent.
            return (new as i32) < 0;
        }
        let window = u32::from(segment.window) << tx.scale;
        if new == 0 {
            let repeated = segment.length() == 0 && window == tx.window && tx.max != tx.una;
            tx.repeats = if repeated { tx.repeats.saturating_add(1) } else { 0 };
            if tx.repeats == 3 {
                tx.nxt = tx.una;
                tx.limit = 10 * u32::from(tx.mss);
            }
        } else {
            tx.repeats = 0;
            tx.limit = tx.limit.saturating_add(new);
            if tx.eof && !tx.done && ack == fin_at.wrapping_add(1) {
                tx.done = true;
            }
            // Our end is no byte of the ring, which takes no notice.
            tx.ring.consume(new as usize);
            tx.una = ack;
            if (tx.nxt.wrapping_sub(tx.una) as i32) < 0 {
                tx.nxt = tx.una;
            }
            tx.deadline = (tx.una != tx.max).then_some(now + RTO);
        }
        if window > 0 && tx.una == tx.max {
            tx.deadline = None;
        }
        // Somebody is there.
        tx.attempts = 0;
        tx.window = window;
        true
    }

    /// Takes bytes that continue those before, as far as there is room. True if some are to be given to the host later.
    fn take(&mut self, segment: &Segment<'_>) -> bool {
        let rx = &mut self.rx;
        let ahead = rx.nxt.wrapping_sub(segment.seq);
        if (ahead as i32) < 0 || ahead as usize > segment.data.len() || rx.fin {
            // Something is missing before it, or all of it was there before. Three times the same is a request.
            rx.owed = if (ahead as i32) < 0 {
                (rx.owed + 1).min(3)
            } else {
                rx.owed.max(1)
            };
            return false;
        }
        let data = &segment.data[ahead as usize..];
        if ahead > 0 || !data.is_empty() {
            rx.owed = rx.owed.max(1);
        }
        let mut taken = 0;
        if data.len() >= LONG
            && rx.ring.is_empty()
            && let Some(socket) = &self.socket
        {
            // What goes wrong is found out when the rest is sent.
            taken = send(socket, data, SendFlags::NOSIGNAL).unwrap_or(0);
        }
        taken += rx.ring.push(&data[taken..]);
        rx.nxt = rx.nxt.wrapping_add(taken as u32);
        if segment.fin && taken == data.len() {
            rx.nxt = rx.nxt.wrapping_add(1);
            rx.fin = true;
            rx.owed = rx.owed.max(1);
        }
        !rx.ring.is_empty() || rx.fin
    }
}

impl Nat {
    /// A packet of TCP.
    pub(in super::super) fn tcp_from_guest(
        &mut self,
        src: Ipv4Addr,
        dst: Ipv4Addr,
        packet: &[u8],
        offload: Offload,
    ) {
        let Some((segment, src_port, dst_port)) = Segment::parse(packet) else {
            return;
        };
        let trusted = offload.verified || offload.checksum.is_some();
        if !trusted {
            let pseudo = checksum::pseudo(src, dst, IpProtocol::Tcp.into(), packet.len());
            if checksum::add(pseudo, checksum::sum(packet)) != 0xffff {
                return;
            }
        }
        if !self.config.contains(src) || src_port == 0 || dst_port == 0 {
            return;
        }
        let guest = SocketAddrV4::new(src, src_port);
        let remote = SocketAddrV4::new(dst, dst_port);
        match self.tcp.by_ends.get(&(guest, remote)) {
            Some(&id) => self.tcp_segment(id, &segment),
            None => self.tcp_stranger(guest, remote, &segment),
        }
    }

    /// A segment of no connection.
    fn tcp_stranger(&mut self, guest: SocketAddrV4, remote: SocketAddrV4, segment: &Segment<'_>) {
        if segment.rst {
            return;
        }
        if segment.syn && segment.ack.is_none() {
            return self.tcp_open(guest, remote, segment);
        }
        self.tcp_refuse_segment(guest, remote, segment);
    }

    fn tcp_refuse_segment(&mut self, guest: SocketAddrV4, remote: SocketAddrV4, segment: &Segment<'_>) {
        match segment.ack {
            Some(ack) => self.tcp_reset(remote, guest, ack, None),
            None => {
                let next = segment.seq.wrapping_add(segment.length());
                self.tcp_reset(remote, guest, 0, Some(next));
            }
        }
    }

    /// Where a connection to `remote` goes; nowhere if that is restricted, an error if the host cannot.
    fn tcp_outward(&mut self, remote: SocketAddrV4) -> Option<std::io::Result<OwnedFd>> {
        if let Some(target) = self.forwarded(remote) {
            return Some(self.forward_open(&target));
        }
        if self.config.restrict {
            return None;
        }
        let to = if *remote.ip() == self.config.dns && remote.port() == 53 {
            host::resolver(&self.config)
        } else {
            match self.config.outward(*remote.ip()) {
                Some(ip) => SocketAddr::new(ip.into(), remote.port()),
                None => return Some(Err(std::io::ErrorKind::HostUnreachable.into())),
            }
        };
        Some(self.forward_open(&Target::Tcp(to)))
    }

    fn tcp_open(&mut self, guest: SocketAddrV4, remote: SocketAddrV4, segment: &Segment<'_>) {
        if !self.tcp.make_room() {
            return self.tcp_refuse_segment(guest, remote, segment);
        }
        let fd = match self.tcp_outward(remote) {
            None => return,
            Some(Ok(fd)) => fd,
            Some(Err(error)) => {
                tracing::debug!(%remote, %error, "no connection");
                return self.tcp_refuse_segment(guest, remote, segment);
            }
        };
        let iss = self.next_iss();
        let mut connection = Connection::new(guest, remote, Phase::Connecting, iss);
        connection.greet(segment);
        let id = self.tcp.insert(connection);
        let socket = self.watch(fd, Interest::WRITE, Source::Tcp(id));
        if let Some(connection) = self.tcp.all.get_mut(&id) {
            connection.socket = Some(socket);
        }
    }

    fn tcp_segment(&mut self, id: u64, segment: &Segment<'_>) {
        let now = self.now;
        let Some(connection) = self.tcp.all.get_mut(&id) else {
            return;
        };
        let (guest, remote) = (connection.guest, connection.remote);
        match connection.phase {
            Phase::Connecting => {
                if segment.rst {
                    self.tcp_abort(id, false);
                }
            }
            Phase::TimeWait => {
                if segment.syn && segment.ack.is_none() {
                    self.tcp.remove(id);
                    self.tcp_open(guest, remote, segment);
                } else if segment.rst {
                    self.tcp.remove(id);
                } else {
                    connection.rx.owed = 1;
                    self.tcp_queue(id);
                }
            }
            Phase::SynSent => {
                let right = segment.ack == Some(connection.tx.una.wrapping_add(1));
                if !right {
                    if let (false, Some(ack)) = (segment.rst, segment.ack) {
                        self.tcp_reset(remote, guest, ack, None);
                    }
                } else if segment.rst {
                    self.tcp_abort(id, false);
                } else if segment.syn {
                    connection.greet(segment);
                    connection.rx.owed = 1;
                    self.tcp_opened(id);
                }
            }
            Phase::SynReceived => {
                if segment.rst {
                    if segment.seq == connection.rx.nxt {
                        self.tcp_abort(id, false);
                    }
                } else if segment.syn {
                    connection.tx.nxt = connection.tx.una;
                    self.tcp_queue(id);
                } else if segment.ack == Some(connection.tx.una.wrapping_add(1))
                    && connection.tx.max != connection.tx.una
                {
                    self.tcp_opened(id);
                    self.tcp_data(id, segment);
                } else if let Some(ack) = segment.ack {
                    self.tcp_reset(remote, guest, ack, None);
                }
            }
            Phase::Open => {
                let ahead = segment.seq.wrapping_sub(connection.rx.nxt);
                if segment.rst {
                    // Only what could be the guest's next word ends it (RFC 5961, 3.2).
                    if ahead == 0 {
                        self.tcp_abort(id, false);
                    } else if (ahead as usize) < super::ROOM {
                        connection.rx.owed = connection.rx.owed.max(1);
                        self.tcp_queue(id);
                    }
                } else if segment.syn {
                    connection.rx.owed = connection.rx.owed.max(1);
                    self.tcp_queue(id);
                } else if let Some(ack) = segment.ack {
                    if connection.acknowledge(segment, ack, now) {
                        self.tcp_data(id, segment);
                    } else {
                        connection.rx.owed = connection.rx.owed.max(1);
                        self.tcp_queue(id);
                    }
                }
            }
        }
    }

    /// The guest agreed.
    fn tcp_opened(&mut self, id: u64) {
        let Some(connection) = self.tcp.all.get_mut(&id) else {
            return;
        };
        let tx = &mut connection.tx;
        connection.phase = Phase::Open;
        tx.una = tx.una.wrapping_add(1);
        tx.nxt = tx.una;
        tx.max = tx.una;
        tx.deadline = None;
        tx.attempts = 0;
        connection.watch_as_wished();
        self.tcp_queue(id);
    }

    fn tcp_data(&mut self, id: u64, segment: &Segment<'_>) {
        let Some(connection) = self.tcp.all.get_mut(&id) else {
            return;
        };
        if segment.length() > 0 && connection.take(segment) && !connection.dirty {
            connection.dirty = true;
            self.tcp.dirty.push(id);
        }
        // A guest that looks whether we are there asks about the byte before.
        if segment.length() == 0 && segment.seq != connection.rx.nxt {
            connection.rx.owed = connection.rx.owed.max(1);
        }
        self.tcp_settle(id, Fate::Well);
    }
}
