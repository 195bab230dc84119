//! MOVS, STOS, LODS, CMPS, SCAS and the REP machinery.
//!
//! A REP instruction runs a chunk of iterations per call: until it is done, a page ends (bulk paths), the budget
//! does, or the block must be left. Between chunks RIP points at the instruction again, so events are taken
//! between iterations, with the registers saying how far it got. SDM vol. 1, 7.3.9.

use super::alu::{AluOp, Cmp};
use super::by_size;
use crate::insn::{InsnFlags, seg};
use crate::mem::{Privilege, Word};
use crate::state::gpr::{RAX, RCX, RDI, RSI};
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Code, Instruction, Mnemonic};
use softmmu::tlb::{Access, Probe};
use softmmu::{GuestVirt, PAGE_SIZE};

/// Iterations after which the run loop looks at events, where no page boundary comes first.
const CHUNK: u64 = 1024;

/// What besides the count ends a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Nothing: MOVS, STOS, LODS, INS, OUTS.
    Count,
    /// ZF differs from REPE's or equals REPNE's wish: CMPS, SCAS.
    Compare,
}

#[inline(always)]
pub(crate) fn address_mask(insn: &Insn) -> u64 {
    u64::MAX >> (insn.mem.trunc & 63)
}

/// Writes RCX, RSI or RDI by address size.
#[inline(always)]
pub(crate) fn set_address(cpu: &mut Vcpu, insn: &Insn, register: usize, value: u64) {
    match insn.mem.asize {
        2 => cpu.set_reg(register as u8, value as u16),
        4 => cpu.set_reg(register as u8, value as u32),
        _ => cpu.set_reg(register as u8, value),
    }
}

/// RSI or RDI by address size.
#[inline(always)]
pub(crate) fn address(cpu: &Vcpu, insn: &Insn, register: usize) -> u64 {
    cpu.state.gpr[register] & address_mask(insn)
}

/// Moves RSI or RDI by one element of `size` bytes in the direction of DF.
#[inline(always)]
pub(crate) fn advance(cpu: &mut Vcpu, insn: &Insn, register: usize, size: u64) {
    let value = cpu.state.gpr[register].wrapping_add(cpu.state.flags.step(size));
    set_address(cpu, insn, register, value);
}

/// Whether the instruction has a REP, REPE or REPNE prefix.
#[inline(always)]
pub(crate) fn repeated(insn: &Insn) -> bool {
    insn.flags.intersects(InsnFlags::REP.union(InsnFlags::REPNE))
}

/// Puts RIP back to the instruction: iterations are left.
#[inline(always)]
fn again(cpu: &mut Vcpu, insn: &Insn) {
    cpu.state.rip = cpu.state.rip.wrapping_sub(u64::from(insn.len)) & cpu.mode.ip_mask;
}

/// Runs `iteration` once, or with a repeat prefix as often as count, condition, budget and events allow.
///
/// # Errors
/// The iteration's; completed ones stay done and counted.
#[inline(always)]
pub(crate) fn repeat(
    cpu: &mut Vcpu,
    insn: &Insn,
    until: Until,
    mut iteration: impl FnMut(&mut Vcpu, &Insn) -> Exec,
) -> Exec {
    if !repeated(insn) {
        return iteration(cpu, insn);
    }
    let mut count = address(cpu, insn, RCX);
    if count == 0 {
        return Ok(());
    }
    let mut room = cpu.remaining().min(CHUNK);
    loop {
        iteration(cpu, insn)?;
        count -= 1;
        set_address(cpu, insn, RCX, count);
        room -= 1;
        let wanted = !insn.flags.contains(InsnFlags::REPNE);
        if count == 0 || until == Until::Compare && cpu.state.flags.zf() != wanted {
            return Ok(());
        }
        if room == 0 || cpu.leave {
            again(cpu, insn);
            return Ok(());
        }
        cpu.count_iterations(1);
    }
}

