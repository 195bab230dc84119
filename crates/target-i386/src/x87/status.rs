//! What surrounds every x87 instruction: availability, pending exceptions, pointers, status flags.
//!
//! SDM vol. 1, 8.1.3 (status word), 8.1.8 (pointers), 8.7 (exception handling); vol. 3A, 2.5 (CR0).

use crate::insn::seg;
use crate::state::Fpu;
use crate::{Exec, Fault, Insn, Vcpu, Vector};
use softfloat::Flags;
use softfloat::x87::Ctx;

/// CR0.MP.
pub(super) const CR0_MP: u64 = 1 << 1;
const CR0_EM: u64 = 1 << 2;
/// CR0.TS.
pub(super) const CR0_TS: u64 = 1 << 3;
const CR0_NE: u64 = 1 << 5;

/// Stack fault.
pub(super) const SF: u16 = 1 << 6;
/// Exception summary.
pub(super) const ES: u16 = 1 << 7;
/// Condition code 0.
pub(super) const C0: u16 = 1 << 8;
/// Condition code 1.
pub(super) const C1: u16 = 1 << 9;
/// Condition code 2.
pub(super) const C2: u16 = 1 << 10;
/// Condition code 3.
pub(super) const C3: u16 = 1 << 14;
/// Busy, a copy of ES since the 287.
pub(super) const BUSY: u16 = 1 << 15;
/// The six exception flags.
const EXCEPTIONS: u16 = 0x3f;

impl Fpu {
    /// Sets or clears C1.
    #[inline]
    pub(super) fn set_c1(&mut self, on: bool) {
        self.status = self.status & !C1 | if on { C1 } else { 0 };
    }

    /// Replaces the four condition codes.
    #[inline]
    pub(super) fn set_conditions(&mut self, codes: u16) {
        self.status = self.status & !(C0 | C1 | C2 | C3) | codes;
    }

    /// The arithmetic context that the control word asks for.
    #[inline]
    pub(super) fn ctx(&self) -> Ctx {
        Ctx::from_control_word(self.control)
    }

    /// Whether the exceptions are masked.
    #[inline]
    pub(super) fn masked(&self, flags: Flags) -> bool {
        self.control as u8 & flags.bits() == flags.bits()
    }
}

/// #NM while the FPU is emulated or belongs to another task.
#[inline]
pub(super) fn check_available(cpu: &Vcpu) -> Exec {
    if cpu.state.cr0 & (CR0_EM | CR0_TS) == 0 {
        Ok(())
    } else {
        Err(Fault::NM)
    }
}

/// #MF when an unmasked exception is pending; waiting x87 and MMX instructions begin with it.
///
/// With CR0.NE clear the board gets FERR# instead and the instruction goes on: the interrupt (IRQ 13)
/// arrives at its end. Processors wait for it before the instruction.
///
/// # Errors
/// #MF.
#[inline]
pub fn check_pending(cpu: &mut Vcpu) -> Exec {
    if cpu.state.fpu.status & ES == 0 {
        Ok(())
    } else {
        pending(cpu)
    }
}

#[cold]
fn pending(cpu: &mut Vcpu) -> Exec {
    if cpu.state.cr0 & CR0_NE != 0 {
        return Err(Fault::new(Vector::Mf));
    }
    cpu.platform.set_ferr(true);
    Ok(())
}

/// The start of a waiting instruction.
#[inline]
pub(super) fn enter(cpu: &mut Vcpu) -> Exec {
    check_available(cpu)?;
    check_pending(cpu)
}

/// The start of a waiting instruction without memory operand that is not a control instruction.
#[inline]
pub(super) fn enter_register(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    point(cpu, insn);
    Ok(())
}

/// Records opcode and instruction pointer. Decode leaves the 11 opcode bits in `imm`.
#[inline]
pub(super) fn point(cpu: &mut Vcpu, insn: &Insn) {
    let state = &mut cpu.state;
    state.fpu.ip = state.rip.wrapping_sub(insn.len.into()) & cpu.mode.ip_mask;
    state.fpu.cs = state.seg[usize::from(seg::CS)].selector;
    state.fpu.opcode = insn.imm as u16 & 0x7ff;
}

/// Records opcode, instruction pointer and data pointer; once the memory access has succeeded.
#[inline]
pub(super) fn point_memory(cpu: &mut Vcpu, insn: &Insn) {
    point(cpu, insn);
    cpu.state.fpu.dp = cpu.ea(insn);
    cpu.state.fpu.ds = cpu.state.seg[usize::from(insn.mem.seg) % 6].selector;
}

/// Merges flags into the status word; unmasked ones become pending.
#[inline]
pub(super) fn raise(cpu: &mut Vcpu, flags: Flags) {
    let fpu = &mut cpu.state.fpu;
    fpu.status |= u16::from(flags.bits());
    if flags.bits() & !(fpu.control as u8) != 0 {
        summarize(cpu);
    }
}

/// Recomputes ES and B from flags and masks, and FERR# from them.
pub(super) fn summarize(cpu: &mut Vcpu) {
    let fpu = &mut cpu.state.fpu;
    let was = fpu.status & ES != 0;
    let is = fpu.status & !fpu.control & EXCEPTIONS != 0;
    fpu.status = fpu.status & !(ES | BUSY) | if is { ES | BUSY } else { 0 };
    if was != is && cpu.state.cr0 & CR0_NE == 0 {
        cpu.platform.set_ferr(is);
    }
}

/// Raises what an operation raised and reports its rounding in C1; whether there is a result.
#[inline]
pub(super) fn conclude(cpu: &mut Vcpu, ctx: &Ctx) -> bool {
    cpu.state.fpu.set_c1(ctx.rounded_up);
    if !ctx.flags.is_empty() {
        raise(cpu, ctx.flags);
    }
    !ctx.refused()
}

/// IE and SF, with C1 telling overflow from underflow; whether the masked response is wanted.
#[cold]
pub(super) fn stack_fault(cpu: &mut Vcpu, overflow: bool) -> bool {
    let fpu = &mut cpu.state.fpu;
    fpu.status |= SF;
    fpu.set_c1(overflow);
    let masked = fpu.masked(Flags::INVALID);
    raise(cpu, Flags::INVALID);
    masked
}
