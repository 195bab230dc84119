//! Addition, multiplication, division, square root, fused multiply-add.

use super::operand::{Operand, classify, invalid, nan_of};
use super::round::{finish, infinity, zero};
use super::{Ctx, Ieee};
use crate::flags::Flags;
use crate::kernel::{self, Exact};
use crate::rounding::Rounding;
use Operand::{Finite, Infinite, Zero};

#[inline]
fn pair<F: Ieee>(a: F, b: F, ctx: &mut Ctx) -> (Operand, Operand) {
    let mut denormal = false;
    let pair = (
        classify(a, ctx.daz, &mut denormal),
        classify(b, ctx.daz, &mut denormal),
    );
    raise_denormal(denormal, ctx);
    pair
}

/// DE; to be called only where neither invalid nor zero-divide, which have priority, occurs.
#[inline]
fn raise_denormal(denormal: bool, ctx: &mut Ctx) {
    if denormal {
        ctx.flags |= Flags::DENORMAL;
    }
}

/// The sign of an exactly zero sum of operands that are not both of one sign.
#[inline]
fn cancelled<F: Ieee>(ctx: &Ctx) -> F {
    zero(ctx.rounding == Rounding::Down)
}

#[inline]
pub(super) fn add<F: Ieee>(a: F, b: F, negate: bool, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a, b], ctx) {
        return nan;
    }
    let (x, y) = pair(a, b, ctx);
    match (x, y.negated_if(negate)) {
        (Finite(x), Finite(y)) => sum(x.exact(), y.exact(), ctx),
        (Infinite(s), Infinite(t)) if s != t => invalid(ctx),
        (Infinite(s), _) | (_, Infinite(s)) => infinity(s),
        (Zero(s), Zero(t)) if s == t => zero(s),
        (Zero(_), Zero(_)) => cancelled(ctx),
        (Finite(x), Zero(_)) | (Zero(_), Finite(x)) => finish(x.exact(), ctx),
    }
}

#[inline]
fn sum<F: Ieee>(x: Exact, y: Exact, ctx: &mut Ctx) -> F {
    match kernel::add(x, y) {
        Some(sum) => finish(sum, ctx),
        None => cancelled(ctx),
    }
}

#[inline]
pub(super) fn mul<F: Ieee>(a: F, b: F, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a, b], ctx) {
        return nan;
    }
    let (x, y) = pair(a, b, ctx);
    let sign = x.sign() != y.sign();
    match (x, y) {
        (Finite(x), Finite(y)) => finish(kernel::mul(x, y), ctx),
        (Infinite(_), Zero(_)) | (Zero(_), Infinite(_)) => invalid(ctx),
        (Infinite(_), _) | (_, Infinite(_)) => infinity(sign),
        _ => zero(sign),
    }
}

#[inline]
pub(super) fn div<F: Ieee>(a: F, b: F, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a, b], ctx) {
        return nan;
    }
    let mut denormal = false;
    let (x, y) = (
        classify(a, ctx.daz, &mut denormal),
        classify(b, ctx.daz, &mut denormal),
    );
    let sign = x.sign() != y.sign();
    if let (Finite(_), Zero(_)) = (x, y) {
        ctx.flags |= Flags::ZERO_DIVIDE;
        return infinity(sign);
    }
    raise_denormal(denormal, ctx);
    match (x, y) {
        (Finite(x), Finite(y)) => finish(kernel::div(x, y), ctx),
        (Infinite(_), Infinite(_)) | (Zero(_), Zero(_)) => invalid(ctx),
        (Infinite(_), _) => infinity(sign),
        _ => zero(sign),
    }
}

#[inline]
pub(super) fn sqrt<F: Ieee>(a: F, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a], ctx) {
        return nan;
    }
    let mut denormal = false;
    let x = classify(a, ctx.daz, &mut denormal);
    match x {
        Zero(sign) => zero(sign),
        Finite(x) if !x.sign => {
            raise_denormal(denormal, ctx);
            finish(kernel::sqrt(x), ctx)
        }
        Infinite(false) => infinity(false),
        _ => invalid(ctx),
    }
}

#[inline]
pub(super) fn fma<F: Ieee>(a: F, b: F, c: F, neg_product: bool, neg_addend: bool, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a, b, c], ctx) {
        return nan;
    }
    let mut denormal = false;
    let x = classify(a, ctx.daz, &mut denormal);
    let y = classify(b, ctx.daz, &mut denormal);
    let z = classify(c, ctx.daz, &mut denormal).negated_if(neg_addend);
    let sign = (x.sign() != y.sign()) ^ neg_product;
    match (x, y, z) {
        (Infinite(_), Zero(_), _) | (Zero(_), Infinite(_), _) => return invalid(ctx),
        (Infinite(_), _, Infinite(t)) | (_, Infinite(_), Infinite(t)) if t != sign => return invalid(ctx),
        _ => raise_denormal(denormal, ctx),
    }
    match (x, y, z) {
        (Infinite(_), ..) | (_, Infinite(_), _) => infinity(sign),
        (_, _, Infinite(t)) => infinity(t),
        (Finite(x), Finite(y), z) => {
            let product = Exact {
                sign,
                ..kernel::mul(x, y)
            };
            match z {
                Finite(z) => sum(product, z.exact(), ctx),
                _ => finish(product, ctx),
            }
        }
        (_, _, Finite(z)) => finish(z.exact(), ctx),
        (_, _, Zero(t)) if t == sign => zero(t),
        _ => cancelled(ctx),
    }
}
