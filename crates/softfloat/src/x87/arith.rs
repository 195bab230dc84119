//! FADD, FSUB, FMUL, FDIV, FSQRT, FRNDINT.

use super::ctx::Ctx;
use super::f80::F80;
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{Operand, Real, invalid, nan_of, nan_of_one, real};
use super::round::finish;
use crate::flags::Flags;
use crate::ieee::from_magnitude;
use crate::kernel::{self, round_off};
use crate::rounding::Rounding;

/// FADD: `a + b`.
pub fn add(a: Operand, b: Operand, ctx: &mut Ctx) -> F80 {
    sum(a, b, false, ctx)
}

/// FSUB: `a - b`; FSUBR swaps the operands.
pub fn sub(a: Operand, b: Operand, ctx: &mut Ctx) -> F80 {
    sum(a, b, true, ctx)
}

/// Negation of `b` happens after the choice among NaNs.
#[inline]
fn sum(a: Operand, b: Operand, negate: bool, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of(a.value, b.value, ctx) {
        return nan;
    }
    let (x, y) = (
        real(a.value),
        real(if negate { b.value.negated() } else { b.value }),
    );
    if let (Infinite(s), Infinite(t)) = (x, y)
        && s != t
    {
        return invalid(ctx);
    }
    if ctx.denormal(a.denormal || b.denormal) {
        return a.value;
    }
    let cancelled = F80::zero(ctx.rounding == Rounding::Down);
    match (x, y) {
        (Finite(x), Finite(y)) => match kernel::add(x.exact(), y.exact()) {
            Some(sum) => finish(sum, ctx.precision.bits(), ctx),
            None => cancelled,
        },
        (Infinite(s), _) | (_, Infinite(s)) => F80::infinity(s),
        (Zero(s), Zero(t)) if s == t => F80::zero(s),
        (Zero(_), Zero(_)) => cancelled,
        (Finite(x), Zero(_)) | (Zero(_), Finite(x)) => finish(x.exact(), ctx.precision.bits(), ctx),
    }
}

/// FMUL: `a · b`.
pub fn mul(a: Operand, b: Operand, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of(a.value, b.value, ctx) {
        return nan;
    }
    let (x, y) = (real(a.value), real(b.value));
    if let (Infinite(_), Zero(_)) | (Zero(_), Infinite(_)) = (x, y) {
        return invalid(ctx);
    }
    if ctx.denormal(a.denormal || b.denormal) {
        return a.value;
    }
    let sign = x.sign() != y.sign();
    match (x, y) {
        (Finite(x), Finite(y)) => finish(kernel::mul(x, y), ctx.precision.bits(), ctx),
        (Infinite(_), _) | (_, Infinite(_)) => F80::infinity(sign),
        _ => F80::zero(sign),
    }
}

/// FDIV: `a / b`; FDIVR swaps the operands.
pub fn div(a: Operand, b: Operand, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of(a.value, b.value, ctx) {
        return nan;
    }
    let (x, y) = (real(a.value), real(b.value));
    let sign = x.sign() != y.sign();
    match (x, y) {
        (Infinite(_), Infinite(_)) | (Zero(_), Zero(_)) => return invalid(ctx),
        (Finite(_), Zero(_)) => {
            ctx.flags |= Flags::ZERO_DIVIDE;
            return F80::infinity(sign);
        }
        _ => {}
    }
    if ctx.denormal(a.denormal || b.denormal) {
        return a.value;
    }
    match (x, y) {
        (Finite(x), Finite(y)) => finish(kernel::div(x, y), ctx.precision.bits(), ctx),
        (Infinite(_), _) => F80::infinity(sign),
        _ => F80::zero(sign),
    }
}

/// FSQRT; −0 gives −0.
pub fn sqrt(a: Operand, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of_one(a.value, ctx) {
        return nan;
    }
    match real(a.value) {
        Zero(sign) => F80::zero(sign),
        Finite(x) if !x.sign => {
            if ctx.denormal(a.denormal) {
                return a.value;
            }
            finish(kernel::sqrt(x), ctx.precision.bits(), ctx)
        }
        Infinite(false) => F80::infinity(false),
        _ => invalid(ctx),
    }
}

/// FRNDINT: to an integer in the current direction.
pub fn round_to_int(a: F80, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of_one(a, ctx) {
        return nan;
    }
    match real(a) {
        Real::Finite(x) if x.exp < 63 => {
            if ctx.denormal(a.exp_field() == 0) {
                return a;
            }
            let (magnitude, inexact, up) = to_magnitude(x, ctx.rounding);
            ctx.inexact(inexact, up);
            match from_magnitude(x.sign, magnitude) {
                Some(x) => F80::pack(x.sign, x.exp, (x.sig >> 64) as u64),
                None => F80::zero(x.sign),
            }
        }
        _ => a,
    }
}

/// Rounds a number with exponent below 64 to an integer: magnitude, inexact, rounded up.
pub(super) fn to_magnitude(x: kernel::Num, rounding: Rounding) -> (u64, bool, bool) {
    let shift = (127 - x.exp).min(128) as u32;
    let sig = if x.exp < -1 { 1 } else { u128::from(x.sig) << 64 };
    let k = round_off(sig, shift, x.sign, rounding);
    (k.sig, k.inexact, k.up)
}
