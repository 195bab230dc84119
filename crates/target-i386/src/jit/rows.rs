//! The table: which template an instruction has, and what the plan must know of it.
//!
//! An instruction without a row calls the interpreter's handler, in the block if the handler keeps to straight code
//! ([`helper`]), at its end otherwise ([`end`]).

use super::block::{Emitter, Item};
use super::encoding::Encoding;
use super::env::Key;
use super::flags::needed_by;
use super::host::Host;
use super::plan::{Effects, Held, Writes};
use super::vector::Vectors;
use super::{bmi, calls, control, integer, stack, system, vector_rows, x87};
use crate::insn::InsnFlags;
use crate::{Insn, exec};
use iced_x86::{Code, ConditionCode, Instruction, Mnemonic, OpKind};

/// Emits the code of one instruction.
pub(super) type Template = fn(&mut Emitter, &Item);

/// One instruction's row.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub emit: Template,
    pub effects: Effects,
    /// Ends its block: the template emits where control goes.
    pub last: bool,
    /// A branch that can leave flags owed, and stores them where it cannot.
    pub settles: bool,
    /// What it has to do with vector registers.
    pub vectors: Vectors,
}

pub(super) fn straight(emit: Template, memory: bool) -> Row {
    Row::new(
        emit,
        Effects {
            exits: memory,
            cold: memory,
            clobbers: memory,
            ..Effects::default()
        },
    )
}

impl Row {
    /// A row in the middle of a block.
    pub fn new(emit: Template, effects: Effects) -> Self {
        Self {
            emit,
            effects,
            last: false,
            settles: false,
            vectors: Vectors::Keeps,
        }
    }

    fn writes(mut self, writes: Writes, leaves: Held) -> Self {
        self.effects.writes = writes;
        self.effects.merges = Held::All;
        self.effects.leaves = leaves;
        self
    }

    fn reads(mut self, reads: Held) -> Self {
        self.effects.reads = reads;
        self
    }

    fn exits(mut self) -> Self {
        self.effects.exits = true;
        self.effects.cold = true;
        self.effects.clobbers = true;
        self
    }

    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }
}

/// The handler is called in the block.
fn helper(raw: &Instruction) -> Row {
    let mut row = straight(|emitter, item| emitter.call_helper(item, false), true);
    row.vectors = Vectors::Drops;
    row.effects.cold = false;
    if modifies_flags(raw) {
        row.writes(Writes::Some, Held::Nothing)
    } else {
        row
    }
}

/// The handler is called, and the block ends.
pub(super) fn end() -> Row {
    let mut row = straight(control::handler_and_leave, true).last();
    row.effects.cold = false;
    row
}

/// The number of a condition.
pub(super) fn condition(raw: &Instruction) -> u8 {
    raw.condition_code() as u8 - ConditionCode::o as u8
}

/// The row of an instruction.
pub(super) fn row(raw: &Instruction, insn: &Insn, e: &Encoding, key: Key, host: Host) -> Row {
    if raw.code() == Code::INVALID || insn.code == Code::INVALID {
        return end();
    }
    if let Some(row) = control_row(raw, insn, key) {
        return row;
    }
    if let Some(row) = system::row(raw, key).or_else(|| calls::row(raw, key)) {
        return row;
    }
    if insn.flags.contains(InsnFlags::ENDS_BLOCK) {
        return end();
    }
    integer_row(raw, insn, e, key, host)
        .or_else(|| {
            // Engaging the vector registers calls a thunk that reads flags in memory.
            let mut row =
                vector_rows::row(raw, insn, e, key, host).or_else(|| bmi::row(raw, insn, e, key, host))?;
            row.effects.cold = false;
            Some(row)
        })
        .or_else(|| x87::row(raw, insn, e, key, host))
        .unwrap_or_else(|| helper(raw))
}

