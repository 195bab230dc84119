//! Scalar arithmetic with the rules of SSE, AVX, FMA and F16C (SDM vol. 1, 10.2.3, 11.5 and 4.8.3.5).
//!
//! Packed instructions call these once a lane with the same [`Ctx`], then [`Ctx::commit`] to MXCSR.
//! All operations are methods of [`Ieee`], so lane code can be generic over [`F32`] and [`F64`].

mod arith;
mod compare;
mod convert;
mod ctx;
pub mod fast;
mod operand;
mod round;

pub use compare::Relation;
pub use ctx::{Commit, Ctx};

use crate::flags::Flags;
use crate::ieee::{F16, F32, F64, Format};
use crate::rounding::Rounding;

/// binary32 and binary64 arithmetic as SSE does it.
///
/// Flags accumulate in `ctx.flags`. Results are those of the masked responses; when a flag that
/// `ctx.masks` leaves unmasked was raised, the instruction must not write its destination.
pub trait Ieee: Format {
    /// The default NaN that an invalid operation yields.
    const DEFAULT_NAN: Self;
    /// +1.
    const ONE: Self;

    /// `self + rhs`.
    #[inline]
    fn add(self, rhs: Self, ctx: &mut Ctx) -> Self {
        arith::add(self, rhs, false, ctx)
    }

    /// `self - rhs`.
    #[inline]
    fn sub(self, rhs: Self, ctx: &mut Ctx) -> Self {
        arith::add(self, rhs, true, ctx)
    }

    /// `self * rhs`.
    #[inline]
    fn mul(self, rhs: Self, ctx: &mut Ctx) -> Self {
        arith::mul(self, rhs, ctx)
    }

    /// `self / rhs`.
    #[inline]
    fn div(self, rhs: Self, ctx: &mut Ctx) -> Self {
        arith::div(self, rhs, ctx)
    }

    /// The square root; −0 gives −0.
    #[inline]
    fn sqrt(self, ctx: &mut Ctx) -> Self {
        arith::sqrt(self, ctx)
    }

    /// `±(self * rhs) ± addend` with one rounding. A NaN is taken from `self`, `rhs`, `addend` in
    /// this order; the negations (VFNMADD: product, VFMSUB: addend) do not touch NaNs.
    #[inline]
    fn fma(self, rhs: Self, addend: Self, negate_product: bool, negate_addend: bool, ctx: &mut Ctx) -> Self {
        arith::fma(self, rhs, addend, negate_product, negate_addend, ctx)
    }

    /// MINSS and kin: the second operand unless the first is smaller; any NaN is invalid.
    #[inline]
    fn min(self, rhs: Self, ctx: &mut Ctx) -> Self {
        compare::min_max(self, rhs, Relation::Less, ctx)
    }

    /// MAXSS and kin: the second operand unless the first is greater; any NaN is invalid.
    #[inline]
    fn max(self, rhs: Self, ctx: &mut Ctx) -> Self {
        compare::min_max(self, rhs, Relation::Greater, ctx)
    }

    /// UCOMISS and kin: only a signaling NaN is invalid.
    #[inline]
    fn compare_quiet(self, rhs: Self, ctx: &mut Ctx) -> Relation {
        compare::compare(self, rhs, false, ctx)
    }

    /// COMISS and kin: any NaN is invalid.
    #[inline]
    fn compare_signaling(self, rhs: Self, ctx: &mut Ctx) -> Relation {
        compare::compare(self, rhs, true, ctx)
    }

    /// CMPPS and kin: predicate `imm` & 31 (SSE forms pass imm & 7).
    #[inline]
    fn compare_predicate(self, rhs: Self, imm: u8, ctx: &mut Ctx) -> bool {
        compare::predicate(self, rhs, imm, ctx)
    }

    /// ROUNDSS and kin: an integer of the same format; `exact` reports inexactness.
    #[inline]
    fn round_to_int(self, rounding: Rounding, exact: bool, ctx: &mut Ctx) -> Self {
        convert::round_to_int(self, rounding, exact, ctx)
    }

    /// CVTSS2SI and kin, 32 bits; out of range or NaN: invalid and 8000_0000h. Truncating forms pass
    /// [`Rounding::Zero`], the others `ctx.rounding`.
    #[inline]
    fn to_i32(self, rounding: Rounding, ctx: &mut Ctx) -> i32 {
        convert::to_int(self, rounding, -(1 << 31), (1 << 31) - 1, 1 << 31, ctx) as i32
    }

    /// CVTSS2SI and kin, 64 bits; out of range or NaN: invalid and 8000_0000_0000_0000h.
    #[inline]
    fn to_i64(self, rounding: Rounding, ctx: &mut Ctx) -> i64 {
        convert::to_int(self, rounding, -(1 << 63), (1 << 63) - 1, 1 << 63, ctx) as i64
    }

    /// Unsigned 32 bits; out of range or NaN: invalid and all ones.
    #[inline]
    fn to_u32(self, rounding: Rounding, ctx: &mut Ctx) -> u32 {
        convert::to_int(self, rounding, 0, (1 << 32) - 1, u128::MAX, ctx) as u32
    }

    /// Unsigned 64 bits; out of range or NaN: invalid and all ones.
    #[inline]
    fn to_u64_int(self, rounding: Rounding, ctx: &mut Ctx) -> u64 {
        convert::to_int(self, rounding, 0, (1 << 64) - 1, u128::MAX, ctx) as u64
    }

    /// CVTSI2SS and kin, also for 32-bit sources.
    #[inline]
    fn from_i64(value: i64, ctx: &mut Ctx) -> Self {
        convert::from_int(value < 0, value.unsigned_abs(), ctx)
    }

    /// An unsigned integer.
    #[inline]
    fn from_unsigned(value: u64, ctx: &mut Ctx) -> Self {
        convert::from_int(false, value, ctx)
    }
}

impl Ieee for F32 {
    const DEFAULT_NAN: F32 = F32(F32::INDEFINITE as u32);
    const ONE: F32 = F32::ONE;
}

impl Ieee for F64 {
    const DEFAULT_NAN: F64 = F64(F64::INDEFINITE);
    const ONE: F64 = F64::ONE;
}

impl F32 {
    /// CVTSS2SD.
    pub fn to_f64(self, ctx: &mut Ctx) -> F64 {
        convert::convert(self, ctx)
    }

    /// VCVTPS2PH; `rounding` from the immediate or `ctx.rounding`. FTZ does not apply, DAZ does.
    pub fn to_f16(self, rounding: Rounding, ctx: &mut Ctx) -> F16 {
        convert::to_half(self, rounding, ctx)
    }
}

impl F64 {
    /// CVTSD2SS.
    pub fn to_f32(self, ctx: &mut Ctx) -> F32 {
        convert::convert(self, ctx)
    }
}

impl F16 {
    /// VCVTPH2PS. DAZ does not apply; the only exception is invalid, for signaling NaNs.
    pub fn to_f32(self, ctx: &mut Ctx) -> F32 {
        if self.is_signaling() {
            ctx.flags |= Flags::INVALID;
        }
        convert::from_half(self)
    }
}
