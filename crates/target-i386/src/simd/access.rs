//! Getting at operands: availability checks, vector registers, memory, and MXCSR around float code.
//!
//! Every SIMD handler goes through here in the order checks, sources (which may fault), computation, #XM,
//! destination; so nothing is changed before the last possible fault. SDM vol. 2A, 2.4 (exception classes of
//! VEX instructions) and vol. 3A, 15.1 and 15.6 (control bits for SSE and AVX).

use super::lane::{Lane, lanes, quads};
use crate::fault::{Exec, Fault, Vector};
use crate::flags::bit;
use crate::insn::{Insn, InsnFlags};
use crate::{Vcpu, x87};
use softfloat::sse::Ctx;

/// CR0 and CR4 bits that decide about SIMD (SDM vol. 3A, 2.5).
mod control {
    pub const PE: u64 = 1 << 0;
    pub const EM: u64 = 1 << 2;
    pub const TS: u64 = 1 << 3;
    pub const OSFXSR: u64 = 1 << 9;
    pub const OSXMMEXCPT: u64 = 1 << 10;
    pub const OSXSAVE: u64 = 1 << 18;
    /// XCR0: SSE and AVX state.
    pub const XCR0_AVX: u64 = 6;
}

/// Legacy SSE: #UD without OSFXSR or under emulation, then #NM.
#[inline]
pub fn check_sse(cpu: &Vcpu) -> Exec {
    let state = &cpu.state;
    if state.cr0 & (control::EM | control::TS) == 0 && state.cr4 & control::OSFXSR != 0 {
        return Ok(());
    }
    let undefined = state.cr0 & control::EM != 0 || state.cr4 & control::OSFXSR == 0;
    Err(if undefined { Fault::UD } else { Fault::NM })
}

/// VEX: protected mode and XCR0-enabled AVX state, then #NM. CR0.EM has no say.
#[inline]
pub fn check_vex(cpu: &Vcpu) -> Exec {
    let state = &cpu.state;
    let enabled = state.cr0 & control::PE != 0
        && state.cr4 & control::OSXSAVE != 0
        && state.fpu.xcr0 & control::XCR0_AVX == control::XCR0_AVX
        && !state.flags.has(bit::VM);
    match (enabled, state.cr0 & control::TS) {
        (true, 0) => Ok(()),
        (true, _) => Err(Fault::NM),
        (false, _) => Err(Fault::UD),
    }
}

/// The check for an instruction that exists in both encodings.
#[inline]
pub fn check(cpu: &Vcpu, insn: &Insn) -> Exec {
    if is_vex(insn) {
        check_vex(cpu)
    } else {
        check_sse(cpu)
    }
}

/// MMX: #UD under emulation, #NM, then a pending x87 exception.
#[inline]
pub fn check_mmx(cpu: &mut Vcpu) -> Exec {
    if cpu.state.cr0 & control::EM != 0 {
        return Err(Fault::UD);
    }
    if cpu.state.cr0 & control::TS != 0 {
        return Err(Fault::NM);
    }
    x87::check_pending(cpu)
}

/// Whether the instruction was encoded with VEX.
#[inline(always)]
pub fn is_vex(insn: &Insn) -> bool {
    insn.flags.contains(InsnFlags::VEX)
}

/// Whether it works on 256 bits.
#[inline(always)]
pub fn is_wide(insn: &Insn) -> bool {
    insn.flags.contains(InsnFlags::VEX_L)
}

/// Number of lanes it works on.
#[inline(always)]
pub fn width(insn: &Insn) -> usize {
    if is_wide(insn) { 2 } else { 1 }
}

/// The low lane of a vector register.
#[inline(always)]
pub fn xmm(cpu: &Vcpu, reg: u8) -> Lane {
    let [low, high, ..] = cpu.state.fpu.ymm[usize::from(reg & 15)];
    super::lane::halves(low, high)
}

/// Both lanes.
#[inline(always)]
pub fn ymm(cpu: &Vcpu, reg: u8) -> [Lane; 2] {
    lanes(cpu.state.fpu.ymm[usize::from(reg & 15)])
}

/// Writes the low lane, as legacy SSE does: the rest of the register stays.
#[inline(always)]
pub fn set_xmm(cpu: &mut Vcpu, reg: u8, value: Lane) {
    let fpu = &mut cpu.state.fpu;
    let register = &mut fpu.ymm[usize::from(reg & 15)];
    [register[0], register[1]] = [value as u64, (value >> 64) as u64];
}

/// Writes the whole register, as VEX instructions do (a 128-bit result with zeros above it).
#[inline(always)]
pub fn set_ymm(cpu: &mut Vcpu, reg: u8, value: [Lane; 2]) {
    let fpu = &mut cpu.state.fpu;
    fpu.ymm[usize::from(reg & 15)] = quads(value);
}

/// Writes a 128-bit result the way the instruction's encoding says.
#[inline(always)]
pub fn set_low(cpu: &mut Vcpu, insn: &Insn, reg: u8, value: Lane) {
    if is_vex(insn) {
        set_ymm(cpu, reg, [value, 0]);
    } else {
        set_xmm(cpu, reg, value);
    }
}

/// An MMX register.
#[inline(always)]
pub fn mm(cpu: &Vcpu, reg: u8) -> u64 {
    cpu.state.fpu.st[usize::from(reg & 7)].significand
}

/// What every MMX instruction but EMMS does to the x87 state (SDM vol. 3A, table 14-2): TOP 0, all tags valid.
#[inline(always)]
pub fn enter_mmx(cpu: &mut Vcpu) {
    let fpu = &mut cpu.state.fpu;
    fpu.top = 0;
    fpu.empty = 0;
}

