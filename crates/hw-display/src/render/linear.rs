//! The modes of the DISPI extension: rows of pixels of 4 to 32 bits, anywhere in memory.

use super::{palette, planar};
use crate::extension::{line_length, pixel_bits};
use crate::spec::{attr, dispi};
use crate::state::VgaState;
use hw_core::Surface;
use softmmu::RamBlock;

pub(super) fn size(state: &VgaState) -> (usize, usize) {
    // A loaded state may hold anything; a picture has at least a pixel.
    let side = |register: usize, least| usize::from(state.dispi[register]).clamp(least, 16_384);
    (side(dispi::X, 8), side(dispi::Y, 1))
}

/// Five bits, widened.
fn five(value: u16) -> u32 {
    let value = u32::from(value & 0x1f);
    value << 3 | value >> 2
}

/// Six bits, widened.
fn six(value: u16) -> u32 {
    let value = u32::from(value & 0x3f);
    value << 2 | value >> 4
}

fn rgb(red: u32, green: u32, blue: u32) -> u32 {
    red << 16 | green << 8 | blue
}

/// Draws `row`, of the bytes that it has in memory.
fn pixels(state: &VgaState, all: &[u32; 256], bytes: &[u8], row: &mut [u32]) {
    let big = state.big_endian;
    let word = |bytes: [u8; 2]| {
        if big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    };
    match state.dispi[dispi::BPP] {
        15 | 16 => {
            let fifteen = state.dispi[dispi::BPP] == 15;
            for (pixel, bytes) in row.iter_mut().zip(bytes.chunks_exact(2)) {
                let value = word([bytes[0], bytes[1]]);
                *pixel = if fifteen {
                    rgb(five(value >> 10), five(value >> 5), five(value))
                } else {
                    rgb(five(value >> 11), six(value >> 5), five(value))
                };
            }
        }
        24 => {
            for (pixel, bytes) in row.iter_mut().zip(bytes.chunks_exact(3)) {
                let [a, b, c] = [bytes[0], bytes[1], bytes[2]].map(u32::from);
                *pixel = if big { rgb(a, b, c) } else { rgb(c, b, a) };
            }
        }
        32 if big => {
            for (pixel, bytes) in row.iter_mut().zip(bytes.chunks_exact(4)) {
                *pixel = u32::from_be_bytes([0, bytes[1], bytes[2], bytes[3]]);
            }
        }
        32 => {
            for (pixel, bytes) in row.iter_mut().zip(bytes.chunks_exact(4)) {
                *pixel = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
            }
        }
        _ => {
            for (pixel, byte) in row.iter_mut().zip(bytes) {
                *pixel = all[usize::from(*byte)];
            }
        }
    }
}

pub(super) fn draw(state: &VgaState, vram: &RamBlock, surface: &mut Surface) {
    let width = surface.width;
    let [x, y] = [dispi::X_OFFSET, dispi::Y_OFFSET].map(|register| u64::from(state.dispi[register]));
    let pitch = line_length(state);
    let bits = u64::from(pixel_bits(state.dispi[dispi::BPP]));
    let all = palette::all(state);
    if bits == 4 {
        return four_bits(state, vram, (x, y), surface);
    }
    let mut bytes = vec![0; width * bits as usize / 8];
    for row in 0..surface.height {
        let at = (y + row as u64) * pitch + x * bits / 8;
        if vram.read(at, &mut bytes).is_none() {
            // Registers are kept in range, so only a damaged state comes here.
            bytes.fill(0);
        }
        pixels(state, &all, &bytes, surface.row_mut(row));
    }
}

fn four_bits(state: &VgaState, vram: &RamBlock, (x, y): (u64, u64), surface: &mut Surface) {
    let sixteen = palette::sixteen(state);
    let shown = state.attribute[attr::PLANES] & 15;
    let pitch = line_length(state);
    let mut bytes = vec![0; surface.width.div_ceil(8) * 4 + 4];
    for row in 0..surface.height {
        let at = ((y + row as u64) * pitch + x / 8) * 4;
        if vram.read(at, &mut bytes).is_none() {
            // The last row may have nothing behind it.
            let len = bytes.len() - 4;
            if vram.read(at, &mut bytes[..len]).is_none() {
                bytes.fill(0);
            }
        }
        let mut dots = bytes
            .chunks_exact(4)
            .flat_map(planar::planes)
            .skip(x as usize & 7);
        for pixel in surface.row_mut(row) {
            *pixel = sixteen[usize::from(dots.next().unwrap_or(0) & shown)];
        }
    }
}
