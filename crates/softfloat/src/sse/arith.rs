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
    let pair = (classify(a, ctx.daz, &mut denormal), classify(b, ctx.daz, &mut denormal));
    if denormal {
        ctx.flags |= Flags::DENORMAL;
    }
    pair
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
    let (x, y) = pair(a, b, ctx);
    let sign = x.sign() != y.sign();
    match (x, y) {
        (Finite(x), Finite(y)) => finish(kernel::div(x, y), ctx),
        (Infinite(_), Infinite(_)) | (Zero(_), Zero(_)) => invalid(ctx),
        (Infinite(_), _) => infinity(sign),
        (_, Infinite(_)) | (Zero(_), _) => zero(sign),
        (Finite(_), Zero(_)) => {
            ctx.flags |= Flags::ZERO_DIVIDE;
            infinity(sign)
        }
    }
}

#[inline]
pub(super) fn sqrt<F: Ieee>(a: F, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a], ctx) {
        return nan;
    }
    let mut denormal = false;
    let x = classify(a, ctx.daz, &mut denormal);
    let root = match x {
        Zero(sign) => zero(sign),
        Finite(x) if !x.sign => {
            if denormal {
                ctx.flags |= Flags::DENORMAL;
            }
            finish(kernel::sqrt(x), ctx)
        }
        Infinite(false) => infinity(false),
        _ => invalid(ctx),
    };
    root
}

#[inline]
pub(super) fn fma<F: Ieee>(a: F, b: F, c: F, neg_product: bool, neg_addend: bool, ctx: &mut Ctx) -> F {
    if let Some(nan) = nan_of([a, b, c], ctx) {
        return nan;
    }
    let (x, y) = pair(a, b, ctx);
    let mut denormal = false;
    let z = classify(c, ctx.daz, &mut denormal).negated_if(neg_addend);
    if denormal {
        ctx.flags |= Flags::DENORMAL;
    }
    let sign = (x.sign() != y.sign()) ^ neg_product;
    match (x, y) {
        (Infinite(_), Zero(_)) | (Zero(_), Infinite(_)) => invalid(ctx),
        (Infinite(_), _) | (_, Infinite(_)) => match z {
            Infinite(t) if t != sign => invalid(ctx),
            _ => infinity(sign),
        },
        (Finite(x), Finite(y)) => {
            let product = Exact { sign, ..kernel::mul(x, y) };
            match z {
                Infinite(t) => infinity(t),
                Finite(z) => sum(product, z.exact(), ctx),
                Zero(_) => finish(product, ctx),
            }
        }
        _ => match z {
            Infinite(t) => infinity(t),
            Finite(z) => finish(z.exact(), ctx),
            Zero(t) if t == sign => zero(t),
            Zero(_) => cancelled(ctx),
        },
    }
}
