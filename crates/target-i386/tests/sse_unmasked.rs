//! Which MXCSR flags an SSE instruction leaves behind when it faults, against the host CPU.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use host_oracle::{Error, Oracle, Outcome, State};
use softfloat::sse::Ctx;
use softfloat::{F32, Ieee};

#[path = "x87_host/cases.rs"]
#[allow(dead_code)]
mod cases;

type Op = fn(F32, F32, &mut Ctx) -> F32;

#[test]
fn flags_of_packed_operations_with_unmasked_exceptions() {
    let mut oracle = match Oracle::new() {
        Ok(oracle) => oracle,
        Err(error @ Error::Refused { .. }) => return println!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let operations: [(u8, Op); 7] = [
        (0x58, |a, b, c| a.add(b, c)),
        (0x5c, |a, b, c| a.sub(b, c)),
        (0x59, |a, b, c| a.mul(b, c)),
        (0x5e, |a, b, c| a.div(b, c)),
        (0x51, |_, b, c| b.sqrt(c)),
        (0x5d, |a, b, c| a.min(b, c)),
        (0x5f, |a, b, c| a.max(b, c)),
    ];
    let mut r = cases::Random::new(9);
    for _ in 0..4000 {
        for (opcode, operation) in operations {
            let mut single = || {
                let exponent =
                    [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, r.below(256), 0x40 + r.below(4)][r.below(9) as usize];
                let fraction = [0, 0x7f_ffff, 0x40_0000, r.bits() & 0x7f_ffff][r.below(4) as usize];
                (r.below(2) << 31 | exponent << 23 | fraction) as u32
            };
            let a: [u32; 4] = core::array::from_fn(|_| single());
            let b: [u32; 4] = core::array::from_fn(|_| single());
            let mxcsr = (r.bits() & 0xffc0) as u32 & !if r.below(2) == 0 { 0x8040 } else { 0 };
            let mut ctx = Ctx::from_mxcsr(mxcsr);
            let lanes: Vec<F32> = (0..4)
                .map(|i| operation(F32(a[i]), F32(b[i]), &mut ctx))
                .collect();
            let commit = ctx.commit(mxcsr);
            let pack = |x: &[u32; 4]| {
                [
                    u64::from(x[0]) | u64::from(x[1]) << 32,
                    u64::from(x[2]) | u64::from(x[3]) << 32,
                    0,
                    0,
                ]
            };
            let mut state = State::new();
            state.mxcsr = mxcsr;
            state.ymm[0] = pack(&a);
            state.ymm[1] = pack(&b);
            let outcome = oracle.run(&[0x0f, opcode, 0xc1], &mut state).expect("host");
            let expected = if commit.fault {
                a
            } else {
                core::array::from_fn(|i| lanes[i].0)
            };
            assert_eq!(
                (matches!(outcome, Outcome::Fault(_)), state.mxcsr, state.ymm[0]),
                (commit.fault, commit.mxcsr, pack(&expected)),
                "{opcode:x} {a:x?} {b:x?} {mxcsr:x}"
            );
        }
    }
}
