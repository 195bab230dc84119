//! SSE arithmetic against the host CPU: results and MXCSR flags, all rounding directions, DAZ and FTZ.
#![cfg(target_arch = "x86_64")]
// The oracle is the processor itself, which only inline assembly reaches with a chosen MXCSR.
#![allow(unsafe_code)]

mod common;

use common::Random;
use core::arch::asm;
use softfloat::sse::{Ctx, Relation, fast};
use softfloat::{F16, F32, F64, Format, Ieee, Rounding};

const RUNS: u64 = 50_000;

/// What the host made of it.
#[derive(Clone, Copy)]
struct Host {
    xmm: u64,
    rax: u64,
    rflags: u64,
    mxcsr: u32,
}

type Native = fn([u64; 3], u32) -> Host;

/// A function that runs one instruction with operands in the low halves of xmm0, xmm1, xmm2.
macro_rules! host {
    ($ins:expr) => {{
        fn run(ops: [u64; 3], mxcsr: u32) -> Host {
            let (mut csr, saved, mut xmm) = (mxcsr, 0x1f80u32, 0u64);
            let (rax, rflags);
            // SAFETY: the instruction touches registers only; memory accesses go to live locals; all
            // exceptions are masked in `mxcsr`, and MXCSR is restored before Rust code runs again.
            unsafe {
                asm!(
                    "movq xmm0, qword ptr [{ops}]",
                    "movq xmm1, qword ptr [{ops} + 8]",
                    "movq xmm2, qword ptr [{ops} + 16]",
                    "xor eax, eax",
                    "ldmxcsr [{csr}]",
                    $ins,
                    "pushfq",
                    "pop {flags}",
                    "stmxcsr [{csr}]",
                    "ldmxcsr [{saved}]",
                    "movq qword ptr [{xmm}], xmm0",
                    ops = in(reg) &ops, csr = in(reg) &mut csr, saved = in(reg) &saved,
                    xmm = in(reg) &mut xmm, flags = out(reg) rflags, out("rax") rax,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _,
                );
            }
            Host { xmm, rax, rflags, mxcsr: csr }
        }
        run as Native
    }};
}

fn operands(r: &mut Random, double: bool) -> [u64; 3] {
    if double {
        let a = r.f64(0x3ff0 << 48);
        let b = r.f64(a);
        let near_product = a.wrapping_add(b).wrapping_sub(0x3ff0 << 48);
        [a, b, r.f64(near_product)]
    } else {
        let a = r.f32(0x3f80_0000);
        let b = r.f32(a);
        let near_product = a.wrapping_add(b).wrapping_sub(0x3f80_0000);
        [a.into(), b.into(), r.f32(near_product).into()]
    }
}

/// Compares the low `bits` of xmm0 and MXCSR on many inputs.
#[track_caller]
fn check(name: &str, bits: u32, source: Source, native: Native, ours: impl Fn([u64; 3], &mut Ctx) -> u64) {
    run(name, source, native, |ops, ctx| (ours(ops, ctx), bits), |h| h.xmm);
}

#[derive(Clone, Copy, PartialEq)]
enum Source {
    Single,
    Double,
    Integer,
    Half,
}
use Source::{Double, Half, Integer, Single};

#[track_caller]
fn run(
    name: &str,
    source: Source,
    native: Native,
    ours: impl Fn([u64; 3], &mut Ctx) -> (u64, u32),
    field: impl Fn(&Host) -> u64,
) {
    let mut r = Random::new(name.bytes().fold(7, |h, b| h * 31 + u64::from(b)));
    for _ in 0..RUNS {
        let ops = match source {
            Single => operands(&mut r, false),
            Double => operands(&mut r, true),
            Integer => [r.fraction(64), 0, 0],
            Half => [r.bits() & 0xffff, 0, 0],
        };
        let mxcsr = r.mxcsr();
        let host = native(ops, mxcsr);
        let mut ctx = Ctx::from_mxcsr(mxcsr);
        let (value, bits) = ours(ops, &mut ctx);
        let mask = u64::MAX >> (64 - bits);
        let commit = ctx.commit(mxcsr);
        assert!(
            value & mask == field(&host) & mask && commit.mxcsr == host.mxcsr && !commit.fault,
            "{name} {ops:x?} mxcsr {mxcsr:#x}: ours {:#x} {:?}, host {:#x} mxcsr {:#x}",
            value & mask,
            ctx.flags,
            field(&host) & mask,
            host.mxcsr,
        );
    }
}

