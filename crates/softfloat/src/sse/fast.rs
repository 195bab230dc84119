//! The host's own binary32 and binary64 arithmetic, where it cannot be told from ours.
//!
//! Rust's float operations are IEEE round-to-nearest. With that rounding direction chosen, PE already
//! sticky and masked, operands that are normal (or zero) and a result well inside the normal range,
//! the only exception that can occur is PE, which changes nothing. NaNs, denormals, overflow and
//! underflow all make the functions decline; then take the [`super::Ieee`] method.
//!
//! ```
//! use softfloat::{Ieee, F64, sse::{Ctx, fast}};
//! let mxcsr = 0x1fa0;
//! let (a, b) = (F64(1.5f64.to_bits()), F64(0.1f64.to_bits()));
//! let sum = match fast::usable(mxcsr).then(|| fast::add64(a, b)).flatten() {
//!     Some(sum) => sum,
//!     None => a.add(b, &mut Ctx::from_mxcsr(mxcsr)), // and commit
//! };
//! assert_eq!(sum, F64((1.5f64 + 0.1).to_bits()));
//! ```

use crate::ieee::{F32, F64, Format};

/// Whether MXCSR allows the fast functions: RC nearest, PE set and masked. DAZ, FTZ and the other
/// bits do not matter, since no denormal and no other exception is involved.
#[inline]
pub const fn usable(mxcsr: u32) -> bool {
    mxcsr & (3 << 13 | 1 << 12 | 1 << 5) == 1 << 12 | 1 << 5
}

/// Normal or zero; infinities and NaNs may pass, since their results never do.
#[inline]
fn plain<F: Format>(x: F) -> bool {
    !x.is_denormal()
}

/// Exponent field from 2 to the largest finite one: not tiny before or after rounding, not overflown.
#[inline]
fn inside<F: Format>(x: F) -> bool {
    let field = x.to_u64() >> F::FRAC_BITS & F::EXP_MASK;
    field.wrapping_sub(2) < F::EXP_MASK - 2
}

macro_rules! fast {
    ($($name:ident, $format:ident, $float:ty, $op:tt, $what:literal;)*) => {$(
        #[doc = $what]
        #[inline]
        pub fn $name(a: $format, b: $format) -> Option<$format> {
            let result = $format((<$float>::from_bits(a.0) $op <$float>::from_bits(b.0)).to_bits());
            (plain(a) && plain(b) && inside(result)).then_some(result)
        }
    )*};
}

fast! {
    add32, F32, f32, +, "`a + b`, or nothing when the careful way is needed.";
    sub32, F32, f32, -, "`a - b`, or nothing when the careful way is needed.";
    mul32, F32, f32, *, "`a * b`, or nothing when the careful way is needed.";
    div32, F32, f32, /, "`a / b`, or nothing when the careful way is needed.";
    add64, F64, f64, +, "`a + b`, or nothing when the careful way is needed.";
    sub64, F64, f64, -, "`a - b`, or nothing when the careful way is needed.";
    mul64, F64, f64, *, "`a * b`, or nothing when the careful way is needed.";
    div64, F64, f64, /, "`a / b`, or nothing when the careful way is needed.";
}

/// The square root, or nothing when the careful way is needed.
#[inline]
pub fn sqrt32(a: F32) -> Option<F32> {
    let root = F32(f32::from_bits(a.0).sqrt().to_bits());
    (plain(a) && inside(root)).then_some(root)
}

/// The square root, or nothing when the careful way is needed.
#[inline]
pub fn sqrt64(a: F64) -> Option<F64> {
    let root = F64(f64::from_bits(a.0).sqrt().to_bits());
    (plain(a) && inside(root)).then_some(root)
}
