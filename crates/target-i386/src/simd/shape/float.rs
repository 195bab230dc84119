//! Floating-point shapes: packed and scalar, in both precisions, from one scalar operation.
//!
//! An operation is a type that implements [`Op1`] or [`Op2`] on any format; `fast` may offer the host's own
//! result where softfloat says it cannot be told from ours. Flags gather in one `Ctx` for all elements, then go to
//! MXCSR (and perhaps #XM) before the destination is written. SDM vol. 1, 11.5.

use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::Insn;
use crate::simd::access::*;
use crate::simd::lane::{Element, Lane};
use softfloat::sse::{Ctx, fast};
use softfloat::{F32, F64, Ieee};

/// A format with its place in lanes.
pub trait Float: Ieee {
    /// Bytes of an element.
    const BYTES: usize;
    /// Elements of a lane.
    const COUNT: usize = 16 / Self::BYTES;
    /// Applies `f` to each element number.
    fn each(f: impl FnMut(usize) -> Self) -> Lane;
    /// Element `i` of a lane.
    fn element(lane: Lane, i: usize) -> Self;
    /// A lane with its lowest element replaced.
    fn merge(lane: Lane, low: Self) -> Lane;
    /// The host's result of a fast two-operand function pair.
    fn pick2(fast32: Fast2<F32>, fast64: Fast2<F64>, a: Self, b: Self) -> Option<Self>;
}

/// A function that offers the host's result or declines.
pub type Fast2<T> = fn(T, T) -> Option<T>;

/// Declines always.
pub fn no_fast<T>(_: T, _: T) -> Option<T> {
    None
}

impl Float for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    fn each(mut f: impl FnMut(usize) -> Self) -> Lane {
        u32::join([f(0).0, f(1).0, f(2).0, f(3).0])
    }
    #[inline(always)]
    fn element(lane: Lane, i: usize) -> Self {
        F32((lane >> (32 * i)) as u32)
    }
    #[inline(always)]
    fn merge(lane: Lane, low: Self) -> Lane {
        lane & !0xffff_ffff | Lane::from(low.0)
    }
    #[inline(always)]
    fn pick2(fast32: Fast2<F32>, _: Fast2<F64>, a: Self, b: Self) -> Option<Self> {
        fast32(a, b)
    }
}

impl Float for F64 {
    const BYTES: usize = 8;
    #[inline(always)]
    fn each(mut f: impl FnMut(usize) -> Self) -> Lane {
        u64::join([f(0).0, f(1).0])
    }
    #[inline(always)]
    fn element(lane: Lane, i: usize) -> Self {
        F64((lane >> (64 * i)) as u64)
    }
    #[inline(always)]
    fn merge(lane: Lane, low: Self) -> Lane {
        lane & !Lane::from(u64::MAX) | Lane::from(low.0)
    }
    #[inline(always)]
    fn pick2(_: Fast2<F32>, fast64: Fast2<F64>, a: Self, b: Self) -> Option<Self> {
        fast64(a, b)
    }
}

/// An operation on two elements and an immediate.
pub trait Op2 {
    /// The exact way.
    fn apply<T: Float>(a: T, b: T, imm: u8, ctx: &mut Ctx) -> T;
    /// The host's way for binary32.
    const FAST32: Fast2<F32> = no_fast;
    /// The host's way for binary64.
    const FAST64: Fast2<F64> = no_fast;
}

/// An operation on one element and an immediate. `ctx` may stay untouched (approximations).
pub trait Op1 {
    /// The exact way.
    fn apply<T: Float>(a: T, imm: u8, ctx: &mut Ctx) -> T;
    /// The host's way for binary32; the second operand is ignored.
    const FAST32: Fast2<F32> = no_fast;
    /// The host's way for binary64; the second operand is ignored.
    const FAST64: Fast2<F64> = no_fast;
}

#[inline(always)]
fn one2<O: Op2, T: Float>(a: T, b: T, imm: u8, quick: bool, ctx: &mut Ctx) -> T {
    if quick && let Some(result) = T::pick2(O::FAST32, O::FAST64, a, b) {
        return result;
    }
    O::apply(a, b, imm, ctx)
}

#[inline(always)]
fn one1<O: Op1, T: Float>(a: T, imm: u8, quick: bool, ctx: &mut Ctx) -> T {
    if quick && let Some(result) = T::pick2(O::FAST32, O::FAST64, a, a) {
        return result;
    }
    O::apply(a, imm, ctx)
}

/// Applies a lane function to one or two lanes under MXCSR and writes the destination.
#[inline(always)]
pub fn lanes_to(cpu: &mut Vcpu, insn: &Insn, f: impl Fn(usize, &mut Ctx) -> Lane) -> Exec {
    let wide = is_wide(insn);
    let result = float(cpu, |ctx| [f(0, ctx), if wide { f(1, ctx) } else { 0 }])?;
    if is_vex(insn) {
        set_ymm(cpu, insn.reg[0], result);
    } else {
        set_xmm(cpu, insn.reg[0], result[0]);
    }
    Ok(())
}

/// First source of a two-source instruction: the destination itself in the legacy encoding.
#[inline(always)]
pub fn first(insn: &Insn) -> usize {
    if is_vex(insn) { 1 } else { 0 }
}

/// ADDPS and kin.
pub fn packed2<O: Op2, T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source_full(cpu, insn, first(insn) + 1)?;
    let a = ymm(cpu, insn.reg[first(insn)]);
    let (imm, quick) = (insn.imm as u8, fast::usable(cpu.state.fpu.mxcsr));
    lanes_to(cpu, insn, |n, ctx| {
        T::each(|i| one2::<O, T>(T::element(a[n], i), T::element(b[n], i), imm, quick, ctx))
    })
}

/// ADDSS and kin: the other elements come from the first source.
pub fn scalar2<O: Op2, T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source(cpu, insn, first(insn) + 1, T::BYTES)?;
    let a = xmm(cpu, insn.reg[first(insn)]);
    let (imm, quick) = (insn.imm as u8, fast::usable(cpu.state.fpu.mxcsr));
    let low = float(cpu, |ctx| {
        one2::<O, T>(T::element(a, 0), T::element(b, 0), imm, quick, ctx)
    })?;
    set_low(cpu, insn, insn.reg[0], T::merge(a, low));
    Ok(())
}

/// SQRTPS and kin.
pub fn packed1<O: Op1, T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let a = source_full(cpu, insn, 1)?;
    let (imm, quick) = (insn.imm as u8, fast::usable(cpu.state.fpu.mxcsr));
    lanes_to(cpu, insn, |n, ctx| {
        T::each(|i| one1::<O, T>(T::element(a[n], i), imm, quick, ctx))
    })
}

/// SQRTSS and kin: the other elements come from the destination, or with VEX from the first source.
pub fn scalar1<O: Op1, T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source(cpu, insn, first(insn) + 1, T::BYTES)?;
    let a = xmm(cpu, insn.reg[first(insn)]);
    let (imm, quick) = (insn.imm as u8, fast::usable(cpu.state.fpu.mxcsr));
    let low = float(cpu, |ctx| one1::<O, T>(T::element(b, 0), imm, quick, ctx))?;
    set_low(cpu, insn, insn.reg[0], T::merge(a, low));
    Ok(())
}

/// The pattern of all ones or zeros that comparisons give.
#[inline(always)]
pub fn truth<T: Float>(value: bool) -> T {
    T::from_u64(if value { u64::MAX } else { 0 })
}
