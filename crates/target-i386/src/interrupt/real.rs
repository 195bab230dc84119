//! Delivery through the interrupt vector table: real mode, and INT n in v86 mode as the VME redirection map asks.
//! SDM vol. 3A, 21.1.4 and 21.3.3.

use super::Event;
use crate::flags::bit;
use crate::insn::seg;
use crate::mem::Privilege;
use crate::transfer::stack::Stack;
use crate::{Exec, Fault, Vcpu, Vector};

/// Real mode.
pub(super) fn deliver(cpu: &mut Vcpu, event: &Event) -> Exec {
    let offset = u64::from(event.vector) * 4;
    let idtr = cpu.state.idtr;
    if offset + 3 > u64::from(idtr.limit) {
        return Err(Fault::with_code(Vector::Gp, event.idt_code()));
    }
    let at = idtr.base.wrapping_add(offset) & 0xffff_ffff;
    let flags = cpu.state.flags.get();
    through_table(cpu, at, flags)?;
    cpu.state.flags.put(bit::IF | bit::TF | bit::AC | bit::RF, false);
    Ok(())
}

/// INT n in virtual-8086 mode, redirected to the 8086 program's own table at linear 0.
pub(super) fn redirected(cpu: &mut Vcpu, vector: u8) -> Exec {
    let flags = cpu.state.flags.get();
    let trusted = flags & bit::IOPL == bit::IOPL;
    let image = if trusted {
        flags
    } else {
        // The program sees IOPL 3, and its virtual interrupt flag in IF.
        let virtual_if = if flags & bit::VIF != 0 { bit::IF } else { 0 };
        flags & !bit::IF | bit::IOPL | virtual_if
    };
    through_table(cpu, u64::from(vector) * 4, image)?;
    let interrupt_flag = if trusted { bit::IF } else { bit::VIF };
    cpu.state
        .flags
        .put(bit::TF | bit::NT | bit::RF | interrupt_flag, false);
    cpu.refresh_mode();
    Ok(())
}

/// Pushes FLAGS, CS, IP and enters the handler that the vector at `at` names.
fn through_table(cpu: &mut Vcpu, at: u64, flags: u64) -> Exec {
    let vector = cpu.read_linear::<u32>(at, Privilege::System)?;
    let (cs, ip) = (cpu.state.seg[seg::CS as usize].selector, cpu.state.rip);
    let mut stack = Stack::current(cpu);
    stack.push(cpu, 2, flags)?;
    stack.push(cpu, 2, u64::from(cs))?;
    stack.push(cpu, 2, ip)?;
    crate::transfer::code::enter_real(cpu, (vector >> 16) as u16, u64::from(vector & 0xffff))?;
    stack.commit_pointer(cpu);
    Ok(())
}
