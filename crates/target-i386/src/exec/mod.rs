//! The integer instructions: which handler executes which encoding.
//!
//! Each file covers a chapter of the manual: generic handlers over operand size and form, and a `lookup` that
//! picks the instance for a decoded instruction. SDM vol. 1, chapter 7; vol. 2.

mod alu;
mod atomic;
mod bcd;
mod bits;
mod bmi;
mod branch;
mod control;
mod convert;
mod counters;
mod hints;
mod mov;
mod muldiv;
mod shift;
mod stack;
pub(crate) mod string;
pub mod undefined;

pub use crate::tsc::{TSC_HZ, read as read_tsc};

use crate::Handler;
use iced_x86::{Instruction, Mnemonic, OpKind};

/// Picks the instance of a generic handler for an operand size in bytes.
macro_rules! by_size {
    ($size:expr, $f:ident $(::<$($arg:tt),*>)?) => {
        match $size {
            1 => $f::<$($($arg,)*)? u8> as crate::Handler,
            2 => $f::<$($($arg,)*)? u16> as crate::Handler,
            4 => $f::<$($($arg,)*)? u32> as crate::Handler,
            _ => $f::<$($($arg,)*)? u64> as crate::Handler,
        }
    };
}
use by_size;

/// As `by_size`, for instructions without byte form.
macro_rules! by_wide_size {
    ($size:expr, $f:ident $(::<$($arg:tt),*>)?) => {
        match $size {
            2 => $f::<$($($arg,)*)? u16> as crate::Handler,
            4 => $f::<$($($arg,)*)? u32> as crate::Handler,
            _ => $f::<$($($arg,)*)? u64> as crate::Handler,
        }
    };
}
use by_wide_size;

/// Picks the instance of a handler generic over a condition code.
macro_rules! by_condition {
    ($code:expr, $f:ident $(::<$($arg:ty),*>)?) => {
        match $code {
            0 => $f::<$($($arg,)*)? 0> as crate::Handler,
            1 => $f::<$($($arg,)*)? 1> as crate::Handler,
            2 => $f::<$($($arg,)*)? 2> as crate::Handler,
            3 => $f::<$($($arg,)*)? 3> as crate::Handler,
            4 => $f::<$($($arg,)*)? 4> as crate::Handler,
            5 => $f::<$($($arg,)*)? 5> as crate::Handler,
            6 => $f::<$($($arg,)*)? 6> as crate::Handler,
            7 => $f::<$($($arg,)*)? 7> as crate::Handler,
            8 => $f::<$($($arg,)*)? 8> as crate::Handler,
            9 => $f::<$($($arg,)*)? 9> as crate::Handler,
            10 => $f::<$($($arg,)*)? 10> as crate::Handler,
            11 => $f::<$($($arg,)*)? 11> as crate::Handler,
            12 => $f::<$($($arg,)*)? 12> as crate::Handler,
            13 => $f::<$($($arg,)*)? 13> as crate::Handler,
            14 => $f::<$($($arg,)*)? 14> as crate::Handler,
            _ => $f::<$($($arg,)*)? 15> as crate::Handler,
        }
    };
}
use by_condition;

/// The operand forms of two-operand instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    RegReg,
    RegImm,
    RegMem,
    MemReg,
    MemImm,
}

/// The form of the first two operands, if both are general (no segment, control or vector registers).
fn binary(raw: &Instruction) -> Option<Binary> {
    let is_reg = |op| raw.op_kind(op) == OpKind::Register && raw.op_register(op).is_gpr();
    let is_mem = |op| raw.op_kind(op) == OpKind::Memory;
    let is_imm = |op| is_immediate(raw.op_kind(op));
    if raw.op_count() < 2 {
        return None;
    }
    match (is_reg(0), is_mem(0)) {
        (true, _) if is_reg(1) => Some(Binary::RegReg),
        (true, _) if is_imm(1) => Some(Binary::RegImm),
        (true, _) if is_mem(1) => Some(Binary::RegMem),
        (_, true) if is_reg(1) => Some(Binary::MemReg),
        (_, true) if is_imm(1) => Some(Binary::MemImm),
        _ => None,
    }
}

pub(crate) fn is_immediate(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    )
}

/// Size in bytes of the first operand.
pub(crate) fn operand_size(raw: &Instruction) -> usize {
    match raw.op0_kind() {
        OpKind::Register => raw.op0_register().size(),
        _ => raw.memory_size().size(),
    }
}

/// Size in bytes of operand `op`.
fn size_of_operand(raw: &Instruction, op: u32) -> usize {
    match raw.op_kind(op) {
        OpKind::Register => raw.op_register(op).size(),
        _ => raw.memory_size().size(),
    }
}

/// The handler of an integer instruction.
pub fn lookup(raw: &Instruction) -> Option<Handler> {
    alu::lookup(raw)
        .or_else(|| mov::lookup(raw))
        .or_else(|| branch::lookup(raw))
        .or_else(|| stack::lookup(raw))
        .or_else(|| shift::lookup(raw))
        .or_else(|| convert::lookup(raw))
        .or_else(|| muldiv::lookup(raw))
        .or_else(|| bits::lookup(raw))
        .or_else(|| bmi::lookup(raw))
        .or_else(|| string::lookup(raw))
        .or_else(|| atomic::lookup(raw))
        .or_else(|| control::lookup(raw))
        .or_else(|| hints::lookup(raw))
        .or_else(|| counters::lookup(raw))
        .or_else(|| bcd::lookup(raw))
}

/// Whether the instruction may change RFLAGS.IF, TF, AC or the interrupt shadow.
pub(crate) fn changes_acceptance(raw: &Instruction) -> bool {
    matches!(
        raw.mnemonic(),
        Mnemonic::Sti | Mnemonic::Popf | Mnemonic::Popfd | Mnemonic::Popfq
    )
}
