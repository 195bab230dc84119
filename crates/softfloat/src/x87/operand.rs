//! Operands from registers and memory, the choice among NaNs, the split into classes.

use super::ctx::Ctx;
use super::f80::{Class, F80};
use crate::flags::Flags;
use crate::ieee::{F32, F64, Format, from_magnitude, unpack};
use crate::kernel::Num;

/// A source operand: widening a denormal binary32 or binary64 gives a normal number, so that it was
/// denormal is remembered; signaling NaNs stay signaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    pub(crate) value: F80,
    pub(crate) denormal: bool,
}

impl From<F80> for Operand {
    #[inline]
    fn from(value: F80) -> Operand {
        Operand {
            value,
            denormal: value.class() == Class::Denormal,
        }
    }
}

fn widen<F: Format>(x: F) -> Operand {
    let sign = x.sign();
    if x.to_u64() & F::INFINITY == F::INFINITY {
        let frac = (x.to_u64() & F::FRAC_MASK) << (63 - F::FRAC_BITS);
        let mut value = F80::infinity(sign);
        value.sig |= frac;
        return Operand {
            value,
            denormal: false,
        };
    }
    if x.is_zero() {
        return Operand {
            value: F80::zero(sign),
            denormal: false,
        };
    }
    let num = unpack(x);
    Operand {
        value: F80::pack(num.sign, num.exp, num.sig),
        denormal: x.is_denormal(),
    }
}

impl From<F32> for Operand {
    fn from(x: F32) -> Operand {
        widen(x)
    }
}

impl From<F64> for Operand {
    fn from(x: F64) -> Operand {
        widen(x)
    }
}

impl From<i64> for F80 {
    fn from(x: i64) -> F80 {
        match from_magnitude(x < 0, x.unsigned_abs()) {
            Some(x) => F80::pack(x.sign, x.exp, (x.sig >> 64) as u64),
            None => F80::ZERO,
        }
    }
}

macro_rules! from_int {
    ($($int:ty)*) => {$(
        impl From<$int> for Operand {
            fn from(x: $int) -> Operand {
                Operand { value: F80::from(i64::from(x)), denormal: false }
            }
        }
    )*};
}
from_int!(i16 i32 i64);

impl Operand {
    /// FLD: into a register, quieting a signaling NaN (IE), reporting a denormal (DE). A register or
    /// 80-bit source needs no conversion and must not come here.
    pub fn load(self, ctx: &mut Ctx) -> F80 {
        ctx.rounded_up = false;
        if self.value.class() == Class::Signaling {
            ctx.flags |= Flags::INVALID;
            return quieted(self.value);
        }
        ctx.denormal(self.denormal);
        self.value
    }

    /// The widened value as it is.
    pub fn value(self) -> F80 {
        self.value
    }
}

/// An operand that is neither NaN nor unsupported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Real {
    Zero(bool),
    Finite(Num),
    Infinite(bool),
}

impl Real {
    #[inline]
    pub fn sign(self) -> bool {
        match self {
            Real::Zero(sign) | Real::Infinite(sign) => sign,
            Real::Finite(num) => num.sign,
        }
    }
}

#[inline]
pub(super) fn real(x: F80) -> Real {
    if x.exp_field() == 0x7fff {
        Real::Infinite(x.sign())
    } else if x.sig == 0 {
        Real::Zero(x.sign())
    } else {
        Real::Finite(x.num())
    }
}

pub(super) fn quieted(x: F80) -> F80 {
    F80 {
        sig: x.sig | F80::QUIET,
        ..x
    }
}

/// Raises IE and yields the indefinite.
pub(super) fn invalid(ctx: &mut Ctx) -> F80 {
    ctx.flags |= Flags::INVALID;
    F80::INDEFINITE
}

/// Whether the pattern is a finite number or an infinity.
#[inline]
fn plain(x: F80) -> bool {
    // Normal, or zero exponent; the rest (infinities aside) is cold.
    (x.exp_field() != 0x7fff && (x.sig >> 63 != 0 || x.exp_field() == 0)) || x.sig == 1 << 63
}

/// The result that a NaN or unsupported operand forces, if one is among the two.
#[inline]
pub(super) fn nan_of(a: F80, b: F80, ctx: &mut Ctx) -> Option<F80> {
    ctx.rounded_up = false;
    if plain(a) && plain(b) {
        None
    } else {
        Some(choose_nan(a, b, ctx))
    }
}

/// The same for one operand.
#[inline]
pub(super) fn nan_of_one(a: F80, ctx: &mut Ctx) -> Option<F80> {
    nan_of(a, F80::ZERO, ctx)
}

/// SDM vol. 1, table 4-7: a signaling NaN yields to a quiet one; of two alike the larger significand
/// wins, on a tie the positive one.
#[cold]
fn choose_nan(a: F80, b: F80, ctx: &mut Ctx) -> F80 {
    let (ca, cb) = (a.class(), b.class());
    if ca == Class::Unsupported || cb == Class::Unsupported {
        return invalid(ctx);
    }
    if ca == Class::Signaling || cb == Class::Signaling {
        ctx.flags |= Flags::INVALID;
    }
    quieted(match (ca, cb) {
        (Class::Quiet, Class::Signaling) => a,
        (Class::Signaling, Class::Quiet) => b,
        (Class::Quiet | Class::Signaling, Class::Quiet | Class::Signaling) => match a.sig.cmp(&b.sig) {
            core::cmp::Ordering::Less => b,
            core::cmp::Ordering::Greater => a,
            core::cmp::Ordering::Equal if a.sign() => b,
            core::cmp::Ordering::Equal => a,
        },
        (Class::Quiet | Class::Signaling, _) => a,
        _ => b,
    })
}
