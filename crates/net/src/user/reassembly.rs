//! Fragments of IP packets put together again (RFC 791, 3.2), a few packets at a time.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

/// Packets that are in pieces at the same time; the oldest is given up.
const PACKETS: usize = 8;
/// Longest payload.
const LONGEST: usize = 65_515;

#[derive(PartialEq, Eq, Clone, Copy)]
pub(super) struct Key {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) protocol: u8,
    pub(super) ident: u16,
}

struct Packet {
    key: Key,
    bytes: Vec<u8>,
    /// Which units of eight bytes are there.
    present: Vec<bool>,
    missing: usize,
    /// Its length, once the last piece has come.
    length: Option<usize>,
}

/// Packets in pieces.
#[derive(Default)]
pub(super) struct Reassembly(VecDeque<Packet>);

impl Reassembly {
    /// Takes the piece at `offset`; the whole payload if it was the last that was missing.
    pub(super) fn add(&mut self, key: Key, offset: usize, more: bool, piece: &[u8]) -> Option<Vec<u8>> {
        let end = offset + piece.len();
        // Every piece but the last is whole units.
        if piece.is_empty() || end > LONGEST || (more && !piece.len().is_multiple_of(8)) {
            return None;
        }
        let at = self.0.iter().position(|packet| packet.key == key);
        let mut packet = at.and_then(|at| self.0.remove(at)).unwrap_or_else(|| Packet {
            key,
            bytes: Vec::new(),
            present: Vec::new(),
            missing: 0,
            length: None,
        });
        let units = offset / 8..end.div_ceil(8);
        if !more {
            packet.length = Some(end);
        }
        if packet.bytes.len() < end {
            packet.bytes.resize(end, 0);
            let grown = units.end.saturating_sub(packet.present.len());
            packet.present.resize(packet.present.len() + grown, false);
            packet.missing += grown;
        }
        packet.bytes[offset..end].copy_from_slice(piece);
        for unit in &mut packet.present[units] {
            packet.missing -= usize::from(!std::mem::replace(unit, true));
        }
        if packet.missing == 0 && packet.length.is_some() {
            // Pieces beyond the last are somebody's joke.
            return (packet.length == Some(packet.bytes.len())).then_some(packet.bytes);
        }
        if self.0.len() >= PACKETS {
            self.0.pop_front();
        }
        self.0.push_back(packet);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        Key {
            src: Ipv4Addr::LOCALHOST,
            dst: Ipv4Addr::LOCALHOST,
            protocol: 17,
            ident: 9,
        }
    }

    proptest! {
        #[test]
        fn any_order(length in 1usize..9000, unit in 1usize..200, shuffle in any::<u64>()) {
            let bytes: Vec<u8> = (0..length).map(|i| ((i * 7) >> 2) as u8).collect();
            let mut pieces: Vec<_> = bytes.chunks(unit * 8).enumerate().collect();
            let count = pieces.len();
            // Some order, twice the first.
            pieces.sort_by_key(|(index, _)| (*index as u64 + 1).wrapping_mul(shuffle | 1) % 8191);
            let mut reassembly = Reassembly::default();
            let mut whole = None;
            for (index, (number, piece)) in pieces.iter().enumerate() {
                prop_assert!(whole.is_none());
                let more = number + 1 < count;
                if index == 0 && count > 1 {
                    reassembly.add(key(), number * unit * 8, more, piece);
                }
                whole = reassembly.add(key(), number * unit * 8, more, piece);
            }
            prop_assert_eq!(whole, Some(bytes));
        }

        #[test]
        fn any_pieces(pieces in proptest::collection::vec((0usize..8192, any::<bool>(), 0usize..3000, 0u16..12), 0..60)) {
            let mut reassembly = Reassembly::default();
            for (offset, more, length, ident) in pieces {
                let key = Key { ident, ..key() };
                if let Some(whole) = reassembly.add(key, offset * 8, more, &vec![1; length]) {
                    prop_assert!(whole.len() <= LONGEST);
                }
                prop_assert!(reassembly.0.len() <= PACKETS);
            }
        }
    }
}
