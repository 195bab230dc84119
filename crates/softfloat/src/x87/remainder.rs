//! FPREM and FPREM1: exact remainders, at most 63 quotient bits an execution (SDM vol. 2).

use super::ctx::Ctx;
use super::f80::F80;
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{Operand, invalid, nan_of, real};
use super::round::finish;
use crate::kernel::{Exact, Num};

/// A remainder and what goes to the condition codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// The new ST(0).
    pub value: F80,
    /// The low three quotient bits: bit 2 is C0, bit 1 is C3, bit 0 is C1. Zero when partial; none when
    /// there is no quotient because of a NaN, an invalid operation or an unmasked DE.
    pub quotient: Option<u8>,
    /// C2: the reduction is not complete.
    pub partial: bool,
}

/// FPREM: the quotient is truncated, the remainder keeps the dividend's sign.
pub fn fprem(a: F80, b: F80, ctx: &mut Ctx) -> Remainder {
    remainder(a, b, false, ctx)
}

/// FPREM1: the quotient is rounded to nearest even, as in IEEE 754.
pub fn fprem1(a: F80, b: F80, ctx: &mut Ctx) -> Remainder {
    remainder(a, b, true, ctx)
}

/// No quotient: the condition codes stay.
fn without_quotient(value: F80) -> Remainder {
    Remainder {
        value,
        quotient: None,
        partial: false,
    }
}

/// The dividend is the remainder.
fn done(value: F80) -> Remainder {
    Remainder {
        value,
        quotient: Some(0),
        partial: false,
    }
}

fn remainder(a: F80, b: F80, nearest: bool, ctx: &mut Ctx) -> Remainder {
    if let Some(nan) = nan_of(a, b, ctx) {
        return without_quotient(nan);
    }
    let (x, y) = (real(a), real(b));
    if let (Infinite(_), _) | (_, Zero(_)) = (x, y) {
        return without_quotient(invalid(ctx));
    }
    if ctx.denormal(Operand::from(a).denormal || Operand::from(b).denormal) {
        return without_quotient(a);
    }
    let (x, y) = match (x, y) {
        (Finite(x), Finite(y)) => (x, y),
        (Finite(x), _) => return done(finish(x.exact(), 64, ctx)),
        _ => return done(a),
    };
    let distance = x.exp - y.exp;
    if distance >= 64 {
        let bits = partial_bits(distance);
        let (_, rest) = divide(x, y, bits);
        let value = integer(x.sign, rest, x.exp - bits as i32, ctx);
        return Remainder {
            value,
            quotient: Some(0),
            partial: true,
        };
    }
    if distance < -1 || (distance < 0 && !nearest) {
        // Below half the divisor, or below it: the remainder already.
        return done(finish(x.exact(), 64, ctx));
    }
    // In units of half y's last place, so that a dividend one exponent below is an integer too.
    let divisor = u128::from(y.sig) << 1;
    let (quotient, rest) = if distance < 0 {
        (0, u128::from(x.sig))
    } else {
        let (quotient, rest) = divide(x, y, distance as u32);
        (quotient, rest << 1)
    };
    let up = nearest && (rest << 1 > divisor || (rest << 1 == divisor && quotient & 1 != 0));
    let (sign, rest) = if up {
        (!x.sign, divisor - rest)
    } else {
        (x.sign, rest)
    };
    let value = if rest == 0 {
        F80::zero(x.sign)
    } else {
        integer(sign, rest, y.exp - 1, ctx)
    };
    Remainder {
        value,
        quotient: Some((quotient.wrapping_add(u64::from(up)) & 7) as u8),
        partial: false,
    }
}

/// How many quotient bits a partial reduction takes off an exponent distance of at least 64.
fn partial_bits(distance: i32) -> u32 {
    32 + (distance % 32) as u32
}

/// x.sig·2^bits divided by y.sig: the quotient modulo 2^64, and the remainder.
fn divide(x: Num, y: Num, bits: u32) -> (u64, u128) {
    let den = u128::from(y.sig);
    let (first, rest) = (u64::from(x.sig >= y.sig), u128::from(x.sig % y.sig));
    let num = rest << bits;
    ((first << bits).wrapping_add((num / den) as u64), num % den)
}

/// `magnitude`·2^(exp-63), rounded, which changes only tiny values.
fn integer(sign: bool, magnitude: u128, exp: i32, ctx: &mut Ctx) -> F80 {
    match Exact::normalized(sign, exp + 64, magnitude) {
        Some(x) => finish(x, 64, ctx),
        None => F80::zero(sign),
    }
}