/// Writes an MMX register; the exponent part becomes ones.
#[inline(always)]
pub fn set_mm(cpu: &mut Vcpu, reg: u8, value: u64) {
    let register = &mut cpu.state.fpu.st[usize::from(reg & 7)];
    register.significand = value;
    register.sign_exponent = 0xffff;
}

/// A general register operand; `long` selects all 64 bits.
#[inline(always)]
pub fn gpr(cpu: &Vcpu, reg: u8, long: bool) -> u64 {
    let value = cpu.state.gpr[usize::from(reg & 15)];
    if long { value } else { value & 0xffff_ffff }
}

/// Writes a general register with a value that is already zero-extended to 64 bits.
#[inline(always)]
pub fn set_gpr(cpu: &mut Vcpu, reg: u8, value: u64) {
    cpu.state.gpr[usize::from(reg & 15)] = value;
}

/// #GP(0) unless the memory operand is aligned to `bytes`.
#[inline(always)]
pub fn check_aligned(cpu: &Vcpu, insn: &Insn, bytes: u64) -> Exec {
    cpu.aligned(insn.mem.seg, cpu.ea(insn), bytes)
}

/// Reads `bytes` (1, 2, 4, 8 or 16) from the memory operand, zero-extended, without alignment check.
#[inline(always)]
pub fn load(cpu: &mut Vcpu, insn: &Insn, bytes: usize) -> Result<Lane, Fault> {
    load_at(cpu, insn.mem.seg, cpu.ea(insn), bytes)
}

/// Reads `bytes` (1, 2, 4, 8 or 16) at an offset.
#[inline(always)]
pub fn load_at(cpu: &mut Vcpu, seg: u8, at: u64, bytes: usize) -> Result<Lane, Fault> {
    Ok(match bytes {
        1 => cpu.read::<u8>(seg, at)?.into(),
        2 => cpu.read::<u16>(seg, at)?.into(),
        4 => cpu.read::<u32>(seg, at)?.into(),
        8 => cpu.read::<u64>(seg, at)?.into(),
        _ => cpu.read::<u128>(seg, at)?,
    })
}

/// Writes the low `bytes` (1, 2, 4, 8 or 16) of `value` at an offset.
#[inline(always)]
pub fn store_at(cpu: &mut Vcpu, seg: u8, at: u64, bytes: usize, value: Lane) -> Exec {
    match bytes {
        1 => cpu.write(seg, at, value as u8),
        2 => cpu.write(seg, at, value as u16),
        4 => cpu.write(seg, at, value as u32),
        8 => cpu.write(seg, at, value as u64),
        _ => cpu.write(seg, at, value),
    }
}

/// Writes the low `bytes` of `value` to the memory operand.
#[inline(always)]
pub fn store(cpu: &mut Vcpu, insn: &Insn, bytes: usize, value: Lane) -> Exec {
    store_at(cpu, insn.mem.seg, cpu.ea(insn), bytes, value)
}

/// Reads 32 bytes from the memory operand.
#[inline]
pub fn load_wide(cpu: &mut Vcpu, insn: &Insn) -> Result<[Lane; 2], Fault> {
    cpu.read(insn.mem.seg, cpu.ea(insn))
}

/// Writes 32 bytes to the memory operand.
#[inline]
pub fn store_wide(cpu: &mut Vcpu, insn: &Insn, value: [Lane; 2]) -> Exec {
    cpu.write(insn.mem.seg, cpu.ea(insn), value)
}

/// The source operand at `position`: a register's low lane, or `bytes` from memory. A 16-byte operand of a
/// legacy instruction must be aligned.
#[inline(always)]
pub fn source(cpu: &mut Vcpu, insn: &Insn, position: usize, bytes: usize) -> Result<Lane, Fault> {
    if !insn.has_mem() {
        return Ok(xmm(cpu, insn.reg[position]));
    }
    if bytes == 16 && !is_vex(insn) {
        check_aligned(cpu, insn, 16)?;
    }
    load(cpu, insn, bytes)
}

/// The full-width source operand at `position`: one lane (the other is zero) or two.
#[inline(always)]
pub fn source_full(cpu: &mut Vcpu, insn: &Insn, position: usize) -> Result<[Lane; 2], Fault> {
    if !is_wide(insn) {
        return Ok([source(cpu, insn, position, 16)?, 0]);
    }
    if insn.has_mem() {
        load_wide(cpu, insn)
    } else {
        Ok(ymm(cpu, insn.reg[position]))
    }
}

/// The MMX source operand at position 1: a register, or `bytes` (4 or 8) from memory.
#[inline(always)]
pub fn source_mm(cpu: &mut Vcpu, insn: &Insn, bytes: usize) -> Result<u64, Fault> {
    if insn.has_mem() {
        Ok(load(cpu, insn, bytes)? as u64)
    } else {
        Ok(mm(cpu, insn.reg[1]))
    }
}

/// Runs float code under MXCSR: sticky flags are stored in any case, and an unmasked one is #XM (or #UD while
/// the system does not handle it), before the destination is written.
#[inline(always)]
pub fn float<R>(cpu: &mut Vcpu, code: impl FnOnce(&mut Ctx) -> R) -> Result<R, Fault> {
    let mxcsr = cpu.state.fpu.mxcsr;
    let mut ctx = Ctx::from_mxcsr(mxcsr);
    let result = code(&mut ctx);
    if ctx.flags.is_empty() {
        return Ok(result);
    }
    let commit = ctx.commit(mxcsr);
    cpu.state.fpu.mxcsr = commit.mxcsr;
    if !commit.fault {
        return Ok(result);
    }
    let handled = cpu.state.cr4 & control::OSXMMEXCPT != 0;
    Err(if handled {
        Fault::new(Vector::Xm)
    } else {
        Fault::UD
    })
}
