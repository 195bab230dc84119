//! Operand intake: NaN choice, DAZ, the denormal flag, and the split into classes.

use super::{Ctx, Ieee};
use crate::flags::Flags;
use crate::ieee::{Format, unpack};
use crate::kernel::Num;

/// An operand that is not a NaN.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    Zero(bool),
    Finite(Num),
    Infinite(bool),
}

impl Operand {
    #[inline]
    pub fn sign(self) -> bool {
        match self {
            Operand::Zero(sign) | Operand::Infinite(sign) => sign,
            Operand::Finite(num) => num.sign,
        }
    }

    #[inline]
    pub fn negated_if(self, negate: bool) -> Operand {
        match self {
            Operand::Zero(sign) => Operand::Zero(sign ^ negate),
            Operand::Infinite(sign) => Operand::Infinite(sign ^ negate),
            Operand::Finite(num) => Operand::Finite(Num {
                sign: num.sign ^ negate,
                ..num
            }),
        }
    }
}

/// Classifies; a denormal operand that DAZ does not hide sets `denormal`.
#[inline]
pub(super) fn classify<F: Format>(x: F, daz: bool, denormal: &mut bool) -> Operand {
    let exp = x.to_u64() & F::INFINITY;
    if exp == F::INFINITY {
        Operand::Infinite(x.sign())
    } else if exp == 0 && (daz || x.is_zero()) {
        Operand::Zero(x.sign())
    } else {
        *denormal |= exp == 0;
        Operand::Finite(unpack(x))
    }
}

/// The quiet form of a NaN.
#[inline]
pub(super) fn quieted<F: Format>(x: F) -> F {
    F::from_u64(x.to_u64() | F::QUIET)
}

/// The NaN that an operation on these operands yields, if there is one: the first in order, quieted
/// (SDM vol. 1, table 4-7). Any signaling one is invalid.
#[inline]
pub(super) fn nan_of<F: Ieee, const N: usize>(operands: [F; N], ctx: &mut Ctx) -> Option<F> {
    let first = operands.iter().find(|x| x.is_nan())?;
    if operands.iter().any(|x| x.is_signaling()) {
        ctx.flags |= Flags::INVALID;
    }
    Some(quieted(*first))
}

/// Raises invalid and yields the default NaN.
#[inline]
pub(super) fn invalid<F: Ieee>(ctx: &mut Ctx) -> F {
    ctx.flags |= Flags::INVALID;
    F::DEFAULT_NAN
}
