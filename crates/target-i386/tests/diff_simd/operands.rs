//! Register and memory contents for a case: random bits, small numbers, and the corners of both float formats.

use super::encodings::Encoding;
use host_oracle::Rng;
use host_oracle::State;
use host_oracle::layout::{DATA_BASE, DATA_LEN};

#[rustfmt::skip]
const CORNERS32: &[u32] = &[
    0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x0080_0001, 0x8080_0000, 0x3f80_0000, 0xbf80_0000,
    0x3f80_0001, 0x3f7f_ffff, 0x4000_0000, 0x3f00_0000, 0x3fc0_0000, 0x4040_0000, 0x4b00_0000, 0x4b7f_ffff,
    0x4effffff, 0x4f00_0000, 0xcf00_0000, 0xcf00_0001, 0x5f00_0000, 0xdf00_0000, 0x7e80_0000, 0x7f00_0000,
    0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xff80_0001, 0x7fbf_ffff, 0x7fc0_0000,
    0xffc0_0000, 0x7fff_ffff, 0xffff_ffff, 0x477f_e000, 0x477f_f000, 0x3880_0000, 0x387f_c000, 0x3300_0000,
];

#[rustfmt::skip]
const CORNERS64: &[u64] = &[
    0, 0x8000_0000_0000_0000, 1, 0x8000_0000_0000_0001, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000,
    0x3ff0_0000_0000_0000, 0xbff0_0000_0000_0000, 0x3ff0_0000_0000_0001, 0x3fef_ffff_ffff_ffff,
    0x3fe0_0000_0000_0000, 0x4000_0000_0000_0000, 0x4330_0000_0000_0000, 0x433f_ffff_ffff_ffff,
    0x41df_ffff_ffc0_0000, 0x41df_ffff_ffe0_0000, 0x41e0_0000_0000_0000, 0xc1e0_0000_0000_0000,
    0xc1e0_0000_0020_0000, 0x43e0_0000_0000_0000, 0xc3e0_0000_0000_0000, 0x47ef_ffff_e000_0000,
    0x47ef_ffff_f000_0000, 0x3810_0000_0000_0000, 0x380f_ffff_ffff_ffff, 0x36a0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff, 0xffef_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000,
    0x7ff0_0000_0000_0001, 0xfff7_ffff_ffff_ffff, 0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0000,
    0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7ff0_0000_2000_0000,
];

/// Float32 near one: sums cancel, products stay in range.
fn ordinary32(rng: &mut Rng) -> u32 {
    let exponent = 120 + rng.below(16) as u32;
    (rng.bits() as u32 & 0x807f_ffff) | exponent << 23
}

fn ordinary64(rng: &mut Rng) -> u64 {
    let exponent = 1016 + rng.below(16);
    rng.bits() & 0x800f_ffff_ffff_ffff | exponent << 52
}

/// Four quadwords in one style.
fn vector(rng: &mut Rng) -> [u64; 4] {
    let style = rng.below(9);
    std::array::from_fn(|_| {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        match style {
            0 | 1 => rng.bits(),
            2 => pair(rng.pick(CORNERS32), rng.pick(CORNERS32)),
            3 => rng.pick(CORNERS64),
            4 => pair(ordinary32(rng), ordinary32(rng)),
            5 => ordinary64(rng),
            // Small elements of every size.
            6 => (rng.bits() & 0x0303_0003_0000_0007) | if rng.one_in(3) { 0x8000_0000_0000_0080 } else { 0 },
            // Text with an end somewhere.
            7 => (0..8).fold(0, |q, i| q | ((rng.pick(b"aabz\x00A\x80") as u64) << (8 * i))),
            _ => rng.pick(&[0, u64::MAX, 0x7fff_8000_7fff_8000, 0x8080_7f7f_0001_ffff]),
        }
    })
}

/// Instruction bytes, registers and memory.
pub struct Case {
    pub code: Vec<u8>,
    pub state: State,
    pub memory: Vec<u8>,
    /// Code size, 32 or 64.
    pub bits: u32,
}

