//! MMX, SSE to SSE4.2, AES, PCLMULQDQ, SHA, F16C, AVX, AVX2, FMA.
//!
//! Mirrors QEMU's `ops_sse.h` in behaviour. One file a family, as the SDM's chapters have them; each is a table of
//! mnemonics (legacy and VEX in one row) over lane functions, and [`shape`] does the rest: operands from
//! registers or memory, availability, alignment, MXCSR, the upper half of the destination.
//!
//! Data flows: `decode` asks [`lookup`] for a handler -> the handler checks CR0/CR4/XCR0 ([`access`]) -> reads its
//! sources (faults happen here) -> lane functions on `u128` -> #XM -> destination.
//!
//! What the manual leaves open is computed one way on every host: RCPPS and RSQRTPS in [`approx`]; NaN choice and
//! tininess in `softfloat::sse`.

mod access;
mod approx;
mod compare;
mod control;
mod convert;
mod crypto;
mod element;
mod float_arith;
mod fma;
mod gather;
mod int_arith;
mod lane;
mod logic;
mod masked;
mod moves;
mod permute;
mod sha;
mod shape;
mod shift;
mod shuffle;
mod string;
mod swar;
mod table;

use crate::{Handler, Vcpu};
use iced_x86::Instruction;

pub(crate) use control::MXCSR_MASK;

/// The handler of `instruction`, if it is a SIMD instruction that this crate has.
pub fn lookup(instruction: &Instruction) -> Option<Handler> {
    const FAMILIES: [fn(&Instruction) -> Option<Handler>; 16] = [
        moves::lookup,
        logic::lookup,
        int_arith::lookup,
        compare::lookup,
        shift::lookup,
        shuffle::lookup,
        element::lookup,
        float_arith::lookup,
        convert::lookup,
        fma::lookup,
        permute::lookup,
        masked::lookup,
        gather::lookup,
        string::lookup,
        crypto::lookup,
        sha::lookup,
    ];
    table::Form::of(instruction)?;
    FAMILIES
        .iter()
        .find_map(|family| family(instruction))
        .or_else(|| control::lookup(instruction))
}

/// Whether legacy SSE instructions run without a fault of their own.
pub(crate) fn sse_usable(cpu: &Vcpu) -> bool {
    access::check_sse(cpu).is_ok()
}

/// Whether VEX instructions run without a fault of their own.
pub(crate) fn vex_usable(cpu: &Vcpu) -> bool {
    access::check_vex(cpu).is_ok()
}
