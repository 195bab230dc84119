//! From an unrounded result to a register value: overflow and underflow, masked or not (SDM vol. 1,
//! 8.5.4 and 8.5.5).

use super::ctx::Ctx;
use super::f80::F80;
use crate::flags::Flags;
use crate::kernel::{Exact, Target, round_denormal, round_unbounded};

const EMIN: i32 = -0x3ffe;
const EMAX: i32 = 0x3fff;
/// The exponent adjustment of unmasked overflow and underflow, 3·2^13.
const REBIAS: i32 = 0x6000;

/// Rounds to `precision` bits in the full exponent range.
#[inline]
pub(super) fn finish(x: Exact, precision: u32, ctx: &mut Ctx) -> F80 {
    let r = round_unbounded(x, precision, ctx.rounding);
    if r.exp > EMAX {
        return overflow(x, precision, ctx);
    }
    if r.exp < EMIN {
        return tiny(x, precision, ctx);
    }
    ctx.inexact(r.inexact, r.up);
    F80::pack(x.sign, r.exp, r.sig)
}

#[cold]
fn overflow(x: Exact, precision: u32, ctx: &mut Ctx) -> F80 {
    ctx.flags |= Flags::OVERFLOW;
    let to_infinity = ctx.rounding.overflows_to_infinity(x.sign);
    if ctx.masks.contains(Flags::OVERFLOW) {
        ctx.inexact(true, to_infinity);
        return if to_infinity {
            F80::infinity(x.sign)
        } else {
            F80::pack(x.sign, EMAX, u64::MAX << (64 - precision))
        };
    }
    let r = round_unbounded(x, precision, ctx.rounding);
    if r.exp - REBIAS > EMAX {
        // Only FSCALE gets this far.
        ctx.inexact(true, true);
        return F80::infinity(x.sign);
    }
    ctx.inexact(r.inexact, r.up);
    F80::pack(x.sign, r.exp - REBIAS, r.sig)
}

#[cold]
fn tiny(x: Exact, precision: u32, ctx: &mut Ctx) -> F80 {
    if ctx.masks.contains(Flags::UNDERFLOW) {
        let r = round_denormal(
            x,
            Target {
                precision,
                emin: EMIN,
                emax: EMAX,
            },
            ctx.rounding,
        );
        if r.inexact {
            ctx.flags |= Flags::UNDERFLOW;
        }
        ctx.inexact(r.inexact, r.up);
        return F80::pack(x.sign, r.exp, r.sig);
    }
    ctx.flags |= Flags::UNDERFLOW;
    let r = round_unbounded(x, precision, ctx.rounding);
    if r.exp + REBIAS < EMIN {
        ctx.inexact(true, false);
        return F80::zero(x.sign);
    }
    ctx.inexact(r.inexact, r.up);
    F80::pack(x.sign, r.exp + REBIAS, r.sig)
}
