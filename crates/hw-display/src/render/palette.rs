//! From four or eight bits of a pixel to a colour.

use crate::spec::attr;
use crate::state::VgaState;

/// The sixteen colours of attributes and planes, through the attribute controller's palette.
pub(super) fn sixteen(state: &VgaState) -> [u32; 16] {
    let select = state.attribute[attr::COLOUR_SELECT];
    std::array::from_fn(|index| {
        let entry = state.attribute[index];
        let index = if state.attribute[attr::MODE] & attr::SELECT_5_4 != 0 {
            (select & 0x0f) << 4 | entry & 0x0f
        } else {
            (select & 0x0c) << 4 | entry & 0x3f
        };
        state.dac.colour(index)
    })
}

/// The 256 colours of pixels of eight bits.
pub(super) fn all(state: &VgaState) -> [u32; 256] {
    std::array::from_fn(|index| state.dac.colour(index as u8))
}