/// A stretch of memory within one page of RAM that needs no further check, ascending.
struct Stretch {
    linear: u64,
    ram: u64,
    /// Bytes to the end of the page, or to the wrap of the address size.
    bytes: u64,
}

/// The stretch at `seg:offset`, if a bulk path may use it. Never faults: the slow path does, with the right state.
fn stretch(cpu: &mut Vcpu, insn: &Insn, segment: u8, offset: u64, access: Access) -> Option<Stretch> {
    if cpu.fast_seg[segment as usize & 7].check != 0 {
        return None;
    }
    let linear = cpu.linear(segment, offset);
    let Probe::Ram { ram, .. } = cpu.tlb.probe(cpu.mode.mmu, GuestVirt(linear), access) else {
        return None;
    };
    let to_wrap = address_mask(insn).wrapping_sub(offset).saturating_add(1);
    Some(Stretch {
        linear,
        ram: ram.0,
        bytes: (PAGE_SIZE - linear % PAGE_SIZE).min(to_wrap),
    })
}

/// Elements a bulk path may do: count, budget and page ends permitting. Small numbers are not worth it.
fn bulk(cpu: &Vcpu, insn: &Insn, size: u64, bytes: u64) -> Option<u64> {
    let elements = address(cpu, insn, RCX).min(cpu.remaining()).min(bytes / size);
    (elements >= 4 && !cpu.state.flags.has(crate::flags::bit::DF)).then_some(elements)
}

/// Registers and count after `elements` bulk iterations; goes around again if some are left.
fn finish_bulk(cpu: &mut Vcpu, insn: &Insn, size: u64, elements: u64, source: bool) {
    let moved = elements * size;
    if source {
        let si = cpu.state.gpr[RSI].wrapping_add(moved);
        set_address(cpu, insn, RSI, si);
    }
    let di = cpu.state.gpr[RDI].wrapping_add(moved);
    set_address(cpu, insn, RDI, di);
    let count = address(cpu, insn, RCX) - elements;
    set_address(cpu, insn, RCX, count);
    cpu.count_iterations(elements - 1);
    if count != 0 {
        again(cpu, insn);
    }
}

/// REP MOVS within one source and one destination page, eight bytes at a time. None if it has to go slowly.
fn movs_bulk<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Option<Exec> {
    let from = stretch(cpu, insn, insn.mem.seg, address(cpu, insn, RSI), Access::Read)?;
    let to = stretch(cpu, insn, seg::ES, address(cpu, insn, RDI), Access::Write)?;
    // Overlap with the destination just above the source repeats a pattern: element by element.
    if to.ram > from.ram && to.ram - from.ram < 8 {
        return None;
    }
    let elements = bulk(cpu, insn, T::SIZE, from.bytes.min(to.bytes))?;
    let bytes = elements * T::SIZE;
    let mut done = 0;
    while done < bytes && !cpu.leave {
        let (source, target) = (from.linear + done, to.linear + done);
        let copied = if bytes - done >= 8 {
            let value = cpu.read_linear::<u64>(source, Privilege::Current);
            value
                .and_then(|value| cpu.write_linear(target, Privilege::Current, value))
                .map(|()| 8)
        } else {
            let value = cpu.read_linear::<T>(source, Privilege::Current);
            value
                .and_then(|value| cpu.write_linear(target, Privilege::Current, value))
                .map(|()| T::SIZE)
        };
        match copied {
            Ok(step) => done += step,
            Err(fault) => return Some(Err(fault)),
        }
    }
    finish_bulk(cpu, insn, T::SIZE, done / T::SIZE, true);
    Some(Ok(()))
}

