//! Into a region and out of it: what the run loop prepares, and what it takes over.
#![allow(unsafe_code)] // generated code hands over a pointer to the `Env` of the vCPU that runs it

use super::plan::{GROUPS, STREAMS};
use crate::Vcpu;
use crate::flags::Flags;
use crate::jit::Env;
use crate::jit::env::at;
use softmmu::tlb::Access;
use softmmu::{GuestVirt, PAGE_SIZE};

/// Pages that a region relies on at once.
pub(crate) const PAGES: usize = STREAMS + GROUPS;

/// Why a region was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionExitKind {
    /// The next block does not fit into what is left of the slice.
    Budget,
    /// Execution goes on outside the region.
    Outside,
    /// Before an instruction that the interpreter has to execute.
    Interpret,
}

/// How a region was left: kind, and RIP as an offset from `rip_base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionExit {
    /// Why.
    pub kind: RegionExitKind,
    /// Offset of the next instruction from the page's start.
    pub offset: i32,
}

impl RegionExit {
    /// As generated code returns it.
    pub fn word(self) -> u64 {
        (self.kind as u64) << 32 | u64::from(self.offset as u32)
    }

    /// From what generated code returned.
    pub fn from_word(word: u64) -> Self {
        let kind = match word >> 32 {
            0 => RegionExitKind::Budget,
            1 => RegionExitKind::Outside,
            _ => RegionExitKind::Interpret,
        };
        Self {
            kind,
            offset: word as u32 as i32,
        }
    }
}

/// The slow path of an access, as the baseline's, of the address in `Env::scratch`; leaves the host address there, or
/// null to leave before the instruction. The low half of `Env::site` is the size in bytes, with bit 8 for writes.
///
/// Arguments in registers would have to be moved there across everything that lives in a loop. It keeps all general
/// registers, so that a region need not save its own around a call that is hardly ever made. It does *not* keep vector
/// registers: regions have no values in them.
///
/// # Safety
/// Called by generated code with its `Env`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "C" fn slow(env: *mut Env) {
    // Nine pushes and the return address leave the stack aligned to 16 bytes.
    std::arch::naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push rdi",
        "mov rsi, [rdi + {scratch}]",
        "mov edx, [rdi + {site}]",
        "call {slow}",
        "pop rdi",
        "mov [rdi + {scratch}], rax",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "ret",
        slow = sym fill,
        scratch = const at::SCRATCH,
        site = const at::SITE,
    )
}

/// The baseline's slow path, and null as well if a page that the region relies on is not any more what it was.
///
/// # Safety
/// Called by generated code with its `Env`.
unsafe extern "C" fn fill(env: *mut Env, addr: u64, how: u32) -> *mut u8 {
    // SAFETY: the caller's promise.
    let host = unsafe { crate::jit::slow(env, addr, how) };
    // SAFETY: as above; the other reference is gone.
    let cpu = unsafe { crate::jit::vcpu(env) };
    if cpu.pages_stand() {
        host
    } else {
        std::ptr::null_mut()
    }
}

/// Most instructions of one stay in a region: no register that moves in steps gets 2^62 far in it (see `pages`).
const LONGEST: i32 = 1 << 24;

/// No page: in `Env::pages`.
const NO_PAGE: u64 = u64::MAX;

/// The slow path of an access: see the one for x86-64. Procedure Call Standard for the Arm 64-bit Architecture, 6.1.
///
/// # Safety
/// Called by generated code with its `Env`.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn slow(env: *mut Env) {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "mov x29, sp",
        "stp x0, x1, [sp, #16]",
        "stp x2, x3, [sp, #32]",
        "stp x4, x5, [sp, #48]",
        "stp x6, x7, [sp, #64]",
        "stp x8, x9, [sp, #80]",
        "stp x10, x11, [sp, #96]",
        "stp x12, x13, [sp, #112]",
        "stp x14, x15, [sp, #128]",
        "stp x16, x17, [sp, #144]",
        "ldr x1, [x0, #{scratch}]",
        "ldr w2, [x0, #{site}]",
        "bl {slow}",
        "ldr x1, [sp, #16]",
        "str x0, [x1, #{scratch}]",
        "ldp x0, x1, [sp, #16]",
        "ldp x2, x3, [sp, #32]",
        "ldp x4, x5, [sp, #48]",
        "ldp x6, x7, [sp, #64]",
        "ldp x8, x9, [sp, #80]",
        "ldp x10, x11, [sp, #96]",
        "ldp x12, x13, [sp, #112]",
        "ldp x14, x15, [sp, #128]",
        "ldp x16, x17, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
        slow = sym fill,
        scratch = const at::SCRATCH,
        site = const at::SITE,
    )
}

