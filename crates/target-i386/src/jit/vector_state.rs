//! Vector registers between `CpuState` and the host's, and who decides that they may be there.
//!
//! Guest XMM/YMM n is host XMM/YMM n and MXCSR the guest's while [`Env::vectors`] is not 0. The first vector
//! instruction of a block asks for that ([`engage`]); every way to Rust stores them first, since Rust uses the same
//! registers and wants its own MXCSR. Handlers may change anything, so behind one the next vector instruction asks
//! again. Upper halves: those of all registers travel with them on hosts with AVX, also while the guest may only use
//! SSE; if all are zero they are not loaded, for legacy SSE code is slow on processors that believe them in use.
//!
//! The x87 stack goes the same way with a bit of its own, while no x87 exception is unmasked or pending: the host's
//! TOP, tags, status and control words are then the guest's. Where the last x87 instruction was is noted by the
//! instructions themselves, since the host would know host addresses only.
#![allow(unsafe_code)] // called by generated code with a pointer to the `Env` of the vCPU that runs it

use super::asm::{Asm, Op, Rm, alu, cc, env, op32};
use super::env::{Env, at};
use super::regs::{ENV, RAX, RDI, RSP};
use super::runtime::vcpu;
use crate::insn::seg;
use crate::{Vcpu, simd, x87};

/// Bits of [`Env::vectors`].
pub(super) mod vectors {
    /// The registers hold the guest's, and legacy SSE may run.
    pub const SSE: u8 = 1;
    /// VEX instructions may run, which implies [`SSE`].
    pub const AVX: u8 = 2;
    /// Some register's upper half is not zero.
    pub const UPPER: u8 = 4;
    /// The x87 registers are the guest's.
    pub const X87: u8 = 8;
}

/// MXCSR as Rust wants it.
const HOST_MXCSR: i32 = 0x1f80;

/// Whether the host has 256-bit registers.
fn wide() -> bool {
    super::host::Host::detect().contains(super::host::Host::AVX)
}

/// LDMXCSR (2) or STMXCSR (3).
fn mxcsr(asm: &mut Asm, extension: u8, rm: Rm) {
    asm.op(Op { map: 1, ..op32(0xae) }, extension, rm);
}

/// Stores what is there of the guest's and gives the host its own. `called`: in a thunk that was called, so the stack
/// is 8 bytes off. Calls Rust: pinned registers have been saved; S0 and S1 stay. Destroys flags.
pub(super) fn store(asm: &mut Asm, and_forget: bool, called: bool) {
    let absent = jump_if_absent(asm);
    test(asm, vectors::SSE);
    let no_sse = asm.jcc(cc::Z);
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
    asm.bind_here(no_sse);
    test(asm, vectors::X87);
    let no_x87 = asm.jcc(cc::Z);
    asm.op(op32(0xdd), 6, env(at::X87_IMAGE)); // fnsave
    let adjust = if called { 8 } else { 0 };
    asm.lea(RSP, Rm::Base(RSP, -adjust), true);
    asm.mov(RDI, ENV);
    asm.mov_imm(RAX, release_x87 as *const () as u64);
    asm.op(op32(0xff), 2, Rm::Reg(RAX));
    asm.lea(RSP, Rm::Base(RSP, adjust), true);
    asm.bind_here(no_x87);
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

/// Loads what is to be there of the guest's. Destroys flags.
pub(super) fn load(asm: &mut Asm) {
    let absent = jump_if_absent(asm);
    test(asm, vectors::X87);
    let no_x87 = asm.jcc(cc::Z);
    asm.op(op32(0xdd), 4, env(at::X87_IMAGE)); // frstor
    asm.bind_here(no_x87);
    test(asm, vectors::SSE);
    let no_sse = asm.jcc(cc::Z);
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
    asm.bind_here(no_sse);
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
pub(super) unsafe extern "C" fn engage(env: *mut Env, need: u64) -> u64 {
    // SAFETY: the caller's promise.
    let cpu = unsafe { vcpu(env) };
    u64::from(cpu.engage_vectors(need as u8))
}

/// Takes over what FNSAVE stored.
///
/// # Safety
/// As `vcpu`: called by generated code with its `Env`.
unsafe extern "C" fn release_x87(env: *mut Env) {
    // SAFETY: the caller's promise.
    let cpu = unsafe { vcpu(env) };
    cpu.release_x87();
}

/// No x87 instruction yet.
const NOWHERE: u32 = u32::MAX;
/// No memory operand yet.
const NO_SEGMENT: u8 = u8::MAX;

impl Vcpu {
    /// Decides whether what needs the bits `need` may run, next to what is there already.
    fn engage_vectors(&mut self, need: u8) -> bool {
        let mut may = 0;
        let wanted = need | self.jit.vectors;
        if wanted & (vectors::SSE | vectors::AVX) != 0 && self.may_run_sse() {
            may |= vectors::SSE;
            if wide() && simd::vex_usable(self) {
                may |= vectors::AVX;
            }
        }
        if wanted & vectors::X87 != 0 && x87::runs_unattended(self) {
            may |= vectors::X87;
        }
        if need & !may != 0 {
            return false;
        }
        if may & vectors::X87 != 0 {
            self.jit.x87_image = x87::native::image(&self.state.fpu);
            self.forget_x87_place();
        }
        self.jit.vectors = may;
        self.note_upper();
        true
    }

    /// Whether SSE instructions raise nothing but MXCSR's sticky flags.
    fn may_run_sse(&self) -> bool {
        const MASKS: u32 = 0x1f80;
        let mxcsr = self.state.fpu.mxcsr;
        mxcsr & MASKS == MASKS && mxcsr & !simd::MXCSR_MASK == 0 && simd::sse_usable(self)
    }

    /// Brings [`vectors::UPPER`] up to date, if the registers are the guest's.
    pub(super) fn note_upper(&mut self) {
        if self.jit.vectors & vectors::SSE != 0 {
            let upper = self.state.fpu.ymm.iter().fold(0, |all, r| all | r[2] | r[3]) != 0;
            let bit = if upper { vectors::UPPER } else { 0 };
            self.jit.vectors = self.jit.vectors & !vectors::UPPER | bit;
        }
    }

    /// Brings the x87 state up to date from the image and the notes of generated code.
    fn release_x87(&mut self) {
        let fpu = &mut self.state.fpu;
        x87::native::take(fpu, &self.jit.x87_image);
        let at = self.jit.x87_at;
        if at != NOWHERE {
            fpu.opcode = at as u16 & 0x7ff;
            fpu.ip = self.jit.x87_base.wrapping_add(u64::from(at >> 16)) & self.mode.ip_mask;
            fpu.cs = self.state.seg[usize::from(seg::CS)].selector;
        }
        if self.jit.x87_segment != NO_SEGMENT {
            fpu.ds = self.state.seg[usize::from(self.jit.x87_segment) % 6].selector;
        }
        self.forget_x87_place();
    }

    fn forget_x87_place(&mut self) {
        self.jit.x87_at = NOWHERE;
        self.jit.x87_segment = NO_SEGMENT;
    }
}
