//! Two-operand arithmetic and logic, INC, DEC, NEG, NOT.
//! SDM vol. 1, 7.3.2 and 7.3.5.

use super::{Binary, binary, by_size, operand_size};
use crate::flags::Flags;
use crate::insn::InsnFlags;
use crate::mem::Word;
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic, OpKind};

/// One of the eight classic operations, or TEST.
pub(super) trait AluOp: 'static {
    /// Whether the first operand receives the result.
    const WRITES: bool = true;
    /// The result; sets the status flags.
    fn apply<T: Word>(flags: &mut Flags, a: T, b: T) -> T;
}

#[inline(always)]
fn add<T: Word>(flags: &mut Flags, a: T, b: T, carry: u64) -> T {
    let (a, b) = (a.zext(), b.zext());
    let sum = a.wrapping_add(b).wrapping_add(carry);
    let result = T::from_u64(sum);
    flags.set_arith(T::BITS, result.sext(), a & b | (a | b) & !sum);
    result
}

#[inline(always)]
fn sub<T: Word>(flags: &mut Flags, a: T, b: T, borrow: u64) -> T {
    let (a, b) = (a.zext(), b.zext());
    let difference = a.wrapping_sub(b).wrapping_sub(borrow);
    let result = T::from_u64(difference);
    flags.set_arith(T::BITS, result.sext(), !a & b | !(a ^ b) & difference);
    result
}

#[inline(always)]
fn logic<T: Word>(flags: &mut Flags, result: u64) -> T {
    let result = T::from_u64(result);
    flags.set_logic(result.sext());
    result
}

macro_rules! operations {
    ($($name:ident $writes:literal |$flags:ident, $a:ident, $b:ident| $body:expr;)*) => { $(
        pub(super) struct $name;
        impl AluOp for $name {
            const WRITES: bool = $writes;
            #[inline(always)]
            fn apply<T: Word>($flags: &mut Flags, $a: T, $b: T) -> T {
                $body
            }
        }
    )* };
}

operations! {
    Add true |flags, a, b| add(flags, a, b, 0);
    Or true |flags, a, b| logic(flags, a.zext() | b.zext());
    Adc true |flags, a, b| { let carry = u64::from(flags.cf()); add(flags, a, b, carry) };
    Sbb true |flags, a, b| { let borrow = u64::from(flags.cf()); sub(flags, a, b, borrow) };
    And true |flags, a, b| logic(flags, a.zext() & b.zext());
    Sub true |flags, a, b| sub(flags, a, b, 0);
    Xor true |flags, a, b| logic(flags, a.zext() ^ b.zext());
    Cmp false |flags, a, b| sub(flags, a, b, 0);
    Test false |flags, a, b| logic(flags, a.zext() & b.zext());
}

fn rr<O: AluOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (a, b) = (cpu.reg::<T>(insn.reg[0]), cpu.reg::<T>(insn.reg[1]));
    let result = O::apply(&mut cpu.state.flags, a, b);
    if O::WRITES {
        cpu.set_reg(insn.reg[0], result);
    }
    Ok(())
}

fn ri<O: AluOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.reg::<T>(insn.reg[0]);
    let result = O::apply(&mut cpu.state.flags, a, T::from_u64(insn.imm));
    if O::WRITES {
        cpu.set_reg(insn.reg[0], result);
    }
    Ok(())
}

fn rm<O: AluOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let b = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    let a = cpu.reg::<T>(insn.reg[0]);
    let result = O::apply(&mut cpu.state.flags, a, b);
    if O::WRITES {
        cpu.set_reg(insn.reg[0], result);
    }
    Ok(())
}