impl Vcpu {
    /// Whether the TLB still has what `Env::pages` says.
    fn pages_stand(&self) -> bool {
        let mmu = self.mode.mmu;
        self.jit.pages.iter().all(|&[word, addend]| {
            let access = if word & 1 == 0 {
                Access::Read
            } else {
                Access::Write
            };
            let page = word & !1;
            word == NO_PAGE
                || self
                    .tlb
                    .plain_host(mmu, GuestVirt(page), PAGE_SIZE, access)
                    .is_some_and(|host| host as u64 == page.wrapping_add(addend))
        })
    }

    /// Prepares to enter a region for up to `slice` instructions. Whatever the entry, flags are words in `Env`.
    #[inline]
    pub fn enter_region(&mut self, slice: i32) {
        let base = self.state.rip.wrapping_sub(self.code_address() & 0xfff);
        let slice = slice.min(LONGEST);
        self.jit.pages = [[NO_PAGE, 0]; PAGES];
        self.jit.left = slice;
        self.jit.count_base = self.icount.wrapping_add(slice as u64);
        self.jit.rip_base = base;
        self.jit.region_flags = self.state.flags.region_words();
    }

    /// Takes over from a region.
    #[inline]
    pub fn leave_region(&mut self, exit: RegionExit) {
        self.icount = self.jit.count_base.wrapping_sub(self.jit.left as i64 as u64);
        self.state.flags.set_region_words(self.jit.region_flags);
        self.state.rip = self.jit.rip_base.wrapping_add(exit.offset as i64 as u64) & self.mode.ip_mask;
    }
}

/// Kinds of flag words: the low byte of the first word. The second byte is 64 less the operand size in bits.
pub(super) mod word {
    /// The other two are [`Flags`](crate::flags::Flags)' own.
    pub const RAW: u64 = 0;
    /// Result of a logical operation.
    pub const LOGIC: u64 = 1;
    /// Result and first operand of an addition without carry.
    pub const ADD: u64 = 2;
    /// Result and first operand of a subtraction without borrow.
    pub const SUB: u64 = 3;
    /// Result of INC, and CF before it.
    pub const INC: u64 = 4;
    /// Result of DEC, and CF before it.
    pub const DEC: u64 = 5;
}

impl Flags {
    /// The status flags as regions keep them: kind, result and operand.
    #[inline]
    pub(crate) fn region_words(&self) -> [u64; 3] {
        let (result, aux) = self.raw();
        [word::RAW, result, aux]
    }

    /// Replaces the status flags by those that `words` stand for.
    pub(crate) fn set_region_words(&mut self, words: [u64; 3]) {
        let [how, result, operand] = words;
        let shift = (how >> 8) as u32 & 63;
        let bits = 64 - shift;
        let extended = ((result << shift) as i64 >> shift) as u64;
        match how & 0xff {
            word::RAW => self.set_raw(result, operand),
            word::LOGIC => self.set_logic(extended),
            word::ADD => {
                let (a, b) = (operand, result.wrapping_sub(operand));
                self.set_arith(bits, extended, a & b | (a | b) & !result);
            }
            word::SUB => {
                let (a, b) = (operand, operand.wrapping_sub(result));
                self.set_arith(bits, extended, !a & b | !(a ^ b) & result);
            }
            word::INC => {
                self.set_cf(operand & 1 != 0);
                let a = result.wrapping_sub(1);
                self.set_arith_keep_cf(bits, extended, a & !result);
            }
            _ => {
                self.set_cf(operand & 1 != 0);
                let a = result.wrapping_add(1);
                self.set_arith_keep_cf(bits, extended, !a & result);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for kind in [
            RegionExitKind::Budget,
            RegionExitKind::Outside,
            RegionExitKind::Interpret,
        ] {
            for offset in [0, 4096, -5] {
                let exit = RegionExit { kind, offset };
                assert_eq!(RegionExit::from_word(exit.word()), exit);
            }
        }
    }

    #[test]
    fn flag_words() {
        use crate::flags::bit::{AF, CF, OF, PF, SF, ZF};
        let byte = 56 << 8;
        for (words, expected) in [
            ([word::ADD | byte, 0x00, 0x80], CF | OF | ZF | PF),
            ([word::ADD | byte, 0x10, 0x0f], AF),
            ([word::SUB | byte, 0xff, 0x00], CF | AF | SF | PF),
            ([word::SUB | byte, 0x7f, 0x80], OF | AF),
            ([word::LOGIC | byte, 0x180, 0], SF),
            ([word::INC | byte, 0x80, 1], CF | OF | AF | SF),
            ([word::DEC | byte, 0x7f, 0], OF | AF),
            ([word::DEC, 0, 1], CF | ZF | PF),
        ] {
            let mut flags = Flags::default();
            flags.set_region_words(words);
            assert_eq!(flags.status(), expected, "{words:x?}");
            let mut copy = Flags::default();
            copy.set_region_words(flags.region_words());
            assert_eq!(copy.status(), expected);
        }
    }
}
