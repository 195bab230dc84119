//! x87 arithmetic against the host CPU: values, flags, C1, masked and unmasked responses, odd encodings.
#![cfg(target_arch = "x86_64")]
// The oracle is the processor itself, which only inline assembly reaches with a chosen control word.
#![allow(unsafe_code)]

mod common;

use common::x87::{Input, Native, inputs};
use softfloat::sse::Relation;
use softfloat::x87::{self, Ctx, Operand};
use softfloat::{F32, F64, F80, Rounding};

const RUNS: u64 = 50_000;

/// Compares ST(0), the flags and C1 after an instruction that replaces ST(0).
#[track_caller]
fn check(name: &str, native: Native, ours: impl Fn(&Input, &mut Ctx) -> F80) {
    check_or(name, native, ours, |i, ctx| ctx.refused().then_some(i.st[0]));
}

/// FLD from a narrower format: only invalid refuses.
#[track_caller]
fn check_load(name: &str, native: Native, ours: impl Fn(&Input, &mut Ctx) -> F80) {
    check_or(name, native, ours, |i, ctx| ctx.load_refused().then_some(i.st[1]));
}

#[track_caller]
fn check_or(
    name: &str,
    native: Native,
    ours: impl Fn(&Input, &mut Ctx) -> F80,
    refused: impl Fn(&Input, &Ctx) -> Option<F80>,
) {
    for input in inputs(name, RUNS) {
        let host = native(input.st, input.memory, input.cw);
        let mut ctx = Ctx::from_control_word(input.cw);
        let value = ours(&input, &mut ctx);
        let value = refused(&input, &ctx).unwrap_or(value);
        assert!(
            (value, ctx.flags.bits(), ctx.rounded_up) == (host.st[0], host.flags(), host.c(1)),
            "{name} {input:x?}: ours {value:?} {:?} {}, host {:?} {:?} {}",
            ctx.flags,
            ctx.rounded_up,
            host.st[0],
            softfloat::Flags(host.flags()),
            host.c(1)
        );
    }
}

fn m32(i: &Input) -> Operand {
    F32(u32::from_le_bytes(i.memory[..4].try_into().unwrap())).into()
}

fn m64(i: &Input) -> Operand {
    F64(u64::from_le_bytes(i.memory[..8].try_into().unwrap())).into()
}

fn st(i: &Input, n: usize) -> Operand {
    i.st[n].into()
}

#[test]
#[rustfmt::skip]
fn arithmetic() {
    check("fadd", host!("fadd st, st(1)"), |i, c| x87::add(st(i, 0), st(i, 1), c));
    check("fsub", host!("fsub st, st(1)"), |i, c| x87::sub(st(i, 0), st(i, 1), c));
    check("fsubr", host!("fsubr st, st(1)"), |i, c| x87::sub(st(i, 1), st(i, 0), c));
    check("fmul", host!("fmul st, st(1)"), |i, c| x87::mul(st(i, 0), st(i, 1), c));
    check("fdiv", host!("fdiv st, st(1)"), |i, c| x87::div(st(i, 0), st(i, 1), c));
    check("fdivr", host!("fdivr st, st(1)"), |i, c| x87::div(st(i, 1), st(i, 0), c));
    check("fsqrt", host!("fsqrt"), |i, c| x87::sqrt(st(i, 0), c));
    check("frndint", host!("frndint"), |i, c| x87::round_to_int(i.st[0], c));
}

#[test]
#[rustfmt::skip]
fn memory_operands() {
    let int32 = |i: &Input| Operand::from(i32::from_le_bytes(i.memory[..4].try_into().unwrap()));
    let int16 = |i: &Input| Operand::from(i16::from_le_bytes(i.memory[..2].try_into().unwrap()));
    check("fadd m32", host!("fadd dword ptr [rdi]"), |i, c| x87::add(st(i, 0), m32(i), c));
    check("fsub m64", host!("fsub qword ptr [rdi]"), |i, c| x87::sub(st(i, 0), m64(i), c));
    check("fdivr m64", host!("fdivr qword ptr [rdi]"), |i, c| x87::div(m64(i), st(i, 0), c));
    check("fmul m32", host!("fmul dword ptr [rdi]"), |i, c| x87::mul(st(i, 0), m32(i), c));
    check("fimul m32", host!("fimul dword ptr [rdi]"), |i, c| x87::mul(st(i, 0), int32(i), c));
    check("fidiv m16", host!("fidiv word ptr [rdi]"), |i, c| x87::div(st(i, 0), int16(i), c));
    check_load("fld m32", host!("fstp st(0)\nfld dword ptr [rdi]"), |i, c| m32(i).load(c));
    check_load("fld m64", host!("fstp st(0)\nfld qword ptr [rdi]"), |i, c| m64(i).load(c));
    check("fbld", host!("fstp st(0)\nfbld tbyte ptr [rdi]"), |i, _| x87::from_packed_bcd(i.memory[..10].try_into().unwrap()));
}

