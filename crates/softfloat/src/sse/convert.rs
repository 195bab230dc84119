//! Conversions between formats and to and from integers.

use super::operand::{Operand, classify, nan_of, quieted};
use super::round::{finish, infinity, zero};
use super::{Ctx, Ieee};
use crate::flags::Flags;
use crate::ieee::{F16, F32, Format, from_magnitude, signed, unpack};
use crate::kernel::{Kept, Num, round_off};
use crate::rounding::Rounding;

/// Rounds to an integer magnitude; the exponent must be below 64.
#[inline]
fn to_magnitude(x: Num, rounding: Rounding) -> Kept {
    let shift = (127 - x.exp).min(128) as u32;
    let sig = if x.exp < -1 { 1 } else { u128::from(x.sig) << 64 };
    round_off(sig, shift, x.sign, rounding)
}

#[inline]
pub(super) fn to_int<F: Ieee>(
    x: F,
    rounding: Rounding,
    min: i128,
    max: i128,
    indefinite: u128,
    ctx: &mut Ctx,
) -> u128 {
    let mut denormal = false;
    let value = if x.is_nan() {
        None
    } else {
        match classify(x, ctx.daz, &mut denormal) {
            Operand::Zero(_) => return 0,
            Operand::Finite(num) if num.exp < 64 => {
                let k = to_magnitude(num, rounding);
                // Rounding a 64-bit magnitude cannot carry: with exponent 63 nothing is dropped.
                let value = i128::from(k.sig);
                Some((if num.sign { -value } else { value }, k.inexact))
            }
            _ => None,
        }
    };
    match value {
        Some((value, inexact)) if (min..=max).contains(&value) => {
            if inexact {
                ctx.flags |= Flags::INEXACT;
            }
            value as u128
        }
        _ => {
            ctx.flags |= Flags::INVALID;
            indefinite
        }
    }
}

#[inline]
pub(super) fn from_int<F: Ieee>(sign: bool, magnitude: u64, ctx: &mut Ctx) -> F {
    match from_magnitude(sign, magnitude) {
        Some(x) => finish(x, ctx),
        None => zero(false),
    }
}

#[inline]
pub(super) fn round_to_int<F: Ieee>(x: F, rounding: Rounding, exact: bool, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([x], ctx) {
        return nan;
    }
    let mut denormal = false;
    match classify(x, ctx.daz, &mut denormal) {
        Operand::Zero(sign) => zero(sign),
        Operand::Finite(num) if num.exp < F::FRAC_BITS as i32 => {
            let k = to_magnitude(num, rounding);
            if k.inexact && exact {
                ctx.flags |= Flags::INEXACT;
            }
            match from_magnitude(num.sign, k.sig) {
                Some(x) => crate::ieee::pack(x.sign, x.exp, (x.sig >> 64) as u64),
                None => zero(num.sign),
            }
        }
        _ => x,
    }
}

/// Between binary32 and binary64.
#[inline]
pub(super) fn convert<S: Ieee, D: Ieee>(x: S, ctx: &mut Ctx) -> D {
    if let Some(nan) = nan_of([x], ctx) {
        return transplant(nan);
    }
    let mut denormal = false;
    let value = classify(x, ctx.daz, &mut denormal);
    if denormal {
        ctx.flags |= Flags::DENORMAL;
    }
    match value {
        Operand::Zero(sign) => zero(sign),
        Operand::Infinite(sign) => infinity(sign),
        Operand::Finite(num) => finish(num.exact(), ctx),
    }
}

/// A NaN's payload left-aligned in another format.
#[inline]
fn transplant<S: Format, D: Format>(nan: S) -> D {
    let frac = (nan.to_u64() & S::FRAC_MASK) << (64 - S::FRAC_BITS) >> (64 - D::FRAC_BITS);
    D::from_u64(signed::<D>(nan.sign(), D::INFINITY | frac))
}

pub(super) fn to_half(x: F32, rounding: Rounding, ctx: &mut Ctx) -> F16 {
    if let Some(nan) = nan_of([x], ctx) {
        return transplant(nan);
    }
    let mut denormal = false;
    let value = classify(x, ctx.daz, &mut denormal);
    if denormal {
        ctx.flags |= Flags::DENORMAL;
    }
    match value {
        Operand::Zero(sign) => zero(sign),
        Operand::Infinite(sign) => infinity(sign),
        Operand::Finite(num) => {
            let mut inner = Ctx {
                rounding,
                ftz: false,
                ..*ctx
            };
            let half = finish(num.exact(), &mut inner);
            ctx.flags |= inner.flags;
            half
        }
    }
}

pub(super) fn from_half(x: F16) -> F32 {
    if x.is_nan() {
        return transplant(quieted(x));
    }
    let mut denormal = false;
    match classify(x, false, &mut denormal) {
        Operand::Zero(sign) => zero(sign),
        Operand::Infinite(sign) => infinity(sign),
        Operand::Finite(num) => {
            let Num { sign, exp, sig } = unpack(x);
            debug_assert_eq!(num.sig, sig);
            crate::ieee::pack(sign, exp, sig)
        }
    }
}
