//! Mode 3, as a VGA BIOS leaves it: for machines that are entered without firmware.
//!
//! Register values are those of the IBM VGA's parameter table for mode 3 with 400 lines, as every VGA BIOS has them.

use crate::font;
use crate::spec::{attr, misc, seq};
use crate::state::{Dac, VgaState};
use softmmu::RamBlock;

/// Colour, memory on, 28.322 MHz, 400 lines.
const MISC: u8 = 0x66 | misc::COLOUR;
const SEQUENCER: [u8; 5] = [0x03, 0x00, 0x03, 0x00, 0x02];
const GRAPHICS: [u8; 9] = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff];
#[rustfmt::skip]
const ATTRIBUTE: [u8; attr::COUNT] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
    0x0c, 0x00, 0x0f, 0x08, 0x00,
];
#[rustfmt::skip]
const CRTC: [u8; 25] = [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
];

/// A space in light grey on black.
const SPACE: [u8; 2] = [b' ', 0x07];
/// Places of the text memory that are cleared: all that the window at B8000h shows.
const PLACES: u64 = 0x4000;

/// The 64 colours of the EGA, two bits of each component: the default palette of text modes.
fn palette() -> Vec<u8> {
    let mut palette: Vec<u8> = (0..64u8)
        .flat_map(|index| {
            // Bits 2-0 are two thirds of red, green and blue, bits 5-3 one third.
            [2, 1, 0].map(|bit| 0x2a * (index >> bit & 1) + 0x15 * (index >> (bit + 3) & 1))
        })
        .collect();
    palette.resize(crate::state::DAC_BYTES, 0);
    palette
}

/// Sets the registers; what has nothing to do with the mode is as after a reset.
pub(crate) fn registers() -> VgaState {
    let mut state = VgaState {
        misc: MISC,
        attribute_index: attr::PALETTE_SHOWS,
        attribute: ATTRIBUTE,
        crtc: CRTC,
        dac: Dac {
            palette: palette(),
            ..Dac::default()
        },
        ..VgaState::default()
    };
    state.sequencer[..5].copy_from_slice(&SEQUENCER);
    state.sequencer[7] = 0;
    state.graphics[..9].copy_from_slice(&GRAPHICS);
    debug_assert_eq!(state.sequencer[seq::CLOCKING] & seq::EIGHT_DOTS, 0);
    state
}

/// Loads the font and clears the screen.
pub(crate) fn memory(vram: &RamBlock) {
    let font = font::code_page_437();
    let mut planes = vec![0; PLACES as usize * 4];
    for place in planes.chunks_exact_mut(4) {
        place[..2].copy_from_slice(&SPACE);
    }
    for (code, glyph) in font.iter().enumerate() {
        for (row, &dots) in glyph.iter().enumerate() {
            planes[(code * 32 + row) * 4 + 2] = dots;
        }
    }
    // The smallest memory has more than this.
    let _ = vram.write(0, &planes);
}
