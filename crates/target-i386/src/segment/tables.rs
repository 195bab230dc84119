//! Table registers: LGDT, LIDT, SGDT, SIDT, LLDT, SLDT, LTR, STR.
//! SDM vol. 3A, 2.4.

use super::descriptor::kind;
use super::table::{get, get_upper, is_null, set_busy};
use crate::control::{require_ring0, umip};
use crate::mem::canonical;
use crate::state::{DescriptorTable, Segment};
use crate::system::{read_rm16, write_rm16_or_register};
use crate::{Exec, Fault, Insn, Vcpu, Vector};

fn read_table(cpu: &mut Vcpu, insn: &Insn, osize: u8) -> Result<DescriptorTable, Fault> {
    require_ring0(cpu)?;
    let (segment, at) = (insn.mem.seg, cpu.ea(insn));
    let limit = cpu.read::<u16>(segment, at)?;
    let at = at.wrapping_add(2);
    let base = if cpu.mode.long() {
        let base = cpu.read::<u64>(segment, at)?;
        if !canonical(base) {
            return Err(Fault::GP0);
        }
        base
    } else {
        // A 16-bit operand size loads 24 bits.
        let base = cpu.read::<u32>(segment, at & 0xffff_ffff)?;
        u64::from(if osize == 2 { base & 0xff_ffff } else { base })
    };
    Ok(DescriptorTable { base, limit })
}

/// LGDT.
pub(crate) fn lgdt<const OSIZE: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.state.gdtr = read_table(cpu, insn, OSIZE)?;
    Ok(())
}

/// LIDT.
pub(crate) fn lidt<const OSIZE: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.state.idtr = read_table(cpu, insn, OSIZE)?;
    Ok(())
}

fn write_table(cpu: &mut Vcpu, insn: &Insn, table: DescriptorTable) -> Exec {
    umip(cpu)?;
    let (segment, at) = (insn.mem.seg, cpu.ea(insn));
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&table.limit.to_le_bytes());
    bytes[2..].copy_from_slice(&table.base.to_le_bytes());
    // Both operand sizes store all 32 bits outside 64-bit mode, as every CPU since the 386 does.
    let len = if cpu.mode.long() { 10 } else { 6 };
    cpu.write_bytes(segment, at, &bytes[..len])
}

/// SGDT.
pub(crate) fn sgdt(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let table = cpu.state.gdtr;
    write_table(cpu, insn, table)
}

/// SIDT.
pub(crate) fn sidt(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let table = cpu.state.idtr;
    write_table(cpu, insn, table)
}

fn protected_only(cpu: &Vcpu) -> Exec {
    if cpu.mode.protected && !cpu.mode.v86 {
        Ok(())
    } else {
        Err(Fault::UD)
    }
}

/// LLDT.
pub(crate) fn lldt(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    require_ring0(cpu)?;
    let selector = read_rm16(cpu, insn, 0)?;
    cpu.state.ldtr = ldt(cpu, selector, Vector::Gp, Vector::Np)?;
    Ok(())
}

/// Checks an LDT selector (null allowed). Errors: `bad`(selector), `absent`(selector), #PF.
pub(crate) fn ldt(cpu: &mut Vcpu, selector: u16, bad: Vector, absent: Vector) -> Result<Segment, Fault> {
    if is_null(selector) {
        return Ok(Segment {
            selector,
            ..Segment::default()
        });
    }
    let fault = Fault::with_code(bad, selector & !3);
    if selector & 4 != 0 {
        return Err(fault);
    }
    let d = get(cpu, selector, bad)?;
    if !d.is_system() || d.kind() != kind::LDT {
        return Err(fault);
    }
    let mut segment = d.segment(selector);
    if cpu.mode.lma {
        segment.base |= get_upper(cpu, selector, bad)? << 32;
        if !canonical(segment.base) {
            return Err(fault);
        }
    }
    if !d.present() {
        return Err(Fault::with_code(absent, selector & !3));
    }
    Ok(segment)
}

/// LTR: the TSS must be available, and becomes busy.
pub(crate) fn ltr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    require_ring0(cpu)?;
    let selector = read_rm16(cpu, insn, 0)?;
    if is_null(selector) {
        return Err(Fault::GP0);
    }
    let fault = Fault::gp(selector);
    if selector & 4 != 0 {
        return Err(fault);
    }
    let d = get(cpu, selector, Vector::Gp)?;
    if !d.is_system() || !(d.kind() == kind::TSS32 || d.kind() == kind::TSS16 && !cpu.mode.lma) {
        return Err(fault);
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, selector & !3));
    }
    let mut segment = d.segment(selector);
    if cpu.mode.lma {
        segment.base |= get_upper(cpu, selector, Vector::Gp)? << 32;
        if !canonical(segment.base) {
            return Err(fault);
        }
    }
    set_busy(cpu, selector, true)?;
    segment.attr |= 2 << 8;
    cpu.state.tr = segment;
    Ok(())
}

/// SLDT.
pub(crate) fn sldt(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    umip(cpu)?;
    let selector = cpu.state.ldtr.selector;
    write_rm16_or_register(cpu, insn, u64::from(selector))
}

/// STR.
pub(crate) fn str(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    protected_only(cpu)?;
    umip(cpu)?;
    let selector = cpu.state.tr.selector;
    write_rm16_or_register(cpu, insn, u64::from(selector))
}
