//! Graphics modes of the VGA itself: sixteen colours from four planes, four colours as the CGA, 256 as mode 13h.

use super::palette;
use super::scan::{Scan, fetch, interleaved};
use crate::spec::{attr, gfx, seq};
use crate::state::VgaState;
use hw_core::Surface;
use softmmu::RamBlock;

/// How the four bytes of a character become eight dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shift {
    /// A bit of each plane for each dot.
    Planes,
    /// Two bits of planes 0 and 2, then of 1 and 3.
    Pairs,
    /// A byte for every second dot.
    Bytes,
}

/// Eight dots of sixteen colours: bit 7 of each plane first.
pub(super) fn planes(bytes: &[u8]) -> [u8; 8] {
    std::array::from_fn(|dot| {
        (0..4).fold(0, |colour, plane| {
            colour | (bytes[plane] >> (7 - dot) & 1) << plane
        })
    })
}

/// Eight dots of two bits, with the planes above making two more.
fn pairs(bytes: &[u8]) -> [u8; 8] {
    std::array::from_fn(|dot| {
        let (plane, shift) = (dot / 4, 6 - 2 * (dot % 4));
        (bytes[plane] >> shift & 3) | (bytes[plane + 2] >> shift & 3) << 2
    })
}

pub(super) fn draw(state: &VgaState, vram: &RamBlock, surface: &mut Surface) {
    let shift = match state.graphics[gfx::MODE] >> 5 & 3 {
        0 => Shift::Planes,
        1 => Shift::Pairs,
        _ => Shift::Bytes,
    };
    let stretch = if state.sequencer[seq::CLOCKING] & seq::HALF_CLOCK != 0 {
        2
    } else {
        1
    };
    let shown = state.attribute[attr::PLANES] & 15;
    let sixteen = palette::sixteen(state);
    let all = palette::all(state);
    let scan = Scan::new(state);
    let (mut bytes, mut dots) = (Vec::new(), Vec::new());
    let mut before = None;
    for (y, line) in (0..surface.height).zip(scan.lines()) {
        let address = interleaved(state, line);
        // A line that is shown again is copied.
        if before == Some((address, line.panning)) {
            let width = surface.width;
            surface.pixels.copy_within((y - 1) * width..y * width, y * width);
            continue;
        }
        before = Some((address, line.panning));
        fetch(vram, address, scan.characters + 1, &mut bytes);
        dots.clear();
        for bytes in bytes.chunks_exact(4) {
            let eight: [u32; 8] = match shift {
                Shift::Planes => planes(bytes).map(|colour| sixteen[usize::from(colour & shown)]),
                Shift::Pairs => pairs(bytes).map(|colour| sixteen[usize::from(colour & shown)]),
                Shift::Bytes => std::array::from_fn(|dot| all[usize::from(bytes[dot / 2])]),
            };
            for colour in eight {
                for _ in 0..stretch {
                    dots.push(colour);
                }
            }
        }
        let panning = usize::from(line.panning & 7) * stretch;
        let width = surface.width;
        surface.row_mut(y).copy_from_slice(&dots[panning..][..width]);
    }
}
