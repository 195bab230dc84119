//! What generated code calls, and what it says when it leaves.
//!
//! Host code calls by the host's C convention: System V's on x86-64, which is the only one that rows and thunks emit.
#![allow(unsafe_code)] // generated code hands over a pointer to the `Env` of the vCPU that runs it

use super::env::{Env, Jump, Key};
use crate::flags::bit;
use crate::mem::{Privilege, canonical};
use crate::vcpu::attention;
use crate::{Fault, Insn, Vcpu, interrupt, paging};
use softmmu::tlb::{Access, Probe};
use softmmu::{GuestVirt, PAGE_SIZE};
use std::mem::offset_of;

/// Why generated code was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// At the entry of a block that does not fit into what is left of the slice, or is dead.
    Entry,
    /// Behind the block, at a direct exit that is not linked.
    Link,
    /// Before an instruction, which the interpreter executes.
    Interpret,
    /// After an instruction whose handler was called; RIP is what it made it.
    After,
    /// At an instruction whose handler returned a fault.
    Fault,
}

/// Exit word: kind, block, and number of the instruction or direct exit.
pub(super) const fn exit_word(kind: ExitKind, block: u32, n: u8) -> u32 {
    (kind as u32) << 28 | block << 6 | n as u32
}

/// Blocks can be numbered below this.
pub(crate) const BLOCK_IDS: u32 = 1 << 22;

/// How generated code was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Why.
    pub kind: ExitKind,
    /// The block, as its translation was numbered.
    pub block: u32,
    /// Number of the instruction in it, or of the direct exit.
    pub n: u8,
}

impl Exit {
    /// Largest number of blocks.
    pub const BLOCKS: u32 = BLOCK_IDS;

    /// From what the exit thunk returned.
    pub fn from_word(word: u32) -> Self {
        let kind = match word >> 28 {
            0 => ExitKind::Entry,
            1 => ExitKind::Link,
            2 => ExitKind::Interpret,
            3 => ExitKind::After,
            _ => ExitKind::Fault,
        };
        Self {
            kind,
            block: word >> 6 & (BLOCK_IDS - 1),
            n: (word & 63) as u8,
        }
    }
}

/// One instruction of a block that is executed by its handler.
pub struct Helper {
    pub(super) insn: Insn,
    /// Offset of the next instruction from the page's start.
    pub(super) next: i32,
    /// Instructions of the block from this one on.
    pub(super) after: u8,
    pub(super) writes_flags: bool,
    /// The block ends behind it.
    pub(super) leave: bool,
    /// Exit word for leaving after it.
    pub(super) word: u32,
    pub(super) key: Key,
}

/// The vCPU around an `Env`.
///
/// # Safety
/// `env` is the `jit` field of a vCPU that nobody else uses meanwhile.
pub(crate) unsafe fn vcpu<'a>(env: *mut Env) -> &'a mut Vcpu {
    // SAFETY: the caller's promise; the field's offset leads back to the start of the struct.
    unsafe { &mut *env.byte_sub(offset_of!(Vcpu, jit)).cast::<Vcpu>() }
}

/// The slow path of an access: the host address of `addr`, or null to leave before the instruction. `how` is the
/// size in bytes, with bit 8 for writes.
///
/// # Safety
/// As `vcpu`: called by generated code with its `Env`.
pub(crate) unsafe extern "C" fn slow(env: *mut Env, addr: u64, how: u32) -> *mut u8 {
    // SAFETY: the caller's promise.
    let cpu = unsafe { vcpu(env) };
    let size = u64::from(how & 0xff);
    cpu.counts.slow[usize::from(how >> 8 != 0)] += 1;
    let access = if how >> 8 != 0 {
        Access::Write
    } else {
        Access::Read
    };
    if addr % PAGE_SIZE + size > PAGE_SIZE || cpu.mode.long() && !canonical(addr) {
        return std::ptr::null_mut();
    }
    cpu.note_upper();
    let mmu = cpu.mode.mmu;
    if cpu.tlb.probe(mmu, GuestVirt(addr), access) == Probe::Miss
        && paging::fill(cpu, addr, access, Privilege::Current).is_err()
    {
        return std::ptr::null_mut();
    }
    if access == Access::Write {
        cpu.tlb.announce_store(mmu, GuestVirt(addr), size);
    }
    cpu.tlb
        .plain_host(mmu, GuestVirt(addr), size, access)
        .unwrap_or(std::ptr::null_mut())
}

