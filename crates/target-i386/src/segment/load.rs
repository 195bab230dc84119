//! Loads of DS, ES, FS, GS and SS: MOV Sreg, POP Sreg, LDS and its kin; MOV and PUSH from segment registers.
//! SDM vol. 2B, MOV; vol. 3A, 6.5 to 6.7.

use super::descriptor::Descriptor;
use super::table::{get, is_null, mark_accessed};
use crate::insn::seg;
use crate::mem::Word;
use crate::state::{Segment, Shadow};
use crate::vcpu::attention;
use crate::{Exec, Fault, Insn, Vcpu, Vector};

/// A data segment as it is in virtual-8086 mode.
pub(crate) fn v86_segment(selector: u16) -> Segment {
    Segment {
        selector,
        base: u64::from(selector) << 4,
        limit: 0xffff,
        attr: 0xf300,
    }
}

/// Loads a segment register in real-address mode: limit and size stay (so a 4 GiB limit set in protected mode
/// survives), access is read/write.
pub(crate) fn set_real(cpu: &mut Vcpu, index: u8, selector: u16) {
    let old = cpu.state.seg[index as usize];
    let access = if index == seg::CS { 0x9b00 } else { 0x9300 };
    let attr = old.attr & (Segment::DB | Segment::G) | access;
    cpu.set_segment(
        index,
        Segment {
            selector,
            base: u64::from(selector) << 4,
            limit: old.limit,
            attr,
        },
    );
}

/// A null segment register: unusable. SS keeps the privilege level it runs at.
pub(crate) fn null_segment(selector: u16) -> Segment {
    Segment {
        selector,
        base: 0,
        limit: 0,
        attr: u32::from(selector & 3) << 13,
    }
}

/// Checks a stack segment for privilege level `cpl` and marks it accessed. A null `selector` is refused.
/// Errors: `vector`(selector), #SS(selector) if not present, #PF.
pub(crate) fn stack_segment(
    cpu: &mut Vcpu,
    selector: u16,
    cpl: u8,
    vector: Vector,
) -> Result<Segment, Fault> {
    let fault = Fault::with_code(vector, selector & !3);
    if is_null(selector) {
        return Err(fault);
    }
    let d = get(cpu, selector, vector)?;
    if selector as u8 & 3 != cpl || !d.is_writable() || d.dpl() != cpl {
        return Err(fault);
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Ss, selector & !3));
    }
    mark_accessed(cpu, selector, d)?;
    Ok(segment(selector, d))
}

/// The hidden part, with the accessed bit that is now set.
pub(crate) fn segment(selector: u16, d: Descriptor) -> Segment {
    let mut s = d.segment(selector);
    s.attr |= Segment::ACCESSED;
    s
}

/// Checks a data segment (null allowed). Errors: `vector`(selector), #NP(selector), #PF.
pub(crate) fn data_segment(cpu: &mut Vcpu, selector: u16, cpl: u8, vector: Vector) -> Result<Segment, Fault> {
    if is_null(selector) {
        return Ok(null_segment(selector));
    }
    let fault = Fault::with_code(vector, selector & !3);
    let d = get(cpu, selector, vector)?;
    let level = cpl.max(selector as u8 & 3);
    if !d.is_readable() || !d.is_conforming() && level > d.dpl() {
        return Err(fault);
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, selector & !3));
    }
    mark_accessed(cpu, selector, d)?;
    Ok(segment(selector, d))
}

/// Loads ES, SS, DS, FS or GS as an instruction does, in every mode. Errors: #GP, #SS, #NP, #PF.
pub(crate) fn load(cpu: &mut Vcpu, index: u8, selector: u16) -> Exec {
    if !cpu.mode.protected {
        set_real(cpu, index, selector);
        return Ok(());
    }
    if cpu.mode.v86 {
        cpu.set_segment(index, v86_segment(selector));
        return Ok(());
    }
    let cpl = cpu.state.cpl;
    let value = if index != seg::SS {
        data_segment(cpu, selector, cpl, Vector::Gp)?
    } else if is_null(selector) {
        // 64-bit mode lets rings 0 to 2 run on a null stack segment.
        if !cpu.mode.long() || cpl == 3 || selector as u8 & 3 != cpl {
            return Err(Fault::GP0);
        }
        null_segment(selector)
    } else {
        stack_segment(cpu, selector, cpl, Vector::Gp)?
    };
    cpu.set_segment(index, value);
    Ok(())
}

/// After a load of SS: interrupts and debug traps wait one instruction.
fn shadow(cpu: &mut Vcpu, index: u8) {
    if index == seg::SS {
        cpu.state.shadow = Shadow::MovSs;
        // The load has refreshed the rest.
        cpu.attention |= attention::SHADOW;
    }
}

/// MOV Sreg, r/m16.
pub(crate) fn mov_to_sreg(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let index = insn.reg[0];
    if index == seg::CS || index > seg::GS {
        return Err(Fault::UD);
    }
    let selector = crate::system::read_rm16(cpu, insn, 1)?;
    load(cpu, index, selector)?;
    shadow(cpu, index);
    Ok(())
}

/// MOV r/m, Sreg: memory gets 16 bits, a register is zero-extended.
pub(crate) fn mov_from_sreg(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let index = insn.reg[1];
    if index > seg::GS {
        return Err(Fault::UD);
    }
    let selector = cpu.state.seg[index as usize].selector;
    crate::system::write_rm16_or_register(cpu, insn, u64::from(selector))
}

/// PUSH Sreg.
pub(crate) fn push_sreg<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let selector = cpu.state.seg[insn.reg[0] as usize % 6].selector;
    cpu.push(T::from_u64(u64::from(selector)))
}

/// POP Sreg.
pub(crate) fn pop_sreg<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let index = insn.reg[0];
    // The increment uses the stack size from before a load of SS.
    let (sp, mask) = (cpu.sp(), cpu.mode.stack_mask);
    let selector = cpu.read::<T>(seg::SS, sp)?.zext() as u16;
    load(cpu, index, selector)?;
    let keep = if mask == 0xffff { !0xffff } else { 0 };
    let rsp = &mut cpu.state.gpr[crate::state::gpr::RSP];
    *rsp = *rsp & keep | sp.wrapping_add(T::SIZE) & mask;
    shadow(cpu, index);
    Ok(())
}

/// LES, LDS, LSS, LFS, LGS: offset to a register, selector to the segment register.
pub(crate) fn load_far_pointer(cpu: &mut Vcpu, insn: &Insn, index: u8) -> Exec {
    let (segment, at) = (insn.mem.seg, cpu.ea(insn));
    let (offset, selector) = far_pointer(cpu, segment, at, insn.osize)?;
    load(cpu, index, selector)?;
    match insn.osize {
        2 => cpu.set_reg(insn.reg[0], offset as u16),
        4 => cpu.set_reg(insn.reg[0], offset as u32),
        _ => cpu.set_reg(insn.reg[0], offset),
    }
    shadow(cpu, index);
    Ok(())
}

/// Reads an offset of `osize` bytes and the selector behind it.
pub(crate) fn far_pointer(cpu: &mut Vcpu, segment: u8, at: u64, osize: u8) -> Result<(u64, u16), Fault> {
    let offset = match osize {
        2 => u64::from(cpu.read::<u16>(segment, at)?),
        4 => u64::from(cpu.read::<u32>(segment, at)?),
        _ => cpu.read::<u64>(segment, at)?,
    };
    let next = at.wrapping_add(u64::from(osize)) & if cpu.mode.long() { u64::MAX } else { 0xffff_ffff };
    Ok((offset, cpu.read::<u16>(segment, next)?))
}
