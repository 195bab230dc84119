//! What decoding has to know of an instruction beyond its operands, found once for each of iced's codes, with and
//! without a memory operand: nothing else of an instruction decides it.

use super::{gate, lookup_handler};
use crate::insn::InsnFlags;
use crate::{Features, Handler};
use iced_x86::{Code, EncodingKind, Instruction, OpKind};
use std::sync::{LazyLock, OnceLock};

/// Facts about one code, in one form.
pub(super) struct Facts {
    /// What executes it.
    pub handler: Handler,
    /// What holds whatever its prefixes are.
    pub flags: InsnFlags,
    /// What the CPU must have.
    pub needs: Features,
    /// A prefix may repeat it.
    pub string: bool,
    /// Its opcode is of interest (FOP).
    pub x87: bool,
}

/// What is known of a form so far; `None` inside: nothing executes it.
type Cell = OnceLock<Option<Box<Facts>>>;

/// By code; the second is the form with a memory operand.
static TABLE: LazyLock<Vec<[Cell; 2]>> =
    LazyLock::new(|| Code::values().map(|_| [const { Cell::new() }; 2]).collect());

/// The facts about an instruction; none if no CPU model has it.
pub(super) fn of(raw: &Instruction) -> Option<&'static Facts> {
    let memory = (0..raw.op_count()).any(|op| raw.op_kind(op) == OpKind::Memory);
    TABLE[raw.code() as usize][usize::from(memory)]
        .get_or_init(|| find(raw).map(Box::new))
        .as_deref()
}

fn find(raw: &Instruction) -> Option<Facts> {
    let (handler, mut flags, x87) = lookup_handler(raw)?;
    if raw.encoding() == EncodingKind::VEX {
        flags |= InsnFlags::VEX;
    }
    Some(Facts {
        handler,
        flags,
        needs: gate::needed(raw)?,
        string: raw.is_string_instruction(),
        x87,
    })
}
