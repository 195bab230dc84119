//! MOVS, STOS, LODS, CMPS, SCAS and the REP machinery.
//!
//! A REP instruction runs a chunk of iterations per call: until it is done, a page ends (bulk paths), the budget
//! does, or the block must be left. Between chunks RIP points at the instruction again, so events are taken
//! between iterations, with the registers saying how far it got. SDM vol. 1, 7.3.9.

use super::alu::{AluOp, Cmp};
use super::by_size;
use crate::insn::{InsnFlags, seg};
use crate::mem::Word;
use crate::state::gpr::{RAX, RCX, RDI, RSI};
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Code, Instruction, Mnemonic};
use softmmu::tlb::Slow;
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

/// Runs of a bulk path, each up to the end of a page, after which the run loop looks at events.
const RUNS: u32 = 16;
/// Bytes compared at once.
const COMPARED: usize = 512;

/// The linear address of `seg:offset`, and the bytes from there on that a bulk path may do at once, which lie on one
/// page and do not wrap the address size. None if something has to be checked for each element. Never faults: the
/// slow path does, with the right state.
#[inline(always)]
fn stretch(cpu: &Vcpu, insn: &Insn, segment: u8, offset: u64) -> Option<(GuestVirt, u64)> {
    if cpu.fast_seg[segment as usize & 7].check != 0 {
        return None;
    }
    let linear = cpu.linear(segment, offset);
    if cpu.tlb.is_watched(GuestVirt(linear)) {
        return None;
    }
    let to_wrap = address_mask(insn).wrapping_sub(offset).saturating_add(1);
    Some((GuestVirt(linear), (PAGE_SIZE - linear % PAGE_SIZE).min(to_wrap)))
}

/// What a bulk path did.
struct Done {
    elements: u64,
    /// The condition of a REPE or REPNE ended it.
    ended: bool,
}

/// Runs a repeated instruction by bulk where `bulk` can, which gets the number of elements it may do at most, and
/// else by `iteration`. Small numbers are not worth a bulk path.
///
/// # Errors
/// The iteration's; completed ones stay done and counted.
#[inline(always)]
fn repeat_bulk(
    cpu: &mut Vcpu,
    insn: &Insn,
    until: Until,
    bulk: impl Fn(&mut Vcpu, &Insn, u64) -> Option<Done>,
    mut iteration: impl FnMut(&mut Vcpu, &Insn) -> Exec,
) -> Exec {
    let mut count = address(cpu, insn, RCX);
    if count < 4 || !repeated(insn) || cpu.state.flags.has(crate::flags::bit::DF) {
        return repeat(cpu, insn, until, iteration);
    }
    let mut room = cpu.remaining();
    let (mut runs, mut singles) = (RUNS, CHUNK);
    loop {
        let most = count.min(room);
        let done = match if most >= 4 { bulk(cpu, insn, most) } else { None } {
            Some(done) => {
                runs -= 1;
                done
            }
            None => {
                iteration(cpu, insn)?;
                singles -= 1;
                let wanted = !insn.flags.contains(InsnFlags::REPNE);
                Done {
                    elements: 1,
                    ended: until == Until::Compare && cpu.state.flags.zf() != wanted,
                }
            }
        };
        count -= done.elements;
        room -= done.elements;
        set_address(cpu, insn, RCX, count);
        let over = count == 0 || done.ended;
        if over || room == 0 || runs == 0 || singles == 0 || cpu.leave {
            // The run loop counts the last one.
            cpu.count_iterations(done.elements - 1);
            if !over {
                again(cpu, insn);
            }
            return Ok(());
        }
        cpu.count_iterations(done.elements);
    }
}

/// Moves RSI or RDI over `bytes` bytes of a bulk path.
#[inline(always)]
fn advance_by(cpu: &mut Vcpu, insn: &Insn, register: usize, bytes: u64) {
    let value = cpu.state.gpr[register].wrapping_add(bytes);
    set_address(cpu, insn, register, value);
}

/// REP MOVS from one page to another.
fn movs_bulk<T: Word>(cpu: &mut Vcpu, insn: &Insn, most: u64) -> Option<Done> {
    let (from, readable) = stretch(cpu, insn, insn.mem.seg, address(cpu, insn, RSI))?;
    let (to, writable) = stretch(cpu, insn, seg::ES, address(cpu, insn, RDI))?;
    let elements = (readable.min(writable) / T::SIZE).min(most);
    if elements < 4 {
        return None;
    }
    let moved = cpu
        .tlb
        .move_run(cpu.mode.mmu, from, to, elements * T::SIZE, T::SIZE);
    if moved == 0 {
        return None;
    }
    advance_by(cpu, insn, RSI, moved);
    advance_by(cpu, insn, RDI, moved);
    Some(Done {
        elements: moved / T::SIZE,
        ended: false,
    })
}

/// Eight bytes of a row of elements.
fn pattern<T: Word>(value: T) -> u64 {
    let value = value.zext();
    match T::SIZE {
        1 => value * 0x0101_0101_0101_0101,
        2 => value * 0x0001_0001_0001_0001,
        4 => value << 32 | value,
        _ => value,
    }
}

