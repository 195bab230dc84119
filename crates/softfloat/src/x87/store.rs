//! From a register to memory formats: binary32, binary64, integers (FST, FIST, FISTTP).

use super::arith::to_magnitude;
use super::ctx::Ctx;
use super::f80::{Class, F80};
use super::operand::{Real, real};
use crate::flags::Flags;
use crate::ieee::{F32, F64, Format, pack, signed, target};
use crate::kernel::{Exact, round_denormal, round_unbounded};
use crate::rounding::Rounding;

/// FST m32fp. With [`Ctx::store_refused`] the value is meaningless and must not be stored.
pub fn to_f32(x: F80, ctx: &mut Ctx) -> F32 {
    narrow(x, ctx)
}

/// FST m64fp. With [`Ctx::store_refused`] the value is meaningless and must not be stored.
pub fn to_f64(x: F80, ctx: &mut Ctx) -> F64 {
    narrow(x, ctx)
}

fn narrow<F: Format>(x: F80, ctx: &mut Ctx) -> F {
    ctx.rounded_up = false;
    let of = |magnitude| F::from_u64(signed::<F>(x.sign(), magnitude));
    match x.class() {
        Class::Unsupported => {
            ctx.flags |= Flags::INVALID;
            return F::from_u64(F::INDEFINITE);
        }
        class @ (Class::Quiet | Class::Signaling) => {
            if class == Class::Signaling {
                ctx.flags |= Flags::INVALID;
            }
            return of(F::INFINITY | F::QUIET | x.sig << 1 >> (64 - F::FRAC_BITS));
        }
        _ => {}
    }
    match real(x) {
        Real::Zero(_) => of(0),
        Real::Infinite(_) => of(F::INFINITY),
        Real::Finite(num) => round(num.exact(), ctx),
    }
}

fn round<F: Format>(x: Exact, ctx: &mut Ctx) -> F {
    let t = target::<F>();
    let mut r = round_unbounded(x, t.precision, ctx.rounding);
    if r.exp > t.emax {
        ctx.flags |= Flags::OVERFLOW;
        if !ctx.masks.contains(Flags::OVERFLOW) {
            return F::from_u64(0);
        }
        let to_infinity = ctx.rounding.overflows_to_infinity(x.sign);
        ctx.inexact(true, to_infinity);
        let magnitude = F::INFINITY - u64::from(!to_infinity);
        return F::from_u64(signed::<F>(x.sign, magnitude));
    }
    if r.exp < t.emin {
        let masked = ctx.masks.contains(Flags::UNDERFLOW);
        if masked {
            r = round_denormal(x, t, ctx.rounding);
        }
        if r.inexact || !masked {
            ctx.flags |= Flags::UNDERFLOW;
        }
        if !masked {
            return F::from_u64(0);
        }
    }
    ctx.inexact(r.inexact, r.up);
    pack(x.sign, r.exp, r.sig)
}

/// FIST m16int in the given direction (FISTTP: towards zero); invalid: 8000h.
pub fn to_i16(x: F80, rounding: Rounding, ctx: &mut Ctx) -> i16 {
    to_int(x, rounding, i16::MIN.into(), i16::MAX.into(), ctx) as i16
}

/// FIST m32int in the given direction; invalid: 8000_0000h.
pub fn to_i32(x: F80, rounding: Rounding, ctx: &mut Ctx) -> i32 {
    to_int(x, rounding, i32::MIN.into(), i32::MAX.into(), ctx) as i32
}

/// FISTP m64int in the given direction; invalid: 8000_0000_0000_0000h.
pub fn to_i64(x: F80, rounding: Rounding, ctx: &mut Ctx) -> i64 {
    to_int(x, rounding, i64::MIN, i64::MAX, ctx)
}

/// An integer within bounds, or `min`, which is the indefinite, with IE.
fn to_int(x: F80, rounding: Rounding, min: i64, max: i64, ctx: &mut Ctx) -> i64 {
    ctx.rounded_up = false;
    if let Class::Zero = x.class() {
        return 0;
    }
    if let Class::Normal | Class::Denormal = x.class()
        && let Real::Finite(num) = real(x)
        && num.exp < 64
    {
        let (magnitude, inexact, up) = to_magnitude(num, rounding);
        let value = i128::from(magnitude) * if num.sign { -1 } else { 1 };
        if (i128::from(min)..=i128::from(max)).contains(&value) {
            ctx.inexact(inexact, up);
            return value as i64;
        }
    }
    ctx.flags |= Flags::INVALID;
    min
}
