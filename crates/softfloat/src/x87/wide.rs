//! Floating point with 128-bit significands for the transcendental functions: truncating, unbounded in
//! practice, no special values. Each operation errs by at most two units in the last of 128 places.

use crate::kernel::{Exact, Num};
use core::ops::{Add, Div, Mul, Neg, Sub};

/// ± sig/2^127 · 2^exp with the top bit of `sig` set, or zero with `sig` zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wide {
    pub sign: bool,
    pub exp: i32,
    pub sig: u128,
}

impl Wide {
    pub const ZERO: Wide = Wide {
        sign: false,
        exp: 0,
        sig: 0,
    };
    pub const ONE: Wide = Wide {
        sign: false,
        exp: 0,
        sig: 1 << 127,
    };

    /// A normalised number whose bit 127 stands for 2^exp.
    pub fn normalized(sign: bool, exp: i32, sig: u128) -> Wide {
        if sig == 0 {
            return Wide::ZERO;
        }
        let lz = sig.leading_zeros();
        Wide {
            sign,
            exp: exp - lz as i32,
            sig: sig << lz,
        }
    }

    /// The largest number below one: what a truncated 1 − ε must be for rounding to see the ε.
    pub const BELOW_ONE: Wide = Wide {
        sign: false,
        exp: -1,
        sig: u128::MAX,
    };

    pub fn from_int(x: i32) -> Wide {
        Wide::normalized(x < 0, 127, x.unsigned_abs().into())
    }

    /// This times 2^by.
    pub fn scaled(self, by: i32) -> Wide {
        Wide {
            exp: self.exp + by,
            ..self
        }
    }

    pub fn abs(self) -> Wide {
        Wide { sign: false, ..self }
    }

    /// Divided by a small positive integer.
    pub fn over(self, n: u32) -> Wide {
        Wide::normalized(self.sign, self.exp, self.sig / u128::from(n))
    }

    /// |self| < |other|
    pub fn below(self, other: Wide) -> bool {
        if self.sig == 0 || other.sig == 0 {
            return self.sig == 0 && other.sig != 0;
        }
        (self.exp, self.sig) < (other.exp, other.sig)
    }

    /// For rounding: known to be inexact, so that no rounding direction takes it for exact. Zero must
    /// have been dealt with.
    pub fn inexact(self) -> Exact {
        Exact {
            sign: self.sign,
            exp: self.exp,
            sig: self.sig | 1,
        }
    }
}

impl From<Num> for Wide {
    fn from(x: Num) -> Wide {
        Wide {
            sign: x.sign,
            exp: x.exp,
            sig: u128::from(x.sig) << 64,
        }
    }
}

impl Neg for Wide {
    type Output = Wide;
    fn neg(self) -> Wide {
        Wide {
            sign: !self.sign,
            ..self
        }
    }
}

impl Add for Wide {
    type Output = Wide;
    fn add(self, rhs: Wide) -> Wide {
        if self.sig == 0 {
            return rhs;
        }
        if rhs.sig == 0 {
            return self;
        }
        let (big, small) = if rhs.below(self) { (self, rhs) } else { (rhs, self) };
        let distance = (big.exp - small.exp) as u32;
        let shifted = small.sig.checked_shr(distance).unwrap_or(0);
        if big.sign == small.sign {
            match big.sig.checked_add(shifted) {
                Some(sig) => Wide { sig, ..big },
                None => {
                    let sig = big.sig.wrapping_add(shifted) >> 1 | 1 << 127;
                    Wide {
                        sign: big.sign,
                        exp: big.exp + 1,
                        sig,
                    }
                }
            }
        } else {
            Wide::normalized(big.sign, big.exp, big.sig - shifted)
        }
    }
}

impl Sub for Wide {
    type Output = Wide;
    fn sub(self, rhs: Wide) -> Wide {
        self + -rhs
    }
}

/// The upper half of the 256-bit product.
fn multiply_high(a: u128, b: u128) -> u128 {
    let split = |x: u128| (x >> 64, x & u128::from(u64::MAX));
    let ((ah, al), (bh, bl)) = (split(a), split(b));
    let (mid1, mid2) = (ah * bl, al * bh);
    let ((m1h, m1l), (m2h, m2l)) = (split(mid1), split(mid2));
    let carry = (((al * bl) >> 64) + m1l + m2l) >> 64;
    ah * bh + m1h + m2h + carry
}

impl Mul for Wide {
    type Output = Wide;
    fn mul(self, rhs: Wide) -> Wide {
        Wide::normalized(
            self.sign != rhs.sign,
            self.exp + rhs.exp + 1,
            multiply_high(self.sig, rhs.sig),
        )
    }
}

impl Div for Wide {
    type Output = Wide;
    /// Schoolbook, one bit a step; the divisor must not be zero.
    fn div(self, rhs: Wide) -> Wide {
        let (mut rest, mut quotient) = (self.sig, 0u128);
        // The bit shifted out of `rest` means that it is above any divisor.
        let mut carry = false;
        for _ in 0..128 {
            let fits = carry || rest >= rhs.sig;
            if fits {
                rest = rest.wrapping_sub(rhs.sig);
            }
            quotient = quotient << 1 | u128::from(fits);
            carry = rest >> 127 != 0;
            rest <<= 1;
        }
        Wide::normalized(self.sign != rhs.sign, self.exp - rhs.exp, quotient)
    }
}
