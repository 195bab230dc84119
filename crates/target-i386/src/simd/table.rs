//! The form of the instruction tables: one row a mnemonic, lane function at the right.
//!
//! `rows!` turns rows into the match that `lookup` asks. A row names a shape (a module of [`super::shape`]), the
//! mnemonics with that behaviour (legacy and VEX), and the lane function. Each row becomes a type of its own, so
//! that each handler is compiled with its lane function inlined.

use iced_x86::{EncodingKind, Instruction, Register};

/// Register file and encoding of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// MMX registers.
    Mmx,
    /// XMM registers, legacy encoding.
    Sse,
    /// XMM or YMM registers, VEX encoding.
    Vex,
}

impl Form {
    /// Reads it off a decoded instruction; `None` for encodings this crate does not have (EVEX, XOP).
    pub fn of(insn: &Instruction) -> Option<Self> {
        match insn.code().encoding() {
            EncodingKind::VEX => Some(Form::Vex),
            EncodingKind::Legacy if (0..insn.op_count()).any(|i| insn.op_register(i).is_mm()) => {
                Some(Form::Mmx)
            }
            EncodingKind::Legacy => Some(Form::Sse),
            _ => None,
        }
    }
}

/// Whether operand `position` is a vector register (not memory, not a general register).
pub fn is_vector(insn: &Instruction, position: u32) -> bool {
    let register = insn.op_register(position);
    register != Register::None && register.is_vector_register()
}

/// Makes the `Option<Handler>` of a table; see the module documentation.
macro_rules! rows {
    ($insn:expr; $($shape:ident: $($mnemonic:ident)|+ => $f:expr $(, mmx $g:expr)?;)*) => {
        match $insn.mnemonic() {
            $(
                $(iced_x86::Mnemonic::$mnemonic)|+ => {
                    struct Row;
                    impl $crate::simd::shape::$shape::Row for Row {
                        const F: $crate::simd::shape::$shape::F = $f;
                        $(const MMX: fn(u64, u64) -> u64 = $g;)?
                    }
                    $crate::simd::shape::$shape::handler::<Row>($insn)
                }
            )*
            _ => None,
        }
    };
}

pub(super) use rows;
