//! F2XM1: 2^x − 1.

use super::constants::LN_2;
use super::ctx::Ctx;
use super::f80::F80;
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{nan_of_one, real};
use super::round::finish;
use super::wide::Wide;

/// F2XM1, defined for |x| ≤ 1; larger arguments are returned as they are, with PE, as
/// AMD processors do. PE is raised for exact results too.
pub fn f2xm1(a: F80, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of_one(a, ctx) {
        return nan;
    }
    match real(a) {
        Zero(_) => a,
        Infinite(false) => a,
        Infinite(true) => F80::ONE.negated(),
        Finite(x) => {
            if ctx.denormal(a.exp_field() == 0) {
                return a;
            }
            if x.exp >= 0 {
                // Out of range, or 2^1 − 1, which is the operand too; or 2^−1 − 1.
                ctx.inexact(true, false);
                return if a == F80::ONE.negated() {
                    F80::pack(true, -1, 1 << 63)
                } else {
                    a
                };
            }
            finish(exp_m1(Wide::from(x) * LN_2).inexact(), 64, ctx)
        }
    }
}

/// e^y − 1 for |y| < 0.7 by y(1 + y/2(1 + y/3(1 + …))), which keeps small results relatively exact.
fn exp_m1(y: Wide) -> Wide {
    let terms = if y.exp < -24 { 8 } else { 32 };
    let mut sum = Wide::ONE;
    for n in (2..=terms).rev() {
        sum = Wide::ONE + (y * sum).over(n);
    }
    y * sum
}
