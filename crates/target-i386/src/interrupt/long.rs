//! Delivery in IA-32e mode: sixteen-byte gates, IST, a frame that always holds SS:RSP on an aligned stack.
//! SDM vol. 3A, 7.14.

use super::Event;
use super::deliver::{check_gate, enter_flags};
use crate::insn::seg;
use crate::mem::{Privilege, canonical};
use crate::segment::descriptor::{Descriptor, Gate, kind};
use crate::segment::load::null_segment;
use crate::segment::table::{get, is_null};
use crate::state::gpr::RSP;
use crate::transfer::code::Target;
use crate::transfer::stack::{Stack, long_stack};
use crate::{Exec, Fault, Vcpu, Vector};

pub(super) fn deliver(cpu: &mut Vcpu, event: &Event) -> Exec {
    let offset = u64::from(event.vector) * 16;
    let idtr = cpu.state.idtr;
    if offset + 15 > u64::from(idtr.limit) {
        return Err(Fault::with_code(Vector::Gp, event.idt_code()));
    }
    let at = idtr.base.wrapping_add(offset);
    let d = Descriptor(cpu.read_linear(at, Privilege::System)?);
    check_gate(cpu, event, d, &[kind::INT32, kind::TRAP32])?;
    let gate = Gate::long(d, cpu.read_linear(at.wrapping_add(8), Privilege::System)?);

    if is_null(gate.selector) {
        return Err(Fault::GP0);
    }
    let code = get(cpu, gate.selector, Vector::Gp)?;
    if !code.is_code() || code.dpl() > cpu.state.cpl || !code.long() || code.big() {
        return Err(Fault::gp(gate.selector));
    }
    if !code.present() {
        return Err(Fault::with_code(Vector::Np, gate.selector & !3));
    }
    let cpl = if code.is_conforming() {
        cpu.state.cpl
    } else {
        code.dpl()
    };
    let target = Target {
        selector: gate.selector,
        descriptor: code,
        cpl,
    };
    let inner = cpl < cpu.state.cpl;
    let old_ss = cpu.state.seg[seg::SS as usize];
    let ss = if inner {
        null_segment(u16::from(cpl))
    } else {
        old_ss
    };
    let sp = if inner || gate.ist != 0 {
        long_stack(cpu, cpl, gate.ist)?
    } else {
        cpu.state.gpr[RSP]
    };
    if !canonical(gate.offset) {
        return Err(Fault::GP0);
    }
    target.mark(cpu)?;

    let mut stack = Stack::long(ss, sp & !15, cpl, Fault::SS0);
    let frame = [
        u64::from(old_ss.selector),
        cpu.state.gpr[RSP],
        event.flags_image(cpu),
        u64::from(cpu.state.seg[seg::CS as usize].selector),
        cpu.state.rip,
    ];
    for value in frame {
        stack.push(cpu, 8, value)?;
    }
    if let Some(code) = event.code {
        stack.push(cpu, 8, u64::from(code))?;
    }
    stack.commit_pointer(cpu);
    cpu.state.seg[seg::SS as usize] = stack.ss;
    target.enter(cpu, gate.offset);
    enter_flags(cpu, d.kind());
    Ok(())
}
