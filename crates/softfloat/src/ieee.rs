//! The interchange formats binary16, binary32, binary64 (IEEE 754-2019, 3.6) as bit patterns, and the
//! constants that describe them.

use crate::kernel::{Exact, Num, Target};

/// An IEEE binary interchange format of at most 64 bits.
pub trait Format: Copy + Eq + core::fmt::Debug + sealed::Sealed {
    /// Significant bits, the implicit one included.
    const PRECISION: u32;
    /// Exponent field width.
    const EXP_BITS: u32;
    /// The pattern, zero-extended.
    fn to_u64(self) -> u64;
    /// From the low bits.
    fn from_u64(bits: u64) -> Self;

    /// Stored fraction bits.
    const FRAC_BITS: u32 = Self::PRECISION - 1;
    /// Largest exponent of a finite number, which is also the bias.
    const EMAX: i32 = (1 << (Self::EXP_BITS - 1)) - 1;
    /// Exponent of the smallest normal number.
    const EMIN: i32 = 1 - Self::EMAX;
    /// Exponent field of infinities and NaNs, right-aligned.
    const EXP_MASK: u64 = (1 << Self::EXP_BITS) - 1;
    /// Fraction field.
    const FRAC_MASK: u64 = (1 << Self::FRAC_BITS) - 1;
    /// The quiet bit.
    const QUIET: u64 = 1 << (Self::FRAC_BITS - 1);
    /// The sign bit.
    const SIGN: u64 = 1 << (Self::FRAC_BITS + Self::EXP_BITS);
    /// +infinity's pattern.
    const INFINITY: u64 = Self::EXP_MASK << Self::FRAC_BITS;
    /// The default (indefinite) NaN's pattern: negative quiet NaN with zero payload.
    const INDEFINITE: u64 = Self::SIGN | Self::INFINITY | Self::QUIET;

    /// Any NaN.
    #[inline]
    fn is_nan(self) -> bool {
        self.to_u64() & !Self::SIGN > Self::INFINITY
    }

    /// A NaN with the quiet bit clear.
    #[inline]
    fn is_signaling(self) -> bool {
        self.is_nan() && self.to_u64() & Self::QUIET == 0
    }

    /// Either infinity.
    #[inline]
    fn is_infinite(self) -> bool {
        self.to_u64() & !Self::SIGN == Self::INFINITY
    }

    /// Either zero.
    #[inline]
    fn is_zero(self) -> bool {
        self.to_u64() & !Self::SIGN == 0
    }

    /// A non-zero number below the normal range.
    #[inline]
    fn is_denormal(self) -> bool {
        self.to_u64() & Self::INFINITY == 0 && !self.is_zero()
    }

    /// The sign bit.
    #[inline]
    fn sign(self) -> bool {
        self.to_u64() & Self::SIGN != 0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::F16 {}
    impl Sealed for super::F32 {}
    impl Sealed for super::F64 {}
}

macro_rules! format {
    ($(#[$doc:meta])* $name:ident, $bits:ty, $precision:expr, $exp:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $bits);

        impl Format for $name {
            const PRECISION: u32 = $precision;
            const EXP_BITS: u32 = $exp;
            #[inline]
            fn to_u64(self) -> u64 {
                u64::from(self.0)
            }
            #[inline]
            fn from_u64(bits: u64) -> Self {
                $name(bits as $bits)
            }
        }

        impl $name {
            /// +1.
            pub const ONE: $name = $name(((1 << ($exp - 1)) - 1) << ($precision - 1));
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({:#x})", stringify!($name), self.0)
            }
        }
    };
}

format!(
    /// A binary16 pattern. Equality compares patterns, not values.
    F16, u16, 11, 5
);
format!(
    /// A binary32 pattern. Equality compares patterns, not values.
    F32, u32, 24, 8
);
format!(
    /// A binary64 pattern. Equality compares patterns, not values.
    F64, u64, 53, 11
);

/// The target that rounding to `F` needs.
pub(crate) const fn target<F: Format>() -> Target {
    Target {
        precision: F::PRECISION,
        emin: F::EMIN,
        emax: F::EMAX,
    }
}

/// Unpacks a finite non-zero number, denormals normalised.
#[inline]
pub(crate) fn unpack<F: Format>(x: F) -> Num {
    let bits = x.to_u64();
    let field = (bits >> F::FRAC_BITS & F::EXP_MASK) as i32;
    let frac = bits & F::FRAC_MASK;
    let sign = bits & F::SIGN != 0;
    if field != 0 {
        Num {
            sign,
            exp: field - F::EMAX,
            sig: (frac | 1 << F::FRAC_BITS) << (63 - F::FRAC_BITS),
        }
    } else {
        let lz = frac.leading_zeros();
        Num {
            sign,
            exp: F::EMIN - (lz as i32 - (63 - F::FRAC_BITS as i32)),
            sig: frac << lz,
        }
    }
}

/// Packs a significand left-aligned in 64 bits (top bit clear: denormal, and `exp` is EMIN).
#[inline]
pub(crate) fn pack<F: Format>(sign: bool, exp: i32, sig: u64) -> F {
    let frac = sig >> (63 - F::FRAC_BITS);
    let field = if sig >> 63 != 0 { (exp + F::EMAX) as u64 } else { 0 };
    F::from_u64(signed::<F>(sign, field << F::FRAC_BITS | frac & F::FRAC_MASK))
}

/// A pattern with its sign set.
#[inline]
pub(crate) fn signed<F: Format>(sign: bool, magnitude: u64) -> u64 {
    if sign { magnitude | F::SIGN } else { magnitude }
}

/// An unrounded number from an integer magnitude; `None` for zero.
#[inline]
pub(crate) fn from_magnitude(sign: bool, magnitude: u64) -> Option<Exact> {
    Exact::normalized(sign, 127, u128::from(magnitude))
}
