//! Packed integer arithmetic: sums, products, extremes, averages, absolute values, horizontal sums.
//! SDM vol. 1, 5.4.2, 5.6.3, 5.9 and 5.10.

use super::lane::{Element, Lane, build, halves, map, zip};
use super::swar::{self, BYTES, WORDS};
use super::table::rows;
use crate::insn::Handler;
use iced_x86::Instruction;

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    rows! { insn;
        binary: Paddb    | Vpaddb    => swar::add::<BYTES>;
        binary: Paddw    | Vpaddw    => swar::add::<WORDS>;
        binary: Paddd    | Vpaddd    => |a, b| zip(a, b, u32::wrapping_add);
        binary: Paddq    | Vpaddq    => |a, b| zip(a, b, u64::wrapping_add);
        binary: Paddsb   | Vpaddsb   => |a, b| zip(a, b, i8::saturating_add);
        binary: Paddsw   | Vpaddsw   => |a, b| zip(a, b, i16::saturating_add);
        binary: Paddusb  | Vpaddusb  => |a, b| zip(a, b, u8::saturating_add);
        binary: Paddusw  | Vpaddusw  => |a, b| zip(a, b, u16::saturating_add);
        binary: Psubb    | Vpsubb    => swar::sub::<BYTES>;
        binary: Psubw    | Vpsubw    => swar::sub::<WORDS>;
        binary: Psubd    | Vpsubd    => |a, b| zip(a, b, u32::wrapping_sub);
        binary: Psubq    | Vpsubq    => |a, b| zip(a, b, u64::wrapping_sub);
        binary: Psubsb   | Vpsubsb   => |a, b| zip(a, b, i8::saturating_sub);
        binary: Psubsw   | Vpsubsw   => |a, b| zip(a, b, i16::saturating_sub);
        binary: Psubusb  | Vpsubusb  => |a, b| zip(a, b, u8::saturating_sub);
        binary: Psubusw  | Vpsubusw  => |a, b| zip(a, b, u16::saturating_sub);

        binary: Pmullw   | Vpmullw   => |a, b| zip(a, b, u16::wrapping_mul);
        binary: Pmulld   | Vpmulld   => |a, b| zip(a, b, u32::wrapping_mul);
        binary: Pmulhw   | Vpmulhw   => |a, b| zip(a, b, |x: i16, y: i16| ((i32::from(x) * i32::from(y)) >> 16) as i16);
        binary: Pmulhuw  | Vpmulhuw  => |a, b| zip(a, b, |x: u16, y: u16| ((u32::from(x) * u32::from(y)) >> 16) as u16);
        binary: Pmulhrsw | Vpmulhrsw => |a, b| zip(a, b, |x: i16, y: i16| ((((i32::from(x) * i32::from(y)) >> 14) + 1) >> 1) as i16);
        binary: Pmuludq  | Vpmuludq  => |a, b| zip(a, b, |x: u64, y: u64| (x & 0xffff_ffff) * (y & 0xffff_ffff));
        binary: Pmuldq   | Vpmuldq   => |a, b| zip(a, b, |x: i64, y: i64| i64::from(x as i32) * i64::from(y as i32));
        binary: Pmaddwd  | Vpmaddwd  => madd_words;
        binary: Pmaddubsw | Vpmaddubsw => madd_bytes;

        binary: Pavgb    | Vpavgb    => |a, b| zip(a, b, |x: u8, y: u8| ((u16::from(x) + u16::from(y) + 1) >> 1) as u8);
        binary: Pavgw    | Vpavgw    => |a, b| zip(a, b, |x: u16, y: u16| ((u32::from(x) + u32::from(y) + 1) >> 1) as u16);
        binary: Pminub   | Vpminub   => swar::min::<BYTES>;
        binary: Pminuw   | Vpminuw   => swar::min::<WORDS>;
        binary: Pminud   | Vpminud   => |a, b| zip(a, b, |x: u32, y| x.min(y));
        binary: Pminsb   | Vpminsb   => swar::min_signed::<BYTES>;
        binary: Pminsw   | Vpminsw   => swar::min_signed::<WORDS>;
        binary: Pminsd   | Vpminsd   => |a, b| zip(a, b, |x: i32, y| x.min(y));
        binary: Pmaxub   | Vpmaxub   => swar::max::<BYTES>;
        binary: Pmaxuw   | Vpmaxuw   => swar::max::<WORDS>;
        binary: Pmaxud   | Vpmaxud   => |a, b| zip(a, b, |x: u32, y| x.max(y));
        binary: Pmaxsb   | Vpmaxsb   => swar::max_signed::<BYTES>;
        binary: Pmaxsw   | Vpmaxsw   => swar::max_signed::<WORDS>;
        binary: Pmaxsd   | Vpmaxsd   => |a, b| zip(a, b, |x: i32, y| x.max(y));

        unary:  Pabsb    | Vpabsb    => |a, _| map(a, i8::wrapping_abs);
        unary:  Pabsw    | Vpabsw    => |a, _| map(a, i16::wrapping_abs);
        unary:  Pabsd    | Vpabsd    => |a, _| map(a, i32::wrapping_abs);
        binary: Psignb   | Vpsignb   => |a, b| zip(a, b, |x: i8, y: i8| x.wrapping_mul(y.signum()));
        binary: Psignw   | Vpsignw   => |a, b| zip(a, b, |x: i16, y: i16| x.wrapping_mul(y.signum()));
        binary: Psignd   | Vpsignd   => |a, b| zip(a, b, |x: i32, y: i32| x.wrapping_mul(y.signum()));
        binary: Psadbw   | Vpsadbw   => sad;
        unary:  Phminposuw | Vphminposuw => |a, _| min_position(a);
        binary_imm: Mpsadbw | Vmpsadbw => |a, b, imm, lane| multiple_sad(a, b, imm >> (3 * lane));

        binary: Phaddw   | Vphaddw   => |a, b| pairs(a, b, u16::wrapping_add), mmx |a, b| pairs(halves(a, b), 0, u16::wrapping_add) as u64;
        binary: Phaddd   | Vphaddd   => |a, b| pairs(a, b, u32::wrapping_add), mmx |a, b| pairs(halves(a, b), 0, u32::wrapping_add) as u64;
        binary: Phaddsw  | Vphaddsw  => |a, b| pairs(a, b, i16::saturating_add), mmx |a, b| pairs(halves(a, b), 0, i16::saturating_add) as u64;
        binary: Phsubw   | Vphsubw   => |a, b| pairs(a, b, u16::wrapping_sub), mmx |a, b| pairs(halves(a, b), 0, u16::wrapping_sub) as u64;
        binary: Phsubd   | Vphsubd   => |a, b| pairs(a, b, u32::wrapping_sub), mmx |a, b| pairs(halves(a, b), 0, u32::wrapping_sub) as u64;
        binary: Phsubsw  | Vphsubsw  => |a, b| pairs(a, b, i16::saturating_sub), mmx |a, b| pairs(halves(a, b), 0, i16::saturating_sub) as u64;
    }
}