#[inline(always)]
fn to_memory<O: AluOp, T: Word>(cpu: &mut Vcpu, insn: &Insn, b: T) -> Exec {
    let offset = cpu.ea(insn);
    let mut flags = cpu.state.flags;
    if O::WRITES {
        let lock = insn.flags.contains(InsnFlags::LOCK);
        flags = cpu.rmw::<T, _>(insn.mem.seg, offset, lock, |a| {
            let mut flags = flags;
            let result = O::apply(&mut flags, a, b);
            (result, flags)
        })?;
    } else {
        let a = cpu.read::<T>(insn.mem.seg, offset)?;
        O::apply(&mut flags, a, b);
    }
    cpu.state.flags = flags;
    Ok(())
}

fn mr<O: AluOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    to_memory::<O, T>(cpu, insn, cpu.reg(insn.reg[1]))
}

fn mi<O: AluOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    to_memory::<O, T>(cpu, insn, T::from_u64(insn.imm))
}

fn select<O: AluOp>(raw: &Instruction) -> Option<Handler> {
    let size = operand_size(raw);
    Some(match binary(raw)? {
        Binary::RegReg => by_size!(size, rr::<O>),
        Binary::RegImm => by_size!(size, ri::<O>),
        Binary::RegMem => by_size!(size, rm::<O>),
        Binary::MemReg => by_size!(size, mr::<O>),
        Binary::MemImm => by_size!(size, mi::<O>),
    })
}

/// One-operand operations.
trait Unary: 'static {
    fn apply<T: Word>(flags: &mut Flags, a: T) -> T;
}

macro_rules! unary {
    ($($name:ident |$flags:ident, $a:ident| $body:expr;)*) => { $(
        struct $name;
        impl Unary for $name {
            #[inline(always)]
            fn apply<T: Word>($flags: &mut Flags, $a: T) -> T {
                $body
            }
        }
    )* };
}

unary! {
    Inc |flags, a| {
        let a = a.zext();
        let result = T::from_u64(a.wrapping_add(1));
        flags.set_arith_keep_cf(T::BITS, result.sext(), a & !a.wrapping_add(1));
        result
    };
    Dec |flags, a| {
        let a = a.zext();
        let result = T::from_u64(a.wrapping_sub(1));
        flags.set_arith_keep_cf(T::BITS, result.sext(), !a & a.wrapping_sub(1));
        result
    };
    Neg |flags, a| sub(flags, T::from_u64(0), a, 0);
    Not |_flags, a| T::from_u64(!a.zext());
}

fn unary_r<O: Unary, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.reg::<T>(insn.reg[0]);
    let result = O::apply(&mut cpu.state.flags, a);
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

fn unary_m<O: Unary, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    let flags = cpu.state.flags;
    let lock = insn.flags.contains(InsnFlags::LOCK);
    cpu.state.flags = cpu.rmw::<T, _>(insn.mem.seg, offset, lock, |a| {
        let mut flags = flags;
        let result = O::apply(&mut flags, a);
        (result, flags)
    })?;
    Ok(())
}

fn select_unary<O: Unary>(raw: &Instruction) -> Handler {
    let size = operand_size(raw);
    if raw.op0_kind() == OpKind::Memory {
        by_size!(size, unary_m::<O>)
    } else {
        by_size!(size, unary_r::<O>)
    }
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    match raw.mnemonic() {
        Mnemonic::Add => select::<Add>(raw),
        Mnemonic::Or => select::<Or>(raw),
        Mnemonic::Adc => select::<Adc>(raw),
        Mnemonic::Sbb => select::<Sbb>(raw),
        Mnemonic::And => select::<And>(raw),
        Mnemonic::Sub => select::<Sub>(raw),
        Mnemonic::Xor => select::<Xor>(raw),
        Mnemonic::Cmp => select::<Cmp>(raw),
        Mnemonic::Test => select::<Test>(raw),
        Mnemonic::Inc => Some(select_unary::<Inc>(raw)),
        Mnemonic::Dec => Some(select_unary::<Dec>(raw)),
        Mnemonic::Neg => Some(select_unary::<Neg>(raw)),
        Mnemonic::Not => Some(select_unary::<Not>(raw)),
        _ => None,
    }
}