fn s(x: u64) -> F32 {
    F32(x as u32)
}

fn d(x: u64) -> F64 {
    F64(x)
}

#[test]
#[rustfmt::skip]
fn arithmetic() {
    check("addss", 32, Single, host!("addss xmm0, xmm1"), |o, c| s(o[0]).add(s(o[1]), c).to_u64());
    check("subss", 32, Single, host!("subss xmm0, xmm1"), |o, c| s(o[0]).sub(s(o[1]), c).to_u64());
    check("mulss", 32, Single, host!("mulss xmm0, xmm1"), |o, c| s(o[0]).mul(s(o[1]), c).to_u64());
    check("divss", 32, Single, host!("divss xmm0, xmm1"), |o, c| s(o[0]).div(s(o[1]), c).to_u64());
    check("sqrtss", 32, Single, host!("sqrtss xmm0, xmm1"), |o, c| s(o[1]).sqrt(c).to_u64());
    check("minss", 32, Single, host!("minss xmm0, xmm1"), |o, c| s(o[0]).min(s(o[1]), c).to_u64());
    check("maxss", 32, Single, host!("maxss xmm0, xmm1"), |o, c| s(o[0]).max(s(o[1]), c).to_u64());
    check("addsd", 64, Double, host!("addsd xmm0, xmm1"), |o, c| d(o[0]).add(d(o[1]), c).to_u64());
    check("subsd", 64, Double, host!("subsd xmm0, xmm1"), |o, c| d(o[0]).sub(d(o[1]), c).to_u64());
    check("mulsd", 64, Double, host!("mulsd xmm0, xmm1"), |o, c| d(o[0]).mul(d(o[1]), c).to_u64());
    check("divsd", 64, Double, host!("divsd xmm0, xmm1"), |o, c| d(o[0]).div(d(o[1]), c).to_u64());
    check("sqrtsd", 64, Double, host!("sqrtsd xmm0, xmm1"), |o, c| d(o[1]).sqrt(c).to_u64());
    check("minsd", 64, Double, host!("minsd xmm0, xmm1"), |o, c| d(o[0]).min(d(o[1]), c).to_u64());
    check("maxsd", 64, Double, host!("maxsd xmm0, xmm1"), |o, c| d(o[0]).max(d(o[1]), c).to_u64());
}

#[test]
#[rustfmt::skip]
fn fused() {
    if !std::is_x86_feature_detected!("fma") {
        return;
    }
    // 213: xmm0 = ±(xmm1 * xmm0) ± xmm2
    check("vfmaddss", 32, Single, host!("vfmadd213ss xmm0, xmm1, xmm2"), |o, c| s(o[1]).fma(s(o[0]), s(o[2]), false, false, c).to_u64());
    check("vfmsubss", 32, Single, host!("vfmsub213ss xmm0, xmm1, xmm2"), |o, c| s(o[1]).fma(s(o[0]), s(o[2]), false, true, c).to_u64());
    check("vfnmaddss", 32, Single, host!("vfnmadd213ss xmm0, xmm1, xmm2"), |o, c| s(o[1]).fma(s(o[0]), s(o[2]), true, false, c).to_u64());
    check("vfnmsubss", 32, Single, host!("vfnmsub213ss xmm0, xmm1, xmm2"), |o, c| s(o[1]).fma(s(o[0]), s(o[2]), true, true, c).to_u64());
    check("vfmaddsd", 64, Double, host!("vfmadd213sd xmm0, xmm1, xmm2"), |o, c| d(o[1]).fma(d(o[0]), d(o[2]), false, false, c).to_u64());
    check("vfmsubsd", 64, Double, host!("vfmsub213sd xmm0, xmm1, xmm2"), |o, c| d(o[1]).fma(d(o[0]), d(o[2]), false, true, c).to_u64());
    check("vfnmaddsd", 64, Double, host!("vfnmadd213sd xmm0, xmm1, xmm2"), |o, c| d(o[1]).fma(d(o[0]), d(o[2]), true, false, c).to_u64());
    check("vfnmsubsd", 64, Double, host!("vfnmsub213sd xmm0, xmm1, xmm2"), |o, c| d(o[1]).fma(d(o[0]), d(o[2]), true, true, c).to_u64());
    // The order of NaNs in the other forms: 132 is xmm0 * xmm2 + xmm1, 231 is xmm1 * xmm2 + xmm0.
    check("vfmadd132sd", 64, Double, host!("vfmadd132sd xmm0, xmm1, xmm2"), |o, c| d(o[0]).fma(d(o[2]), d(o[1]), false, false, c).to_u64());
    check("vfmadd231sd", 64, Double, host!("vfmadd231sd xmm0, xmm1, xmm2"), |o, c| d(o[1]).fma(d(o[2]), d(o[0]), false, false, c).to_u64());
}

