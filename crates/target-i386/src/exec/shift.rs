//! Shifts and rotates, SHLD and SHRD.
//!
//! Counts are masked to 5 bits (6 for 64-bit operands); a masked count of zero changes no flag. OF, undefined for
//! counts above one, is computed as for one, from the final result, as current CPUs do. SDM vol. 1, 7.3.6.

use super::{by_size, is_immediate, operand_size};
use crate::flags::Flags;
use crate::mem::Word;
use crate::state::gpr::RCX;
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic, OpKind};

trait ShiftOp: 'static {
    /// `count` is masked and not zero.
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T;
}

#[inline(always)]
fn bit(value: u64, n: u32) -> bool {
    n < 64 && value >> n & 1 != 0
}

#[inline(always)]
fn top<T: Word>(value: T) -> bool {
    value.zext() >> (T::BITS - 1) & 1 != 0
}

struct Shl;
impl ShiftOp for Shl {
    #[inline(always)]
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let wide = a.zext();
        let result = T::from_u64(wide.checked_shl(count).unwrap_or(0));
        let cf = count <= T::BITS && bit(wide, T::BITS - count.min(T::BITS));
        flags.set_result_cf_of(result.sext(), cf, cf != top(result));
        result
    }
}

struct Shr;
impl ShiftOp for Shr {
    #[inline(always)]
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let wide = a.zext();
        let result = T::from_u64(wide >> count);
        let of = top(result) != (bit(result.zext(), T::BITS - 2));
        flags.set_result_cf_of(result.sext(), bit(wide, count - 1), of);
        result
    }
}

struct Sar;
impl ShiftOp for Sar {
    #[inline(always)]
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let wide = a.sext() as i64;
        let result = T::from_u64((wide >> count) as u64);
        flags.set_result_cf_of(result.sext(), wide >> (count - 1) & 1 != 0, false);
        result
    }
}

struct Rol;
impl ShiftOp for Rol {
    #[inline(always)]
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let (wide, by) = (a.zext(), count % T::BITS);
        let result = if by == 0 {
            a
        } else {
            T::from_u64(wide << by | wide >> (T::BITS - by))
        };
        let cf = result.zext() & 1 != 0;
        flags.set_cf_of(cf, cf != top(result));
        result
    }
}

struct Ror;
impl ShiftOp for Ror {
    #[inline(always)]
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let (wide, by) = (a.zext(), count % T::BITS);
        let result = if by == 0 {
            a
        } else {
            T::from_u64(wide >> by | wide << (T::BITS - by))
        };
        let cf = top(result);
        flags.set_cf_of(cf, cf != bit(result.zext(), T::BITS - 2));
        result
    }
}

/// The operand with CF above its top bit.
#[inline(always)]
fn with_carry<T: Word>(flags: &Flags, a: T) -> u128 {
    u128::from(a.zext()) | u128::from(flags.cf()) << T::BITS
}

/// Rotates the low `bits` bits left by less than `bits`.
#[inline(always)]
fn rotate(value: u128, bits: u32, by: u32) -> u128 {
    let mask = (1u128 << bits) - 1;
    if by == 0 {
        value
    } else {
        (value << by | value >> (bits - by)) & mask
    }
}

struct Rcl;
impl ShiftOp for Rcl {
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let bits = T::BITS + 1;
        let value = rotate(with_carry(flags, a), bits, count % bits);
        let result = T::from_u64(value as u64);
        let cf = value >> T::BITS & 1 != 0;
        flags.set_cf_of(cf, cf != top(result));
        result
    }
}

struct Rcr;
impl ShiftOp for Rcr {
    fn apply<T: Word>(flags: &mut Flags, a: T, count: u32) -> T {
        let bits = T::BITS + 1;
        let value = rotate(with_carry(flags, a), bits, (bits - count % bits) % bits);
        let result = T::from_u64(value as u64);
        let cf = value >> T::BITS & 1 != 0;
        flags.set_cf_of(cf, top(result) != bit(result.zext(), T::BITS - 2));
        result
    }
}

#[inline(always)]
fn masked<T: Word>(count: u64) -> u32 {
    count as u32 & if T::BITS == 64 { 63 } else { 31 }
}

#[inline(always)]
fn register<O: ShiftOp, T: Word>(cpu: &mut Vcpu, insn: &Insn, count: u64) -> Exec {
    let count = masked::<T>(count);
    let a = cpu.reg::<T>(insn.reg[0]);
    // A 32-bit register is written, hence its upper half cleared, even by a count of zero.
    let result = if count == 0 {
        a
    } else {
        O::apply(&mut cpu.state.flags, a, count)
    };
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

#[inline(always)]
fn memory<O: ShiftOp, T: Word>(cpu: &mut Vcpu, insn: &Insn, count: u64) -> Exec {
    let count = masked::<T>(count);
    let offset = cpu.ea(insn);
    let flags = cpu.state.flags;
    cpu.state.flags = cpu.rmw::<T, _>(insn.mem.seg, offset, false, |a| {
        let mut flags = flags;
        let result = if count == 0 {
            a
        } else {
            O::apply(&mut flags, a, count)
        };
        (result, flags)
    })?;
    Ok(())
}

fn r_imm<O: ShiftOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    register::<O, T>(cpu, insn, insn.imm)
}

