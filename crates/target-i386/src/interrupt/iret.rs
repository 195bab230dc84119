//! IRET in all its forms: real, virtual-8086, protected (same ring, outer ring, to virtual-8086, nested task), long.
//! SDM vol. 2A, IRET.

use crate::control::cr4;
use crate::flags::bit;
use crate::insn::seg;
use crate::segment::load::v86_segment;
use crate::segment::table::{get, is_null};
use crate::state::gpr::RSP;
use crate::transfer::code;
use crate::transfer::ret::{drop_inner_segments, outer_stack, set_outer_pointer};
use crate::transfer::stack::Stack;
use crate::{Exec, Fault, Insn, Vcpu, Vector, task};

/// What every IRET may change.
const ALWAYS: u64 = bit::STATUS | bit::TF | bit::DF | bit::NT;
/// What a 32- or 64-bit IRET may change besides.
const WIDE: u64 = bit::RF | bit::AC | bit::ID;

/// IRET, IRETD, IRETQ.
pub(crate) fn iret<const OSIZE: u8>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    // Also an IRET that faults ends the blocking of NMIs.
    cpu.state.nmi_blocked = false;
    let size = u64::from(OSIZE);
    if !cpu.mode.protected {
        return real(cpu, size);
    }
    if cpu.mode.v86 {
        return virtual_8086(cpu, size);
    }
    if cpu.state.flags.has(bit::NT) {
        return if cpu.mode.lma {
            Err(Fault::GP0)
        } else {
            task::return_to_previous(cpu)
        };
    }
    protected(cpu, size)
}

fn real(cpu: &mut Vcpu, size: u64) -> Exec {
    let mut stack = Stack::current(cpu);
    let ip = stack.peek(cpu, size, 0)?;
    let selector = stack.peek(cpu, size, size)? as u16;
    let flags = stack.peek(cpu, size, 2 * size)?;
    code::enter_real(cpu, selector, ip)?;
    stack.drop_bytes(3 * size);
    stack.commit_pointer(cpu);
    let mask = ALWAYS | bit::IF | bit::IOPL | if size == 2 { 0 } else { WIDE };
    cpu.state.flags.merge(mask, flags);
    cpu.refresh_mode();
    Ok(())
}

fn virtual_8086(cpu: &mut Vcpu, size: u64) -> Exec {
    let trusted = cpu.state.flags.has(bit::IOPL);
    if !trusted && (cpu.state.cr4 & cr4::VME == 0 || size != 2) {
        return Err(Fault::GP0);
    }
    let mut stack = Stack::current(cpu);
    let ip = stack.peek(cpu, size, 0)?;
    let selector = stack.peek(cpu, size, size)? as u16;
    let flags = stack.peek(cpu, size, 2 * size)?;
    if trusted {
        code::enter_real(cpu, selector, ip)?;
        let mask = ALWAYS | bit::IF | if size == 2 { 0 } else { WIDE };
        cpu.state.flags.merge(mask, flags);
    } else {
        // VME: IF goes to VIF; a pending virtual interrupt, or TF, must reach the monitor.
        let pending = cpu.state.flags.has(bit::VIP) && flags & bit::IF != 0;
        if pending || flags & bit::TF != 0 {
            return Err(Fault::GP0);
        }
        code::enter_real(cpu, selector, ip)?;
        cpu.state.flags.merge(ALWAYS, flags);
        cpu.state.flags.put(bit::VIF, flags & bit::IF != 0);
    }
    stack.drop_bytes(3 * size);
    stack.commit_pointer(cpu);
    cpu.refresh_mode();
    Ok(())
}

fn protected(cpu: &mut Vcpu, size: u64) -> Exec {
    let mut stack = Stack::current(cpu);
    let ip = stack.peek(cpu, size, 0)?;
    let selector = stack.peek(cpu, size, size)? as u16;
    let flags = stack.peek(cpu, size, 2 * size)?;
    let cpl = cpu.state.cpl;
    if flags & bit::VM != 0 && cpl == 0 && size == 4 && !cpu.mode.lma {
        return to_virtual_8086(cpu, &stack, ip, selector, flags);
    }
    if is_null(selector) {
        return Err(Fault::GP0);
    }
    let d = get(cpu, selector, Vector::Gp)?;
    let target = code::returned(cpu, selector, d)?;
    let outer = target.cpl > cpl;
    let from_long = cpu.mode.long();
    let new_stack = if outer || from_long {
        let sp = stack.peek(cpu, size, 3 * size)?;
        let ss = stack.peek(cpu, size, 4 * size)? as u16;
        Some((outer_stack(cpu, ss, target.cpl, target.long(cpu))?, sp))
    } else {
        None
    };
    target.check_ip(cpu, ip)?;
    target.mark(cpu)?;

    let mut mask = ALWAYS;
    if size != 2 {
        mask |= WIDE;
    }
    if u64::from(cpl) <= cpu.state.flags.get() >> 12 & 3 {
        mask |= bit::IF;
    }
    if cpl == 0 {
        mask |= bit::IOPL;
        if size != 2 {
            mask |= bit::VIF | bit::VIP;
        }
    }
    let long = target.long(cpu);
    target.enter(cpu, ip);
    match new_stack {
        Some((ss, sp)) => {
            cpu.state.seg[seg::SS as usize] = ss;
            set_outer_pointer(cpu, sp, long);
        }
        None => {
            stack.drop_bytes(3 * size);
            stack.commit_pointer(cpu);
        }
    }
    cpu.state.flags.merge(mask, flags);
    if outer {
        drop_inner_segments(cpu);
    }
    cpu.refresh_mode();
    Ok(())
}

fn to_virtual_8086(cpu: &mut Vcpu, stack: &Stack, ip: u64, cs: u16, flags: u64) -> Exec {
    if ip > 0xffff {
        return Err(Fault::GP0);
    }
    let sp = stack.peek(cpu, 4, 12)?;
    let mut selectors = [
        (seg::SS, 0),
        (seg::ES, 0),
        (seg::DS, 0),
        (seg::FS, 0),
        (seg::GS, 0),
    ];
    for (n, (_, selector)) in selectors.iter_mut().enumerate() {
        *selector = stack.peek(cpu, 4, 16 + 4 * n as u64)? as u16;
    }
    cpu.state.flags.set(flags);
    for (index, selector) in selectors {
        cpu.state.seg[index as usize] = v86_segment(selector);
    }
    cpu.state.seg[seg::CS as usize] = v86_segment(cs);
    cpu.state.gpr[RSP] = sp;
    cpu.state.rip = ip;
    cpu.state.cpl = 3;
    cpu.refresh_mode();
    Ok(())
}
