//! Vector registers between `CpuState` and the host's, and who decides that they may be there.
//!
//! Guest XMM/YMM n is host XMM/YMM n and MXCSR the guest's while [`Env::vectors`] is not 0. The first vector
//! instruction of a block asks for that ([`engage`]); every way to Rust stores them first, since Rust uses the same
//! registers and wants its own MXCSR. Handlers may change anything, so behind one the next vector instruction asks
//! again. Upper halves: those of all registers travel with them on hosts with AVX, also while the guest may only use
//! SSE; if all are zero they are not loaded, for legacy SSE code is slow on processors that believe them in use.
#![allow(unsafe_code)] // called by generated code with a pointer to the `Env` of the vCPU that runs it

use super::asm::{Asm, Op, Rm, alu, cc, env, op32};
use super::env::{Env, at};
use super::regs::RSP;
use super::runtime::vcpu;
use crate::{Vcpu, simd};

/// Bits of [`Env::vectors`].
pub(super) mod vectors {
    /// The registers hold the guest's, and legacy SSE may run.
    pub const SSE: u8 = 1;
    /// VEX instructions may run.
    pub const AVX: u8 = 2;
    /// Some register's upper half is not zero.
    pub const UPPER: u8 = 4;
}

/// MXCSR as Rust wants it.
const HOST_MXCSR: i32 = 0x1f80;

/// Whether the host has 256-bit registers.
fn wide() -> bool {
    std::arch::is_x86_feature_detected!("avx")
}

/// LDMXCSR (2) or STMXCSR (3).
fn mxcsr(asm: &mut Asm, extension: u8, rm: Rm) {
    asm.op(Op { map: 1, ..op32(0xae) }, extension, rm);
}

/// Stores registers and MXCSR and gives the host its own, if the guest's are there. Destroys flags.
pub(super) fn store(asm: &mut Asm, and_forget: bool) {
    let absent = jump_if_absent(asm);
    each_register(asm, 0x11, wide());
    if wide() {
        // Else whatever legacy SSE code runs next is slow.
        asm.bytes(&[0xc5, 0xf8, 0x77]); // vzeroupper
    }
    mxcsr(asm, 3, env(at::MXCSR));
    asm.byte(0x68); // push
    asm.imm32(HOST_MXCSR);
    mxcsr(asm, 2, Rm::Base(RSP, 0));
    asm.lea(RSP, Rm::Base(RSP, 8), true);
    if and_forget {
        forget(asm);
    }
    asm.bind_here(absent);
}

/// Notes that the registers are the host's.
pub(super) fn forget(asm: &mut Asm) {
    asm.op(op32(0xc6), 0, env(at::VECTORS));
    asm.byte(0);
}

/// Loads registers and MXCSR, if the guest's belong there. Destroys flags.
pub(super) fn load(asm: &mut Asm) {
    let absent = jump_if_absent(asm);
    mxcsr(asm, 2, env(at::MXCSR));
    if wide() {
        test(asm, vectors::UPPER);
        let narrow = asm.jcc(cc::Z);
        each_register(asm, 0x10, true);
        let done = asm.jmp();
        asm.bind_here(narrow);
        // VMOVUPS clears the upper halves.
        for register in 0..16 {
            asm.vex(1, 0, false, false, 0x10, register, 0, env(at::ymm(register)));
        }
        asm.bind_here(done);
    } else {
        each_register(asm, 0x10, false);
    }
    asm.bind_here(absent);
}

/// MOVUPS of all registers with `code`.
fn each_register(asm: &mut Asm, code: u8, wide: bool) {
    for register in 0..16 {
        let place = env(at::ymm(register));
        if wide {
            asm.vex(1, 0, false, true, code, register, 0, place);
        } else {
            asm.op(Op { map: 1, ..op32(code) }, register, place);
        }
    }
}

/// `cmp vectors, 0; je`: position of the displacement.
pub(super) fn jump_if_absent(asm: &mut Asm) -> usize {
    asm.op(op32(0x80), alu::CMP, env(at::VECTORS));
    asm.byte(0);
    asm.jcc(cc::Z)
}

/// `test vectors, bits`.
pub(super) fn test(asm: &mut Asm, bits: u8) {
    asm.op(op32(0xf6), 0, env(at::VECTORS));
    asm.byte(bits);
}

/// Decides whether vector code that needs the bits `need` may run; if so, notes it in `vectors`. 0 if not.
///
/// # Safety
/// As `vcpu`: called by generated code with its `Env`.
pub(super) unsafe extern "sysv64" fn engage(env: *mut Env, need: u32) -> u32 {
    // SAFETY: the caller's promise.
    let cpu = unsafe { vcpu(env) };
    cpu.engage_vectors(need as u8)
}

impl Vcpu {
    fn engage_vectors(&mut self, need: u8) -> u32 {
        const MASKS: u32 = 0x1f80;
        let mxcsr = self.state.fpu.mxcsr;
        if mxcsr & MASKS != MASKS || mxcsr & !simd::MXCSR_MASK != 0 || !simd::sse_usable(self) {
            return 0;
        }
        let mut may = vectors::SSE;
        if wide() && simd::vex_usable(self) {
            may |= vectors::AVX;
        }
        if need & !may != 0 {
            return 0;
        }
        self.jit.vectors = may;
        self.note_upper();
        1
    }

    /// Brings [`vectors::UPPER`] up to date, if the registers are the guest's.
    pub(super) fn note_upper(&mut self) {
        let upper = self.state.fpu.ymm.iter().fold(0, |all, r| all | r[2] | r[3]) != 0;
        if self.jit.vectors != 0 {
            self.jit.vectors = self.jit.vectors & !vectors::UPPER | if upper { vectors::UPPER } else { 0 };
        }
    }
}
