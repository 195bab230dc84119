//! From frames into the buffer that goes round, or into a ring of descriptors.

use super::Rtl8139;
use super::spec::*;
use super::state::State;
use hw_core::Offload;

/// Shortest frame on a wire, without its checksum.
const SHORTEST: usize = 60;
/// Longest that any buffer takes: 4 KiB less what comes with it.
const LONGEST: usize = 4096 - 8;

/// The bit of a group in the hash table: the highest six of the address's CRC.
fn hash(to: &[u8]) -> usize {
    let mut crc = u32::MAX;
    for byte in to {
        for bit in 0..8 {
            let carry = crc >> 31 ^ u32::from(byte >> bit & 1);
            crc = crc << 1 ^ if carry != 0 { 0x04c1_1db7 } else { 0 };
        }
    }
    (crc >> 26) as usize
}

/// Why the frame is for this card, in the bits of a header; nothing if it is not.
fn wanted(state: &State, to: &[u8]) -> Option<u16> {
    let rcr = state.get32(RCR);
    let all = rcr & rcr::ALL != 0;
    let (kind, comes) = if to == [0xff; 6] {
        (header::BROADCAST, rcr & rcr::BROADCAST != 0)
    } else if to[0] & 1 != 0 {
        let bit = hash(to);
        let listed = state.get8(MAR + bit / 8) >> (bit % 8) & 1 != 0;
        (header::MULTICAST, rcr & rcr::MULTICAST != 0 && listed)
    } else if to == state.mac() {
        (header::MATCH, rcr & rcr::MATCH != 0)
    } else {
        (0, false)
    };
    (comes || all).then_some(kind)
}

impl Rtl8139 {
    /// Whether a frame would find a place.
    pub(super) fn has_room(&self, state: &State) -> bool {
        if state.get8(CR) & cr::RE == 0 || !self.port.dma().is_enabled() {
            return false;
        }
        if state.get16(CPCR) & cpcr::RECEIVE != 0 {
            let at = self.receive_slot(state);
            let command = self.port.dma().load(at).map_or(0, u32::from_le_bytes);
            return command & ring::OWN != 0;
        }
        let (size, read, write) = state.window();
        let free = (size + read - write) % size;
        free == 0 || free > 1514 + 12
    }

    fn receive_slot(&self, state: &State) -> u64 {
        let slot = u64::from(state.receiving) % ring::SLOTS;
        state.get64(RDSAR).wrapping_add(slot * 16)
    }

    /// Takes a frame.
    pub(super) fn put(&self, state: &mut State, frame: &[u8], offload: Offload) {
        if state.get8(CR) & cr::RE == 0
            || !self.port.dma().is_enabled()
            || frame.len() < 14
            || frame.len() > LONGEST
        {
            return;
        }
        let Some(kind) = wanted(state, &frame[..6]) else {
            return;
        };
        let mut bytes = frame.to_vec();
        if bytes.len() < SHORTEST {
            bytes.resize(SHORTEST, 0);
        }
        let fits = if state.get16(CPCR) & cpcr::RECEIVE != 0 {
            self.fill_ring(state, bytes, kind, offload)
        } else {
            self.fill_buffer(state, bytes, kind)
        };
        if fits {
            state.cause(isr::ROK);
        } else {
            state.missed();
            state.cause(isr::RXOVW);
        }
    }

    fn fill_ring(&self, state: &mut State, mut bytes: Vec<u8>, kind: u16, offload: Offload) -> bool {
        let at = self.receive_slot(state);
        let mut descriptor = [0; 16];
        let _ = self.port.dma().read(at, &mut descriptor);
        let word = |at: usize| {
            u32::from_le_bytes([
                descriptor[at],
                descriptor[at + 1],
                descriptor[at + 2],
                descriptor[at + 3],
            ])
        };
        let (command, address) = (word(0), u64::from(word(12)) << 32 | u64::from(word(8)));
        if command & ring::OWN == 0 {
            return false;
        }
        let cpcr = state.get16(CPCR);
        let mut status = ring::FIRST | ring::LAST | command & ring::END;
        if cpcr & cpcr::CHECKSUM != 0 && offload.verified && bytes[12..15] == [8, 0, 0x45] {
            status |= match bytes[23] {
                6 => ring::IS_TCP,
                17 => ring::IS_UDP,
                _ => 0,
            };
        }
        let mut tag = 0;
        if cpcr & cpcr::VLAN != 0 && bytes[12..14] == [0x81, 0] {
            tag = ring::HAD_TAG | u32::from(u16::from_le_bytes([bytes[14], bytes[15]]));
            bytes.drain(12..16);
        }
        // The checksum, which nobody computed: software takes it off.
        bytes.extend([0; 4]);
        if bytes.len() > (command & ring::SIZE) as usize {
            return false;
        }
        status |= match kind {
            header::BROADCAST => ring::BROADCAST,
            header::MULTICAST => ring::MULTICAST,
            header::MATCH => ring::MATCH,
            _ => 0,
        } | bytes.len() as u32;
        let _ = self.port.dma().write(address, &bytes);
        let _ = self.port.dma().store(at.wrapping_add(4), tag.to_le_bytes());
        let _ = self.port.dma().store(at, status.to_le_bytes());
        let next = (u64::from(state.receiving) + 1) % ring::SLOTS;
        state.receiving = if command & ring::END != 0 { 0 } else { next as u8 };
        true
    }

    fn fill_buffer(&self, state: &mut State, bytes: Vec<u8>, kind: u16) -> bool {
        let (size, read, write) = state.window();
        let length = bytes.len() + 4;
        // Header, frame, checksum, up to a word's end.
        let taken = (4 + length + 3) & !3;
        let free = (size + read - write) % size;
        if free != 0 && taken >= free {
            return false;
        }
        let mut record = (kind | header::OK).to_le_bytes().to_vec();
        record.extend((length as u16).to_le_bytes());
        record.extend(bytes);
        record.resize(taken, 0);
        let base = u64::from(state.get32(RBSTART));
        let dma = self.port.dma();
        // Behind the end is room for one frame, if software said so; a buffer of 64 KiB goes round always.
        let beyond = state.get32(RCR) & rcr::WRAP != 0 && size < 65_536;
        let (first, second) = record.split_at(if beyond { taken } else { taken.min(size - write) });
        let _ = dma.write(base + write as u64, first);
        let _ = dma.write(base, second);
        state.set16(CBR, ((write + taken) % size) as u16);
        true
    }

    /// Whether software has taken everything.
    pub(super) fn is_empty(&self, state: &State) -> bool {
        let (_, read, write) = state.window();
        read == write
    }
}
