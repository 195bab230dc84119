//! FNINIT, FNCLEX, FLDCW, FNSTCW, FNSTSW, FINCSTP, FDECSTP, FFREE, FNOP, FWAIT. SDM vol. 1, 8.3.12.

use super::stack::sti;
use super::status::{CR0_MP, CR0_TS, ES, check_available, check_pending, enter, enter_register, summarize};
use crate::{Exec, Fault, Insn, Vcpu};

/// FWAIT: #NM only with CR0.MP, then a pending exception.
pub(super) fn fwait(cpu: &mut Vcpu, _: &Insn) -> Exec {
    if cpu.state.cr0 & (CR0_MP | CR0_TS) == CR0_MP | CR0_TS {
        return Err(Fault::NM);
    }
    check_pending(cpu)
}

/// FNINIT
pub(super) fn fninit(cpu: &mut Vcpu, _: &Insn) -> Exec {
    check_available(cpu)?;
    initialize(cpu);
    Ok(())
}

/// FNINIT's effect, which FNSAVE has too.
pub(super) fn initialize(cpu: &mut Vcpu) {
    // Through the summary, so that FERR# falls.
    cpu.state.fpu.status &= ES;
    summarize(cpu);
    cpu.state.fpu.initialize();
}

/// FNCLEX: exception flags, SF, ES and B.
pub(super) fn fnclex(cpu: &mut Vcpu, _: &Insn) -> Exec {
    check_available(cpu)?;
    cpu.state.fpu.status &= 0x7f80;
    summarize(cpu);
    Ok(())
}

/// FLDCW: what it unmasks becomes pending.
pub(super) fn fldcw(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let word = cpu.read::<u16>(insn.mem.seg, cpu.ea(insn))?;
    set_control(cpu, word);
    Ok(())
}

/// Loads the control word.
pub(super) fn set_control(cpu: &mut Vcpu, word: u16) {
    cpu.state.fpu.control = set_control_bits(word);
    summarize(cpu);
}

/// The control word that loading `word` gives.
pub(super) fn set_control_bits(word: u16) -> u16 {
    word & CONTROL_BITS | CONTROL_ONES
}

/// Bits of the control word that can be set.
pub(crate) const CONTROL_BITS: u16 = 0x1f3f;
/// Bits that always are.
pub(crate) const CONTROL_ONES: u16 = 0x40;

/// FNSTCW
pub(super) fn fnstcw(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_available(cpu)?;
    cpu.write(insn.mem.seg, cpu.ea(insn), cpu.state.fpu.control)
}

/// FNSTSW m16
pub(super) fn fnstsw(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_available(cpu)?;
    cpu.write(insn.mem.seg, cpu.ea(insn), cpu.state.fpu.status_word())
}

/// FNSTSW AX
pub(super) fn fnstsw_ax(cpu: &mut Vcpu, _: &Insn) -> Exec {
    check_available(cpu)?;
    let word = cpu.state.fpu.status_word();
    let rax = &mut cpu.state.gpr[0];
    *rax = *rax & !0xffff | u64::from(word);
    Ok(())
}

/// FINCSTP
pub(super) fn fincstp(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    cpu.state.fpu.increment_top();
    cpu.state.fpu.set_c1(false);
    Ok(())
}

/// FDECSTP
pub(super) fn fdecstp(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    cpu.state.fpu.decrement_top();
    cpu.state.fpu.set_c1(false);
    Ok(())
}

/// FFREE ST(i)
pub(super) fn ffree(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    cpu.state.fpu.free(sti(insn));
    cpu.state.fpu.set_c1(false);
    Ok(())
}

/// FFREEP ST(i): frees ST(i), then pops
pub(super) fn ffreep(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    ffree(cpu, insn)?;
    cpu.state.fpu.pop();
    Ok(())
}

/// FNOP
pub(super) fn fnop(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)
}

/// FENI, FDISI, FSETPM, FRSTPM: 8087 and 287 leftovers that do nothing.
pub(super) fn ignored(cpu: &mut Vcpu, _: &Insn) -> Exec {
    check_available(cpu)
}
