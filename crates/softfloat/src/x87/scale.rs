//! FSCALE and FXTRACT.

use super::ctx::Ctx;
use super::f80::F80;
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{Operand, invalid, nan_of, nan_of_one, real};
use super::round::finish;
use crate::flags::Flags;
use crate::kernel::{Exact, Num};

/// FSCALE: `a · 2^trunc(b)`.
pub fn scale(a: F80, b: F80, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of(a, b, ctx) {
        return nan;
    }
    let (x, y) = (real(a), real(b));
    if let (Zero(_), Infinite(false)) | (Infinite(_), Infinite(true)) = (x, y) {
        return invalid(ctx);
    }
    if ctx.denormal(Operand::from(a).denormal || Operand::from(b).denormal) {
        return a;
    }
    match (x, y) {
        (Finite(_), Infinite(false)) => F80::infinity(a.sign()),
        (Finite(_), Infinite(true)) => F80::zero(a.sign()),
        (Finite(x), Finite(y)) => {
            let by = truncated(y);
            finish(
                Exact {
                    exp: x.exp + by,
                    ..x.exact()
                },
                64,
                ctx,
            )
        }
        (Finite(x), Zero(_)) => finish(x.exact(), 64, ctx),
        _ => a,
    }
}

/// The integer part, limited to what takes any number out of any range.
fn truncated(y: Num) -> i32 {
    let magnitude = match y.exp {
        ..0 => 0,
        0..=16 => (y.sig >> (63 - y.exp)) as i32,
        _ => 1 << 17,
    };
    if y.sign { -magnitude } else { magnitude }
}

/// FXTRACT: the exponent as a number, and the significand with exponent zero.
pub fn extract(a: F80, ctx: &mut Ctx) -> (F80, F80) {
    if let Some(nan) = nan_of_one(a, ctx) {
        return (nan, nan);
    }
    match real(a) {
        Zero(_) => {
            ctx.flags |= Flags::ZERO_DIVIDE;
            (F80::infinity(true), a)
        }
        Infinite(_) => (F80::infinity(false), a),
        Finite(x) => {
            ctx.denormal(a.exp_field() == 0);
            (F80::from(i64::from(x.exp)), F80::pack(x.sign, 0, x.sig))
        }
    }
}