/// Near control transfers and the stack.
fn control_row(raw: &Instruction, insn: &Insn, key: Key) -> Option<Row> {
    let wide = |size: u8| key.bits == 64 && size == 8 || key.bits == 32 && size == 4;
    let flat_stack = key.stack == 8 || key.stack == 4 && key.flat;
    let near = key.flat_code && key.bits != 16;
    let branch = || Row {
        effects: Effects {
            exits: true,
            clobbers: true,
            ..Effects::default()
        },
        ..straight(control::jmp, false).last()
    };
    let with = |emit: Template| Some(Row { emit, ..branch() });
    let settles = |row: Row| Row { settles: true, ..row };
    let direct = matches!(raw.op0_kind(), OpKind::NearBranch32 | OpKind::NearBranch64);
    match raw.mnemonic() {
        Mnemonic::Jmp if direct && near => with(control::jmp).map(settles),
        _ if raw.is_jcc_short_or_near() && near && direct => {
            let row = straight(control::jcc, false).last();
            let mut row = row.reads(needed_by(condition(raw)));
            row.effects.exits = true;
            Some(settles(row))
        }
        Mnemonic::Call if direct && near && flat_stack => with(control::call),
        Mnemonic::Jmp if near && raw.is_jmp_near_indirect() && wide(insn.osize) => {
            with(control::jmp_indirect)
        }
        Mnemonic::Call if near && flat_stack && raw.is_call_near_indirect() && wide(insn.osize) => {
            with(control::call_indirect)
        }
        Mnemonic::Ret
            if near
                && flat_stack
                && matches!(
                    raw.code(),
                    Code::Retnq | Code::Retnq_imm16 | Code::Retnd | Code::Retnd_imm16
                )
                && (key.bits == 64) == matches!(raw.code(), Code::Retnq | Code::Retnq_imm16) =>
        {
            with(control::ret)
        }
        Mnemonic::Push if flat_stack => match raw.op0_kind() {
            OpKind::Register if raw.op0_register().is_gpr() && wide(insn.osize) => {
                Some(straight(stack::push_register, true))
            }
            OpKind::Register => None,
            OpKind::Memory if wide(insn.osize) => Some(straight(stack::push_memory, true)),
            OpKind::Memory => None,
            _ if matches!(
                (raw.code(), key.bits),
                (Code::Pushq_imm8 | Code::Pushq_imm32, 64) | (Code::Pushd_imm8 | Code::Pushd_imm32, 32)
            ) =>
            {
                Some(straight(stack::push_immediate, true))
            }
            _ => None,
        },
        Mnemonic::Pop
            if flat_stack
                && raw.op0_kind() == OpKind::Register
                && raw.op0_register().is_gpr()
                && wide(insn.osize) =>
        {
            Some(straight(stack::pop_register, true))
        }
        Mnemonic::Leave
            if flat_stack && matches!((raw.code(), key.bits), (Code::Leaveq, 64) | (Code::Leaved, 32)) =>
        {
            Some(straight(stack::leave, true))
        }
        _ => None,
    }
}

/// AH..BH as an operand of an instruction that also needs a REX prefix on the host cannot be encoded.
fn high_byte_conflict(raw: &Instruction, e: &Encoding) -> bool {
    let byte = |op: u32| raw.op_kind(op) == OpKind::Register && raw.op_register(op).is_gpr8();
    let any = (0..raw.op_count().min(2)).any(|op| byte(op) && high_register(raw, op));
    // Guest RSP lives in a register that needs REX.
    any && (!e.register || e.map == 1 && e.reg == 4)
}

fn high_register(raw: &Instruction, op: u32) -> bool {
    use iced_x86::Register;
    matches!(
        raw.op_register(op),
        Register::AH | Register::CH | Register::DH | Register::BH
    )
}

