//! XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B.
//! SDM vol. 3A, 9.1.2 (locked operations). XCHG with memory locks by itself; a failing compare still writes.

use super::{by_size, operand_size};
use crate::flags::Flags;
use crate::insn::InsnFlags;
use crate::mem::Word;
use crate::state::gpr::{RAX, RBX, RCX, RDX};
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

use super::alu::{Add, AluOp, Cmp};

fn xchg_rr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (a, b) = (cpu.reg::<T>(insn.reg[0]), cpu.reg::<T>(insn.reg[1]));
    cpu.set_reg(insn.reg[0], b);
    cpu.set_reg(insn.reg[1], a);
    Ok(())
}

fn xchg_mr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    let value = cpu.reg::<T>(insn.reg[1]);
    let old = cpu.rmw::<T, _>(insn.mem.seg, offset, true, |old| (value, old))?;
    cpu.set_reg(insn.reg[1], old);
    Ok(())
}

fn xadd_rr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (a, b) = (cpu.reg::<T>(insn.reg[0]), cpu.reg::<T>(insn.reg[1]));
    let sum = Add::apply(&mut cpu.state.flags, a, b);
    cpu.set_reg(insn.reg[1], a);
    cpu.set_reg(insn.reg[0], sum);
    Ok(())
}

fn xadd_mr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    let b = cpu.reg::<T>(insn.reg[1]);
    let lock = insn.flags.contains(InsnFlags::LOCK);
    let flags = cpu.state.flags;
    let (old, flags) = cpu.rmw::<T, _>(insn.mem.seg, offset, lock, |a| {
        let mut flags: Flags = flags;
        let sum = Add::apply(&mut flags, a, b);
        (sum, (a, flags))
    })?;
    cpu.state.flags = flags;
    cpu.set_reg(insn.reg[1], old);
    Ok(())
}

fn cmpxchg_rr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (old, accumulator) = (cpu.reg::<T>(insn.reg[0]), cpu.reg::<T>(RAX as u8));
    Cmp::apply(&mut cpu.state.flags, accumulator, old);
    if old == accumulator {
        let value = cpu.reg::<T>(insn.reg[1]);
        cpu.set_reg(insn.reg[0], value);
    } else {
        // The destination register is not written, not even its upper half cleared.
        cpu.set_reg(RAX as u8, old);
    }
    Ok(())
}

fn cmpxchg_mr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    let lock = insn.flags.contains(InsnFlags::LOCK);
    let (new, accumulator) = (cpu.reg::<T>(insn.reg[1]), cpu.reg::<T>(RAX as u8));
    let old = cpu.rmw::<T, _>(insn.mem.seg, offset, lock, |old| {
        (if old == accumulator { new } else { old }, old)
    })?;
    Cmp::apply(&mut cpu.state.flags, accumulator, old);
    if old != accumulator {
        cpu.set_reg(RAX as u8, old);
    }
    Ok(())
}

fn cmpxchg8b(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    let lock = insn.flags.contains(InsnFlags::LOCK);
    let pair = |cpu: &Vcpu, high: usize, low: usize| {
        u64::from(cpu.reg::<u32>(high as u8)) << 32 | u64::from(cpu.reg::<u32>(low as u8))
    };
    let (expected, new) = (pair(cpu, RDX, RAX), pair(cpu, RCX, RBX));
    let old = cpu.rmw::<u64, _>(insn.mem.seg, offset, lock, |old| {
        (if old == expected { new } else { old }, old)
    })?;
    cpu.state.flags.set_zf(old == expected);
    if old != expected {
        cpu.set_reg(RAX as u8, old as u32);
        cpu.set_reg(RDX as u8, (old >> 32) as u32);
    }
    Ok(())
}

fn cmpxchg16b(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    cpu.aligned(insn.mem.seg, offset, 16)?;
    let lock = insn.flags.contains(InsnFlags::LOCK);
    let gpr = &cpu.state.gpr;
    let pair = |high: usize, low: usize| u128::from(gpr[high]) << 64 | u128::from(gpr[low]);
    let (expected, new) = (pair(RDX, RAX), pair(RCX, RBX));
    let old = cpu.rmw::<u128, _>(insn.mem.seg, offset, lock, |old| {
        (if old == expected { new } else { old }, old)
    })?;
    cpu.state.flags.set_zf(old == expected);
    if old != expected {
        cpu.set_reg(RAX as u8, old as u64);
        cpu.set_reg(RDX as u8, (old >> 64) as u64);
    }
    Ok(())
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = operand_size(raw);
    let register = raw.op0_kind() == OpKind::Register;
    Some(match (raw.mnemonic(), register) {
        (Mnemonic::Xchg, true) => by_size!(size, xchg_rr),
        (Mnemonic::Xchg, false) => by_size!(size, xchg_mr),
        (Mnemonic::Xadd, true) => by_size!(size, xadd_rr),
        (Mnemonic::Xadd, false) => by_size!(size, xadd_mr),
        (Mnemonic::Cmpxchg, true) => by_size!(size, cmpxchg_rr),
        (Mnemonic::Cmpxchg, false) => by_size!(size, cmpxchg_mr),
        (Mnemonic::Cmpxchg8b, _) if raw.code() == Code::Cmpxchg8b_m64 => cmpxchg8b,
        (Mnemonic::Cmpxchg16b, _) => cmpxchg16b,
        _ => return None,
    })
}
