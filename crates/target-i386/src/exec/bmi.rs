//! BMI1 and BMI2: ANDN, BEXTR, BLSI, BLSMSK, BLSR, BZHI, MULX, PDEP, PEXT, RORX, SARX, SHLX, SHRX.
//! SDM vol. 1, 7.3.17 and 7.3.18. Flags that are undefined (PF and AF, and SF
//! of BEXTR) are clear.

use super::operand_size;
use crate::flags::bit;
use crate::mem::Word;
use crate::state::gpr::RDX;
use crate::{Exec, Fault, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic, OpKind};

/// Operand `op`, which may be the memory operand.
#[inline(always)]
fn operand<T: Word>(cpu: &mut Vcpu, insn: &Insn, op: usize) -> Result<T, Fault> {
    if insn.has_mem() {
        cpu.read::<T>(insn.mem.seg, cpu.ea(insn))
    } else {
        Ok(cpu.reg::<T>(insn.reg[op]))
    }
}

/// The flags of a result: ZF, perhaps SF, CF as given, the others clear.
#[inline(always)]
fn set_flags<T: Word>(cpu: &mut Vcpu, result: T, sign: bool, cf: bool) {
    let value = result.sext() as i64;
    let flag = |set: bool, mask: u64| if set { mask } else { 0 };
    cpu.state
        .flags
        .set_status(flag(value == 0, bit::ZF) | flag(sign && value < 0, bit::SF) | flag(cf, bit::CF));
}

fn andn<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let b = operand::<T>(cpu, insn, 2)?;
    let result = T::from_u64(!cpu.reg::<T>(insn.reg[1]).zext() & b.zext());
    set_flags(cpu, result, true, false);
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

fn bextr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = operand::<T>(cpu, insn, 1)?.zext();
    let control = cpu.reg::<T>(insn.reg[2]).zext();
    let (start, len) = (control as u32 & 0xff, control as u32 >> 8 & 0xff);
    let shifted = a.checked_shr(start).unwrap_or(0);
    let result = T::from_u64(if len < 64 {
        shifted & ((1 << len) - 1)
    } else {
        shifted
    });
    set_flags(cpu, result, false, false);
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

/// BLSI (0), BLSMSK (1), BLSR (2).
fn bls<T: Word, const KIND: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = operand::<T>(cpu, insn, 1)?.zext();
    let (result, cf) = match KIND {
        0 => (a & a.wrapping_neg(), a != 0),
        1 => (a ^ a.wrapping_sub(1), a == 0),
        _ => (a & a.wrapping_sub(1), a == 0),
    };
    let result = T::from_u64(result);
    set_flags(cpu, result, true, cf);
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

fn bzhi<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = operand::<T>(cpu, insn, 1)?.zext();
    let index = cpu.reg::<T>(insn.reg[2]).zext() as u32 & 0xff;
    let cf = index >= T::BITS;
    let result = T::from_u64(if cf { a } else { a & ((1 << index) - 1) });
    set_flags(cpu, result, true, cf);
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

fn mulx<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let b = operand::<T>(cpu, insn, 2)?;
    let product = u128::from(cpu.reg::<T>(RDX as u8).zext()) * u128::from(b.zext());
    // Equal destinations receive the high half.
    cpu.set_reg(insn.reg[1], T::from_u64(product as u64));
    cpu.set_reg(insn.reg[0], T::from_u64((product >> T::BITS) as u64));
    Ok(())
}

fn pdep<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let mut mask = operand::<T>(cpu, insn, 2)?.zext();
    let mut source = cpu.reg::<T>(insn.reg[1]).zext();
    let mut result = 0;
    while mask != 0 {
        if source & 1 != 0 {
            result |= mask & mask.wrapping_neg();
        }
        source >>= 1;
        mask &= mask - 1;
    }
    cpu.set_reg(insn.reg[0], T::from_u64(result));
    Ok(())
}

fn pext<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let mut mask = operand::<T>(cpu, insn, 2)?.zext();
    let source = cpu.reg::<T>(insn.reg[1]).zext();
    let (mut result, mut to) = (0, 0u32);
    while mask != 0 {
        if source & mask & mask.wrapping_neg() != 0 {
            result |= 1u64 << to;
        }
        to += 1;
        mask &= mask - 1;
    }
    cpu.set_reg(insn.reg[0], T::from_u64(result));
    Ok(())
}

fn rorx<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = operand::<T>(cpu, insn, 1)?.zext();
    let by = insn.imm as u32 & (T::BITS - 1);
    let result = if by == 0 { a } else { a >> by | a << (T::BITS - by) };
    cpu.set_reg(insn.reg[0], T::from_u64(result));
    Ok(())
}

/// SARX (0), SHLX (1), SHRX (2).
fn shiftx<T: Word, const KIND: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = operand::<T>(cpu, insn, 1)?;
    let by = cpu.reg::<T>(insn.reg[2]).zext() as u32 & (T::BITS - 1);
    let result = match KIND {
        0 => (a.sext() as i64 >> by) as u64,
        1 => a.zext() << by,
        _ => a.zext() >> by,
    };
    cpu.set_reg(insn.reg[0], T::from_u64(result));
    Ok(())
}

macro_rules! by_vex_size {
    ($size:expr, $f:ident $(, $kind:literal)?) => {
        if $size == 4 { $f::<u32 $(, $kind)?> as Handler } else { $f::<u64 $(, $kind)?> as Handler }
    };
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = if raw.op0_kind() == OpKind::Register {
        operand_size(raw)
    } else {
        0
    };
    Some(match raw.mnemonic() {
        Mnemonic::Andn => by_vex_size!(size, andn),
        Mnemonic::Bextr => by_vex_size!(size, bextr),
        Mnemonic::Blsi => by_vex_size!(size, bls, 0),
        Mnemonic::Blsmsk => by_vex_size!(size, bls, 1),
        Mnemonic::Blsr => by_vex_size!(size, bls, 2),
        Mnemonic::Bzhi => by_vex_size!(size, bzhi),
        Mnemonic::Mulx => by_vex_size!(size, mulx),
        Mnemonic::Pdep => by_vex_size!(size, pdep),
        Mnemonic::Pext => by_vex_size!(size, pext),
        Mnemonic::Rorx => by_vex_size!(size, rorx),
        Mnemonic::Sarx => by_vex_size!(size, shiftx, 0),
        Mnemonic::Shlx => by_vex_size!(size, shiftx, 1),
        Mnemonic::Shrx => by_vex_size!(size, shiftx, 2),
        _ => return None,
    })
}
