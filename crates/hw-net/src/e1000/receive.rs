//! Frames to descriptors.

use super::E1000;
use super::spec::*;
use super::state::State;
use hw_core::Offload;

/// Shortest frame on a wire, without its checksum.
const SHORTEST: usize = 60;
/// Longest with a tag, and the longest that is allowed by LPE.
const LONGEST: usize = 1522 - 4;
const LONGEST_LONG: usize = 16_384 - 4;

/// Bytes of each receive buffer (manual, 13.4.22).
fn buffer_size(rctl: u32) -> usize {
    let size = 2048 >> (rctl >> 16 & 3);
    if rctl & rctl::BSEX == 0 {
        size
    } else if size == 2048 {
        // Reserved.
        2048
    } else {
        size * 16
    }
}

/// Descriptors that software has given.
fn free(state: &State) -> u32 {
    let slots = state.get(RDLEN) / 16;
    let (head, tail) = (state.get(RDH), state.get(RDT));
    if head >= slots || tail >= slots {
        0
    } else if tail >= head {
        tail - head
    } else {
        slots - head + tail
    }
}

/// Whether a frame of so many bytes has room.
fn fits(state: &State, bytes: usize) -> bool {
    free(state) as usize * buffer_size(state.get(RCTL)) >= bytes
}

/// Whether the frame is for this card (manual, 10.1).
fn wanted(state: &State, frame: &[u8]) -> bool {
    let rctl = state.get(RCTL);
    let tagged = frame.len() >= 16 && frame[12..14] == (state.get(VET) as u16).to_be_bytes();
    if rctl & rctl::VFE != 0 && tagged {
        let vlan = usize::from(u16::from_be_bytes([frame[14], frame[15]]) & 0xfff);
        if state.get(VFTA.start + vlan / 32 * 4) >> (vlan % 32) & 1 == 0 {
            return false;
        }
    }
    let to = &frame[..6];
    let broadcast = to == [0xff; 6];
    let multicast = to[0] & 1 != 0;
    if broadcast && rctl & rctl::BAM != 0
        || multicast && rctl & rctl::MPE != 0
        || !multicast && rctl & rctl::UPE != 0
    {
        return true;
    }
    let exact = RA.step_by(8).any(|at| {
        let (low, high) = (state.get(at), state.get(at + 4));
        high >> 31 != 0 && low.to_le_bytes() == to[..4] && (high as u16).to_le_bytes() == to[4..]
    });
    if exact || !multicast {
        return exact;
    }
    let shift = [4, 3, 2, 0][(rctl >> 12 & 3) as usize];
    let hash = usize::from(u16::from_le_bytes([to[4], to[5]]) >> shift & 0xfff);
    state.get(MTA.start + hash / 32 * 4) >> (hash % 32) & 1 != 0
}

impl E1000 {
    /// Whether a frame would find a place, or would be dropped for another reason than that.
    pub(super) fn has_room(&self, state: &State) -> bool {
        state.get(RCTL) & rctl::EN != 0 && self.port.dma().is_enabled() && free(state) > 0
    }

    /// Puts a frame into the ring.
    pub(super) fn put(&self, state: &mut State, frame: &[u8], offload: Offload) {
        let rctl = state.get(RCTL);
        if rctl & rctl::EN == 0 || !state.phy.link() || !self.port.dma().is_enabled() || frame.len() < 14 {
            return;
        }
        let longest = if rctl & rctl::LPE != 0 {
            LONGEST_LONG
        } else {
            LONGEST
        };
        if frame.len() > longest || !wanted(state, frame) {
            return;
        }
        let mut bytes = frame.to_vec();
        if bytes.len() < SHORTEST {
            bytes.resize(SHORTEST, 0);
        }
        let mut status = rx::DD | self.checked(state, frame, offload);
        let mut special = 0;
        if state.get(CTRL) & ctrl::VME != 0 && bytes[12..14] == (state.get(VET) as u16).to_be_bytes() {
            special = u16::from_be_bytes([bytes[14], bytes[15]]);
            bytes.drain(12..16);
            status |= rx::VP;
        }
        if rctl & rctl::SECRC == 0 {
            // The checksum, which nobody computed: software takes it off.
            bytes.extend([0; 4]);
        }
        if !fits(state, bytes.len()) {
            state.count(MPC, 1);
            state.cause(cause::RXO);
            return;
        }
        self.fill(state, &bytes, status, special);
        state.count(GPRC, 1);
        state.count(TPR, 1);
        state.count_long(GORCL, bytes.len() as u64);
        state.count_long(TORL, bytes.len() as u64);
        match (frame[0] & 1 != 0, frame[..6] == [0xff; 6]) {
            (_, true) => state.count(BPRC, 1),
            (true, false) => state.count(MPRC, 1),
            _ => {}
        }
        let slots = state.get(RDLEN) / 16;
        let few = free(state) <= slots >> ((rctl >> 8 & 3) + 1);
        state.cause(cause::RXT0 | if few { cause::RXDMT0 } else { 0 });
    }

    /// What is said of the frame's checksums.
    fn checked(&self, state: &State, frame: &[u8], offload: Offload) -> u8 {
        let rxcsum = state.get(RXCSUM);
        let known = offload.verified && frame[12..14] == [8, 0] && frame.get(14).is_some_and(|b| b >> 4 == 4);
        if !known {
            return rx::IXSM;
        }
        let mut status = 0;
        if rxcsum & rxcsum::IPOFL != 0 {
            status |= rx::IPCS;
        }
        let fragment = frame
            .get(20..22)
            .is_none_or(|field| field[0] & 0x3f != 0 || field[1] != 0);
        let protocol = frame.get(23).copied();
        if rxcsum & rxcsum::TUOFL != 0 && !fragment && matches!(protocol, Some(6 | 17)) {
            status |= rx::TCPCS;
        }
        if status == 0 { rx::IXSM } else { status }
    }

    fn fill(&self, state: &mut State, bytes: &[u8], status: u8, special: u16) {
        let dma = self.port.dma();
        let size = buffer_size(state.get(RCTL));
        let base = u64::from(state.get(RDBAH)) << 32 | u64::from(state.get(RDBAL));
        let slots = state.get(RDLEN) / 16;
        let mut rest = bytes;
        while !rest.is_empty() {
            let head = state.get(RDH);
            let at = base.wrapping_add(u64::from(head) * 16);
            let buffer = u64::from_le_bytes(dma.load(at).unwrap_or_default());
            let mut written = [0; 8];
            if buffer == 0 {
                // A descriptor of nothing is given back unused, but the frame has lost its place.
                written[4] = rx::DD;
                rest = &rest[rest.len().min(size)..];
            } else {
                let (part, after) = rest.split_at(rest.len().min(size));
                let _ = dma.write(buffer, part);
                written[..2].copy_from_slice(&(part.len() as u16).to_le_bytes());
                written[4] = if after.is_empty() {
                    status | rx::EOP
                } else {
                    status
                };
                written[6..].copy_from_slice(&special.to_le_bytes());
                rest = after;
            }
            // In one access: whoever sees that it is done sees the rest.
            let _ = dma.store(at.wrapping_add(8), written);
            state.set(RDH, if head + 1 >= slots { 0 } else { head + 1 });
        }
    }
}
