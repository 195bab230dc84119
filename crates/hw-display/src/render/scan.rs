//! The CRT controller's walk over memory: which address and which line of its row each line of the picture shows.
//!
//! Addresses count characters: four bytes of memory, one of each plane. The counter has 16 bits, so a picture wraps
//! within the first 256 KiB.

use crate::spec::{attr, crtc};
use crate::state::VgaState;
use softmmu::RamBlock;

/// One line of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Address of its first character.
    pub address: u32,
    /// Which line of its row of characters.
    pub row_scan: u8,
    /// Dots by which it moves to the left.
    pub panning: u8,
}

/// What the lines of a picture have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    /// Characters in a line.
    pub characters: usize,
    /// Addresses from one row to the next.
    pub pitch: u32,
    /// Last line of a row.
    pub last_scan: u8,
    /// Each line is shown twice.
    pub double: bool,
    start: u32,
    preset: u8,
    panning: u8,
    split: u32,
    split_stays: bool,
}

impl Scan {
    pub(super) fn new(state: &VgaState) -> Self {
        let preset = state.crtc[crtc::PRESET_ROW];
        Self {
            characters: usize::from(state.crtc[crtc::H_DISPLAY]) + 1,
            pitch: u32::from(state.crtc[crtc::OFFSET]) * 2,
            last_scan: state.crtc[crtc::MAX_SCAN] & 0x1f,
            double: state.crtc[crtc::MAX_SCAN] & 0x80 != 0,
            start: state.crtc_word(crtc::START) + u32::from(preset >> 5 & 3),
            preset: preset & 0x1f,
            panning: state.attribute[attr::PANNING] & 0x0f,
            split: state.line_compare(),
            split_stays: state.attribute[attr::MODE] & attr::SPLIT_STAYS != 0,
        }
    }

    /// The lines from the top, for ever.
    pub(super) fn lines(self) -> impl Iterator<Item = Line> {
        let mut line = Line {
            address: self.start,
            row_scan: self.preset.min(self.last_scan),
            panning: self.panning,
        };
        let (mut y, mut again) = (0, self.double);
        std::iter::from_fn(move || {
            let shown = line;
            if y == self.split {
                line.address = 0;
                line.row_scan = 0;
                again = self.double;
                if self.split_stays {
                    line.panning = 0;
                }
            } else if again {
                again = false;
            } else {
                again = self.double;
                if line.row_scan == self.last_scan {
                    line.row_scan = 0;
                    line.address = line.address.wrapping_add(self.pitch);
                } else {
                    line.row_scan += 1;
                }
            }
            y += 1;
            Some(shown)
        })
    }
}

/// The address of a line of graphics: bits 13 and 14 of the memory address may come from the line of the row, as the
/// CGA and Hercules interleave theirs.
pub(super) fn interleaved(state: &VgaState, line: Line) -> u32 {
    let mode = state.crtc[crtc::MODE];
    // With word addresses the counter's bit is one below that of the address.
    let word = mode & 0x40 == 0;
    let mut address = line.address;
    for (n, bit) in [(0, 13), (1, 14)] {
        if mode >> n & 1 == 0 {
            let bit = bit - u32::from(word);
            address = address & !(1 << bit) | u32::from(line.row_scan >> n & 1) << bit;
        }
    }
    address
}

/// Reads `count` characters from `address` on, four bytes each, wrapping.
pub(super) fn fetch(vram: &RamBlock, address: u32, count: usize, to: &mut Vec<u8>) {
    to.clear();
    to.resize(count * 4, 0);
    let (mut address, mut done) = ((address & 0xffff) as usize, 0);
    while done < count {
        let run = (count - done).min(0x1_0000 - address);
        // Memory is never smaller than 256 KiB.
        let _ = vram.read(address as u64 * 4, &mut to[done * 4..][..run * 4]);
        address = 0;
        done += run;
    }
}