#[test]
#[rustfmt::skip]
fn scaling() {
    check("fscale", host!("fscale"), |i, c| x87::scale(i.st[0], i.st[1], c));
    check("fxtract sig", host!("fxtract"), |i, c| x87::extract(i.st[0], c).1);
    let native = host!("fxtract");
    for input in inputs("fxtract exp", RUNS) {
        let mut ctx = Ctx::from_control_word(input.cw);
        let (exponent, _) = x87::extract(input.st[0], &mut ctx);
        let exponent = if ctx.refused() { input.st[1] } else { exponent };
        assert_eq!(exponent, native(input.st, input.memory, input.cw).st[1], "{input:x?}");
    }
}

/// Compares what a store wrote: value, flags, C1; a refused store leaves memory alone.
#[track_caller]
fn check_store<const N: usize>(name: &str, native: Native, ours: impl Fn(F80, &mut Ctx) -> [u8; N]) {
    for input in inputs(name, RUNS) {
        let host = native(input.st, input.memory, input.cw);
        let mut ctx = Ctx::from_control_word(input.cw);
        let bytes = ours(input.st[0], &mut ctx);
        let mut memory = input.memory;
        if !ctx.store_refused() {
            memory[..N].copy_from_slice(&bytes);
        }
        assert!(
            (memory, ctx.flags.bits(), ctx.rounded_up) == (host.memory, host.flags(), host.c(1)),
            "{name} {input:x?}: ours {memory:x?} {:?} {}, host {:x?} {:?} {}",
            ctx.flags,
            ctx.rounded_up,
            host.memory,
            softfloat::Flags(host.flags()),
            host.c(1)
        );
    }
}

#[test]
#[rustfmt::skip]
fn stores() {
    check_store("fst m32", host!("fst dword ptr [rdi]"), |x, c| x87::to_f32(x, c).0.to_le_bytes());
    check_store("fst m64", host!("fst qword ptr [rdi]"), |x, c| x87::to_f64(x, c).0.to_le_bytes());
    check_store("fist m16", host!("fist word ptr [rdi]"), |x, c| x87::to_i16(x, c.rounding, c).to_le_bytes());
    check_store("fist m32", host!("fist dword ptr [rdi]"), |x, c| x87::to_i32(x, c.rounding, c).to_le_bytes());
    check_store("fistp m64", host!("fistp qword ptr [rdi]"), |x, c| x87::to_i64(x, c.rounding, c).to_le_bytes());
    check_store("fisttp m32", host!("fisttp dword ptr [rdi]"), |x, c| x87::to_i32(x, Rounding::Zero, c).to_le_bytes());
    check_store("fbstp", host!("fbstp tbyte ptr [rdi]"), x87::to_packed_bcd);
}

#[test]
fn comparison() {
    let compare =
        |name: &str, native: Native, ours: fn(Operand, Operand, &mut Ctx) -> Relation, memory: bool| {
            for input in inputs(name, RUNS) {
                let host = native(input.st, input.memory, input.cw);
                let mut ctx = Ctx::from_control_word(input.cw);
                let other = if memory { m32(&input) } else { st(&input, 1) };
                let relation = ours(st(&input, 0), other, &mut ctx);
                let relation = match (host.c(3), host.c(2), host.c(0)) {
                    _ if ctx.refused() => relation == relation,
                    (false, false, false) => relation == Relation::Greater,
                    (false, false, true) => relation == Relation::Less,
                    (true, false, false) => relation == Relation::Equal,
                    (true, true, true) => relation == Relation::Unordered,
                    _ => false,
                };
                assert!(
                    relation && ctx.flags.bits() == host.flags(),
                    "{name} {input:x?} {:x}",
                    host.status
                );
            }
        };
    compare("fcom", host!("fcom st(1)"), x87::compare, false);
    compare("fucom", host!("fucom st(1)"), x87::ucompare, false);
    compare("fcom m32", host!("fcom dword ptr [rdi]"), x87::compare, true);
}

#[test]
fn remainders() {
    let remainder = |name: &str, native: Native, ours: fn(F80, F80, &mut Ctx) -> x87::Remainder| {
        for input in inputs(name, RUNS) {
            let host = native(input.st, input.memory, input.cw);
            let mut ctx = Ctx::from_control_word(input.cw);
            let mut r = ours(input.st[0], input.st[1], &mut ctx);
            if ctx.refused() {
                r.value = input.st[0];
            }
            let q = u8::from(host.c(0)) << 2 | u8::from(host.c(3)) << 1 | u8::from(host.c(1));
            assert!(
                (r.value, r.partial, r.quotient.unwrap_or(0), ctx.flags.bits())
                    == (host.st[0], host.c(2), q, host.flags()),
                "{name} {input:x?} ours {r:?} {:?}, host {:?} {q} {} {:?}",
                ctx.flags,
                host.st[0],
                host.c(2),
                softfloat::Flags(host.flags())
            );
        }
    };
    remainder("fprem", host!("fprem"), x87::fprem);
    remainder("fprem1", host!("fprem1"), x87::fprem1);
}