/// The jump-cache entry for `pc`, newly made, or null if there is no code for it (or its page is not known: that walk is
/// the run loop's).
///
/// # Safety
/// As `vcpu`: called by generated code with its `Env`.
pub(super) unsafe extern "C" fn find(env: *mut Env, pc: u64) -> *const Jump {
    // SAFETY: the caller's promise.
    let cpu = unsafe { vcpu(env) };
    cpu.note_upper();
    cpu.find_code_at(pc).unwrap_or(std::ptr::null())
}

/// Whether the rest of an instruction that runs over its page's end is fetched from the RAM page at `ram` (else 0).
/// Walks no page tables: that is the interpreter's.
///
/// # Safety
/// As `vcpu`: called by generated code with its `Env`.
pub(super) unsafe extern "C" fn second(env: *mut Env, ram: u64) -> u64 {
    // SAFETY: the caller's promise.
    let cpu = unsafe { vcpu(env) };
    u64::from(
        cpu.fetched_behind(cpu.jit.rip_base)
            .is_some_and(|found| found.0 == ram),
    )
}

/// Calls a handler: 0 to go on, the exit word, or the host address of the code to go on with, which is none of those
/// numbers.
///
/// # Safety
/// As `vcpu`; `helper` belongs to the block that runs.
pub(super) unsafe extern "C" fn helper(env: *mut Env, helper: *const Helper) -> u64 {
    // SAFETY: the caller's promises. A block's tables outlive its execution: they are dropped between runs.
    let (cpu, helper) = unsafe { (vcpu(env), &*helper) };
    cpu.run_helper(helper)
}

impl Vcpu {
    fn run_helper(&mut self, helper: &Helper) -> u64 {
        let base = self.jit.rip_base;
        let mask = self.mode.ip_mask;
        let next = base.wrapping_add(helper.next as i64 as u64) & mask;
        self.icount = self.count_before(helper.after);
        self.state.rip = next;
        self.state.flags.set_packed(self.jit.flags);
        self.leave = false;
        let result = (helper.insn.exec)(self, &helper.insn);
        let iterations = std::mem::take(&mut self.iterations);
        self.jit.left = self.jit.left.wrapping_sub(iterations as i32);
        // After a fault as well: iterations of a repeated instruction that were complete have set them.
        if helper.writes_flags {
            self.jit.flags = self.state.flags.packed();
        }
        if let Err(fault) = result {
            self.jit.fault = Some(fault);
            self.state.rip =
                base.wrapping_add((helper.next - i32::from(helper.insn.len)) as i64 as u64) & mask;
            return u64::from(helper.word + ((ExitKind::Fault as u32 - ExitKind::After as u32) << 28));
        }
        let goes_on = !helper.leave
            && !self.leave
            && self.state.rip == next
            && (iterations == 0 || self.jit.left >= 0)
            && self.jit_key() == Some(helper.key);
        if goes_on {
            return 0;
        }
        if helper.leave && !self.leave && self.jit.left >= 0 {
            self.refresh_attention();
            // RF (IRET sets it) covers the next instruction alone, and there is a key only while no breakpoint is armed:
            // it goes when that instruction starts, as in `single`. That is now, if the budget has room for it.
            let resumes = self.attention == attention::RESUME && self.jit.left > 0;
            if resumes {
                self.attention = 0;
            }
            if self.is_quiet()
                && let Some(code) = self.next_code()
            {
                if resumes {
                    self.state.flags.put(bit::RF, false);
                }
                return code;
            }
            if resumes {
                self.attention = attention::RESUME;
            }
        }
        u64::from(helper.word)
    }

