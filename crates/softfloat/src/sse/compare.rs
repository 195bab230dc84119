//! Comparison: relations, the 32 VCMP predicates (SDM vol. 2, CMPPD table 3-1), minimum and maximum.

use super::operand::{Operand, classify};
use super::{Ctx, Ieee};
use crate::flags::Flags;
use core::cmp::Ordering;

/// How the first operand relates to the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// Smaller.
    Less,
    /// Equal; zeros of either sign are.
    Equal,
    /// Greater.
    Greater,
    /// One of them is a NaN.
    Unordered,
}

/// A key that orders non-NaN operands by value.
#[inline]
fn key(x: Operand) -> (i32, i32, u64) {
    let (sign, exp, sig) = match x {
        Operand::Zero(_) => return (0, 0, 0),
        Operand::Finite(num) => (num.sign, num.exp, num.sig),
        Operand::Infinite(sign) => (sign, i32::MAX, 0),
    };
    if sign { (-1, -exp, !sig) } else { (1, exp, sig) }
}

#[inline]
fn relate<F: Ieee>(a: F, b: F, ctx: &mut Ctx) -> Relation {
    let mut denormal = false;
    let (x, y) = (
        classify(a, ctx.daz, &mut denormal),
        classify(b, ctx.daz, &mut denormal),
    );
    if denormal {
        ctx.flags |= Flags::DENORMAL;
    }
    match key(x).cmp(&key(y)) {
        Ordering::Less => Relation::Less,
        Ordering::Equal => Relation::Equal,
        Ordering::Greater => Relation::Greater,
    }
}

#[inline]
pub(super) fn compare<F: Ieee>(a: F, b: F, signaling: bool, ctx: &mut Ctx) -> Relation {
    if a.is_nan() || b.is_nan() {
        if signaling || a.is_signaling() || b.is_signaling() {
            ctx.flags |= Flags::INVALID;
        }
        return Relation::Unordered;
    }
    relate(a, b, ctx)
}

#[inline]
pub(super) fn min_max<F: Ieee>(a: F, b: F, wanted: Relation, ctx: &mut Ctx) -> F {
    if compare(a, b, true, ctx) == wanted {
        // DAZ turns a chosen denormal into a zero.
        flushed(a, ctx)
    } else {
        flushed(b, ctx)
    }
}

#[inline]
fn flushed<F: Ieee>(x: F, ctx: &Ctx) -> F {
    if ctx.daz && x.is_denormal() {
        F::from_u64(x.to_u64() & F::SIGN)
    } else {
        x
    }
}

/// For each predicate: which relations make it true (bit 0 less, 1 equal, 2 greater, 3 unordered).
#[rustfmt::skip]
const TRUE_FOR: [u8; 16] = [
    0b0010, // EQ
    0b0001, // LT
    0b0011, // LE
    0b1000, // UNORD
    0b1101, // NEQ
    0b1110, // NLT
    0b1100, // NLE
    0b0111, // ORD
    0b1010, // EQ_U
    0b1001, // NGE
    0b1011, // NGT
    0b0000, // FALSE
    0b0101, // NEQ_O
    0b0110, // GE
    0b0100, // GT
    0b1111, // TRUE
];

/// Predicates 0–15 that signal on quiet NaNs; 16–31 do the opposite.
const SIGNALING: u16 = 0b0110_0110_0110_0110;

#[inline]
pub(super) fn predicate<F: Ieee>(a: F, b: F, imm: u8, ctx: &mut Ctx) -> bool {
    let low = imm & 15;
    let signaling = (SIGNALING >> low & 1 != 0) ^ (imm & 16 != 0);
    let relation = compare(a, b, signaling, ctx);
    TRUE_FOR[usize::from(low)] >> relation as u8 & 1 != 0
}
