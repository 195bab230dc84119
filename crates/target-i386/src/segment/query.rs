//! Instructions that ask about a selector: LAR, LSL, VERR, VERW, ARPL. A bad selector clears ZF and never faults.
//! SDM vol. 2A and 2B; vol. 3A, 6.10.

use super::descriptor::{Descriptor, kind};
use super::table::{find, is_null};
use crate::{Exec, Fault, Insn, Vcpu};

/// #UD in real and virtual-8086 mode.
fn protected_only(cpu: &Vcpu) -> Exec {
    if cpu.mode.protected && !cpu.mode.v86 {
        Ok(())
    } else {
        Err(Fault::UD)
    }
}

/// The descriptor, if the selector is within its table and visible at CPL and RPL.
fn visible(cpu: &mut Vcpu, selector: u16) -> Result<Option<Descriptor>, Fault> {
    if is_null(selector) {
        return Ok(None);
    }
    let level = cpu.state.cpl.max(selector as u8 & 3);
    Ok(find(cpu, selector)?.filter(|d| d.is_conforming() || level <= d.dpl()))
}

/// System types that LAR (and, without the gates, LSL) reports.
fn reported(cpu: &Vcpu, d: Descriptor, gates: bool) -> bool {
    if !d.is_system() {
        return true;
    }
    match d.kind() {
        kind::LDT | kind::TSS32 | kind::TSS32_BUSY => true,
        kind::TSS16 | kind::TSS16_BUSY => !cpu.mode.lma,
        kind::CALL32 => gates,
        kind::CALL16 | kind::TASK => gates && !cpu.mode.lma,
        _ => false,
    }
}

/// In long mode a system descriptor is sixteen bytes; its upper half must not look like another one.
fn whole(cpu: &mut Vcpu, selector: u16, d: Descriptor) -> Result<bool, Fault> {
    if !cpu.mode.lma || !d.is_system() {
        return Ok(true);
    }
    match super::table::get_upper(cpu, selector, crate::Vector::Gp) {
        Ok(_) => Ok(true),
        Err(fault) if fault.vector() == crate::Vector::Pf as u8 => Err(fault),
        Err(_) => Ok(false),
    }
}

fn answer(cpu: &mut Vcpu, insn: &Insn, value: Option<u32>) -> Exec {
    cpu.state.flags.set_zf(value.is_some());
    if let Some(value) = value {
        match insn.osize {
            2 => cpu.set_reg(insn.reg[0], value as u16),
            _ => cpu.set_reg(insn.reg[0], value),
        }
    }
    Ok(())
}

/// LAR.
pub(crate) fn lar(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    let selector = crate::system::read_rm16(cpu, insn, 1)?;
    let value = match visible(cpu, selector)?.filter(|d| reported(cpu, *d, true)) {
        Some(d) if whole(cpu, selector, d)? => Some(d.high() & 0x00f0_ff00),
        _ => None,
    };
    answer(cpu, insn, value)
}

/// LSL.
pub(crate) fn lsl(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    let selector = crate::system::read_rm16(cpu, insn, 1)?;
    let value = match visible(cpu, selector)?.filter(|d| reported(cpu, *d, false)) {
        Some(d) if whole(cpu, selector, d)? => Some(d.limit()),
        _ => None,
    };
    answer(cpu, insn, value)
}

/// VERR.
pub(crate) fn verr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    let selector = crate::system::read_rm16(cpu, insn, 0)?;
    let good = visible(cpu, selector)?.is_some_and(|d| d.is_readable());
    cpu.state.flags.set_zf(good);
    Ok(())
}

/// VERW.
pub(crate) fn verw(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    let selector = crate::system::read_rm16(cpu, insn, 0)?;
    let good = visible(cpu, selector)?.is_some_and(|d| d.is_writable());
    cpu.state.flags.set_zf(good);
    Ok(())
}

/// ARPL: raises the destination's RPL to the source's.
pub(crate) fn arpl(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    let source = cpu.reg::<u16>(insn.reg[1]) & 3;
    let adjust = |old: u16| {
        if old & 3 < source {
            (old & !3 | source, true)
        } else {
            (old, false)
        }
    };
    let raised = if insn.has_mem() {
        let at = cpu.ea(insn);
        cpu.rmw::<u16, bool>(insn.mem.seg, at, false, adjust)?
    } else {
        let (new, raised) = adjust(cpu.reg::<u16>(insn.reg[0]));
        cpu.set_reg(insn.reg[0], new);
        raised
    };
    cpu.state.flags.set_zf(raised);
    Ok(())
}