    /// The code for the next instruction, if the jump cache knows it: system calls and their like stay in generated
    /// code. `Env` is then prepared for it.
    fn next_code(&mut self) -> Option<u64> {
        let key = self.jit_key()?;
        let pc = self.code_address();
        // SAFETY: generated code runs, so the run loop has set `jumps` to a cache of that many entries that it owns.
        let mut jump = unsafe { *(self.jit.jumps as *const Jump).add(Jump::index(pc)) };
        if jump.pc != pc || jump.tag != self.jit_tag(pc, key) {
            // SAFETY: as above.
            jump = unsafe { *self.find_code_at(pc)? };
        }
        if jump.code >> 32 == 0 {
            return None;
        }
        self.jit.tags = [self.jit_tag(0, key), self.jit_tag(1 << 63, key)];
        self.jit.rip_base = jump.rip_base;
        self.jit.flags = self.state.flags.packed();
        Some(jump.code)
    }

    /// Asks the engine for code at `pc` in the present mode, and enters it in the jump cache. Walks no page tables.
    #[inline(never)]
    fn find_code_at(&mut self, pc: u64) -> Option<*const Jump> {
        let key = self.jit_key()?;
        let finder = self.jit.finder?;
        if !key.flat_code {
            return None;
        }
        let Probe::Ram { ram, .. } = self.tlb.fetch(self.mode.fetch_mmu, GuestVirt(pc)) else {
            return None;
        };
        // SAFETY: generated code runs, so the run loop has set `finder`, whose holder it borrows meanwhile.
        let code = unsafe { (finder.find)(finder.holder, ram, key.pack()) };
        if code.is_null() {
            return None;
        }
        self.jit.found += 1;
        // SAFETY: as in `next_code`; the run loop hands out `jumps` for writing.
        let jump = unsafe { (self.jit.jumps as *mut Jump).add(Jump::index(pc)) };
        let entry = Jump {
            pc,
            tag: self.jit_tag(pc, key),
            // CS has base 0.
            rip_base: pc & !(PAGE_SIZE - 1),
            code: code as u64,
        };
        // SAFETY: as above.
        unsafe { jump.write(entry) };
        Some(jump)
    }

    /// Instructions completed when `after` of the current block's are not.
    #[inline]
    fn count_before(&self, after: u8) -> u64 {
        self.jit
            .count_base
            .wrapping_sub(self.jit.left as i64 as u64)
            .wrapping_sub(u64::from(after))
    }

    /// Prepares to enter generated code for up to `slice` instructions, with the code at `rip_base`.
    #[inline]
    pub fn enter_generated(&mut self, slice: i32, rip_base: u64, key: Key) {
        let tags = [self.jit_tag(0, key), self.jit_tag(1 << 63, key)];
        let pending = self.signals.pending_word();
        let env = &mut self.jit;
        env.pending = pending as u64;
        env.tags = tags;
        env.left = slice;
        env.count_base = self.icount.wrapping_add(slice as u64);
        env.rip_base = rip_base;
        env.flags = self.state.flags.packed();
    }

    /// What the entry thunk wants: valid for the whole vCPU.
    #[inline]
    pub fn jit_env(&mut self) -> *mut Env {
        std::ptr::from_mut(self)
            .wrapping_byte_add(offset_of!(Vcpu, jit))
            .cast()
    }

    /// Takes over from generated code, which was left before `after` of its block's instructions at `offset` from
    /// the page's start (or wherever RIP is, if none).
    #[inline]
    pub fn leave_generated(&mut self, after: u8, offset: Option<i32>) {
        self.icount = self.count_before(after);
        self.state.flags.set_packed(self.jit.flags);
        if let Some(offset) = offset {
            self.state.rip = self.jit.rip_base.wrapping_add(offset as i64 as u64) & self.mode.ip_mask;
        }
    }

    /// Delivers the fault that a handler returned to generated code.
    pub fn deliver_generated_fault(&mut self) {
        let fault = self.jit.fault.take().unwrap_or(Fault::UD);
        interrupt::raise(self, fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for kind in [
            ExitKind::Entry,
            ExitKind::Link,
            ExitKind::Interpret,
            ExitKind::After,
            ExitKind::Fault,
        ] {
            let exit = Exit {
                kind,
                block: BLOCK_IDS - 1,
                n: 63,
            };
            assert_eq!(Exit::from_word(exit_word(kind, exit.block, exit.n)), exit);
        }
    }
}
