//! Delivery in legacy protected mode: interrupt, trap and task gates, to the same or an inner ring, from v86 mode.
//! SDM vol. 3A, 7.12 and 21.3.

use super::Event;
use super::deliver::{check_gate, enter_flags};
use crate::insn::seg;
use crate::mem::Privilege;
use crate::segment::descriptor::{Descriptor, Gate, kind};
use crate::segment::load::stack_segment;
use crate::segment::table::{get, is_null};
use crate::state::{Segment, gpr::RSP};
use crate::task;
use crate::transfer::code::Target;
use crate::transfer::stack::{Stack, ring_stack};
use crate::{Exec, Fault, Vcpu, Vector};

const GATES: &[u8] = &[kind::TASK, kind::INT16, kind::TRAP16, kind::INT32, kind::TRAP32];

pub(super) fn deliver(cpu: &mut Vcpu, event: &Event) -> Exec {
    let offset = u64::from(event.vector) * 8;
    let idtr = cpu.state.idtr;
    if offset + 7 > u64::from(idtr.limit) {
        return Err(Fault::with_code(Vector::Gp, event.idt_code()));
    }
    let at = idtr.base.wrapping_add(offset) & 0xffff_ffff;
    let d = Descriptor(cpu.read_linear(at, Privilege::System)?);
    check_gate(cpu, event, d, GATES)?;
    let gate = Gate::legacy(d);
    if d.kind() == kind::TASK {
        return task::switch_by_event(cpu, gate.selector, event.code);
    }

    if is_null(gate.selector) {
        return Err(Fault::GP0);
    }
    let bad = Fault::gp(gate.selector);
    let code = get(cpu, gate.selector, Vector::Gp)?;
    if !code.is_code() || code.dpl() > cpu.state.cpl {
        return Err(bad);
    }
    if !code.present() {
        return Err(Fault::with_code(Vector::Np, gate.selector & !3));
    }
    let v86 = cpu.mode.v86;
    let inner = !code.is_conforming() && code.dpl() < cpu.state.cpl;
    // Out of virtual-8086 mode the way leads to ring 0 only.
    if v86 && !(inner && code.dpl() == 0) {
        return Err(bad);
    }
    let cpl = if inner { code.dpl() } else { cpu.state.cpl };
    let target = Target {
        selector: gate.selector,
        descriptor: code,
        cpl,
    };
    let mut stack = if inner {
        let (selector, sp) = ring_stack(cpu, cpl)?;
        let ss = stack_segment(cpu, selector, cpl, Vector::Ts)?;
        Stack::legacy(ss, sp, cpl, Fault::with_code(Vector::Ss, selector & !3))
    } else {
        Stack::current(cpu)
    };
    target.check_ip(cpu, gate.offset)?;
    target.mark(cpu)?;

    let size = if d.kind() & 8 != 0 { 4 } else { 2 };
    let selector = |cpu: &Vcpu, index: u8| u64::from(cpu.state.seg[index as usize].selector);
    if v86 {
        for index in [seg::GS, seg::FS, seg::DS, seg::ES] {
            let value = selector(cpu, index);
            stack.push(cpu, size, value)?;
        }
    }
    if inner {
        let (ss, sp) = (selector(cpu, seg::SS), cpu.state.gpr[RSP]);
        stack.push(cpu, size, ss)?;
        stack.push(cpu, size, sp)?;
    }
    let (flags, cs, ip) = (event.flags_image(cpu), selector(cpu, seg::CS), cpu.state.rip);
    stack.push(cpu, size, flags)?;
    stack.push(cpu, size, cs)?;
    stack.push(cpu, size, ip)?;
    if let Some(code) = event.code {
        stack.push(cpu, size, u64::from(code))?;
    }
    stack.commit_pointer(cpu);
    cpu.state.seg[seg::SS as usize] = stack.ss;
    if v86 {
        for index in [seg::GS, seg::FS, seg::DS, seg::ES] {
            cpu.state.seg[index as usize] = Segment::default();
        }
    }
    target.enter(cpu, gate.offset);
    enter_flags(cpu, d.kind());
    Ok(())
}
