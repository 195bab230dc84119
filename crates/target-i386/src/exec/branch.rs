//! Near JMP, CALL, RET, Jcc, LOOP, JCXZ.
//! SDM vol. 1, 7.3.8. Far forms are the system code's.

use super::by_condition;
use crate::insn::seg;
use crate::mem::Word;
use crate::state::gpr::RCX;
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Code, ConditionCode, Instruction, Mnemonic, OpKind};

/// Where a relative branch goes: truncated to the operand size.
#[inline(always)]
fn target<T: Word>(cpu: &Vcpu, insn: &Insn) -> u64 {
    T::from_u64(cpu.state.rip.wrapping_add(insn.imm)).zext()
}

fn jmp<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let to = target::<T>(cpu, insn);
    cpu.jump(to)
}

fn jcc<T: Word, const C: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    if cpu.state.flags.condition(C) {
        cpu.jump(target::<T>(cpu, insn))
    } else {
        Ok(())
    }
}

fn call<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let to = target::<T>(cpu, insn);
    call_to::<T>(cpu, to)
}

#[inline(always)]
fn call_to<T: Word>(cpu: &mut Vcpu, to: u64) -> Exec {
    if let Err(fault) = cpu.check_target(to) {
        // A stack that cannot take the return address is found first.
        let sp = cpu.sp().wrapping_sub(T::SIZE) & cpu.mode.stack_mask;
        cpu.probe_write(seg::SS, sp, T::SIZE)?;
        return Err(fault);
    }
    cpu.push(T::from_u64(cpu.state.rip))?;
    cpu.state.rip = to;
    Ok(())
}

fn jmp_r<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let to = cpu.reg::<T>(insn.reg[0]).zext();
    cpu.jump(to)
}

fn jmp_m<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let to = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?.zext();
    cpu.jump(to)
}

fn call_r<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let to = cpu.reg::<T>(insn.reg[0]).zext();
    call_to::<T>(cpu, to)
}

fn call_m<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let to = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?.zext();
    call_to::<T>(cpu, to)
}

/// RET, and RET n with the bytes to drop in the immediate.
fn ret<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let sp = cpu.sp();
    let to = cpu.read::<T>(seg::SS, sp)?.zext();
    cpu.check_target(to)?;
    cpu.set_sp(sp.wrapping_add(T::SIZE).wrapping_add(insn.imm));
    cpu.state.rip = to;
    Ok(())
}

#[inline(always)]
fn count_mask(insn: &Insn) -> u64 {
    u64::MAX >> (insn.mem.trunc & 63)
}

/// Writes CX, ECX or RCX by address size.
#[inline(always)]
fn set_count(cpu: &mut Vcpu, insn: &Insn, value: u64) {
    match insn.mem.asize {
        2 => cpu.set_reg(RCX as u8, value as u16),
        4 => cpu.set_reg(RCX as u8, value as u32),
        _ => cpu.set_reg(RCX as u8, value),
    }
}

/// LOOP (2), LOOPE (1), LOOPNE (0) by the constant; the count register by the address size.
fn loop_<T: Word, const KIND: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let count = cpu.state.gpr[RCX].wrapping_sub(1) & count_mask(insn);
    let zf = cpu.state.flags.zf();
    let taken = count != 0 && (KIND == 2 || zf == (KIND == 1));
    if taken {
        let to = target::<T>(cpu, insn);
        cpu.jump(to)?;
    }
    set_count(cpu, insn, count);
    Ok(())
}

fn jcxz<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    if cpu.state.gpr[RCX] & count_mask(insn) == 0 {
        cpu.jump(target::<T>(cpu, insn))
    } else {
        Ok(())
    }
}

macro_rules! by_branch_size {
    ($size:expr, $f:ident $(::<$($arg:tt),*>)?) => {
        match $size {
            2 => $f::<u16 $($(, $arg)*)?> as Handler,
            4 => $f::<u32 $($(, $arg)*)?> as Handler,
            _ => $f::<u64 $($(, $arg)*)?> as Handler,
        }
    };
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = match raw.op0_kind() {
        OpKind::NearBranch16 => 2,
        OpKind::NearBranch32 => 4,
        OpKind::NearBranch64 => 8,
        OpKind::Register => raw.op0_register().size(),
        _ => raw.memory_size().size(),
    };
    let relative = matches!(
        raw.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    let register = raw.op0_kind() == OpKind::Register;
    Some(match raw.mnemonic() {
        Mnemonic::Jmp if relative => by_branch_size!(size, jmp),
        Mnemonic::Call if relative => by_branch_size!(size, call),
        Mnemonic::Jmp if register => by_branch_size!(size, jmp_r),
        Mnemonic::Call if register => by_branch_size!(size, call_r),
        Mnemonic::Jmp if raw.is_jmp_near_indirect() => by_branch_size!(size, jmp_m),
        Mnemonic::Call if raw.is_call_near_indirect() => by_branch_size!(size, call_m),
        Mnemonic::Ret => match raw.code() {
            Code::Retnw | Code::Retnw_imm16 => ret::<u16>,
            Code::Retnd | Code::Retnd_imm16 => ret::<u32>,
            _ => ret::<u64>,
        },
        Mnemonic::Loop => by_branch_size!(size, loop_::<2>),
        Mnemonic::Loope => by_branch_size!(size, loop_::<1>),
        Mnemonic::Loopne => by_branch_size!(size, loop_::<0>),
        Mnemonic::Jcxz | Mnemonic::Jecxz | Mnemonic::Jrcxz => by_branch_size!(size, jcxz),
        _ if raw.is_jcc_short_or_near() => {
            let code = raw.condition_code() as u8 - ConditionCode::o as u8;
            match size {
                2 => by_condition!(code, jcc::<u16>),
                4 => by_condition!(code, jcc::<u32>),
                _ => by_condition!(code, jcc::<u64>),
            }
        }
        _ => return None,
    })
}
