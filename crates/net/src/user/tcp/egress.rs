//! Segments for the guest.

use super::super::frame::{self, ETHERNET, IP, IpHead};
use super::super::{Nat, checksum};
use super::{Connection, MSS, Phase, RTO, SCALE, link_of};
use crate::wire::{Abilities, Offload, Segment};
use smoltcp::wire::{IpProtocol, TcpPacket, TcpSeqNumber};
use std::net::SocketAddrV4;

/// Bytes of a header without options.
const HEADER: usize = 20;
/// MSS (RFC 9293, 3.1), and window scale with a byte of padding (RFC 7323, 2.2).
const OPTIONS: usize = 8;
/// Longest payload of a frame that the card cuts.
const LONGEST: usize = 65_535 - IP - HEADER;

/// One segment.
#[derive(Default)]
struct Out {
    seq: u32,
    syn: bool,
    fin: bool,
    push: bool,
    ack: bool,
    /// From where in the ring, and how much.
    data: (usize, usize),
}

/// Decides what is next, and takes note that it is sent.
fn next(connection: &mut Connection, abilities: Abilities, now: i64) -> Option<Out> {
    let fin_at = connection.fin_at();
    let (tx, rx) = (&mut connection.tx, &mut connection.rx);
    let mut out = Out {
        seq: tx.nxt,
        ack: true,
        ..Out::default()
    };
    match connection.phase {
        Phase::Connecting => return None,
        Phase::SynReceived | Phase::SynSent => {
            if tx.nxt != tx.una {
                return None;
            }
            out.syn = true;
            out.ack = connection.phase == Phase::SynReceived;
            tx.nxt = tx.una.wrapping_add(1);
        }
        Phase::Open => {
            let under_way = tx.nxt.wrapping_sub(tx.una) as usize;
            let unsent = tx.ring.len().saturating_sub(under_way);
            let window = (tx.window.min(tx.limit) as usize).saturating_sub(under_way);
            let mss = usize::from(tx.mss);
            let most = if abilities.segment {
                LONGEST / mss * mss
            } else {
                mss
            };
            let mut count = unsent.min(window).min(most);
            // Less than a segment waits until there is room for one, or nothing under way (RFC 9293, 3.8.6.2.1).
            if count < mss && count < unsent && under_way > 0 {
                count = 0;
            }
            if count == 0 && unsent > 0 && tx.probe {
                count = 1;
            }
            out.fin = tx.eof && !tx.done && count == unsent && tx.nxt != fin_at.wrapping_add(1);
            tx.probe = false;
            if count == 0 && !out.fin {
                if unsent > 0 && tx.deadline.is_none() {
                    // The guest's word that it has room again may be lost.
                    tx.deadline = Some(now + RTO);
                }
                if rx.owed == 0 {
                    return None;
                }
                rx.owed -= 1;
                return Some(out);
            }
            out.data = (under_way, count);
            out.push = count == unsent;
            tx.nxt = tx.nxt.wrapping_add(count as u32 + u32::from(out.fin));
        }
        Phase::TimeWait => {
            if rx.owed == 0 {
                return None;
            }
            rx.owed = 0;
            return Some(out);
        }
    }
    if (tx.nxt.wrapping_sub(tx.max) as i32) > 0 {
        tx.max = tx.nxt;
    }
    if tx.deadline.is_none() {
        tx.deadline = Some(now + RTO);
    }
    rx.owed = 0;
    Some(out)
}

/// Bytes a header and its options have.
fn header(out: &Out) -> usize {
    if out.syn { HEADER + OPTIONS } else { HEADER }
}

impl Nat {
    /// Makes the connection's next frame in `frame`; none if it has nothing to say now.
    pub(in super::super) fn tcp_turn(&mut self, id: u64, to: &mut Vec<u8>) -> Option<Offload> {
        let connection = self.tcp.all.get_mut(&id)?;
        connection.queued = false;
        let (now, abilities) = (self.now, self.abilities);
        if !self.neighbours_knows(id) {
            // The answer makes it go on.
            let connection = self.tcp.all.get_mut(&id)?;
            let guest = *connection.guest.ip();
            connection.tx.deadline.get_or_insert(now + RTO);
            self.ask_for(guest);
            return None;
        }
        let connection = self.tcp.all.get_mut(&id)?;
        let out = next(connection, abilities, now)?;
        let ident = self.next_ident();
        self.tcp_queue(id);
        let connection = self.tcp.all.get(&id)?;
        let link = link_of(self, connection)?;
        let (src, dst) = (connection.remote, connection.guest);
        let head = IpHead {
            src: *src.ip(),
            dst: *dst.ip(),
            protocol: IpProtocol::Tcp,
            ident,
            fragment: (0, false),
        };
        let header = header(&out);
        let length = header + out.data.1;
        frame::ipv4(to, link, &head, length);
        to.resize(ETHERNET + IP + header, 0);
        fill(&mut to[ETHERNET + IP..], connection, &out);
        connection.tx.ring.copy(out.data.0, out.data.1, to);
        // The window may not have been offered for the first time.
        let edge = connection.rx.nxt.wrapping_add(
            u32::from(window(connection, out.syn)) << if out.syn { 0 } else { connection.rx.scale },
        );
        let mss = connection.tx.mss;
        let offload = finish(to, head, length, header, mss, abilities);
        if let Some(connection) = self.tcp.all.get_mut(&id) {
            connection.rx.edge = edge;
        }
        Some(offload)
    }

