//! Shuffles inside a lane: permutations, interleaving, packing with saturation, blends, widening.
//! SDM vol. 1, 5.4.2, 5.6.1.4, 5.6.3, 5.9, 5.10.

use super::access::*;
use super::lane::{Element, Lane, build, halves};
use super::swar::interleave_bytes;
use super::table::{Form, rows};
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    match (insn.mnemonic(), Form::of(insn)) {
        (Mnemonic::Palignr, Some(Form::Mmx)) => return Some(palignr_mmx),
        (Mnemonic::Pblendvb | Mnemonic::Vpblendvb, _) => return Some(blend_variable::<8>),
        (Mnemonic::Blendvps | Mnemonic::Vblendvps, _) => return Some(blend_variable::<32>),
        (Mnemonic::Blendvpd | Mnemonic::Vblendvpd, _) => return Some(blend_variable::<64>),
        _ => {}
    }
    rows! { insn;
        binary: Pshufb     | Vpshufb     => pshufb, mmx |a, b| pshufb(a.into(), (b & !0x0808_0808_0808_0808).into()) as u64;
        unary:  Pshufd     | Vpshufd     => |a, imm| select(a, imm);
        unary:  Pshufw                   => |a, imm| low_words(a, imm);
        unary:  Pshuflw    | Vpshuflw    => |a, imm| low_words(a, imm);
        unary:  Pshufhw    | Vpshufhw    => |a, imm| low_words(a >> 64, imm) << 64 | a & LOW;
        binary_imm: Shufps | Vshufps     => |a, b, imm, _| shufps(a, b, imm);
        binary_imm: Shufpd | Vshufpd     => |a, b, imm, lane| shufpd(a, b, imm >> (2 * lane));
        binary_imm: Palignr | Vpalignr   => |a, b, imm, _| palignr(a, b, imm.into());
        unary:  Movsldup   | Vmovsldup   => |a, _| select(a, 0b10_10_00_00);
        unary:  Movshdup   | Vmovshdup   => |a, _| select(a, 0b11_11_01_01);

        binary: Punpcklbw  | Vpunpcklbw  => |a, b| interleave_bytes(a as u64, b as u64);
        binary: Punpcklwd  | Vpunpcklwd  => |a, b| interleave::<8, u16>(a, b, 0);
        binary: Punpckldq  | Vpunpckldq  | Unpcklps | Vunpcklps => |a, b| interleave::<4, u32>(a, b, 0);
        binary: Punpcklqdq | Vpunpcklqdq | Unpcklpd | Vunpcklpd => |a, b| interleave::<2, u64>(a, b, 0);
        binary: Punpckhbw  | Vpunpckhbw  => |a, b| interleave_bytes(high(a), high(b)), mmx |a, b| high(interleave_bytes(a, b));
        binary: Punpckhwd  | Vpunpckhwd  => |a, b| interleave::<8, u16>(a, b, 4), mmx |a, b| high(interleave::<8, u16>(a.into(), b.into(), 0));
        binary: Punpckhdq  | Vpunpckhdq  | Unpckhps | Vunpckhps => |a, b| interleave::<4, u32>(a, b, 2), mmx |a, b| high(interleave::<4, u32>(a.into(), b.into(), 0));
        binary: Punpckhqdq | Vpunpckhqdq | Unpckhpd | Vunpckhpd => |a, b| interleave::<2, u64>(a, b, 1);

        binary: Packsswb   | Vpacksswb   => |a, b| pack(a, b, narrow_i8),  mmx |a, b| pack(halves(a, b), 0, narrow_i8) as u64;
        binary: Packuswb   | Vpackuswb   => |a, b| pack(a, b, narrow_u8),  mmx |a, b| pack(halves(a, b), 0, narrow_u8) as u64;
        binary: Packssdw   | Vpackssdw   => |a, b| pack(a, b, narrow_i16), mmx |a, b| pack(halves(a, b), 0, narrow_i16) as u64;
        binary: Packusdw   | Vpackusdw   => |a, b| pack(a, b, narrow_u16);

        binary_imm: Blendps | Vblendps   => |a, b, imm, lane| blend::<4, u32>(a, b, imm >> (4 * lane));
        binary_imm: Blendpd | Vblendpd   => |a, b, imm, lane| blend::<2, u64>(a, b, imm >> (2 * lane));
        binary_imm: Pblendw | Vpblendw   => |a, b, imm, _| blend::<8, u16>(a, b, imm);
        binary_imm: Vpblendd             => |a, b, imm, lane| blend::<4, u32>(a, b, imm >> (4 * lane));

        widen:  Pmovsxbw   | Vpmovsxbw   => |a, n| extend::<16, 8, i8, i16>(a, n);
        widen:  Pmovsxbd   | Vpmovsxbd   => |a, n| extend::<16, 4, i8, i32>(a, n);
        widen:  Pmovsxbq   | Vpmovsxbq   => |a, n| extend::<16, 2, i8, i64>(a, n);
        widen:  Pmovsxwd   | Vpmovsxwd   => |a, n| extend::<8, 4, i16, i32>(a, n);
        widen:  Pmovsxwq   | Vpmovsxwq   => |a, n| extend::<8, 2, i16, i64>(a, n);
        widen:  Pmovsxdq   | Vpmovsxdq   => |a, n| extend::<4, 2, i32, i64>(a, n);
        widen:  Pmovzxbw   | Vpmovzxbw   => |a, n| extend::<16, 8, u8, u16>(a, n);
        widen:  Pmovzxbd   | Vpmovzxbd   => |a, n| extend::<16, 4, u8, u32>(a, n);
        widen:  Pmovzxbq   | Vpmovzxbq   => |a, n| extend::<16, 2, u8, u64>(a, n);
        widen:  Pmovzxwd   | Vpmovzxwd   => |a, n| extend::<8, 4, u16, u32>(a, n);
        widen:  Pmovzxwq   | Vpmovzxwq   => |a, n| extend::<8, 2, u16, u64>(a, n);
        widen:  Pmovzxdq   | Vpmovzxdq   => |a, n| extend::<4, 2, u32, u64>(a, n);
    }
}

