//! Floating-point and vector state: x87 stack, control and tag words, XMM/YMM registers, MXCSR, XCR0.
//! SDM vol. 1, chapters 8 (x87), 10 (SSE) and 13 (XSAVE).

use serde::{Deserialize, Serialize};

/// An 80-bit extended value as it lies in memory: 64-bit significand, sign and 15-bit exponent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Float80 {
    /// Significand with explicit integer bit. An MMX register is this field.
    pub significand: u64,
    /// Sign (bit 15) and biased exponent.
    pub sign_exponent: u16,
}

/// The register state behind FXSAVE and XSAVE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fpu {
    /// Physical registers R0..R7; ST(i) is `st[(top + i) & 7]`, MMi is `st[i]`.
    pub st: [Float80; 8],
    /// TOP of stack, 0..=7 (kept apart from the status word).
    pub top: u8,
    /// Control word.
    pub control: u16,
    /// Status word without TOP.
    pub status: u16,
    /// One bit per physical register: set when empty. (Valid/zero/special are derived from the value.)
    pub empty: u8,
    /// Last non-control instruction: opcode (11 bits).
    pub opcode: u16,
    /// Last instruction pointer.
    pub ip: u64,
    /// Its code segment.
    pub cs: u16,
    /// Last data pointer.
    pub dp: u64,
    /// Its data segment.
    pub ds: u16,
    /// XMM/YMM registers as four 64-bit lanes, lowest first.
    pub ymm: [[u64; 4]; 16],
    /// MXCSR.
    pub mxcsr: u32,
    /// XCR0.
    pub xcr0: u64,
}

impl Default for Fpu {
    /// Power-on state as QEMU and FNINIT give it: FCW 37Fh, all registers empty, MXCSR 1F80h, XCR0 1.
    fn default() -> Self {
        Self {
            st: [Float80::default(); 8],
            top: 0,
            control: 0x37f,
            status: 0,
            empty: 0xff,
            opcode: 0,
            ip: 0,
            cs: 0,
            dp: 0,
            ds: 0,
            ymm: [[0; 4]; 16],
            mxcsr: 0x1f80,
            xcr0: 1,
        }
    }
}