fn r_cl<O: ShiftOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let count = cpu.state.gpr[RCX] & 0xff;
    register::<O, T>(cpu, insn, count)
}

fn m_imm<O: ShiftOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    memory::<O, T>(cpu, insn, insn.imm)
}

fn m_cl<O: ShiftOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let count = cpu.state.gpr[RCX] & 0xff;
    memory::<O, T>(cpu, insn, count)
}

fn select<O: ShiftOp>(raw: &Instruction) -> Handler {
    let size = operand_size(raw);
    match (raw.op0_kind() == OpKind::Memory, is_immediate(raw.op1_kind())) {
        (false, true) => by_size!(size, r_imm::<O>),
        (false, false) => by_size!(size, r_cl::<O>),
        (true, true) => by_size!(size, m_imm::<O>),
        (true, false) => by_size!(size, m_cl::<O>),
    }
}

/// SHLD (`LEFT`) or SHRD of `a`, filling from `b`. 16-bit counts above 16 are undefined: the three words
/// a:b:a are shifted, as AMD and Intel CPUs do.
#[inline(always)]
fn double<T: Word, const LEFT: bool>(flags: &mut Flags, a: T, b: T, count: u32) -> T {
    let bits = T::BITS;
    let (x, y) = (u128::from(a.zext()), u128::from(b.zext()));
    let (result, cf) = if LEFT {
        let wide = if bits == 16 {
            (x << 16 | y) << 16 | x
        } else {
            x << bits | y
        };
        let width = if bits == 16 { 48 } else { 2 * bits };
        // The bit shifted out last, and the `bits` bits that are now on top.
        (
            T::from_u64((wide << count >> (width - bits)) as u64),
            wide >> (width - count) & 1 != 0,
        )
    } else {
        let wide = if bits == 16 {
            (x << 16 | y) << 16 | x
        } else {
            y << bits | x
        };
        (T::from_u64((wide >> count) as u64), wide >> (count - 1) & 1 != 0)
    };
    flags.set_result_cf_of(result.sext(), cf, top(result) != top(a));
    result
}

#[inline(always)]
fn double_count<T: Word>(cpu: &Vcpu, insn: &Insn, by_cl: bool) -> u32 {
    masked::<T>(if by_cl { cpu.state.gpr[RCX] } else { insn.imm })
}

fn double_r<T: Word, const LEFT: bool, const CL: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let count = double_count::<T>(cpu, insn, CL);
    let (a, b) = (cpu.reg::<T>(insn.reg[0]), cpu.reg::<T>(insn.reg[1]));
    let result = if count == 0 {
        a
    } else {
        double::<T, LEFT>(&mut cpu.state.flags, a, b, count)
    };
    cpu.set_reg(insn.reg[0], result);
    Ok(())
}

fn double_m<T: Word, const LEFT: bool, const CL: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let count = double_count::<T>(cpu, insn, CL);
    let b = cpu.reg::<T>(insn.reg[1]);
    let offset = cpu.ea(insn);
    let flags = cpu.state.flags;
    cpu.state.flags = cpu.rmw::<T, _>(insn.mem.seg, offset, false, |a| {
        let mut flags = flags;
        let result = if count == 0 {
            a
        } else {
            double::<T, LEFT>(&mut flags, a, b, count)
        };
        (result, flags)
    })?;
    Ok(())
}

macro_rules! double_form {
    ($size:expr, $f:ident, $left:literal, $cl:literal) => {
        match $size {
            2 => $f::<u16, $left, $cl> as Handler,
            4 => $f::<u32, $left, $cl> as Handler,
            _ => $f::<u64, $left, $cl> as Handler,
        }
    };
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = operand_size(raw);
    let memory = raw.op0_kind() == OpKind::Memory;
    Some(match raw.mnemonic() {
        Mnemonic::Rol => select::<Rol>(raw),
        Mnemonic::Ror => select::<Ror>(raw),
        Mnemonic::Rcl => select::<Rcl>(raw),
        Mnemonic::Rcr => select::<Rcr>(raw),
        Mnemonic::Shl | Mnemonic::Sal => select::<Shl>(raw),
        Mnemonic::Shr => select::<Shr>(raw),
        Mnemonic::Sar => select::<Sar>(raw),
        Mnemonic::Shld | Mnemonic::Shrd => {
            let left = raw.mnemonic() == Mnemonic::Shld;
            match (memory, left, is_immediate(raw.op2_kind())) {
                (false, true, true) => double_form!(size, double_r, true, false),
                (false, true, false) => double_form!(size, double_r, true, true),
                (false, false, true) => double_form!(size, double_r, false, false),
                (false, false, false) => double_form!(size, double_r, false, true),
                (true, true, true) => double_form!(size, double_m, true, false),
                (true, true, false) => double_form!(size, double_m, true, true),
                (true, false, true) => double_form!(size, double_m, false, false),
                (true, false, false) => double_form!(size, double_m, false, true),
            }
        }
        _ => return None,
    })
}
