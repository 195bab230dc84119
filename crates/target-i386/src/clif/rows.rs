//! The table: which lowering an instruction has. One without a row ends its region.

use super::integer as int;
use super::lower::Lower;
use super::region::Item;
use crate::Insn;
use crate::exec;
use crate::insn::{InsnFlags, seg};
use crate::jit::Key;
use iced_x86::{Code, ConditionCode, Instruction, Mnemonic, OpKind};

/// Lowers one instruction.
pub(super) type Row = fn(&mut Lower<'_>, &Item);

/// Whether regions are made in a mode at all: 64-bit code, and 32-bit code with flat segments.
pub(super) fn mode_fits(key: Key) -> bool {
    let flat = key.bits == 32 && key.flat && key.stack == 4 && !key.real_like;
    key.flat_code && (key.bits == 64 && key.stack == 8 || flat)
}

/// The row of an instruction.
pub(super) fn row(raw: &Instruction, insn: &Insn, key: Key) -> Option<Row> {
    if raw.code() == Code::INVALID
        || insn.code == Code::INVALID
        || insn.flags.intersects(InsnFlags::LOCK | InsnFlags::RECHECK)
    {
        return None;
    }
    if matches!(raw.op0_kind(), OpKind::NearBranch32 | OpKind::NearBranch64) {
        let jump = raw.mnemonic() == Mnemonic::Jmp || raw.is_jcc_short_or_near();
        return jump.then_some(int::nothing as Row);
    }
    if insn.flags.contains(InsnFlags::ENDS_BLOCK)
        || !general(raw)
        || insn.has_mem() && !memory_fits(insn, key)
    {
        return None;
    }
    let memory = insn.has_mem();
    let size = exec::operand_size(raw);
    let immediate = |op: u32| exec::is_immediate(raw.op_kind(op));
    let wide = (key.bits / 8) as u8;
    let row: Row = match raw.mnemonic() {
        Mnemonic::Mov if !is_moffs(raw.code()) => int::mov,
        Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => int::extend,
        Mnemonic::Lea if insn.mem.asize >= 4 => int::lea,
        Mnemonic::Add
        | Mnemonic::Sub
        | Mnemonic::Cmp
        | Mnemonic::And
        | Mnemonic::Or
        | Mnemonic::Xor
        | Mnemonic::Test
        | Mnemonic::Adc
        | Mnemonic::Sbb => int::alu,
        Mnemonic::Inc | Mnemonic::Dec | Mnemonic::Neg | Mnemonic::Not => int::unary,
        Mnemonic::Imul if raw.op_count() > 1 && size >= 4 => int::multiply,
        Mnemonic::Mul | Mnemonic::Imul if raw.op_count() == 1 && size >= 4 => int::wide_multiply,
        Mnemonic::Movbe => int::mov_swapped,
        Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr | Mnemonic::Sar if immediate(1) => {
            let count = raw.immediate(1) as usize & if size == 8 { 63 } else { 31 };
            if count == 0 || count >= 8 * size {
                return None;
            }
            int::shift
        }
        Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr | Mnemonic::Sar if size >= 4 => int::shift,
        Mnemonic::Push if insn.osize == wide || immediate(0) && pushes(raw.code(), wide) => int::push,
        Mnemonic::Push if memory && raw.memory_size().size() == usize::from(wide) => int::push,
        Mnemonic::Pop if !memory && insn.osize == wide => int::pop,
        Mnemonic::Bswap if size >= 4 => int::bswap,
        Mnemonic::Cwde | Mnemonic::Cdqe | Mnemonic::Cdq | Mnemonic::Cqo => int::sign_extend,
        Mnemonic::Xchg if !memory => int::exchange,
        Mnemonic::Nop | Mnemonic::Endbr32 | Mnemonic::Endbr64 => int::nothing,
        // Branches are not here any more.
        _ if raw.condition_code() != ConditionCode::None && raw.op_count() == 1 => int::setcc,
        _ if raw.condition_code() != ConditionCode::None && raw.op_count() == 2 => int::cmovcc,
        _ => return None,
    };
    Some(row)
}

/// Immediate forms of PUSH with the stack's size.
fn pushes(code: Code, wide: u8) -> bool {
    match wide {
        8 => matches!(code, Code::Pushq_imm8 | Code::Pushq_imm32),
        _ => matches!(code, Code::Pushd_imm8 | Code::Pushd_imm32),
    }
}

fn is_moffs(code: Code) -> bool {
    matches!(
        code,
        Code::Mov_AL_moffs8
            | Code::Mov_AX_moffs16
            | Code::Mov_EAX_moffs32
            | Code::Mov_RAX_moffs64
            | Code::Mov_moffs8_AL
            | Code::Mov_moffs16_AX
            | Code::Mov_moffs32_EAX
            | Code::Mov_moffs64_RAX
    )
}

/// The number of a condition.
pub(super) fn condition(raw: &Instruction) -> u8 {
    raw.condition_code() as u8 - ConditionCode::o as u8
}

/// Whether register operands are general registers.
fn general(raw: &Instruction) -> bool {
    (0..raw.op_count()).all(|op| match raw.op_kind(op) {
        OpKind::Register => raw.op_register(op).is_gpr(),
        _ => true,
    })
}

/// Whether a region can form the address: no segment with limits, no 16-bit addresses.
fn memory_fits(insn: &Insn, key: Key) -> bool {
    let mem = insn.mem;
    mem.asize >= 4 && (key.bits == 64 || mem.asize == 4 && matches!(mem.seg, seg::DS | seg::ES | seg::SS))
}
