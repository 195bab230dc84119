//! Checksums and cutting: what cards do to frames that their drivers send, or leave to the network.
//!
//! A [`Context`] says where the parts of a frame are, as the context descriptors of Intel's 8254x do (manual, 3.3.6 and 3.5).

use crate::checksum;
use hw_core::Offload;
use hw_core::net::{MAX_FRAME, OffloadAbilities, Segment};
use serde::{Deserialize, Serialize};

/// Where the parts of a frame are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Context {
    pub(crate) ip_start: u8,
    pub(crate) ip_sum: u8,
    pub(crate) ip_end: u16,
    pub(crate) start: u8,
    pub(crate) sum: u8,
    pub(crate) end: u16,
    pub(crate) tcp: bool,
    pub(crate) ipv4: bool,
    /// Bytes of headers and of payload in each piece.
    pub(crate) headers: u8,
    pub(crate) mss: u16,
}

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Insert the checksum of IP.
    pub(crate) ip: bool,
    /// Insert that of TCP or UDP.
    pub(crate) transport: bool,
    /// Cut.
    pub(crate) cut: bool,
    /// A tag to put in.
    pub(crate) tag: Option<u16>,
}

fn add16(frame: &mut [u8], at: usize, value: u16) {
    if let Some(field) = frame.get_mut(at..at + 2) {
        let old = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&checksum::sum(old, &value.to_be_bytes()).to_be_bytes());
    }
}

fn put16(frame: &mut [u8], at: usize, value: u16) {
    if let Some(field) = frame.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

fn get16(frame: &[u8], at: usize) -> u16 {
    frame
        .get(at..at + 2)
        .map_or(0, |field| u16::from_be_bytes([field[0], field[1]]))
}

/// Bytes after which a packet's lengths begin.
const IPV6_HEADER: usize = 40;

impl Context {
    /// Hands `frame` on as frames for the network, after `work`.
    pub(crate) fn apply(
        &self,
        mut frame: Vec<u8>,
        work: Work,
        abilities: OffloadAbilities,
        mut send: impl FnMut(Vec<u8>, Offload),
    ) {
        let headers = usize::from(self.headers);
        let pieces = work.cut && self.mss > 0 && headers > 0 && frame.len() > headers;
        if !pieces {
            let left = self.leave(&frame, work, abilities);
            if work.transport && left.checksum.is_none() {
                self.insert_transport(&mut frame);
            }
            self.finish(frame, work, left, &mut send);
            return;
        }
        let leave =
            abilities.segment && abilities.checksum && self.tcp && work.transport && work.tag.is_none();
        if leave && self.end == 0 && self.is_usual(&frame) {
            self.lengthen(&mut frame);
            let offload = Offload {
                checksum: Some((self.start.into(), u16::from(self.sum - self.start))),
                segment: Some(Segment {
                    ipv6: !self.ipv4,
                    size: self.mss,
                    headers: self.headers.into(),
                }),
                verified: false,
            };
            self.finish(frame, work, offload, &mut send);
            return;
        }
        let (head, payload) = frame.split_at(headers);
        let mss = usize::from(self.mss);
        let count = payload.len().div_ceil(mss);
        for (index, part) in payload.chunks(mss).enumerate() {
            let mut piece = [head, part].concat();
            self.renumber(&mut piece, index, index + 1 == count);
            self.lengthen(&mut piece);
            if work.transport {
                self.insert_transport(&mut piece);
            }
            self.finish(piece, work, Offload::default(), &mut send);
        }
    }

    /// Whether others would cut the frame at the same places.
    fn is_usual(&self, frame: &[u8]) -> bool {
        let (ip, start) = (usize::from(self.ip_start), usize::from(self.start));
        let offset = if self.ipv4 { 0x0800 } else { 0x86dd };
        ip == 14
            && get16(frame, 12) == offset
            && start >= ip + 20
            && self.sum == self.start + 16
            && usize::from(self.headers) >= start + 20
            && usize::from(self.headers)
                == start + usize::from(frame.get(start + 12).map_or(0, |b| b >> 4)) * 4
            && frame.len() <= MAX_FRAME - 18
    }

    /// The checksum, where the network would rather compute it.
    fn leave(&self, frame: &[u8], work: Work, abilities: OffloadAbilities) -> Offload {
        let inside = self.sum >= self.start && usize::from(self.sum) + 2 <= frame.len();
        let leave = work.transport && abilities.checksum && self.end == 0 && inside && work.tag.is_none();
        Offload {
            checksum: leave.then(|| (self.start.into(), u16::from(self.sum - self.start))),
            ..Offload::default()
        }
    }

    fn insert_transport(&self, frame: &mut [u8]) {
        checksum::insert(frame, self.start.into(), self.sum.into(), self.end.into());
    }

    /// Writes the lengths of a frame into its headers, and adds that of TCP or UDP to the pseudo header's sum.
    fn lengthen(&self, frame: &mut [u8]) {
        let (ip, start) = (usize::from(self.ip_start), usize::from(self.start));
        let after = |from: usize| frame.len().saturating_sub(from).min(0xffff) as u16;
        let (total, rest, body) = (after(ip), after(ip + IPV6_HEADER), after(start));
        if self.ipv4 {
            put16(frame, ip + 2, total);
        } else {
            put16(frame, ip + 4, rest);
        }
        if !self.tcp {
            put16(frame, start + 4, body);
        }
        add16(frame, self.sum.into(), body);
    }

    /// Counts on from the first piece.
    fn renumber(&self, frame: &mut [u8], index: usize, last: bool) {
        let (ip, start) = (usize::from(self.ip_start), usize::from(self.start));
        if self.ipv4 {
            let ident = get16(frame, ip + 4).wrapping_add(index as u16);
            put16(frame, ip + 4, ident);
        }
        if self.tcp {
            if let Some(field) = frame.get_mut(start + 4..start + 8) {
                let seq = u32::from_be_bytes([field[0], field[1], field[2], field[3]]);
                let seq = seq.wrapping_add((index * usize::from(self.mss)) as u32);
                field.copy_from_slice(&seq.to_be_bytes());
            }
            // The end and the push are the last one's.
            if let Some(flags) = frame.get_mut(start + 13).filter(|_| !last) {
                *flags &= !0x09;
            }
        }
    }

    fn finish(
        &self,
        mut frame: Vec<u8>,
        work: Work,
        offload: Offload,
        send: &mut impl FnMut(Vec<u8>, Offload),
    ) {
        if work.ip {
            checksum::insert(
                &mut frame,
                self.ip_start.into(),
                self.ip_sum.into(),
                self.ip_end.into(),
            );
        }
        if let Some(tag) = work.tag
            && frame.len() >= 12
        {
            let [high, low] = tag.to_be_bytes();
            frame.splice(12..12, [0x81, 0x00, high, low]);
        }
        send(frame, offload);
    }
}
