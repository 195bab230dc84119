//! Small elements many at a time: arithmetic on a whole lane as one integer.
//!
//! Compilers do not vectorise element loops over a `u128`, and the byte operations are what string functions are made
//! of. The trick throughout: keep the top bit of each element out of the sum or difference, so that no carry crosses
//! an element, and put it right afterwards. A parameter `H` has the top bit of each element set.

use super::lane::Lane;

/// Top bits of bytes.
pub const BYTES: Lane = 0x8080_8080_8080_8080_8080_8080_8080_8080;
/// Top bits of words.
pub const WORDS: Lane = 0x8000_8000_8000_8000_8000_8000_8000_8000;

/// Element-wise wrapping sum.
#[inline(always)]
pub fn add<const H: Lane>(a: Lane, b: Lane) -> Lane {
    (a & !H).wrapping_add(b & !H) ^ (a ^ b) & H
}

/// Element-wise wrapping difference.
#[inline(always)]
pub fn sub<const H: Lane>(a: Lane, b: Lane) -> Lane {
    (a | H).wrapping_sub(b & !H) ^ (a ^ !b) & H
}

/// All bits of the elements whose top bit is set in `top` (which has no other bits).
#[inline(always)]
fn spread<const H: Lane>(top: Lane) -> Lane {
    let lowest = top >> H.trailing_zeros();
    top | top.wrapping_sub(lowest)
}

/// All ones where the elements are equal.
#[inline(always)]
pub fn equal<const H: Lane>(a: Lane, b: Lane) -> Lane {
    let x = a ^ b;
    // The top bit of `x`, or a carry into it from any lower bit, says that the element is not zero.
    let different = ((x & !H).wrapping_add(!H) | x) & H;
    spread::<H>(different ^ H)
}

/// All ones where `a` is below `b`, both unsigned.
#[inline(always)]
fn below<const H: Lane>(a: Lane, b: Lane) -> Lane {
    let borrow = !a & b | (!a | b) & sub::<H>(a, b);
    spread::<H>(borrow & H)
}

/// All ones where `a` is greater than `b`, both signed.
#[inline(always)]
pub fn greater_signed<const H: Lane>(a: Lane, b: Lane) -> Lane {
    below::<H>(b ^ H, a ^ H)
}

/// The smaller of each pair, unsigned.
#[inline(always)]
pub fn min<const H: Lane>(a: Lane, b: Lane) -> Lane {
    b ^ (a ^ b) & below::<H>(a, b)
}

/// The greater of each pair, unsigned.
#[inline(always)]
pub fn max<const H: Lane>(a: Lane, b: Lane) -> Lane {
    a ^ (a ^ b) & below::<H>(a, b)
}

/// The smaller of each pair, signed.
#[inline(always)]
pub fn min_signed<const H: Lane>(a: Lane, b: Lane) -> Lane {
    min::<H>(a ^ H, b ^ H) ^ H
}

/// The greater of each pair, signed.
#[inline(always)]
pub fn max_signed<const H: Lane>(a: Lane, b: Lane) -> Lane {
    max::<H>(a ^ H, b ^ H) ^ H
}

/// The top bits of the sixteen bytes, lowest byte first.
#[inline(always)]
pub fn byte_signs(a: Lane) -> u64 {
    // The product gathers bit 7 of byte i in bit 56 + i; no two terms meet there.
    let half = |quad: u64| (quad & BYTES as u64).wrapping_mul(0x0002_0408_1020_4081) >> 56;
    half(a as u64) | half((a >> 64) as u64) << 8
}

/// The bytes of `a` and `b` in turn.
#[inline(always)]
pub fn interleave_bytes(a: u64, b: u64) -> Lane {
    let apart = |quad: u64| {
        let x = Lane::from(quad);
        let x = (x | x << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
        let x = (x | x << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
        (x | x << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff
    };
    apart(a) | apart(b) << 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::lane::{Element, zip};

    #[test]
    fn every_pair_of_bytes_agrees_with_the_plain_definition() {
        let check = |name: &str, a, b, swar: Lane, f: fn(u8, u8) -> u8| {
            assert_eq!(swar, zip(a, b, f), "{name} {a:032x} {b:032x}");
        };
        for x in 0..=255u8 {
            // Sixteen values of the second operand at a time, so that neighbours differ.
            for start in (0..=240u8).step_by(16) {
                let a = u8::join([x; 16]);
                let b = u8::join(std::array::from_fn(|i| start + i as u8));
                let all = |on: bool| if on { 0xff } else { 0 };
                check("add", a, b, add::<BYTES>(a, b), u8::wrapping_add);
                check("sub", a, b, sub::<BYTES>(a, b), u8::wrapping_sub);
                check("min", a, b, min::<BYTES>(a, b), |x, y| x.min(y));
                check("max", a, b, max::<BYTES>(a, b), |x, y| x.max(y));
                check("min signed", a, b, min_signed::<BYTES>(a, b), |x, y| {
                    (x as i8).min(y as i8) as u8
                });
                check("max signed", a, b, max_signed::<BYTES>(a, b), |x, y| {
                    (x as i8).max(y as i8) as u8
                });
                for (swar, order) in [
                    (equal::<BYTES>(a, b), (|x, y| x == y) as fn(i8, i8) -> bool),
                    (greater_signed::<BYTES>(a, b), |x, y| x > y),
                ] {
                    assert_eq!(
                        swar,
                        zip(a, b, |x: u8, y| all(order(x as i8, y as i8))),
                        "{a:032x} {b:032x}"
                    );
                }
            }
        }
    }

    #[test]
    fn signs_and_interleaving() {
        assert_eq!(byte_signs(BYTES), 0xffff);
        for i in 0..16 {
            assert_eq!(byte_signs(0x80 << (8 * i)), 1 << i);
            assert_eq!(byte_signs(0x7f << (8 * i)), 0);
        }
        assert_eq!(
            interleave_bytes(0x0706_0504_0302_0100, 0x1716_1514_1312_1110),
            0x1707_1606_1505_1404_1303_1202_1101_1000
        );
    }
}
