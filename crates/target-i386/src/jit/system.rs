//! System instructions that kernels execute all the time and that need no Rust: CLI, STI, PUSHFQ, reads of segment
//! registers.

use super::asm::{Op, Rm, alu, cc, env, op32, op64};
use super::block::{Emitter, Item};
use super::env::{Key, at};
use super::plan::Effects;
use super::regs::{S0, S1, host};
use super::rows::{Row, Template};
use crate::flags::bit;
use iced_x86::{Code, Instruction};

/// OR in the opcode map.
const OR: u8 = 1;

/// The row of a system instruction that has one.
pub(super) fn row(raw: &Instruction, key: Key) -> Option<Row> {
    let row = |emit: Template, exits: bool| {
        Some(Row::new(
            emit,
            Effects {
                exits,
                clobbers: exits,
                ..Effects::default()
            },
        ))
    };
    match raw.code() {
        Code::Mov_r32m16_Sreg | Code::Mov_r64m16_Sreg if raw.op0_kind() == iced_x86::OpKind::Register => {
            row(read_segment, false)
        }
        Code::Pushfq if key.stack == 8 => row(pushfq, true),
        Code::Cli if key.bits == 64 => row(cli, true),
        Code::Sti if key.bits == 64 => row(sti, true),
        _ => None,
    }
}

/// MOV of a segment register to a general one, zero-extended.
fn read_segment(emitter: &mut Emitter, item: &Item) {
    let to = host(item.e.rm).unwrap_or(S0);
    let movzx = Op { map: 1, ..op32(0xb7) };
    emitter.asm.op(movzx, to, env(at::selector(item.insn.reg[1])));
    if to == S0 {
        emitter.asm.store(env(at::gpr(item.e.rm)), S0);
    }
}

/// PUSHFQ: status flags from their packed form, the others from `CpuState`; RF and VM read as zero.
fn pushfq(emitter: &mut Emitter, _: &Item) {
    let movzx_byte = Op { map: 1, ..op32(0xb6) };
    let asm = &mut emitter.asm;
    asm.op(movzx_byte, S1, env(at::FLAGS));
    asm.shift_imm(4, S1, bit::OF.trailing_zeros() as u8, false);
    asm.op(movzx_byte, S0, env(at::FLAGS + 1));
    asm.alu_imm(alu::AND, Rm::Reg(S0), 0xd5, false);
    asm.op(op64(0x0b), S1, Rm::Reg(S0));
    asm.op(op64(0x0b), S1, env(at::control_flags()));
    asm.alu_imm(alu::AND, Rm::Reg(S1), !(bit::RF | bit::VM) as i32, true);
    asm.store(env(at::SCRATCH), S1);
    emitter.probe_push();
    emitter.asm.load(S1, env(at::SCRATCH));
    emitter.store_slot(S1);
    emitter.move_stack(-8);
}

/// STI at CPL 0 with no request pending. Its shadow then keeps nothing out, and nobody can see it: a block does not end
/// behind an STI ([`needs_successor`]), and an exit at the next instruction is an exit into the interpreter, which
/// completes that one before it looks at anything.
fn sti(emitter: &mut Emitter, _: &Item) {
    emitter.asm.op(op32(0x80), alu::CMP, env(at::cpl()));
    emitter.asm.byte(0);
    let other_level = emitter.asm.jcc(cc::NZ);
    emitter.leave_before(other_level);
    emitter.asm.load(S0, env(at::PENDING));
    emitter.asm.alu_imm(alu::CMP, Rm::Base(S0, 0), 0, false);
    let pending = emitter.asm.jcc(cc::NZ);
    emitter.leave_before(pending);
    emitter.asm.op(op64(0x81), OR, env(at::control_flags()));
    emitter.asm.imm32(bit::IF as i32);
    emitter.clobber();
}

/// Whether the instruction cannot be the last of its block.
pub(super) fn needs_successor(raw: &Instruction) -> bool {
    raw.code() == Code::Sti
}

/// CLI at CPL 0; else the interpreter, which knows IOPL and virtual interrupts.
fn cli(emitter: &mut Emitter, _: &Item) {
    emitter.asm.op(op32(0x80), alu::CMP, env(at::cpl()));
    emitter.asm.byte(0);
    let from = emitter.asm.jcc(cc::NZ);
    emitter.leave_before(from);
    emitter
        .asm
        .alu_imm(alu::AND, env(at::control_flags()), !(bit::IF as i32), true);
    emitter.clobber();
}
