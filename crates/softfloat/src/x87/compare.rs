//! FCOM, FUCOM, FTST and kin.

use super::ctx::Ctx;
use super::f80::{Class, F80};
use super::operand::Real::{Infinite, Zero};
use super::operand::{Operand, Real, real};
use crate::flags::Flags;
use crate::sse::Relation;
use core::cmp::Ordering;

/// FCOM, FCOMI, FTST: any NaN is invalid.
pub fn compare(a: Operand, b: Operand, ctx: &mut Ctx) -> Relation {
    relate(a, b, true, ctx)
}

/// FUCOM, FUCOMI: a quiet NaN is not invalid.
pub fn ucompare(a: Operand, b: Operand, ctx: &mut Ctx) -> Relation {
    relate(a, b, false, ctx)
}

fn relate(a: Operand, b: Operand, signaling: bool, ctx: &mut Ctx) -> Relation {
    ctx.rounded_up = false;
    let (ca, cb) = (a.value.class(), b.value.class());
    let is = |class| ca == class || cb == class;
    if is(Class::Signaling) || is(Class::Unsupported) || (signaling && is(Class::Quiet)) {
        ctx.flags |= Flags::INVALID;
        return Relation::Unordered;
    }
    if is(Class::Quiet) {
        return Relation::Unordered;
    }
    ctx.denormal(a.denormal || b.denormal);
    match key(a.value).cmp(&key(b.value)) {
        Ordering::Less => Relation::Less,
        Ordering::Equal => Relation::Equal,
        Ordering::Greater => Relation::Greater,
    }
}

/// A key that orders numbers by value.
fn key(x: F80) -> (i32, i32, u64) {
    let (sign, exp, sig) = match real(x) {
        Zero(_) => return (0, 0, 0),
        Real::Finite(num) => (num.sign, num.exp, num.sig),
        Infinite(sign) => (sign, i32::MAX, 0),
    };
    if sign { (-1, -exp, !sig) } else { (1, exp, sig) }
}