/// REP STOS within one page.
fn stos_bulk<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Option<Exec> {
    let to = stretch(cpu, insn, seg::ES, address(cpu, insn, RDI), Access::Write)?;
    let elements = bulk(cpu, insn, T::SIZE, to.bytes)?;
    let value = cpu.reg::<T>(RAX as u8);
    let pattern = match T::SIZE {
        1 => value.zext().wrapping_mul(0x0101_0101_0101_0101),
        2 => value.zext().wrapping_mul(0x0001_0001_0001_0001),
        4 => value.zext() << 32 | value.zext(),
        _ => value.zext(),
    };
    let bytes = elements * T::SIZE;
    let mut done = 0;
    while done < bytes && !cpu.leave {
        let target = to.linear + done;
        let stored = if bytes - done >= 8 {
            cpu.write_linear(target, Privilege::Current, pattern).map(|()| 8)
        } else {
            cpu.write_linear(target, Privilege::Current, value)
                .map(|()| T::SIZE)
        };
        match stored {
            Ok(step) => done += step,
            Err(fault) => return Some(Err(fault)),
        }
    }
    finish_bulk(cpu, insn, T::SIZE, done / T::SIZE, false);
    Some(Ok(()))
}

fn movs<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    if repeated(insn)
        && let Some(result) = movs_bulk::<T>(cpu, insn)
    {
        return result;
    }
    repeat(cpu, insn, Until::Count, |cpu, insn| {
        let value = cpu.read::<T>(insn.mem.seg, address(cpu, insn, RSI))?;
        cpu.write(seg::ES, address(cpu, insn, RDI), value)?;
        advance(cpu, insn, RSI, T::SIZE);
        advance(cpu, insn, RDI, T::SIZE);
        Ok(())
    })
}

fn stos<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    if repeated(insn)
        && let Some(result) = stos_bulk::<T>(cpu, insn)
    {
        return result;
    }
    repeat(cpu, insn, Until::Count, |cpu, insn| {
        cpu.write(seg::ES, address(cpu, insn, RDI), cpu.reg::<T>(RAX as u8))?;
        advance(cpu, insn, RDI, T::SIZE);
        Ok(())
    })
}

fn lods<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    repeat(cpu, insn, Until::Count, |cpu, insn| {
        let value = cpu.read::<T>(insn.mem.seg, address(cpu, insn, RSI))?;
        cpu.set_reg(RAX as u8, value);
        advance(cpu, insn, RSI, T::SIZE);
        Ok(())
    })
}

fn cmps<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    repeat(cpu, insn, Until::Compare, |cpu, insn| {
        // AMD's order: which of two faults comes shows it.
        let b = cpu.read::<T>(seg::ES, address(cpu, insn, RDI))?;
        let a = cpu.read::<T>(insn.mem.seg, address(cpu, insn, RSI))?;
        Cmp::apply(&mut cpu.state.flags, a, b);
        advance(cpu, insn, RSI, T::SIZE);
        advance(cpu, insn, RDI, T::SIZE);
        Ok(())
    })
}

fn scas<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    repeat(cpu, insn, Until::Compare, |cpu, insn| {
        let b = cpu.read::<T>(seg::ES, address(cpu, insn, RDI))?;
        let a = cpu.reg::<T>(RAX as u8);
        Cmp::apply(&mut cpu.state.flags, a, b);
        advance(cpu, insn, RDI, T::SIZE);
        Ok(())
    })
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = raw.memory_size().size();
    Some(match raw.mnemonic() {
        Mnemonic::Movsb | Mnemonic::Movsw | Mnemonic::Movsq => by_size!(size, movs),
        Mnemonic::Movsd if raw.code() == Code::Movsd_m32_m32 => movs::<u32>,
        Mnemonic::Stosb | Mnemonic::Stosw | Mnemonic::Stosd | Mnemonic::Stosq => by_size!(size, stos),
        Mnemonic::Lodsb | Mnemonic::Lodsw | Mnemonic::Lodsd | Mnemonic::Lodsq => by_size!(size, lods),
        Mnemonic::Cmpsb | Mnemonic::Cmpsw | Mnemonic::Cmpsq => by_size!(size, cmps),
        Mnemonic::Cmpsd if raw.code() == Code::Cmpsd_m32_m32 => cmps::<u32>,
        Mnemonic::Scasb | Mnemonic::Scasw | Mnemonic::Scasd | Mnemonic::Scasq => by_size!(size, scas),
        _ => return None,
    })
}
