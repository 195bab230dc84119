//! SYSCALL, SYSRET, SYSENTER, SYSEXIT, by the rules of the model's vendor.
//!
//! Vendors differ in who faults on a non-canonical return address (SYSRET: Intel in ring 0, AMD in ring 3 at the
//! target), in SYSCALL outside 64-bit mode (AMD only) and in SYSENTER inside long mode (Intel only).
//! SDM vol. 2B; APM vol. 3.

use crate::control::{cr0, efer};
use crate::cpuid::Vendor;
use crate::flags::bit;
use crate::insn::seg;
use crate::mem::canonical;
use crate::state::{Segment, gpr};
use crate::{Exec, Fault, Insn, Vcpu};

/// A flat segment of a fast system call; `access` is the type and DPL byte.
fn flat(selector: u16, access: u32, size: u32) -> Segment {
    Segment {
        selector,
        base: 0,
        limit: u32::MAX,
        attr: access << 8 | size | Segment::G,
    }
}

/// Access byte of a ring-0 code segment.
pub(crate) const CODE: u32 = 0x9b;
/// Access byte of a ring-0 stack segment.
pub(crate) const DATA: u32 = 0x93;
/// DPL 3 in an access byte.
pub(crate) const RING3: u32 = 0x60;

fn syscall_enabled(cpu: &Vcpu) -> Exec {
    if cpu.state.msr.efer & efer::SCE != 0 {
        Ok(())
    } else {
        Err(Fault::UD)
    }
}

/// SYSCALL.
pub(crate) fn syscall(cpu: &mut Vcpu, _: &Insn) -> Exec {
    syscall_enabled(cpu)?;
    if cpu.model.vendor == Vendor::Intel && !cpu.mode.long() {
        return Err(Fault::UD);
    }
    let star = cpu.state.msr.star;
    let selector = (star >> 32) as u16 & !3;
    let lma = cpu.mode.lma;
    cpu.state.gpr[gpr::RCX] = cpu.state.rip;
    if lma {
        let target = if cpu.mode.long() {
            cpu.state.msr.lstar
        } else {
            cpu.state.msr.cstar
        };
        let flags = cpu.state.flags.get();
        // The saved image never has RF.
        cpu.state.gpr[11] = flags & !bit::RF;
        cpu.state.flags.set(flags & !(cpu.state.msr.fmask | bit::RF));
        cpu.state.rip = target;
        // A masked TF takes the step's trap with it.
        cpu.inhibit_trap = !cpu.state.flags.has(bit::TF);
    } else {
        cpu.state.flags.put(bit::VM | bit::IF | bit::RF, false);
        cpu.state.rip = star & 0xffff_ffff;
    }
    cpu.state.seg[seg::CS as usize] = flat(selector, CODE, if lma { Segment::L } else { Segment::DB });
    cpu.state.seg[seg::SS as usize] = flat(selector.wrapping_add(8), DATA, Segment::DB);
    cpu.state.cpl = 0;
    cpu.refresh_mode();
    Ok(())
}

/// SYSRET.
pub(crate) fn sysret<const WIDE: bool>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    syscall_enabled(cpu)?;
    if cpu.model.vendor == Vendor::Intel && !cpu.mode.long() {
        return Err(Fault::UD);
    }
    if !cpu.mode.protected || cpu.mode.v86 || cpu.state.cpl != 0 {
        return Err(Fault::GP0);
    }
    let to_long = cpu.mode.long() && WIDE;
    let target = cpu.state.gpr[gpr::RCX];
    if to_long && !canonical(target) && cpu.model.vendor == Vendor::Intel {
        return Err(Fault::GP0);
    }
    let selector = (cpu.state.msr.star >> 48) as u16;
    let code = if to_long {
        selector.wrapping_add(16)
    } else {
        selector
    };
    if cpu.mode.lma {
        let saved = cpu.state.gpr[11];
        // RF and VM come back clear; bit 1 set.
        cpu.state.flags.set(saved & !(bit::RF | bit::VM));
    } else {
        cpu.state.flags.put(bit::IF, true);
    }
    cpu.state.rip = if to_long { target } else { target & 0xffff_ffff };
    let size = if to_long { Segment::L } else { Segment::DB };
    cpu.state.seg[seg::CS as usize] = flat(code | 3, CODE | RING3, size);
    let stack = selector.wrapping_add(8) | 3;
    if cpu.model.vendor == Vendor::Intel {
        cpu.state.seg[seg::SS as usize] = flat(stack, DATA | RING3, Segment::DB);
    } else {
        // AMD loads the selector and leaves base, limit and attributes, but for DPL.
        let ss = &mut cpu.state.seg[seg::SS as usize];
        ss.selector = stack;
        ss.attr |= 3 << 13;
    }
    cpu.state.cpl = 3;
    cpu.refresh_mode();
    Ok(())
}

/// SYSENTER.
pub(crate) fn sysenter(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let lma = cpu.mode.lma;
    if lma && cpu.model.vendor == Vendor::Amd {
        return Err(Fault::UD);
    }
    let cs = cpu.state.msr.sysenter_cs as u16;
    if cpu.state.cr0 & cr0::PE == 0 || cs & !3 == 0 {
        return Err(Fault::GP0);
    }
    let width = if lma { u64::MAX } else { 0xffff_ffff };
    cpu.state.flags.put(bit::VM | bit::IF | bit::RF, false);
    cpu.state.gpr[gpr::RSP] = cpu.state.msr.sysenter_esp & width;
    cpu.state.rip = cpu.state.msr.sysenter_eip & width;
    let selector = cs & !3;
    cpu.state.seg[seg::CS as usize] = flat(selector, CODE, if lma { Segment::L } else { Segment::DB });
    cpu.state.seg[seg::SS as usize] = flat(selector.wrapping_add(8), DATA, Segment::DB);
    cpu.state.cpl = 0;
    cpu.refresh_mode();
    Ok(())
}

/// SYSEXIT.
pub(crate) fn sysexit<const WIDE: bool>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    if cpu.mode.lma && cpu.model.vendor == Vendor::Amd {
        return Err(Fault::UD);
    }
    let cs = cpu.state.msr.sysenter_cs as u16;
    if cpu.state.cr0 & cr0::PE == 0 || cs & !3 == 0 || cpu.mode.v86 || cpu.state.cpl != 0 {
        return Err(Fault::GP0);
    }
    let to_long = cpu.mode.long() && WIDE;
    let (ip, sp) = (cpu.state.gpr[gpr::RDX], cpu.state.gpr[gpr::RCX]);
    if to_long && !(canonical(ip) && canonical(sp)) {
        return Err(Fault::GP0);
    }
    let width = if to_long { u64::MAX } else { 0xffff_ffff };
    let code = cs.wrapping_add(if to_long { 32 } else { 16 }) | 3;
    cpu.state.gpr[gpr::RSP] = sp & width;
    cpu.state.rip = ip & width;
    let size = if to_long { Segment::L } else { Segment::DB };
    cpu.state.seg[seg::CS as usize] = flat(code, CODE | RING3, size);
    cpu.state.seg[seg::SS as usize] = flat(code.wrapping_add(8), DATA | RING3, Segment::DB);
    cpu.state.cpl = 3;
    cpu.refresh_mode();
    Ok(())
}
