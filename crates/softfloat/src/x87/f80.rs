//! The double-extended pattern and its classes (SDM vol. 1, 4.2.2 and 8.2.2).

use crate::kernel::Num;

/// An 80-bit double-extended pattern. Equality compares patterns, not values.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct F80 {
    /// Sign (bit 15) and biased exponent.
    pub sign_exp: u16,
    /// Significand with explicit integer bit 63.
    pub sig: u64,
}

/// What a pattern stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// ±0.
    Zero,
    /// Non-zero with zero exponent field; the integer bit may be set (pseudo-denormal).
    Denormal,
    /// An ordinary number.
    Normal,
    /// ±∞.
    Infinity,
    /// A NaN with the quiet bit set.
    Quiet,
    /// A NaN with the quiet bit clear.
    Signaling,
    /// Unnormal, pseudo-infinity or pseudo-NaN: invalid as an operand since the 387.
    Unsupported,
}

impl F80 {
    /// +0.
    pub const ZERO: F80 = F80 { sign_exp: 0, sig: 0 };
    /// +1.
    pub const ONE: F80 = F80 {
        sign_exp: 0x3fff,
        sig: 1 << 63,
    };
    /// The indefinite: default response to an invalid operation.
    pub const INDEFINITE: F80 = F80 {
        sign_exp: 0xffff,
        sig: 3 << 62,
    };
    /// Exponent bias, and largest exponent.
    pub(crate) const BIAS: i32 = 0x3fff;
    /// The quiet bit of a NaN.
    pub(crate) const QUIET: u64 = 1 << 62;

    /// From ten bytes in memory order.
    pub fn from_bytes(bytes: [u8; 10]) -> F80 {
        let [s @ .., e0, e1] = bytes;
        F80 {
            sign_exp: u16::from_le_bytes([e0, e1]),
            sig: u64::from_le_bytes(s),
        }
    }

    /// To ten bytes in memory order.
    pub fn to_bytes(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.sig.to_le_bytes());
        bytes[8..].copy_from_slice(&self.sign_exp.to_le_bytes());
        bytes
    }

    /// The sign bit.
    #[inline]
    pub fn sign(self) -> bool {
        self.sign_exp >> 15 != 0
    }

    /// The biased exponent field.
    #[inline]
    pub fn exp_field(self) -> u16 {
        self.sign_exp & 0x7fff
    }

    /// FCHS: flips the sign, whatever the pattern.
    #[inline]
    pub fn negated(self) -> F80 {
        F80 {
            sign_exp: self.sign_exp ^ 0x8000,
            ..self
        }
    }

    /// FABS: clears the sign, whatever the pattern.
    #[inline]
    pub fn absolute(self) -> F80 {
        F80 {
            sign_exp: self.sign_exp & 0x7fff,
            ..self
        }
    }

    /// ±0.
    #[inline]
    pub fn zero(sign: bool) -> F80 {
        F80 {
            sign_exp: u16::from(sign) << 15,
            sig: 0,
        }
    }

    /// ±∞.
    #[inline]
    pub fn infinity(sign: bool) -> F80 {
        F80 {
            sign_exp: u16::from(sign) << 15 | 0x7fff,
            sig: 1 << 63,
        }
    }

    /// Sorts the pattern into a [`Class`].
    #[inline]
    pub fn class(self) -> Class {
        let integer = self.sig >> 63 != 0;
        match self.exp_field() {
            0 if self.sig == 0 => Class::Zero,
            0 => Class::Denormal,
            _ if !integer => Class::Unsupported,
            0x7fff if self.sig << 1 == 0 => Class::Infinity,
            0x7fff if self.sig & F80::QUIET != 0 => Class::Quiet,
            0x7fff => Class::Signaling,
            _ => Class::Normal,
        }
    }

    /// A quiet or signaling NaN.
    #[inline]
    pub fn is_nan(self) -> bool {
        self.exp_field() == 0x7fff && self.sig > 1 << 63
    }

    /// The value of a normal, denormal or pseudo-denormal number.
    #[inline]
    pub(crate) fn num(self) -> Num {
        let field = i32::from(self.exp_field()).max(1);
        let lz = self.sig.leading_zeros();
        Num {
            sign: self.sign(),
            exp: field - F80::BIAS - lz as i32,
            sig: self.sig << lz,
        }
    }

    /// A number from its parts; a clear top bit means denormal.
    #[inline]
    pub(crate) fn pack(sign: bool, exp: i32, sig: u64) -> F80 {
        let field = if sig >> 63 != 0 {
            (exp + F80::BIAS) as u16
        } else {
            0
        };
        F80 {
            sign_exp: u16::from(sign) << 15 | field,
            sig,
        }
    }
}

impl core::fmt::Debug for F80 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04x}:{:016x}", self.sign_exp, self.sig)
    }
}
