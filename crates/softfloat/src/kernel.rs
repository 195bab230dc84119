//! Exact magnitudes and the one rounding routine.
//!
//! A finite non-zero operand is [`Num`]: 64-bit significand with the top bit set. An unrounded result
//! is [`Exact`]: 128-bit significand with the top bit set, and in bit 0 the OR of everything below
//! ("jamming"). The formats have at most 64 significant bits, so at least 63 bits lie between the
//! last kept bit and the jammed one, and jamming cannot change how anything rounds.

use crate::rounding::Rounding;

/// ± sig/2^63 · 2^exp, top bit of `sig` set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num {
    pub sign: bool,
    pub exp: i32,
    pub sig: u64,
}

/// ± sig/2^127 · 2^exp, top bit of `sig` set, bit 0 sticky.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    pub sign: bool,
    pub exp: i32,
    pub sig: u128,
}

/// Shifts right by any amount; the lost bits are ORed into bit 0.
#[inline]
pub(crate) fn shift_right_jam(sig: u128, by: u32) -> u128 {
    match by {
        0 => sig,
        1..=127 => (sig >> by) | u128::from(sig << (128 - by) != 0),
        _ => u128::from(sig != 0),
    }
}

impl Num {
    #[inline]
    pub fn exact(self) -> Exact {
        Exact {
            sign: self.sign,
            exp: self.exp,
            sig: u128::from(self.sig) << 64,
        }
    }
}

impl Exact {
    /// Normalises `sig`, whose bit 127 stands for 2^exp; `None` for zero.
    #[inline]
    pub fn normalized(sign: bool, exp: i32, sig: u128) -> Option<Exact> {
        if sig == 0 {
            return None;
        }
        let lz = sig.leading_zeros();
        Some(Exact {
            sign,
            exp: exp - lz as i32,
            sig: sig << lz,
        })
    }
}

/// a + b; `None` when they cancel exactly. At most 106 significant bits an operand, or 64 each.
#[inline]
pub(crate) fn add(a: Exact, b: Exact) -> Option<Exact> {
    let (big, small) = if a.exp >= b.exp { (a, b) } else { (b, a) };
    let x = shift_right_jam(big.sig, 1);
    let y = shift_right_jam(small.sig, (big.exp - small.exp) as u32 + 1);
    if big.sign == small.sign {
        Exact::normalized(big.sign, big.exp + 1, x + y)
    } else if x >= y {
        Exact::normalized(big.sign, big.exp + 1, x - y)
    } else {
        Exact::normalized(small.sign, big.exp + 1, y - x)
    }
}

/// a · b, exactly.
#[inline]
pub(crate) fn mul(a: Num, b: Num) -> Exact {
    let sig = u128::from(a.sig) * u128::from(b.sig);
    let lz = sig.leading_zeros();
    Exact {
        sign: a.sign != b.sign,
        exp: a.exp + b.exp + 1 - lz as i32,
        sig: sig << lz,
    }
}

/// a / b, jammed.
#[inline]
pub(crate) fn div(a: Num, b: Num) -> Exact {
    let shift = if a.sig < b.sig { 64 } else { 63 };
    let num = u128::from(a.sig) << shift;
    let den = u128::from(b.sig);
    let q = num / den;
    let r = num - q * den;
    let half = r << 1;
    let low = match half.cmp(&den) {
        core::cmp::Ordering::Less => u128::from(r != 0),
        core::cmp::Ordering::Equal => 1 << 63,
        core::cmp::Ordering::Greater => 1 << 63 | 1,
    };
    Exact {
        sign: a.sign != b.sign,
        exp: a.exp - b.exp + 63 - shift,
        sig: q << 64 | low,
    }
}

/// Square root of a positive number, jammed.
#[inline]
pub(crate) fn sqrt(a: Num) -> Exact {
    // sig/2^63 · 2^exp with an even exponent taken out: radicand n/2^126 in [1, 4).
    let odd = a.exp & 1;
    let n = u128::from(a.sig) << (63 + odd);
    let root = n.isqrt();
    let rem = n - root * root;
    let low = if rem == 0 {
        0
    } else if rem > root {
        1 << 63 | 1
    } else {
        1
    };
    Exact {
        sign: false,
        exp: (a.exp - odd) / 2,
        sig: root << 64 | low,
    }
}

/// A significand rounded to an integer number of its upper bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// The kept bits, right-aligned; one more than asked for when rounding carried out.
    pub sig: u64,
    pub inexact: bool,
    /// The magnitude was increased.
    pub up: bool,
}

/// Drops the low `shift` (64..=128) bits of `sig` and rounds the rest.
#[inline]
pub(crate) fn round_off(sig: u128, shift: u32, sign: bool, mode: Rounding) -> Kept {
    let (kept, rem) = if shift >= 128 {
        (0, sig)
    } else {
        ((sig >> shift) as u64, sig << (128 - shift))
    };
    let half = 1u128 << 127;
    let up = rem != 0
        && match mode {
            Rounding::Nearest => rem > half || (rem == half && kept & 1 != 0),
            Rounding::Down => sign,
            Rounding::Up => !sign,
            Rounding::Zero => false,
        };
    Kept {
        sig: kept.wrapping_add(u64::from(up)),
        inexact: rem != 0,
        up,
    }
}

/// The precision and exponent range to round to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// Significant bits, 11, 24, 53 or 64.
    pub precision: u32,
    /// Exponent of the smallest normal number.
    pub emin: i32,
    /// Exponent of the largest finite number.
    pub emax: i32,
}

/// What rounding made of an [`Exact`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounded {
    /// Left-aligned in 64 bits: top bit set when normal.
    pub sig: u64,
    pub exp: i32,
    pub inexact: bool,
    pub up: bool,
}

/// Rounds as if the exponent were unbounded.
#[inline]
pub(crate) fn round_unbounded(x: Exact, precision: u32, mode: Rounding) -> Rounded {
    let k = round_off(x.sig, 128 - precision, x.sign, mode);
    let align = 64 - precision;
    // A carry out leaves 2^precision, which for 64 bits has wrapped to zero.
    let carried = k.up && k.sig & (u64::MAX >> align) == 0;
    if carried {
        Rounded {
            sig: 1 << 63,
            exp: x.exp + 1,
            inexact: true,
            up: true,
        }
    } else {
        Rounded {
            sig: k.sig << align,
            exp: x.exp,
            inexact: k.inexact,
            up: k.up,
        }
    }
}

/// Rounds at the fixed position of the denormal range; `x.exp < emin`. The result's `exp` is `emin`,
/// and its top bit is clear unless it rounded up to the smallest normal number.
#[inline]
pub(crate) fn round_denormal(x: Exact, t: Target, mode: Rounding) -> Rounded {
    let shift = (128 - t.precision).saturating_add(x.exp.abs_diff(t.emin));
    // Beyond 128 only "something below half" is left.
    let (sig, shift) = if shift > 128 { (1, 128) } else { (x.sig, shift) };
    let k = round_off(sig, shift, x.sign, mode);
    Rounded {
        sig: k.sig << (64 - t.precision),
        exp: t.emin,
        inexact: k.inexact,
        up: k.up,
    }
}