/// One case of an encoding.
pub fn case(encoding: &Encoding, rng: &mut Rng, bits: u32) -> Case {
    let mut state = State::new();
    for register in &mut state.ymm {
        *register = vector(rng);
    }
    if !host_oracle::features().avx {
        state
            .ymm
            .iter_mut()
            .for_each(|register| [register[2], register[3]] = [0, 0]);
    }
    for i in (0..16).filter(|&i| i != 4) {
        state.gpr[i] = if rng.one_in(2) {
            rng.bits()
        } else {
            rng.below(20).wrapping_sub(4)
        };
    }
    for (i, st) in state.x87.st.iter_mut().enumerate() {
        *st = std::array::from_fn(|_| rng.bits() as u8);
        let quad = vector(rng)[i % 4].to_le_bytes();
        st[..8].copy_from_slice(&quad);
    }
    if rng.one_in(2) {
        state.x87.ftw = rng.bits() as u8;
        state.x87.fsw = (rng.below(8) as u16) << 11;
        if rng.one_in(8) {
            // An unmasked exception is pending: IE, ES and B, with its mask open.
            state.x87.fsw |= 0x8081;
            state.x87.fcw = 0x37e;
        }
    }
    state.rflags |= rng.bits() & 0x8d5;
    state.mxcsr = mxcsr(rng);
    let mut memory = vec![0; DATA_LEN];
    let mut fill = vector(rng);
    // Contents around the places that operands can reach: the middle and both ends.
    for at in [(0, 1024), (DATA_LEN / 2, 1024), (DATA_LEN - 1024, 1024)] {
        for chunk in memory[at.0..at.0 + at.1].chunks_mut(8) {
            if rng.one_in(4) {
                fill = vector(rng);
            }
            chunk.copy_from_slice(&rng.pick(&fill).to_le_bytes());
        }
    }
    let code = encoding.bytes(rng, bits);
    place_memory_operand(encoding, rng, &code, &mut state, bits);
    if bits == 32 {
        state.gpr.iter_mut().for_each(|register| *register &= 0xffff_ffff);
    }
    Case {
        code,
        state,
        memory,
        bits,
    }
}

fn mxcsr(rng: &mut Rng) -> u32 {
    let rounding = (rng.below(4) as u32) << 13;
    let any = rng.bits() as u32 & 0x3f;
    let sticky = rng.pick(&[0, 0x20, 0x20, any]);
    let flush = rng.pick(&[0, 0, 0x8000, 0x0040, 0x8040]);
    let masks = if rng.one_in(6) {
        rng.bits() as u32 & 0x1f80
    } else {
        0x1f80
    };
    if rng.one_in(3) {
        0x1fa0
    } else {
        rounding | sticky | flush | masks
    }
}

/// Points the base registers so that the operand lies where the case wants it: aligned, unaligned, or at an edge
/// of the mapped area.
fn place_memory_operand(encoding: &Encoding, rng: &mut Rng, code: &[u8], state: &mut State, bits: u32) {
    use iced_x86::Register;
    let insn = super::decoded(code, bits);
    let end = DATA_BASE + DATA_LEN as u64;
    let target = match rng.below(10) {
        0..=5 => DATA_BASE + DATA_LEN as u64 / 2 + 32 * rng.below(8),
        // SHA's alignment rule differs between vendors (see `simd::sha`).
        6 | 7 if !is_sha(encoding) => DATA_BASE + DATA_LEN as u64 / 2 + rng.below(256),
        8 if !is_sha(encoding) => end - rng.below(48),
        9 if !is_sha(encoding) => DATA_BASE - rng.below(20),
        _ => end - 32 * rng.below(3),
    };
    // MASKMOVDQU and MASKMOVQ.
    state.gpr[7] = target;
    if !encoding.is_memory() {
        return;
    }
    let base = if matches!(insn.memory_base(), Register::RSI | Register::ESI) {
        6
    } else {
        3
    };
    if encoding.is_vsib() {
        // Indexes around the base: mostly inside, sometimes far outside.
        let index = insn.memory_index().number();
        let dwords = encoding.mnemonic_has_dword_indexes();
        for quad in &mut state.ymm[index] {
            let mut small = || {
                if rng.one_in(30) {
                    rng.bits() >> 32
                } else {
                    rng.below(32).wrapping_sub(8)
                }
            };
            *quad = if dwords {
                small() & 0xffff_ffff | small() << 32
            } else {
                small()
            };
        }
        state.gpr[base] = target.wrapping_sub(insn.memory_displacement64());
        return;
    }
    let scale = u64::from(insn.memory_index_scale());
    let index = if matches!(insn.memory_index(), Register::RCX | Register::ECX) {
        state.gpr[1] = rng.below(64).wrapping_sub(16);
        state.gpr[1].wrapping_mul(scale)
    } else {
        0
    };
    state.gpr[base] = target
        .wrapping_sub(insn.memory_displacement64())
        .wrapping_sub(index);
}

fn is_sha(encoding: &Encoding) -> bool {
    format!("{:?}", encoding.mnemonic()).starts_with("Sha")
}
