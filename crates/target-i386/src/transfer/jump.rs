//! Far JMP: direct, through a call gate, or to a task.
//! SDM vol. 2A, JMP.

use super::code::{self, Target};
use crate::segment::descriptor::{Descriptor, Gate, kind};
use crate::segment::table::{get, get_upper, is_null};
use crate::task;
use crate::{Exec, Fault, Insn, Vcpu, Vector};

/// What a far pointer leads to.
pub(crate) enum Route {
    /// A code segment at the same privilege.
    Code(Target),
    /// A call gate.
    Gate(Descriptor, Gate),
    /// A TSS, by its own selector or through a task gate.
    Task(u16),
}

/// Resolves the selector of a far JMP or CALL. Errors: #GP, #NP, #PF.
pub(crate) fn route(cpu: &mut Vcpu, selector: u16) -> Result<Route, Fault> {
    if is_null(selector) {
        return Err(Fault::GP0);
    }
    let d = get(cpu, selector, Vector::Gp)?;
    if d.is_code() {
        return code::direct(cpu, selector, d).map(Route::Code);
    }
    let bad = Fault::gp(selector);
    let level = cpu.state.cpl.max(selector as u8 & 3);
    if !d.is_system() {
        return Err(bad);
    }
    match d.kind() {
        kind::CALL32 | kind::CALL16 if d.kind() == kind::CALL32 || !cpu.mode.lma => {
            if d.dpl() < level {
                return Err(bad);
            }
            let gate = if cpu.mode.lma {
                Gate::long(d, get_upper(cpu, selector, Vector::Gp)?)
            } else {
                Gate::legacy(d)
            };
            if !d.present() {
                return Err(Fault::with_code(Vector::Np, selector & !3));
            }
            Ok(Route::Gate(d, gate))
        }
        kind::TASK if !cpu.mode.lma => {
            if d.dpl() < level {
                return Err(bad);
            }
            if !d.present() {
                return Err(Fault::with_code(Vector::Np, selector & !3));
            }
            Ok(Route::Task(Gate::legacy(d).selector))
        }
        kind::TSS16 | kind::TSS32 if !cpu.mode.lma => {
            if d.dpl() < level {
                return Err(bad);
            }
            Ok(Route::Task(selector))
        }
        _ => Err(bad),
    }
}

/// The code segment behind a call gate: its descriptor, present and of the right kind. Errors: #GP, #NP, #PF.
pub(crate) fn gate_code(cpu: &mut Vcpu, selector: u16) -> Result<Descriptor, Fault> {
    if is_null(selector) {
        return Err(Fault::GP0);
    }
    let d = get(cpu, selector, Vector::Gp)?;
    let kind_ok = d.is_code() && (!cpu.mode.lma || d.long() && !d.big());
    if !kind_ok || d.dpl() > cpu.state.cpl {
        return Err(Fault::gp(selector));
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, selector & !3));
    }
    Ok(d)
}

/// Jumps to selector:offset.
pub(crate) fn far_jump(cpu: &mut Vcpu, selector: u16, offset: u64) -> Exec {
    if !cpu.mode.protected || cpu.mode.v86 {
        return code::enter_real(cpu, selector, offset);
    }
    let (target, ip) = match route(cpu, selector)? {
        Route::Code(target) => (target, offset),
        Route::Gate(_, gate) => {
            let d = gate_code(cpu, gate.selector)?;
            let cpl = cpu.state.cpl;
            if !d.is_conforming() && d.dpl() != cpl {
                return Err(Fault::gp(gate.selector));
            }
            (
                Target {
                    selector: gate.selector,
                    descriptor: d,
                    cpl,
                },
                gate.offset,
            )
        }
        Route::Task(tss) => return task::switch_by_instruction(cpu, tss, task::Reason::Jump),
    };
    target.check_ip(cpu, ip)?;
    target.mark(cpu)?;
    target.enter(cpu, ip);
    cpu.refresh_mode();
    Ok(())
}

/// The pointer of a far JMP or CALL: immediate or in memory.
pub(crate) fn operand(cpu: &mut Vcpu, insn: &Insn, osize: u8) -> Result<(u16, u64), Fault> {
    if insn.has_mem() {
        let at = cpu.ea(insn);
        let (offset, selector) = crate::segment::load::far_pointer(cpu, insn.mem.seg, at, osize)?;
        Ok((selector, offset))
    } else {
        Ok(((insn.imm >> 32) as u16, insn.imm & 0xffff_ffff))
    }
}

/// JMP ptr16:16, ptr16:32, m16:16, m16:32, m16:64.
pub(crate) fn jmp_far<const OSIZE: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (selector, offset) = operand(cpu, insn, OSIZE)?;
    far_jump(cpu, selector, offset)
}