const LOW: Lane = u64::MAX as Lane;

fn high(lane: Lane) -> u64 {
    (lane >> 64) as u64
}

/// PSHUFB: bytes of `a` where `b` says; a set top bit gives zero.
fn pshufb(a: Lane, b: Lane) -> Lane {
    let (bytes, index) = (a.to_le_bytes(), b.to_le_bytes());
    build(|i| {
        if index[i] & 0x80 != 0 {
            0
        } else {
            bytes[usize::from(index[i] & 15)]
        }
    })
}

/// PSHUFD: each doubleword chosen by two bits of the immediate.
pub(super) fn select(a: Lane, imm: u8) -> Lane {
    let a = u32::split(a);
    build(|i| a[usize::from(imm >> (2 * i) & 3)])
}

/// PSHUFLW: the low four words chosen, the high half kept.
fn low_words(a: Lane, imm: u8) -> Lane {
    let words = u16::split(a);
    build(|i| {
        if i < 4 {
            words[usize::from(imm >> (2 * i) & 3)]
        } else {
            words[i]
        }
    })
}

fn shufps(a: Lane, b: Lane, imm: u8) -> Lane {
    let (a, b) = (u32::split(a), u32::split(b));
    build(|i| if i < 2 { a } else { b }[usize::from(imm >> (2 * i) & 3)])
}

fn shufpd(a: Lane, b: Lane, imm: u8) -> Lane {
    let (a, b) = (u64::split(a), u64::split(b));
    halves(a[usize::from(imm & 1)], b[usize::from(imm >> 1 & 1)])
}

/// PALIGNR: `a` above `b`, shifted right by bytes.
fn palignr(a: Lane, b: Lane, bytes: u32) -> Lane {
    match bytes {
        0 => b,
        1..=15 => b >> (8 * bytes) | a << (128 - 8 * bytes),
        16..=31 => a >> (8 * (bytes - 16)),
        _ => 0,
    }
}

fn palignr_mmx(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let b = source_mm(cpu, insn, 8)?;
    let a = mm(cpu, insn.reg[0]);
    let both = halves(b, a);
    let bytes = insn.imm as u8;
    enter_mmx(cpu);
    set_mm(
        cpu,
        insn.reg[0],
        if bytes < 16 {
            (both >> (8 * bytes)) as u64
        } else {
            0
        },
    );
    Ok(())
}