/// ZF, PF, CF as COMISS sets them.
fn eflags(relation: Relation) -> u64 {
    match relation {
        Relation::Greater => 0,
        Relation::Less => 1,
        Relation::Equal => 0x40,
        Relation::Unordered => 0x45,
    }
}

#[test]
#[rustfmt::skip]
fn comparison() {
    let flags = |h: &Host| h.rflags & 0x45;
    run("ucomiss", Single, host!("ucomiss xmm0, xmm1"), |o, c| (eflags(s(o[0]).compare_quiet(s(o[1]), c)), 64), flags);
    run("comiss", Single, host!("comiss xmm0, xmm1"), |o, c| (eflags(s(o[0]).compare_signaling(s(o[1]), c)), 64), flags);
    run("ucomisd", Double, host!("ucomisd xmm0, xmm1"), |o, c| (eflags(d(o[0]).compare_quiet(d(o[1]), c)), 64), flags);
    run("comisd", Double, host!("comisd xmm0, xmm1"), |o, c| (eflags(d(o[0]).compare_signaling(d(o[1]), c)), 64), flags);
}

macro_rules! predicates {
    ($($imm:literal)*) => {[$(($imm, host!(concat!("vcmpss xmm0, xmm0, xmm1, ", $imm)), host!(concat!("vcmpsd xmm0, xmm0, xmm1, ", $imm)))),*]};
}

#[test]
fn compare_predicates() {
    if !std::is_x86_feature_detected!("avx") {
        return;
    }
    let all =
        predicates!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    for (imm, single, double) in all {
        let all_ones = |b| if b { u64::MAX } else { 0 };
        let name = format!("vcmp {imm}");
        check(&name, 32, Single, single, |o, c| {
            all_ones(s(o[0]).compare_predicate(s(o[1]), imm, c))
        });
        check(&name, 64, Double, double, |o, c| {
            all_ones(d(o[0]).compare_predicate(d(o[1]), imm, c))
        });
    }
}

#[test]
#[rustfmt::skip]
fn conversions() {
    let rax = |h: &Host| h.rax;
    check("cvtss2sd", 64, Single, host!("cvtss2sd xmm0, xmm0"), |o, c| s(o[0]).to_f64(c).to_u64());
    check("cvtsd2ss", 32, Double, host!("cvtsd2ss xmm0, xmm0"), |o, c| d(o[0]).to_f32(c).to_u64());
    run("cvtss2si32", Single, host!("cvtss2si eax, xmm0"), |o, c| (s(o[0]).to_i32(c.rounding, c) as u64, 32), rax);
    run("cvtss2si64", Single, host!("cvtss2si rax, xmm0"), |o, c| (s(o[0]).to_i64(c.rounding, c) as u64, 64), rax);
    run("cvttss2si32", Single, host!("cvttss2si eax, xmm0"), |o, c| (s(o[0]).to_i32(Rounding::Zero, c) as u64, 32), rax);
    run("cvtsd2si32", Double, host!("cvtsd2si eax, xmm0"), |o, c| (d(o[0]).to_i32(c.rounding, c) as u64, 32), rax);
    run("cvtsd2si64", Double, host!("cvtsd2si rax, xmm0"), |o, c| (d(o[0]).to_i64(c.rounding, c) as u64, 64), rax);
    run("cvttsd2si64", Double, host!("cvttsd2si rax, xmm0"), |o, c| (d(o[0]).to_i64(Rounding::Zero, c) as u64, 64), rax);
    check("cvtsi2ss64", 32, Integer, host!("movq rax, xmm0\ncvtsi2ss xmm0, rax"), |o, c| F32::from_i64(o[0] as i64, c).to_u64());
    check("cvtsi2ss32", 32, Integer, host!("movq rax, xmm0\ncvtsi2ss xmm0, eax"), |o, c| F32::from_i64((o[0] as i32).into(), c).to_u64());
    check("cvtsi2sd64", 64, Integer, host!("movq rax, xmm0\ncvtsi2sd xmm0, rax"), |o, c| F64::from_i64(o[0] as i64, c).to_u64());
}

