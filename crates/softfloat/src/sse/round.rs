//! From an unrounded result to a pattern: overflow, underflow, flush to zero, inexactness.

use super::Ctx;
use crate::flags::Flags;
use crate::ieee::{Format, pack, signed, target};
use crate::kernel::{Exact, round_denormal, round_unbounded};

/// A zero of the given sign.
#[inline]
pub(super) fn zero<F: Format>(sign: bool) -> F {
    F::from_u64(signed::<F>(sign, 0))
}

/// An infinity of the given sign.
#[inline]
pub(super) fn infinity<F: Format>(sign: bool) -> F {
    F::from_u64(signed::<F>(sign, F::INFINITY))
}

/// Rounds `x` to `F` in `ctx.rounding` and raises OE, UE, PE. A result is tiny when, rounded with
/// unbounded exponent, it lies below the normal range (SDM vol. 1, 4.9.1.5).
#[inline]
pub(super) fn finish<F: Format>(x: Exact, ctx: &mut Ctx) -> F {
    let t = target::<F>();
    let r = round_unbounded(x, t.precision, ctx.rounding);
    if r.exp > t.emax {
        ctx.flags |= Flags::OVERFLOW;
        if r.inexact || ctx.masks.contains(Flags::OVERFLOW) {
            ctx.flags |= Flags::INEXACT;
        }
        return if ctx.rounding.overflows_to_infinity(x.sign) {
            infinity(x.sign)
        } else {
            F::from_u64(signed::<F>(x.sign, F::INFINITY - 1))
        };
    }
    if r.exp < t.emin {
        return tiny(x, r.inexact, ctx);
    }
    if r.inexact {
        ctx.flags |= Flags::INEXACT;
    }
    pack(x.sign, r.exp, r.sig)
}

/// `inexact` tells of the rounding with unbounded exponent: that is the result PE speaks of when underflow is
/// unmasked (SDM vol. 1, 4.9.1.5).
#[cold]
fn tiny<F: Format>(x: Exact, inexact: bool, ctx: &mut Ctx) -> F {
    let masked = ctx.masks.contains(Flags::UNDERFLOW);
    if ctx.ftz && masked {
        ctx.flags |= Flags::UNDERFLOW | Flags::INEXACT;
        return zero(x.sign);
    }
    let r = round_denormal(x, target::<F>(), ctx.rounding);
    let reported = if masked { r.inexact } else { inexact };
    if reported {
        ctx.flags |= Flags::INEXACT;
    }
    if r.inexact || !masked {
        ctx.flags |= Flags::UNDERFLOW;
    }
    pack(x.sign, r.exp, r.sig)
}