/// PUNPCK: elements of `a` and `b` in turn, from element `from` of each.
#[inline(always)]
fn interleave<const N: usize, T: Element<N>>(a: Lane, b: Lane, from: usize) -> Lane {
    let (a, b) = (T::split(a), T::split(b));
    build(|i| if i % 2 == 0 { a } else { b }[from + i / 2])
}

/// PACK: the elements of `a`, then those of `b`, each made narrower.
#[inline(always)]
fn pack<const N: usize, const M: usize, S: Element<N>, D: Element<M>>(
    a: Lane,
    b: Lane,
    f: impl Fn(S) -> D,
) -> Lane {
    let (a, b) = (S::split(a), S::split(b));
    build(|i: usize| f(if i < N { a[i] } else { b[i - N] }))
}

fn narrow_i8(x: i16) -> i8 {
    x.clamp(i8::MIN.into(), i8::MAX.into()) as i8
}

fn narrow_u8(x: i16) -> u8 {
    x.clamp(0, 255) as u8
}

fn narrow_i16(x: i32) -> i16 {
    x.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

fn narrow_u16(x: i32) -> u16 {
    x.clamp(0, 65535) as u16
}

/// Elements of `b` where the immediate has a one.
#[inline(always)]
fn blend<const N: usize, T: Element<N>>(a: Lane, b: Lane, imm: u8) -> Lane {
    let (a, b) = (T::split(a), T::split(b));
    build(|i| if imm >> i & 1 != 0 { b[i] } else { a[i] })
}

/// PMOVSX and PMOVZX: lane `n` of the result takes the `M` source elements that belong to it.
#[inline(always)]
fn extend<const N: usize, const M: usize, S: Element<N>, D: Element<M> + From<S>>(a: Lane, n: usize) -> Lane {
    let a = S::split(a);
    build(|i| D::from(a[(n * M + i) % N]))
}

/// Elements of `BITS` bits of `b` where the mask element's top bit is set.
fn blend_lane<const BITS: u32>(a: Lane, b: Lane, mask: Lane) -> Lane {
    let ones: Lane = (1 << BITS) - 1;
    // One in the lowest bit of each element whose top bit is set, then spread by multiplication.
    let lowest = Lane::MAX / ones;
    let chosen = (mask >> (BITS - 1) & lowest) * ones;
    a & !chosen | b & chosen
}

/// PBLENDVB, BLENDVPS, BLENDVPD (mask in XMM0) and their VEX forms (mask in the fourth operand).
fn blend_variable<const BITS: u32>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    if !is_vex(insn) {
        let b = source(cpu, insn, 1, 16)?;
        let (a, mask) = (xmm(cpu, insn.reg[0]), xmm(cpu, 0));
        set_xmm(cpu, insn.reg[0], blend_lane::<BITS>(a, b, mask));
        return Ok(());
    }
    let b = source_full(cpu, insn, 2)?;
    let (a, mask) = (ymm(cpu, insn.reg[1]), ymm(cpu, insn.reg[3]));
    let high = if is_wide(insn) {
        blend_lane::<BITS>(a[1], b[1], mask[1])
    } else {
        0
    };
    set_ymm(cpu, insn.reg[0], [blend_lane::<BITS>(a[0], b[0], mask[0]), high]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_shuffled_as_the_manual_draws_them() {
        let a: Lane = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;
        let b: Lane = 0x1f1e_1d1c_1b1a_1918_1716_1514_1312_1110;
        assert_eq!(palignr(b, a, 4), 0x1312_1110_0f0e_0d0c_0b0a_0908_0706_0504);
        assert_eq!(interleave::<8, u16>(a, b, 4) as u64, 0x1b1a_0b0a_1918_0908);
        assert_eq!(
            shufps(a, b, 0b00_01_10_11),
            0x1312_1110_1716_1514_0b0a_0908_0f0e_0d0c
        );
        assert_eq!(
            pack(i16::join([300, -300, 5, -5, 0, 0, 0, 0]), 0, narrow_u8),
            0x0005_00ff
        );
        assert_eq!(
            blend_lane::<32>(a, b, 1 << 63),
            a & !(0xffff_ffff << 32) | b & 0xffff_ffff << 32
        );
        assert_eq!(blend_lane::<8>(a, b, Lane::MAX), b);
        assert_eq!(
            extend::<16, 8, i8, i16>(0xff00_0000_0000_0000_0000, 1),
            0xffff_0000
        );
    }
}
