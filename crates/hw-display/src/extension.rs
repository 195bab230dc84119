//! The DISPI extension: linear modes of any size, set by a handful of 16-bit registers.
//!
//! What is written is brought into range at once, so that every value a guest reads back, and every one the picture is
//! drawn by, is one that fits the memory. Mirrors the `vbe_` functions of QEMU's `hw/display/vga.c`.

use crate::spec::{attr, crtc, dispi::*, gfx, seq};
use crate::state::VgaState;

/// Bits of memory that a pixel of the DISPI mode takes: 4, 8, 16, 24 or 32.
pub fn pixel_bits(bpp: u16) -> u32 {
    match bpp {
        4 => 4,
        15 | 16 => 16,
        24 => 24,
        32 => 32,
        _ => 8,
    }
}

/// Bytes of a row of memory; of a plane for 4 bits.
pub fn line_length(state: &VgaState) -> u64 {
    let width = u64::from(state.dispi[VIRTUAL_WIDTH]);
    match pixel_bits(state.dispi[BPP]) {
        4 => width / 8,
        bits => width * u64::from(bits) / 8,
    }
}

/// Reads register `index`, of a VGA with `memory` bytes.
pub fn read(state: &VgaState, index: u16, memory: u64) -> u16 {
    let capabilities = state.dispi[ENABLE] & CAPABILITIES != 0;
    match usize::from(index) {
        X if capabilities => MAX_X,
        Y if capabilities => MAX_Y,
        BPP if capabilities => 32,
        VIRTUAL_HEIGHT if !state.dispi_enabled() => 0,
        known @ ..COUNT => state.dispi[known],
        _ if index == MEMORY => (memory >> 16).min(0xffff) as u16,
        _ => 0,
    }
}

/// Writes register `index`, of a VGA with `memory` bytes. The answer is how many bytes of memory are to be cleared.
pub fn write(state: &mut VgaState, index: u16, value: u16, memory: u64) -> u64 {
    match usize::from(index) {
        ID if (ID_0..=ID_5).contains(&value) => state.dispi[ID] = value,
        ENABLE => return enable(state, value, memory),
        register @ (X | Y | BPP | BANK | VIRTUAL_WIDTH | X_OFFSET | Y_OFFSET) => {
            state.dispi[register] = value;
            fit(state, memory);
            hold_registers(state);
        }
        _ => {}
    }
    0
}

fn enable(state: &mut VgaState, value: u16, memory: u64) -> u64 {
    let was = state.dispi_enabled();
    state.dispi[ENABLE] = value;
    state.dac.eight_bits = value & DAC_8 != 0;
    if value & ENABLED == 0 {
        state.dispi[BANK] = 0;
        return 0;
    }
    if was {
        return 0;
    }
    state.dispi[VIRTUAL_WIDTH] = 0;
    state.dispi[X_OFFSET] = 0;
    state.dispi[Y_OFFSET] = 0;
    fit(state, memory);
    hold_registers(state);
    let planes = if state.dispi[BPP] == 4 { 4 } else { 1 };
    if value & NO_CLEAR == 0 {
        (line_length(state) * planes * u64::from(state.dispi[Y])).min(memory)
    } else {
        0
    }
}

/// Brings the registers of an enabled mode into range.
fn fit(state: &mut VgaState, memory: u64) {
    let banks = (memory >> 16).max(1);
    state.dispi[BANK] = (u64::from(state.dispi[BANK]) % banks) as u16;
    if !state.dispi_enabled() {
        return;
    }
    if !matches!(state.dispi[BPP], 4 | 8 | 15 | 16 | 24 | 32) {
        state.dispi[BPP] = 8;
    }
    state.dispi[X] = (state.dispi[X].min(MAX_X) & !7).max(8);
    state.dispi[VIRTUAL_WIDTH] = (state.dispi[VIRTUAL_WIDTH] & !7).max(state.dispi[X]);
    let planes = if state.dispi[BPP] == 4 { 4 } else { 1 };
    let rows = memory / (line_length(state) * planes).max(1);
    let rows = rows.clamp(1, 0xffff) as u16;
    state.dispi[VIRTUAL_HEIGHT] = rows;
    state.dispi[Y] = state.dispi[Y].clamp(1, MAX_Y).min(rows);
    let [x, y] = [state.dispi[VIRTUAL_WIDTH] - state.dispi[X], rows - state.dispi[Y]];
    state.dispi[X_OFFSET] = state.dispi[X_OFFSET].min(x);
    state.dispi[Y_OFFSET] = state.dispi[Y_OFFSET].min(y);
}

/// While a mode is enabled it holds those registers of the VGA that the window and a VGA BIOS rely on, whatever is
/// written to them.
pub fn hold_registers(state: &mut VgaState) {
    if !state.dispi_enabled() {
        return;
    }
    let [x, y] = [u32::from(state.dispi[X]), u32::from(state.dispi[Y])];
    // Graphics, in a window of 64 KiB at A0000h.
    state.graphics[gfx::MISC] = state.graphics[gfx::MISC] & !0x0c | 0x05;
    state.crtc[crtc::MODE] |= 3;
    state.crtc[crtc::OFFSET] = (line_length(state) >> 3).min(0xff) as u8;
    state.crtc[crtc::H_DISPLAY] = ((x >> 3) - 1).min(0xff) as u8;
    let last = y - 1;
    state.crtc[crtc::V_DISPLAY] = last as u8;
    let mut overflow = state.crtc[crtc::OVERFLOW] & !0x42 | crtc::LINE_COMPARE_8;
    overflow |= if last & 0x100 != 0 { 0x02 } else { 0 } | if last & 0x200 != 0 { 0x40 } else { 0 };
    state.crtc[crtc::OVERFLOW] = overflow;
    // No split screen.
    state.crtc[crtc::LINE_COMPARE] = 0xff;
    state.crtc[crtc::MAX_SCAN] = state.crtc[crtc::MAX_SCAN] & !0x9f | 0x40;
    state.graphics[gfx::MODE] &= !0x60;
    if state.dispi[BPP] == 4 {
        state.sequencer[seq::MEMORY] &= !seq::CHAIN_4;
    } else {
        state.graphics[gfx::MODE] |= 0x40;
        state.sequencer[seq::MEMORY] |= seq::CHAIN_4;
        state.sequencer[seq::MAP_MASK] = 0x0f;
    }
    state.attribute[attr::PANNING] = 0;
}
