//! The window at A0000h: planes, latches and the logic between them and the CPU.
//!
//! Memory is kept as the screen reads it, four planes side by side: byte `n` of plane `p` is byte `4 * n + p` of the
//! block. Chained planes are then plain memory, the same bytes that the linear frame buffer shows. As QEMU does,
//! odd/even addresses are `plane = address & 1`, `n = address / 2`, the order in which the CRT controller counts.

use crate::spec::{dispi, gfx, seq};
use crate::state::VgaState;
use softmmu::RamBlock;

/// Writes with no effect are of no byte.
const ALL: u32 = 0xffff_ffff;

/// A byte for each plane whose bit is set in `planes`.
pub(crate) fn spread(planes: u8) -> u32 {
    (0..4)
        .filter(|plane| planes >> plane & 1 != 0)
        .fold(0, |mask, plane| mask | 0xff << (8 * plane))
}

/// Where an access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A byte of memory, in `plane`.
    Byte { at: u64, plane: u8 },
    /// All planes at this offset.
    Planes { offset: u64 },
}

/// The place of byte `offset` of the window; none outside of the part that is decoded.
pub(crate) fn place(state: &VgaState, offset: u64) -> Option<Place> {
    let offset = match state.graphics[gfx::MISC] >> 2 & 3 {
        0 => offset,
        1 if offset < 0x1_0000 => offset + (u64::from(state.dispi[dispi::BANK]) << 16),
        2 if (0x1_0000..0x1_8000).contains(&offset) => offset - 0x1_0000,
        3 if offset >= 0x1_8000 => offset - 0x1_8000,
        _ => return None,
    };
    if state.sequencer[seq::MEMORY] & seq::CHAIN_4 != 0 {
        return Some(Place::Byte {
            at: offset,
            plane: (offset & 3) as u8,
        });
    }
    if state.graphics[gfx::MODE] & gfx::ODD_EVEN != 0 {
        let plane = state.graphics[gfx::READ_MAP] & 2 | (offset & 1) as u8;
        return Some(Place::Byte {
            at: (offset >> 1) << 2 | u64::from(plane),
            plane,
        });
    }
    Some(Place::Planes { offset })
}

/// Reads a byte of the window, and loads the latches.
pub(crate) fn read(state: &mut VgaState, vram: &RamBlock, offset: u64) -> u8 {
    match place(state, offset) {
        Some(Place::Byte { at, .. }) => vram.load::<u8>(at).unwrap_or(0xff),
        Some(Place::Planes { offset }) => {
            let Some(latch) = vram.load::<u32>(offset * 4) else {
                return 0xff;
            };
            state.latch = latch;
            if state.graphics[gfx::MODE] & gfx::READ_MODE_1 == 0 {
                return (latch >> (8 * (state.graphics[gfx::READ_MAP] & 3))) as u8;
            }
            let colour = spread(state.graphics[gfx::COLOUR_COMPARE]);
            let care = spread(state.graphics[gfx::COLOUR_CARE]);
            let [a, b, c, d] = ((latch ^ colour) & care).to_le_bytes();
            !(a | b | c | d)
        }
        None => 0xff,
    }
}

/// Writes a byte of the window.
pub(crate) fn write(state: &VgaState, vram: &RamBlock, offset: u64, value: u8) {
    let mask = state.sequencer[seq::MAP_MASK];
    match place(state, offset) {
        Some(Place::Byte { at, plane }) if mask >> plane & 1 != 0 => {
            let _ = vram.store::<u8>(at, value);
        }
        Some(Place::Planes { offset }) => {
            let Some(old) = vram.load::<u32>(offset * 4) else {
                return;
            };
            let mask = spread(mask);
            let new = combine(state, value) & mask | old & !mask;
            let _ = vram.store::<u32>(offset * 4, new);
        }
        _ => {}
    }
}

/// What a written byte becomes in all planes: the four write modes.
fn combine(state: &VgaState, value: u8) -> u32 {
    let graphics = &state.graphics;
    let rotated = value.rotate_right((graphics[gfx::ROTATE] & 7).into());
    let everywhere = |byte: u8| u32::from(byte) * 0x0101_0101;
    let set_reset = spread(graphics[gfx::SET_RESET]);
    let bit_mask = everywhere(graphics[gfx::BIT_MASK]);
    let (data, mask) = match graphics[gfx::MODE] & 3 {
        1 => return state.latch,
        0 => {
            let enabled = spread(graphics[gfx::ENABLE_SET_RESET]);
            (everywhere(rotated) & !enabled | set_reset & enabled, bit_mask)
        }
        2 => (spread(value & 15), bit_mask),
        _ => (set_reset, bit_mask & everywhere(rotated)),
    };
    let data = match graphics[gfx::ROTATE] >> 3 & 3 {
        0 => data,
        1 => data & state.latch,
        2 => data | state.latch,
        _ => data ^ state.latch,
    };
    data & mask | state.latch & (mask ^ ALL)
}

/// Where in memory the window's 64 KiB at A0000h could be mapped as they are; none if accesses need the logic.
pub(crate) fn plain(state: &VgaState, memory: u64) -> Option<u64> {
    let at = u64::from(state.dispi[dispi::BANK]) << 16;
    let chained = state.sequencer[seq::MEMORY] & seq::CHAIN_4 != 0;
    let all_planes = state.sequencer[seq::MAP_MASK] & 15 == 15;
    let first_64k = state.graphics[gfx::MISC] >> 2 & 3 == 1;
    (chained && all_planes && first_64k && at + 0x1_0000 <= memory).then_some(at)
}
