//! Task switches by hardware: JMP and CALL to a TSS or task gate, task gates in the IDT, IRET with NT.
//!
//! Up to the load of TR a fault belongs to the old task and changes nothing; everything after it belongs to the new
//! one, which is then current with whatever was loaded. SDM vol. 3A, 8.3.

mod frame;

use crate::control::{self, cr0};
use crate::debug;
use crate::flags::bit;
use crate::insn::seg;
use crate::mem::Privilege;
use crate::segment::descriptor::{Descriptor, kind};
use crate::segment::load::{data_segment, null_segment, segment, stack_segment, v86_segment};
use crate::segment::table::{get, is_null, mark_accessed, set_busy};
use crate::segment::tables::ldt;
use crate::state::Segment;
use crate::transfer::stack::Stack;
use crate::{Exec, Fault, Vcpu, Vector, interrupt, paging};
use frame::Frame;

/// What switches: decides busy bits, NT and the back link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// JMP.
    Jump,
    /// CALL or an event through a task gate: the new task nests in the old.
    Call,
    /// IRET with NT.
    Return,
}

/// JMP or CALL to the TSS `selector`. RIP already points behind the instruction.
pub(crate) fn switch_by_instruction(cpu: &mut Vcpu, selector: u16, reason: Reason) -> Exec {
    let d = available(cpu, selector, Vector::Gp)?;
    settle(cpu, selector, d, reason)
}

/// IRET with NT: back to the task whose selector the current TSS holds.
pub(crate) fn return_to_previous(cpu: &mut Vcpu) -> Exec {
    let link_at = cpu.state.tr.base & 0xffff_ffff;
    let selector = cpu.read_linear::<u16>(link_at, Privilege::System)?;
    let bad = Fault::with_code(Vector::Ts, selector & !3);
    if is_null(selector) || selector & 4 != 0 {
        return Err(bad);
    }
    let d = get(cpu, selector, Vector::Ts)?;
    if !d.is_system() || !matches!(d.kind(), kind::TSS16_BUSY | kind::TSS32_BUSY) {
        return Err(bad);
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, selector & !3));
    }
    settle(cpu, selector, d, Reason::Return)
}

/// A task gate in the IDT. RIP is what the old task resumes at. Errors: as the event's own delivery; after the
/// switch they are the new task's.
pub(crate) fn switch_by_event(cpu: &mut Vcpu, selector: u16, code: Option<u16>) -> Exec {
    let d = available(cpu, selector, Vector::Gp)?;
    let trap = begin(cpu, selector, d, Reason::Call)?;
    finish(cpu)?;
    if let Some(code) = code {
        let size = if cpu.state.tr.kind() & 8 != 0 { 4 } else { 2 };
        let mut stack = Stack::current(cpu);
        stack.push(cpu, size, u64::from(code))?;
        stack.commit_pointer(cpu);
    }
    if trap { Err(debug::task_trap(cpu)) } else { Ok(()) }
}

/// A switch by an instruction, which is complete once the new task is current: faults in it are raised here, where
/// RIP is the new task's.
fn settle(cpu: &mut Vcpu, selector: u16, d: Descriptor, reason: Reason) -> Exec {
    let trap = begin(cpu, selector, d, reason)?;
    if let Err(fault) = finish(cpu) {
        interrupt::raise(cpu, fault);
    } else if trap {
        let fault = debug::task_trap(cpu);
        interrupt::raise(cpu, fault);
    }
    Ok(())
}

/// An available TSS in the GDT. Errors: `vector`(selector), #NP(selector), #PF.
fn available(cpu: &mut Vcpu, selector: u16, vector: Vector) -> Result<Descriptor, Fault> {
    let bad = Fault::with_code(vector, selector & !3);
    if is_null(selector) || selector & 4 != 0 {
        return Err(bad);
    }
    let d = get(cpu, selector, vector)?;
    if !d.is_system() || !matches!(d.kind(), kind::TSS16 | kind::TSS32) {
        return Err(bad);
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, selector & !3));
    }
    Ok(d)
}