/// REP STOS within one page.
fn stos_bulk<T: Word>(cpu: &mut Vcpu, insn: &Insn, most: u64) -> Option<Done> {
    let (to, writable) = stretch(cpu, insn, seg::ES, address(cpu, insn, RDI))?;
    let elements = (writable / T::SIZE).min(most);
    if elements < 4 {
        return None;
    }
    let value = pattern(cpu.reg::<T>(RAX as u8));
    let stored = cpu
        .tlb
        .fill_run(cpu.mode.mmu, to, elements * T::SIZE, T::SIZE, value);
    if stored == 0 {
        return None;
    }
    advance_by(cpu, insn, RDI, stored);
    Some(Done {
        elements: stored / T::SIZE,
        ended: false,
    })
}

/// The first of some pairs of elements at which a REPE or REPNE ends, or the last, and whether it ends there.
#[inline(always)]
fn compare<T: Word>(
    cpu: &mut Vcpu,
    insn: &Insn,
    pairs: impl Iterator<Item = (T, T)> + Clone,
) -> Option<Done> {
    let while_equal = !insn.flags.contains(InsnFlags::REPNE);
    let end = pairs.clone().position(|(a, b)| (a == b) != while_equal);
    let (a, b) = match end {
        Some(at) => pairs.clone().nth(at)?,
        None => pairs.clone().last()?,
    };
    Cmp::apply(&mut cpu.state.flags, a, b);
    Some(Done {
        elements: match end {
            Some(at) => at as u64 + 1,
            None => pairs.count() as u64,
        },
        ended: end.is_some(),
    })
}

/// REPE or REPNE CMPS within two pages.
fn cmps_bulk<T: Word>(cpu: &mut Vcpu, insn: &Insn, most: u64) -> Option<Done> {
    let (b_at, b_bytes) = stretch(cpu, insn, seg::ES, address(cpu, insn, RDI))?;
    let (a_at, a_bytes) = stretch(cpu, insn, insn.mem.seg, address(cpu, insn, RSI))?;
    let elements = (a_bytes.min(b_bytes).min(COMPARED as u64) / T::SIZE).min(most);
    if elements < 4 {
        return None;
    }
    let (mut a, mut b) = ([0; COMPARED], [0; COMPARED]);
    let len = (elements * T::SIZE) as usize;
    let (a, b) = (&mut a[..len], &mut b[..len]);
    // The order of the accesses of one element.
    let mmu = cpu.mode.mmu;
    if cpu.tlb.read_bytes(mmu, b_at, b) != Slow::Done(())
        || cpu.tlb.read_bytes(mmu, a_at, a) != Slow::Done(())
    {
        return None;
    }
    let element = T::SIZE as usize;
    let pairs = a.chunks_exact(element).zip(b.chunks_exact(element));
    let done = compare(
        cpu,
        insn,
        pairs.map(|(a, b)| (T::from_bytes(a), T::from_bytes(b))),
    )?;
    advance_by(cpu, insn, RSI, done.elements * T::SIZE);
    advance_by(cpu, insn, RDI, done.elements * T::SIZE);
    Some(done)
}

/// REPE or REPNE SCAS within one page.
fn scas_bulk<T: Word>(cpu: &mut Vcpu, insn: &Insn, most: u64) -> Option<Done> {
    let (at, bytes) = stretch(cpu, insn, seg::ES, address(cpu, insn, RDI))?;
    let elements = (bytes.min(COMPARED as u64) / T::SIZE).min(most);
    if elements < 4 {
        return None;
    }
    let mut b = [0; COMPARED];
    let b = &mut b[..(elements * T::SIZE) as usize];
    if cpu.tlb.read_bytes(cpu.mode.mmu, at, b) != Slow::Done(()) {
        return None;
    }
    let a = cpu.reg::<T>(RAX as u8);
    let pairs = b.chunks_exact(T::SIZE as usize);
    let done = compare(cpu, insn, pairs.map(|b| (a, T::from_bytes(b))))?;
    advance_by(cpu, insn, RDI, done.elements * T::SIZE);
    Some(done)
}

fn movs<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    repeat_bulk(cpu, insn, Until::Count, movs_bulk::<T>, |cpu, insn| {
        let value = cpu.read::<T>(insn.mem.seg, address(cpu, insn, RSI))?;
        cpu.write(seg::ES, address(cpu, insn, RDI), value)?;
        advance(cpu, insn, RSI, T::SIZE);
        advance(cpu, insn, RDI, T::SIZE);
        Ok(())
    })
}

fn stos<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    repeat_bulk(cpu, insn, Until::Count, stos_bulk::<T>, |cpu, insn| {
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
    repeat_bulk(cpu, insn, Until::Compare, cmps_bulk::<T>, |cpu, insn| {
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
    repeat_bulk(cpu, insn, Until::Compare, scas_bulk::<T>, |cpu, insn| {
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
