//! Code segments as targets: the checks of JMP, CALL and RET, and making one the current code segment.
//! SDM vol. 3A, 6.8.1.

use crate::insn::seg;
use crate::mem::canonical;
use crate::segment::descriptor::Descriptor;
use crate::segment::table::mark_accessed;
use crate::state::Segment;
use crate::{Exec, Fault, Vcpu, Vector};

/// A code segment that may be entered.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub selector: u16,
    pub descriptor: Descriptor,
    pub cpl: u8,
}

impl Target {
    /// Whether the code runs in 64-bit mode.
    pub fn long(&self, cpu: &Vcpu) -> bool {
        cpu.mode.lma && self.descriptor.long()
    }

    /// Checks an instruction pointer against it. Errors: #GP(0).
    pub fn check_ip(&self, cpu: &Vcpu, ip: u64) -> Exec {
        let good = if self.long(cpu) {
            canonical(ip)
        } else {
            ip <= u64::from(self.descriptor.limit())
        };
        if good { Ok(()) } else { Err(Fault::GP0) }
    }

    /// Sets the accessed bit in its table. Errors: #PF.
    pub fn mark(&self, cpu: &mut Vcpu) -> Exec {
        mark_accessed(cpu, self.selector, self.descriptor)
    }

    /// Loads CS, CPL and RIP. The caller refreshes the mode.
    pub fn enter(&self, cpu: &mut Vcpu, ip: u64) {
        let mut segment = self.descriptor.segment(self.selector & !3 | u16::from(self.cpl));
        segment.attr |= Segment::ACCESSED;
        cpu.state.seg[seg::CS as usize] = segment;
        cpu.state.cpl = self.cpl;
        cpu.state.rip = ip;
    }
}

/// Present, and not L with D in long mode. Errors: #GP(selector), #NP(selector).
pub(crate) fn usable(cpu: &Vcpu, selector: u16, d: Descriptor) -> Exec {
    if cpu.mode.lma && d.long() && d.big() {
        return Err(Fault::gp(selector));
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, selector & !3));
    }
    Ok(())
}

/// A direct far JMP or CALL to a code segment stays at its CPL. Errors: #GP(selector), #NP(selector).
pub(crate) fn direct(cpu: &Vcpu, selector: u16, d: Descriptor) -> Result<Target, Fault> {
    let cpl = cpu.state.cpl;
    let allowed = if d.is_conforming() {
        d.dpl() <= cpl
    } else {
        selector as u8 & 3 <= cpl && d.dpl() == cpl
    };
    if !allowed {
        return Err(Fault::gp(selector));
    }
    usable(cpu, selector, d)?;
    Ok(Target {
        selector,
        descriptor: d,
        cpl,
    })
}

/// A return to a code segment: RPL is the new CPL. Errors: #GP(selector), #NP(selector).
pub(crate) fn returned(cpu: &Vcpu, selector: u16, d: Descriptor) -> Result<Target, Fault> {
    let rpl = selector as u8 & 3;
    let allowed = d.is_code()
        && rpl >= cpu.state.cpl
        && if d.is_conforming() {
            d.dpl() <= rpl
        } else {
            d.dpl() == rpl
        };
    if !allowed {
        return Err(Fault::gp(selector));
    }
    usable(cpu, selector, d)?;
    Ok(Target {
        selector,
        descriptor: d,
        cpl: rpl,
    })
}

/// Loads CS and IP as real and virtual-8086 mode do. Errors: #GP(0) beyond the limit.
pub(crate) fn enter_real(cpu: &mut Vcpu, selector: u16, ip: u64) -> Exec {
    if ip > u64::from(cpu.state.seg[seg::CS as usize].limit) {
        return Err(Fault::GP0);
    }
    if cpu.mode.v86 {
        cpu.set_segment(seg::CS, crate::segment::load::v86_segment(selector));
    } else {
        crate::segment::load::set_real(cpu, seg::CS, selector);
    }
    cpu.state.rip = ip;
    Ok(())
}
