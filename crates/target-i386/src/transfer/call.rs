//! Far CALL: direct, through a call gate to the same or an inner ring, or to a task.
//! SDM vol. 2A, CALL.

use super::code::{self, Target};
use super::jump::{Route, gate_code, operand, route};
use super::stack::{Stack, long_stack, ring_stack};
use crate::insn::seg;
use crate::segment::descriptor::{Descriptor, Gate};
use crate::segment::load::{null_segment, stack_segment};
use crate::task;
use crate::{Exec, Fault, Insn, Vcpu, Vector};

/// CALL ptr16:16, ptr16:32, m16:16, m16:32, m16:64.
pub(crate) fn call_far<const OSIZE: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (selector, offset) = operand(cpu, insn, OSIZE)?;
    let size = u64::from(OSIZE);
    let (cs, rip) = (u64::from(cpu.state.seg[seg::CS as usize].selector), cpu.state.rip);
    if !cpu.mode.protected || cpu.mode.v86 {
        if offset > u64::from(cpu.state.seg[seg::CS as usize].limit) {
            return Err(Fault::GP0);
        }
        let mut stack = Stack::current(cpu);
        stack.push(cpu, size, cs)?;
        stack.push(cpu, size, rip)?;
        stack.commit_pointer(cpu);
        return code::enter_real(cpu, selector, offset);
    }
    match route(cpu, selector)? {
        Route::Code(target) => same_ring(cpu, target, offset, size),
        Route::Gate(descriptor, gate) => through_gate(cpu, descriptor, gate),
        Route::Task(tss) => task::switch_by_instruction(cpu, tss, task::Reason::Call),
    }
}

/// Pushes the return address and enters `target` on the same stack.
fn same_ring(cpu: &mut Vcpu, target: Target, ip: u64, size: u64) -> Exec {
    let (cs, rip) = (u64::from(cpu.state.seg[seg::CS as usize].selector), cpu.state.rip);
    target.check_ip(cpu, ip)?;
    target.mark(cpu)?;
    let mut stack = Stack::current(cpu);
    stack.push(cpu, size, cs)?;
    stack.push(cpu, size, rip)?;
    stack.commit_pointer(cpu);
    target.enter(cpu, ip);
    cpu.refresh_mode();
    Ok(())
}

fn through_gate(cpu: &mut Vcpu, descriptor: Descriptor, gate: Gate) -> Exec {
    let d = gate_code(cpu, gate.selector)?;
    let size = match (cpu.mode.lma, descriptor.kind() & 8 != 0) {
        (true, _) => 8,
        (false, true) => 4,
        (false, false) => 2,
    };
    let inner = !d.is_conforming() && d.dpl() < cpu.state.cpl;
    let cpl = if inner { d.dpl() } else { cpu.state.cpl };
    let target = Target {
        selector: gate.selector,
        descriptor: d,
        cpl,
    };
    if !inner {
        return same_ring(cpu, target, gate.offset, size);
    }
    let old = Stack::current(cpu);
    let (old_ss, old_sp) = (
        cpu.state.seg[seg::SS as usize].selector,
        cpu.state.gpr[crate::state::gpr::RSP],
    );
    let mut stack = if cpu.mode.lma {
        let sp = long_stack(cpu, cpl, 0)?;
        Stack::long(null_segment(u16::from(cpl)), sp, cpl, Fault::SS0)
    } else {
        let (selector, sp) = ring_stack(cpu, cpl)?;
        let ss = stack_segment(cpu, selector, cpl, Vector::Ts)?;
        Stack::legacy(ss, sp, cpl, Fault::with_code(Vector::Ss, selector & !3))
    };
    target.check_ip(cpu, gate.offset)?;
    target.mark(cpu)?;
    let (cs, rip) = (u64::from(cpu.state.seg[seg::CS as usize].selector), cpu.state.rip);
    stack.push(cpu, size, u64::from(old_ss))?;
    stack.push(cpu, size, old_sp)?;
    if size != 8 {
        for n in (0..u64::from(gate.params)).rev() {
            let value = old.peek(cpu, size, n * size)?;
            stack.push(cpu, size, value)?;
        }
    }
    stack.push(cpu, size, cs)?;
    stack.push(cpu, size, rip)?;
    stack.commit_pointer(cpu);
    cpu.state.seg[seg::SS as usize] = stack.ss;
    target.enter(cpu, gate.offset);
    cpu.refresh_mode();
    Ok(())
}
