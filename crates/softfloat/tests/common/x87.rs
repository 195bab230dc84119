//! Runs one x87 instruction on the host: the oracle of the x87 tests, and their inputs.
#![allow(dead_code)]

use super::Random;
use softfloat::F80;

/// What the host made of it: FNSAVE's image and the memory operand.
pub struct Host {
    pub status: u16,
    pub st: [F80; 8],
    pub memory: [u8; 16],
}

impl Host {
    pub fn flags(&self) -> u8 {
        self.status as u8 & 0x3f
    }
    pub fn c(&self, n: u32) -> bool {
        self.status >> [8, 9, 10, 14][n as usize] & 1 != 0
    }
}

pub type Native = fn([F80; 2], [u8; 16], u16) -> Host;

pub fn slot(x: F80) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..10].copy_from_slice(&x.to_bytes());
    bytes
}

/// A function that runs one instruction with two stacked operands and, in rdi, a memory operand.
#[macro_export]
macro_rules! host {
    ($ins:expr) => {{
        fn run(ops: [softfloat::F80; 2], mut memory: [u8; 16], cw: u16) -> $crate::common::x87::Host {
            let ops = [$crate::common::x87::slot(ops[0]), $crate::common::x87::slot(ops[1])];
            let mut image = [0u8; 108];
            // SAFETY: memory accesses go to live locals of sufficient size; FNSAVE takes the state
            // without raising pending exceptions and leaves the FPU as Rust expects it.
            unsafe {
                core::arch::asm!(
                    "fninit",
                    "fld tbyte ptr [rsi + 16]",
                    "fld tbyte ptr [rsi]",
                    "fldcw word ptr [{cw}]",
                    $ins,
                    "fnsave [{image}]",
                    cw = in(reg) &cw, image = in(reg) &mut image,
                    in("rsi") &ops, in("rdi") &mut memory,
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                );
            }
            let st = core::array::from_fn(|i| softfloat::F80::from_bytes(image[28 + 10 * i..][..10].try_into().unwrap()));
            $crate::common::x87::Host { status: u16::from_le_bytes([image[4], image[5]]), st, memory }
        }
        run as $crate::common::x87::Native
    }};
}

/// One test input.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    pub st: [F80; 2],
    pub memory: [u8; 16],
    pub cw: u16,
}

pub fn inputs(name: &str, runs: u64) -> impl Iterator<Item = Input> {
    let mut r = Random::new(name.bytes().fold(7, |h, b| h * 31 + u64::from(b)));
    (0..runs).map(move |_| {
        let a = r.f80(0x3fff);
        let b = r.f80(a.0);
        let st = [a, b].map(|(sign_exp, sig)| F80 { sign_exp, sig });
        let memory = match r.below(4) {
            0 => u128::from(r.f32(0x3f80_0000)),
            1 => r.f64(0x3ff0 << 48).into(),
            2 => r.fraction(64).into(),
            _ => u128::from(r.bits()) << 16 | u128::from(r.bits()),
        };
        Input {
            st,
            memory: memory.to_le_bytes(),
            cw: r.control_word(),
        }
    })
}
