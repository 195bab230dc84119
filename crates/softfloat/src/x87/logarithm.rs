//! FYL2X and FYL2XP1: y·log2(x) and y·log2(x + 1).

use super::constants::LOG2_E;
use super::ctx::Ctx;
use super::f80::{Class, F80};
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{Operand, invalid, nan_of, real};
use super::round::finish;
use super::wide::Wide;
use crate::flags::Flags;
use crate::kernel::{Exact, Num};

/// FYL2X: `y · log2(x)` with x in ST(0), y in ST(1).
pub fn fyl2x(x: F80, y: F80, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of(x, y, ctx) {
        return nan;
    }
    let (rx, ry) = (real(x), real(y));
    let one = x == F80::ONE;
    match (rx, ry) {
        (Infinite(true), _) => return invalid(ctx),
        (Finite(x), _) if x.sign => return invalid(ctx),
        (Zero(_) | Infinite(_), Zero(_)) => return invalid(ctx),
        (Finite(_), Infinite(_)) if one => return invalid(ctx),
        (Zero(_), Finite(_)) => {
            ctx.flags |= Flags::ZERO_DIVIDE;
            return F80::infinity(!y.sign());
        }
        _ => {}
    }
    if ctx.denormal(Operand::from(x).denormal || Operand::from(y).denormal) {
        return x;
    }
    match (rx, ry) {
        (Zero(_), _) => F80::infinity(!y.sign()),
        (Infinite(_), _) => F80::infinity(y.sign()),
        (Finite(x), Infinite(_)) => F80::infinity(y.sign() != (x.exp < 0)),
        (Finite(x), Zero(_)) => F80::zero(y.sign() != (x.exp < 0)),
        (Finite(_), Finite(_)) if one => F80::zero(y.sign()),
        (Finite(x), Finite(y)) if x.sig == 1 << 63 => {
            // A power of two: the logarithm is an integer.
            product(Wide::from_int(x.exp), y, true, ctx)
        }
        (Finite(x), Finite(y)) => product(log2(x), y, false, ctx),
    }
}

/// FYL2XP1: `y · log2(x + 1)` with x in ST(0), y in ST(1).
pub fn fyl2xp1(a: F80, y: F80, ctx: &mut Ctx) -> F80 {
    let x = a;
    if let Some(nan) = nan_of(x, y, ctx) {
        return nan;
    }
    let (rx, ry) = (real(x), real(y));
    match (rx, ry) {
        (Infinite(true), _) | (Zero(_), Infinite(_)) | (Infinite(_), Zero(_)) => return invalid(ctx),
        _ => {}
    }
    if ctx.denormal(Operand::from(x).denormal || Operand::from(y).denormal) {
        return x;
    }
    let sign = x.sign() != y.sign();
    match (rx, ry) {
        (Zero(_), _) | (_, Zero(_)) => F80::zero(sign),
        (Infinite(_), _) | (_, Infinite(_)) => F80::infinity(sign),
        (Finite(x), Finite(y)) => {
            // Defined for −(1−√½) ≤ x ≤ √2−1; beyond, 1 + x is far enough from 1. Where
            // there is no logarithm, AMD processors return x.
            if x.exp < -2 {
                let x = Wide::from(x);
                product(log2_of_ratio(x, Wide::from_int(2) + x), y, false, ctx)
            } else {
                let sum = Wide::ONE + Wide::from(x);
                if sum.sign || sum.sig == 0 {
                    ctx.inexact(true, false);
                    return a;
                }
                let exact = sum.sig == 1 << 127 && x.exp < 64;
                product(log2_wide(sum), y, exact, ctx)
            }
        }
    }
}

/// Rounds the product. Processors raise PE (and UE) even where it is exact, without rounding it up.
fn product(log: Wide, y: Num, exact: bool, ctx: &mut Ctx) -> F80 {
    let product = log * Wide::from(y);
    if !exact {
        return finish(product.inexact(), 64, ctx);
    }
    let value = finish(
        Exact {
            sign: product.sign,
            exp: product.exp,
            sig: product.sig,
        },
        64,
        ctx,
    );
    ctx.flags |= Flags::INEXACT;
    if value.class() == Class::Denormal {
        ctx.flags |= Flags::UNDERFLOW;
    }
    value
}

/// log2 of a positive number other than one.
fn log2(x: Num) -> Wide {
    log2_wide(Wide::from(x))
}

/// Splits off the exponent so that the rest lies in [√½, √2]; then no cancellation can occur, since
/// the exponent is zero whenever the logarithm of the rest is close to zero with opposite sign.
fn log2_wide(x: Wide) -> Wide {
    let above_root_two = x.sig >= 0xb504_f333_f9de_6484_0000_0000_0000_0000;
    let exp = x.exp + i32::from(above_root_two);
    let m = Wide {
        exp: x.exp - exp,
        ..x
    };
    Wide::from_int(exp) + log2_of_ratio(m - Wide::ONE, m + Wide::ONE)
}

/// log2((d + n) / (d − n)) = 2·log2(e)·atanh(n/d), |n/d| < 0.18.
fn log2_of_ratio(n: Wide, d: Wide) -> Wide {
    if n.sig == 0 {
        return Wide::ZERO;
    }
    let s = n / d;
    let square = s * s;
    let terms = if square.exp < -64 { 3 } else { 28 };
    let mut sum = Wide::ZERO;
    for k in (0..terms).rev() {
        sum = Wide::ONE.over(2 * k + 1) + square * sum;
    }
    (s * sum * LOG2_E).scaled(1)
}