#[test]
#[rustfmt::skip]
fn round_to_int() {
    if !std::is_x86_feature_detected!("sse4.1") {
        return;
    }
    check("roundss rc", 32, Single, host!("roundss xmm0, xmm0, 4"), |o, c| s(o[0]).round_to_int(c.rounding, true, c).to_u64());
    check("roundss up", 32, Single, host!("roundss xmm0, xmm0, 10"), |o, c| s(o[0]).round_to_int(Rounding::Up, false, c).to_u64());
    check("roundsd rc", 64, Double, host!("roundsd xmm0, xmm0, 4"), |o, c| d(o[0]).round_to_int(c.rounding, true, c).to_u64());
    check("roundsd down", 64, Double, host!("roundsd xmm0, xmm0, 9"), |o, c| d(o[0]).round_to_int(Rounding::Down, false, c).to_u64());
}

#[test]
#[rustfmt::skip]
fn half() {
    if !std::is_x86_feature_detected!("f16c") {
        return;
    }
    check("vcvtps2ph rc", 16, Single, host!("vcvtps2ph xmm0, xmm0, 4"), |o, c| s(o[0]).to_f16(c.rounding, c).to_u64());
    check("vcvtps2ph up", 16, Single, host!("vcvtps2ph xmm0, xmm0, 2"), |o, c| s(o[0]).to_f16(Rounding::Up, c).to_u64());
    check("vcvtph2ps", 32, Half, host!("vcvtph2ps xmm0, xmm0"), |o, c| F16(o[0] as u16).to_f32(c).to_u64());
}

/// Without assembly: Rust's own operators, and that the fast functions only accept what they get right.
#[test]
fn native_operators_and_fast_functions() {
    let mut r = Random::new(5);
    let mut accepted = 0;
    for _ in 0..RUNS {
        let [a, b, _] = operands(&mut r, true);
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        let c = &mut Ctx::default();
        let cases = [
            (d(a).add(d(b), c), x + y, fast::add64(d(a), d(b))),
            (d(a).sub(d(b), c), x - y, fast::sub64(d(a), d(b))),
            (d(a).mul(d(b), c), x * y, fast::mul64(d(a), d(b))),
            (d(a).div(d(b), c), x / y, fast::div64(d(a), d(b))),
            (d(a).sqrt(c), x.sqrt(), fast::sqrt64(d(a))),
        ];
        for (ours, native, quick) in cases {
            assert!(ours.0 == native.to_bits() || ours.is_nan() && native.is_nan());
            assert!(quick.is_none() || quick == Some(ours));
            accepted += u64::from(quick.is_some());
        }
        let [a, b, _] = operands(&mut r, false);
        let c = &mut Ctx::default();
        let cases = [
            (s(a).add(s(b), c), fast::add32(s(a), s(b))),
            (s(a).sub(s(b), c), fast::sub32(s(a), s(b))),
            (s(a).mul(s(b), c), fast::mul32(s(a), s(b))),
            (s(a).div(s(b), c), fast::div32(s(a), s(b))),
            (s(a).sqrt(c), fast::sqrt32(s(a))),
        ];
        for (ours, quick) in cases {
            assert!(quick.is_none() || quick == Some(ours));
        }
    }
    assert!(accepted > RUNS);
}