fn integer_row(raw: &Instruction, insn: &Insn, e: &Encoding, key: Key, host: Host) -> Option<Row> {
    let memory = insn.has_mem();
    if high_byte_conflict(raw, e) {
        return None;
    }
    if key.bits == 16 && memory && !key.flat {
        // Real mode's segments have limits to check: the interpreter does.
        return None;
    }
    let all = |emit: Template| Some(straight(emit, memory).writes(Writes::All, Held::All));
    let some = |emit: Template| Some(straight(emit, memory).writes(Writes::Some, Held::All));
    let plain = |emit: Template| Some(straight(emit, memory));
    let leaves_conditions = |mut row: Row| {
        row.effects.leaves = Held::Conditions;
        row
    };
    let size = exec::operand_size(raw);
    let register_count = |op: u32| !exec::is_immediate(raw.op_kind(op));
    match raw.mnemonic() {
        Mnemonic::Add
        | Mnemonic::Or
        | Mnemonic::And
        | Mnemonic::Sub
        | Mnemonic::Xor
        | Mnemonic::Cmp
        | Mnemonic::Test => all(integer::alu),
        Mnemonic::Adc | Mnemonic::Sbb => all(integer::alu).map(|row| row.reads(Held::Carry)),
        Mnemonic::Inc | Mnemonic::Dec => some(integer::inc_dec).map(|mut row| {
            row.effects.merges = Held::Carry;
            row
        }),
        Mnemonic::Neg => all(integer::unary),
        Mnemonic::Not => plain(integer::unary),
        Mnemonic::Mul | Mnemonic::Imul => {
            Some(straight(integer::multiply, memory).writes(Writes::All, Held::Carry))
        }
        Mnemonic::Div | Mnemonic::Idiv if size >= 4 => Some(straight(integer::divide, memory).exits()),
        Mnemonic::Mov if is_general(raw) => {
            if insn.has_mem() && e.map == 0 && matches!(e.code, 0xa0..=0xa3) && key.bits == 64 {
                return plain(integer::mov_absolute);
            }
            plain(integer::mov)
        }
        Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => plain(integer::extend),
        Mnemonic::Lea => Some(Row {
            effects: Effects {
                clobbers: integer::lea_clobbers(insn),
                ..Effects::default()
            },
            ..straight(integer::lea, false)
        }),
        Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr | Mnemonic::Sar => {
            if register_count(1) {
                // The template looks at the count again when it has shifted: RCX cannot be what it shifts.
                return if size >= 4 && !(e.register && e.rm == 1) {
                    some(integer::shift).map(leaves_conditions)
                } else {
                    None
                };
            }
            let count = raw.immediate(1) as u32 & if size == 8 { 63 } else { 31 };
            match count {
                0 => None,
                n if n > 1 && !integer::shift_flags_known(size, n) => None,
                _ => all(integer::shift).map(leaves_conditions),
            }
        }
        Mnemonic::Rol | Mnemonic::Ror if !register_count(1) && raw.immediate(1) & 31 != 0 && size >= 4 => {
            some(integer::shift)
        }
        Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc
            if !insn.flags.contains(InsnFlags::LOCK) && (!memory || !register_count(1)) =>
        {
            Some(straight(integer::bit_test, memory).writes(Writes::Some, Held::Nothing))
        }
        Mnemonic::Bswap if size >= 4 => plain(integer::bswap),
        Mnemonic::Popcnt if host.contains(Host::POPCNT) => all(integer::same_two),
        Mnemonic::Cbw | Mnemonic::Cwde | Mnemonic::Cdqe | Mnemonic::Cwd | Mnemonic::Cdq | Mnemonic::Cqo => {
            plain(integer::same_implicit)
        }
        Mnemonic::Xchg if e.map == 0 => plain(integer::xchg),
        Mnemonic::Xadd => all(integer::xadd),
        Mnemonic::Cmpxchg => all(integer::cmpxchg),
        Mnemonic::Nop
        | Mnemonic::Endbr64
        | Mnemonic::Endbr32
        | Mnemonic::Prefetchnta
        | Mnemonic::Prefetcht0
        | Mnemonic::Prefetcht1
        | Mnemonic::Prefetcht2
        | Mnemonic::Prefetchw => Some(straight(integer::nothing, false)),
        // 0F 0D has no register form: the handler raises #UD.
        Mnemonic::Reservednop => match raw.code() {
            Code::Reservednop_rm16_r16_0F0D
            | Code::Reservednop_rm32_r32_0F0D
            | Code::Reservednop_rm64_r64_0F0D => None,
            _ => Some(straight(integer::nothing, false)),
        },
        Mnemonic::Clc | Mnemonic::Stc | Mnemonic::Cmc => {
            Some(straight(integer::same_implicit, false).writes(Writes::Some, Held::All))
        }
        _ if raw.condition_code() != ConditionCode::None && e.map == 1 && e.code & 0xf0 == 0x90 => {
            Some(straight(integer::setcc, memory).reads(needed_by(condition(raw))))
        }
        _ if raw.condition_code() != ConditionCode::None && e.map == 1 && e.code & 0xf0 == 0x40 => {
            Some(straight(integer::cmovcc, memory).reads(needed_by(condition(raw))))
        }
        _ => None,
    }
}

/// Whether the handler may change status flags. A full turn of RCL or RCR changes CF for nobody, but OF, which no
/// manual defines then, is always set from the result.
pub(super) fn modifies_flags(raw: &Instruction) -> bool {
    raw.rflags_modified() != 0 || matches!(raw.mnemonic(), Mnemonic::Rcl | Mnemonic::Rcr)
}

/// MOV between general registers, memory and immediates (not to or from segment, control or debug registers).
fn is_general(raw: &Instruction) -> bool {
    (0..raw.op_count()).all(|op| raw.op_kind(op) != OpKind::Register || raw.op_register(op).is_gpr())
}