/// Neighbours combined: those of `a` in the low half, those of `b` in the high half.
#[inline(always)]
fn pairs<const N: usize, T: Element<N>>(a: Lane, b: Lane, f: impl Fn(T, T) -> T) -> Lane {
    let (a, b) = (T::split(a), T::split(b));
    build(|i| {
        let source = if i < N / 2 { &a } else { &b };
        let i = i % (N / 2) * 2;
        f(source[i], source[i + 1])
    })
}

/// PMADDWD: products of signed words, summed by pairs. Only -32768 four times wraps.
fn madd_words(a: Lane, b: Lane) -> Lane {
    let (a, b) = (i16::split(a), i16::split(b));
    let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
    build(|i| product(2 * i).wrapping_add(product(2 * i + 1)))
}

/// PMADDUBSW: unsigned bytes of `a` times signed bytes of `b`, summed by pairs with saturation.
fn madd_bytes(a: Lane, b: Lane) -> Lane {
    let (a, b) = (u8::split(a), i8::split(b));
    let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
    build(|i| (product(2 * i) + product(2 * i + 1)).clamp(i16::MIN.into(), i16::MAX.into()) as i16)
}

/// PSADBW: sum of absolute differences of eight bytes, in each quadword.
fn sad(a: Lane, b: Lane) -> Lane {
    let (a, b) = (u8::split(a), u8::split(b));
    build(|i| {
        (8 * i..8 * i + 8)
            .map(|j| u64::from(a[j].abs_diff(b[j])))
            .sum::<u64>()
    })
}

/// MPSADBW: four bytes of `b` against eight overlapping groups of `a`; `imm` is the lane's three bits.
fn multiple_sad(a: Lane, b: Lane, imm: u8) -> Lane {
    let (a, b) = (u8::split(a), u8::split(b));
    let a_start = usize::from(imm >> 2 & 1) * 4;
    let b_start = usize::from(imm & 3) * 4;
    build(|i| {
        (0..4)
            .map(|j| u16::from(a[a_start + i + j].abs_diff(b[b_start + j])))
            .sum::<u16>()
    })
}

/// PHMINPOSUW: the smallest word and the first place where it stands.
fn min_position(a: Lane) -> Lane {
    let words = u16::split(a);
    let (position, minimum) = words
        .iter()
        .enumerate()
        .min_by_key(|(_, word)| **word)
        .unwrap_or((0, &0));
    Lane::from(*minimum) | (position as Lane) << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corner_cases() {
        let most_negative = i16::join([i16::MIN; 8]);
        assert_eq!(
            madd_words(most_negative, most_negative),
            u32::join([0x8000_0000; 4])
        );
        assert_eq!(
            madd_bytes(Lane::MAX, i8::join([127; 16])),
            i16::join([i16::MAX; 8])
        );
        assert_eq!(min_position(u16::join([5, 4, 3, 3, 9, 9, 9, 9])), 0x2_0003);
        assert_eq!(sad(0, Lane::MAX), u64::join([8 * 255; 2]));
    }
}