/// Saves the old task and makes the new one current as far as registers and selectors go. True if its T bit is set.
fn begin(cpu: &mut Vcpu, selector: u16, d: Descriptor, reason: Reason) -> Result<bool, Fault> {
    let wide = d.kind() & 8 != 0;
    let new_tss = d.segment(selector);
    if u64::from(new_tss.limit) < frame::size(wide) - 1 {
        return Err(Fault::with_code(Vector::Ts, selector & !3));
    }
    let mut new = Frame::read(cpu, new_tss.base, wide)?;
    let old_tss = cpu.state.tr;
    let old_wide = old_tss.kind() & 8 != 0;
    frame::probe_save_area(cpu, old_tss.base, old_wide)?;
    if reason == Reason::Call {
        cpu.probe_write_linear(new_tss.base, 2, Privilege::System)?;
    }
    // The last possible fault of the old task: marking descriptors.
    if reason != Reason::Return {
        set_busy(cpu, selector, true)?;
    }
    if reason != Reason::Call {
        set_busy(cpu, old_tss.selector, false)?;
    }

    let mut flags = cpu.state.flags.get();
    if reason == Reason::Return {
        flags &= !bit::NT;
    }
    frame::save(cpu, old_tss.base, old_wide, flags)?;
    if reason == Reason::Call {
        cpu.write_linear(new_tss.base & 0xffff_ffff, Privilege::System, old_tss.selector)?;
        new.flags |= bit::NT;
    }

    cpu.state.tr = Segment {
        attr: new_tss.attr | 2 << 8,
        ..new_tss
    };
    cpu.state.cr0 |= cr0::TS;
    // Local breakpoint enables belong to the task that is left.
    cpu.state.dr.dr7 &= !0x155;
    if wide && cpu.state.cr0 & cr0::PG != 0 {
        if cpu.state.cr4 & control::cr4::PAE != 0 {
            cpu.state.pdpte = match paging::read_pdptes(cpu, new.cr3) {
                Some(pdpte) => pdpte,
                // The new task has no address space to run its handler in but the one that is there.
                None => return Err(Fault::with_code(Vector::Ts, selector & !3)),
            };
        }
        control::load_cr3(cpu, new.cr3, false);
    }
    cpu.state.rip = new.ip;
    cpu.state.flags.set(new.flags);
    cpu.state.gpr[..8].copy_from_slice(&new.gpr);
    for (index, segment) in cpu.state.seg.iter_mut().enumerate() {
        *segment = null_segment(new.segments[index]);
    }
    cpu.state.ldtr = Segment {
        selector: new.ldt,
        ..Segment::default()
    };
    // Until SS and CS are loaded the new task runs with the rights of its CS selector.
    cpu.state.cpl = if new.flags & bit::VM != 0 {
        3
    } else {
        (new.segments[seg::CS as usize] & 3) as u8
    };
    cpu.refresh_mode();
    Ok(new.trap)
}

/// Loads the new task's LDT and segments, with the faults of the new task.
fn finish(cpu: &mut Vcpu) -> Exec {
    let result = load_segments(cpu);
    cpu.refresh_mode();
    result?;
    if cpu.state.rip > u64::from(cpu.state.seg[seg::CS as usize].limit) {
        Err(Fault::GP0)
    } else {
        Ok(())
    }
}

fn load_segments(cpu: &mut Vcpu) -> Exec {
    let selectors = cpu.state.seg.map(|s| s.selector);
    let ldtr = cpu.state.ldtr.selector;
    cpu.state.ldtr = ldt(cpu, ldtr, Vector::Ts, Vector::Ts)?;
    if cpu.state.flags.has(bit::VM) {
        cpu.state.seg = selectors.map(v86_segment);
        return Ok(());
    }
    let cpl = cpu.state.cpl;
    let cs = selectors[seg::CS as usize];
    let bad = Fault::with_code(Vector::Ts, cs & !3);
    if is_null(cs) {
        return Err(bad);
    }
    let d = get(cpu, cs, Vector::Ts)?;
    let allowed = d.is_code()
        && if d.is_conforming() {
            d.dpl() <= cpl
        } else {
            d.dpl() == cpl
        };
    if !allowed {
        return Err(bad);
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, cs & !3));
    }
    mark_accessed(cpu, cs, d)?;
    cpu.state.seg[seg::CS as usize] = segment(cs, d);
    cpu.state.seg[seg::SS as usize] = stack_segment(cpu, selectors[seg::SS as usize], cpl, Vector::Ts)?;
    for index in [seg::DS, seg::ES, seg::FS, seg::GS] {
        cpu.state.seg[index as usize] = data_segment(cpu, selectors[index as usize], cpl, Vector::Ts)?;
    }
    Ok(())
}
