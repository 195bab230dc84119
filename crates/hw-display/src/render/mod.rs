//! From registers and memory to a picture.
//!
//! A picture is always drawn whole, of a copy of the registers: nothing is kept from one to the next, so what is
//! shown is a function of state and time, and a machine that goes back in time needs no word about its screen.
//! [`scan`] walks lines as the CRT controller does; [`text`] and [`planar`] turn a line of characters into dots;
//! [`linear`] draws the DISPI modes.

mod linear;
mod palette;
mod planar;
mod scan;
mod text;

#[cfg(test)]
mod tests;

use crate::spec::{attr, gfx, seq};
use crate::state::VgaState;
use hw_core::{Surface, TextScreen};
use softmmu::RamBlock;

/// What is drawn while the registers describe nothing that could be seen.
const NO_PICTURE: (usize, usize) = (640, 400);

/// What kind of picture the registers describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blank,
    Text,
    Planar,
    Linear,
}

fn kind(state: &VgaState) -> Kind {
    let off = state.sequencer[seq::CLOCKING] & seq::SCREEN_OFF != 0;
    if state.attribute_index & attr::PALETTE_SHOWS == 0 || off {
        Kind::Blank
    } else if state.dispi_enabled() {
        Kind::Linear
    } else if state.graphics[gfx::MISC] & 1 != 0 {
        Kind::Planar
    } else {
        Kind::Text
    }
}

/// Dots and lines of the picture, blank or not.
fn size(state: &VgaState) -> (usize, usize) {
    if state.dispi_enabled() {
        return linear::size(state);
    }
    if !drawable(state) {
        return NO_PICTURE;
    }
    let scan = scan::Scan::new(state);
    let width = scan.characters * text::cell_width(state, !graphics(state));
    (width, state.lines() as usize)
}

fn graphics(state: &VgaState) -> bool {
    state.graphics[gfx::MISC] & 1 != 0
}

/// Draws what a screen shows at virtual time `now`.
pub fn draw(state: &VgaState, vram: &RamBlock, now: i64, surface: &mut Surface) {
    let (width, height) = size(state);
    surface.resize(width, height);
    if !drawable(state) {
        return surface.pixels.fill(0);
    }
    match kind(state) {
        Kind::Blank => surface.pixels.fill(0),
        Kind::Text => text::draw(state, vram, now, surface),
        Kind::Planar => planar::draw(state, vram, surface),
        Kind::Linear => linear::draw(state, vram, surface),
    }
}

/// Whether the registers describe a picture: not after a reset, nor while a mode is being set.
fn drawable(state: &VgaState) -> bool {
    state.dispi_enabled() || (state.lines() >= 64 && scan::Scan::new(state).characters >= 8)
}

/// The size of the picture, for tests.
#[cfg(test)]
pub(crate) fn size_of(state: &VgaState) -> (usize, usize) {
    size(state)
}

/// The text screen, if one is shown.
pub fn text(state: &VgaState, vram: &RamBlock, now: i64) -> Option<TextScreen> {
    (kind(state) == Kind::Text && drawable(state)).then(|| text::screen(state, vram, now))
}
