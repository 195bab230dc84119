//! Far RET, to the same or an outer ring, and what every return to an outer ring does to data segments.
//! SDM vol. 2B, RET.

use super::code;
use super::stack::Stack;
use crate::insn::seg;
use crate::segment::load::{null_segment, stack_segment};
use crate::segment::table::{get, is_null};
use crate::state::{Segment, gpr::RSP};
use crate::{Exec, Fault, Insn, Vcpu, Vector};

/// RETF, RETF imm16.
pub(crate) fn ret_far<const OSIZE: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let size = u64::from(OSIZE);
    let release = insn.imm & 0xffff;
    let mut stack = Stack::current(cpu);
    let ip = stack.peek(cpu, size, 0)?;
    let selector = stack.peek(cpu, size, size)? as u16;
    if !cpu.mode.protected || cpu.mode.v86 {
        code::enter_real(cpu, selector, ip)?;
        stack.drop_bytes(2 * size + release);
        stack.commit_pointer(cpu);
        return Ok(());
    }
    if is_null(selector) {
        return Err(Fault::GP0);
    }
    let d = get(cpu, selector, Vector::Gp)?;
    let target = code::returned(cpu, selector, d)?;
    if target.cpl == cpu.state.cpl {
        target.check_ip(cpu, ip)?;
        target.mark(cpu)?;
        stack.drop_bytes(2 * size + release);
        stack.commit_pointer(cpu);
        target.enter(cpu, ip);
    } else {
        let sp = stack.peek(cpu, size, 2 * size + release)?;
        let ss = stack.peek(cpu, size, 3 * size + release)? as u16;
        let ss = outer_stack(cpu, ss, target.cpl, target.long(cpu))?;
        target.check_ip(cpu, ip)?;
        target.mark(cpu)?;
        target.enter(cpu, ip);
        cpu.state.seg[seg::SS as usize] = ss;
        set_outer_pointer(cpu, sp.wrapping_add(release), target.long(cpu));
        drop_inner_segments(cpu);
    }
    cpu.refresh_mode();
    Ok(())
}

/// Checks the stack segment of a return to ring `cpl`. Null is allowed below ring 3 of 64-bit mode.
/// Errors: #GP, #SS(selector), #PF.
pub(crate) fn outer_stack(cpu: &mut Vcpu, selector: u16, cpl: u8, long: bool) -> Result<Segment, Fault> {
    if is_null(selector) && long && cpl != 3 && selector as u8 & 3 == cpl {
        return Ok(null_segment(selector));
    }
    stack_segment(cpu, selector, cpl, Vector::Gp)
}

/// Loads RSP for the SS just loaded; to a 16-bit stack only SP changes (which is how an inner ring's upper half
/// leaks, as on silicon).
pub(crate) fn set_outer_pointer(cpu: &mut Vcpu, sp: u64, long: bool) {
    let rsp = &mut cpu.state.gpr[RSP];
    *rsp = if long {
        sp
    } else if cpu.state.seg[seg::SS as usize].attr & Segment::DB != 0 {
        sp & 0xffff_ffff
    } else {
        *rsp & !0xffff | sp & 0xffff
    };
}

/// After a return to an outer ring: ES, DS, FS and GS that it may not use become null.
pub(crate) fn drop_inner_segments(cpu: &mut Vcpu) {
    for index in [seg::ES, seg::DS, seg::FS, seg::GS] {
        let s = &mut cpu.state.seg[index as usize];
        let conforming =
            s.attr & (Segment::S | Segment::CODE | Segment::DC) == Segment::S | Segment::CODE | Segment::DC;
        if s.present() && !conforming && s.dpl() < cpu.state.cpl {
            *s = Segment::default();
        }
    }
}