    fn neighbours_knows(&self, id: u64) -> bool {
        let connection = self.tcp.all.get(&id);
        connection.is_some_and(|c| self.neighbours.get(*c.guest.ip()).is_some())
    }

    /// Says that there is no such connection.
    pub(super) fn tcp_reset(&mut self, from: SocketAddrV4, to: SocketAddrV4, seq: u32, ack: Option<u32>) {
        let Some(link) = self.link_to(*to.ip()) else {
            return;
        };
        let head = IpHead {
            src: *from.ip(),
            dst: *to.ip(),
            protocol: IpProtocol::Tcp,
            ident: self.next_ident(),
            fragment: (0, false),
        };
        let mut frame = Vec::with_capacity(ETHERNET + IP + HEADER);
        frame::ipv4(&mut frame, link, &head, HEADER);
        frame.resize(ETHERNET + IP + HEADER, 0);
        let mut segment = TcpPacket::new_unchecked(&mut frame[ETHERNET + IP..]);
        segment.set_src_port(from.port());
        segment.set_dst_port(to.port());
        segment.set_seq_number(TcpSeqNumber(seq as i32));
        segment.set_header_len(HEADER as u8);
        segment.set_rst(true);
        if let Some(ack) = ack {
            segment.set_ack(true);
            segment.set_ack_number(TcpSeqNumber(ack as i32));
        }
        finish(&mut frame, head, HEADER, HEADER, MSS, Abilities::default());
        self.control(frame);
    }
}

/// The window field.
fn window(connection: &Connection, syn: bool) -> u16 {
    let room = connection.rx.ring.room();
    // Never scaled in the segment that agrees on the scale.
    let scale = if syn { 0 } else { connection.rx.scale };
    (room >> scale).min(0xffff) as u16
}

fn fill(bytes: &mut [u8], connection: &Connection, out: &Out) {
    let mut segment = TcpPacket::new_unchecked(&mut bytes[..]);
    segment.set_src_port(connection.remote.port());
    segment.set_dst_port(connection.guest.port());
    segment.set_seq_number(TcpSeqNumber(out.seq as i32));
    segment.set_header_len(header(out) as u8);
    segment.set_syn(out.syn);
    segment.set_fin(out.fin);
    segment.set_psh(out.push && out.data.1 > 0);
    segment.set_window_len(window(connection, out.syn));
    if out.ack {
        segment.set_ack(true);
        segment.set_ack_number(TcpSeqNumber(connection.rx.nxt as i32));
    }
    if out.syn {
        let mss = MSS.to_be_bytes();
        // Scales hold if both offer one.
        let scale = match connection.phase {
            Phase::SynReceived if connection.rx.scale == 0 => [1, 1, 1],
            _ => [3, 3, SCALE],
        };
        bytes[HEADER..].copy_from_slice(&[2, 4, mss[0], mss[1], 1, scale[0], scale[1], scale[2]]);
    }
}

/// Sees to the checksum, here or by the card.
fn finish(
    frame: &mut [u8],
    head: IpHead,
    length: usize,
    header: usize,
    mss: u16,
    abilities: Abilities,
) -> Offload {
    let start = ETHERNET + IP;
    let pseudo = checksum::pseudo(head.src, head.dst, IpProtocol::Tcp.into(), length);
    let cut = length - header > usize::from(mss);
    let (sum, offload) = if abilities.checksum || cut {
        let segment = cut.then_some(Segment {
            ipv6: false,
            size: mss,
            headers: (start + header) as u16,
        });
        let offload = Offload {
            checksum: Some((start as u16, 16)),
            segment,
            verified: false,
        };
        (pseudo, offload)
    } else {
        let sum = !checksum::add(pseudo, checksum::sum(&frame[start..]));
        let offload = Offload {
            verified: true,
            ..Offload::default()
        };
        (sum, offload)
    };
    frame[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
    offload
}
