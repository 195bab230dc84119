//! The part of the vCPU that only generated code uses, and where generated code finds everything else.
//!
//! [`ENV`](super::regs::ENV) points at [`Env`], which is a field of `Vcpu`; other fields are reached by their
//! distance from it. `Env` is valid while generated code runs; `runtime` copies into and out of it.
#![allow(unsafe_code)] // `Finder` crosses threads with the vCPU

use crate::flags::CONTROL_OFFSET;
use crate::insn::seg;
use crate::mode::FastSegment;
use crate::state::Segment;
use crate::{Vcpu, x87};
use softmmu::{MmuIndex, RamAddr, tlb::layout};
use std::mem::{offset_of, size_of};

/// One entry of the jump cache: where the code for a linear address is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Jump {
    /// Linear address.
    pub pc: u64,
    /// The fetch tag under which the entry is good.
    pub tag: u64,
    /// [`Env::rip_base`] of the block.
    pub rip_base: u64,
    /// Host address of its code.
    pub code: u64,
}

impl Jump {
    /// No tag is all ones.
    pub const NONE: Self = Self {
        pc: 0,
        tag: u64::MAX,
        rip_base: 0,
        code: 0,
    };
    /// Entries of the cache.
    pub const ENTRIES: usize = 1 << 14;
    /// Functions are aligned: bits from here on are mixed into the lower ones. Below 32.
    pub const FOLD: u8 = 10;

    /// The entry for an address: generated code computes the same.
    #[inline]
    pub fn index(pc: u64) -> usize {
        (pc ^ pc >> Self::FOLD) as usize & (Self::ENTRIES - 1)
    }
}

/// What only generated code uses.
#[repr(C)]
#[derive(Default)]
pub struct Env {
    /// Instructions left of the slice, less the whole of the current block.
    pub left: i32,
    /// Status flags, as [`Flags::packed`](crate::flags::Flags::packed).
    pub flags: u16,
    /// Whether vector registers and MXCSR are the guest's, and what may run on them: bits of `vector_state`.
    pub vectors: u8,
    /// Which block owes the status flags, as [`Owed::debtor`](super::Owed::debtor) reads it; told only where a block
    /// that takes owed flags was left.
    pub owed: u32,
    /// RIP of the current block less its offset in the page (of its linear address).
    pub rip_base: u64,
    /// The fetch tags in force: of linear addresses with bit 63 clear, and set.
    pub tags: [u64; 2],
    /// Address of the first [`Jump`].
    pub jumps: u64,
    /// The instruction count at the end of the current block is this less `left`.
    pub count_base: u64,
    /// Address of the word of requests to the CPU.
    pub pending: u64,
    /// Host code address kept across a probe.
    pub scratch: u64,
    /// Exit word under construction.
    pub site: u64,
    /// The memory operand of the comparison whose flags are owed.
    pub snapshot: u64,
    /// The x87 registers as FNSAVE stored them, or FRSTOR is to load them.
    pub(crate) x87_image: [u32; x87::native::WORDS],
    /// Opcode of the last x87 instruction that generated code executed, and its offset from `x87_base` in the upper
    /// half; all ones if none since the registers are in the host's.
    pub(crate) x87_at: u32,
    /// Segment register of its last memory operand; all ones if none.
    pub(crate) x87_segment: u8,
    /// `rip_base` of its block.
    pub(crate) x87_base: u64,
    /// Status flags as regions keep them; see `clif::exit`.
    pub(crate) region_flags: [u64; 3],
    /// The pages that a region relies on: address, with bit 0 for writes, and what to add to get to the host's.
    pub(crate) pages: [[u64; 2]; crate::clif::PAGES],
    /// The fault that a handler returned.
    pub(crate) fault: Option<crate::Fault>,
    /// Finds what the jump cache does not know.
    pub finder: Option<Finder>,
    /// How often it did.
    pub found: u64,
}

/// Whoever holds the translated blocks, asked by generated code that misses the jump cache.
#[derive(Clone, Copy)]
pub struct Finder {
    /// The holder, for `find`.
    pub holder: *const (),
    /// The host address of the live block at a RAM address in a mode ([`Key::pack`]), or null. Changes nothing.
    pub find: unsafe fn(holder: *const (), ram: RamAddr, key: u32) -> *const u8,
}

// SAFETY: called by the thread that runs generated code only, which sets it each time before it does.
unsafe impl Send for Finder {}
// SAFETY: as above.
unsafe impl Sync for Finder {}

/// Distance of a field of `Vcpu` from `Env`.
const fn from_env(offset: usize) -> i32 {
    offset as i32 - offset_of!(Vcpu, jit) as i32
}

/// Offsets from [`ENV`](super::regs::ENV).
pub(crate) mod at {
    use super::*;
    pub const LEFT: i32 = offset_of!(Env, left) as i32;
    pub const FLAGS: i32 = offset_of!(Env, flags) as i32;
    pub const OWED: i32 = offset_of!(Env, owed) as i32;
    pub const RIP_BASE: i32 = offset_of!(Env, rip_base) as i32;
    pub const TAGS: i32 = offset_of!(Env, tags) as i32;
    pub const JUMPS: i32 = offset_of!(Env, jumps) as i32;
    pub const PENDING: i32 = offset_of!(Env, pending) as i32;
    pub const SCRATCH: i32 = offset_of!(Env, scratch) as i32;
    pub const VECTORS: i32 = offset_of!(Env, vectors) as i32;
    pub const REGION_FLAGS: i32 = offset_of!(Env, region_flags) as i32;
    pub const PAGES: i32 = offset_of!(Env, pages) as i32;
    pub const SNAPSHOT: i32 = offset_of!(Env, snapshot) as i32;
    pub const SITE: i32 = offset_of!(Env, site) as i32;

    /// A general register's place in memory.
    pub const fn gpr(n: u8) -> i32 {
        from_env(offset_of!(Vcpu, state.gpr)) + 8 * n as i32
    }

    pub const X87_IMAGE: i32 = offset_of!(Env, x87_image) as i32;
    pub const X87_AT: i32 = offset_of!(Env, x87_at) as i32;
    pub const X87_SEGMENT: i32 = offset_of!(Env, x87_segment) as i32;
    pub const X87_BASE: i32 = offset_of!(Env, x87_base) as i32;
    /// The x87 control word.
    pub const X87_CONTROL: i32 = from_env(offset_of!(Vcpu, state.fpu.control));
    /// The x87 data pointer.
    pub const X87_DATA: i32 = from_env(offset_of!(Vcpu, state.fpu.dp));
    /// MXCSR.
    pub const MXCSR: i32 = from_env(offset_of!(Vcpu, state.fpu.mxcsr));

    /// A vector register's place in memory.
    pub const fn ymm(n: u8) -> i32 {
        from_env(offset_of!(Vcpu, state.fpu.ymm)) + 32 * n as i32
    }

    /// The visible part of a segment register.
    pub const fn selector(n: u8) -> i32 {
        descriptor(n) + offset_of!(Segment, selector) as i32
    }

    /// RFLAGS without the status flags.
    pub const fn control_flags() -> i32 {
        from_env(offset_of!(Vcpu, state.flags)) + CONTROL_OFFSET as i32
    }

    /// The hidden base of a segment register.
    pub const fn descriptor_base(n: u8) -> i32 {
        descriptor(n) + offset_of!(Segment, base) as i32
    }

    /// The hidden limit of a segment register.
    pub const fn descriptor_limit(n: u8) -> i32 {
        descriptor(n) + offset_of!(Segment, limit) as i32
    }

    /// The hidden attributes of a segment register.
    pub const fn descriptor_attr(n: u8) -> i32 {
        descriptor(n) + offset_of!(Segment, attr) as i32
    }

    const fn descriptor(n: u8) -> i32 {
        from_env(offset_of!(Vcpu, state.seg)) + n as i32 * size_of::<Segment>() as i32
    }

    /// Control register 0, 2, 3 or 4.
    pub const fn control_register(n: u8) -> Option<i32> {
        Some(from_env(match n {
            0 => offset_of!(Vcpu, state.cr0),
            2 => offset_of!(Vcpu, state.cr2),
            3 => offset_of!(Vcpu, state.cr3),
            4 => offset_of!(Vcpu, state.cr4),
            _ => return None,
        }))
    }

    /// CR4.
    pub const CR4: i32 = from_env(offset_of!(Vcpu, state.cr4));
    /// IA32_EFER.
    pub const EFER: i32 = from_env(offset_of!(Vcpu, state.msr.efer));
    /// IA32_STAR.
    pub const STAR: i32 = from_env(offset_of!(Vcpu, state.msr.star));
    /// IA32_LSTAR.
    pub const LSTAR: i32 = from_env(offset_of!(Vcpu, state.msr.lstar));
    /// IA32_FMASK.
    pub const FMASK: i32 = from_env(offset_of!(Vcpu, state.msr.fmask));
    /// IA32_KERNEL_GS_BASE.
    pub const KERNEL_GS_BASE: i32 = from_env(offset_of!(Vcpu, state.msr.kernel_gs_base));
    /// The MMU index of data accesses.
    pub const MODE_MMU: i32 = from_env(offset_of!(Vcpu, mode.mmu));
    /// The MMU index of fetches.
    pub const MODE_FETCH: i32 = from_env(offset_of!(Vcpu, mode.fetch_mmu));
    /// The interpreter's part of a fetch tag.
    pub const MODE_TAG: i32 = from_env(offset_of!(Vcpu, mode.tag));

    /// The current privilege level.
    pub const fn cpl() -> i32 {
        from_env(offset_of!(Vcpu, state.cpl))
    }

    /// A segment's base.
    pub const fn seg_base(n: u8) -> i32 {
        seg(n) + offset_of!(FastSegment, base) as i32
    }

    /// A segment's reasons to check.
    pub const fn seg_check(n: u8) -> i32 {
        seg(n) + offset_of!(FastSegment, check) as i32
    }

    const fn seg(n: u8) -> i32 {
        from_env(offset_of!(Vcpu, fast_seg)) + n as i32 * size_of::<FastSegment>() as i32
    }

    /// The first TLB entry of an MMU index.
    pub const fn tlb(mmu: MmuIndex) -> i32 {
        from_env(offset_of!(Vcpu, tlb) + layout::table(mmu))
    }
}

/// What of the mode a translation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Code size: 16, 32 or 64.
    pub bits: u32,
    /// Real-address or virtual-8086 mode.
    pub real_like: bool,
    /// MMU index of data accesses.
    pub mmu: MmuIndex,
    /// DS, ES and SS have base 0 and need no check.
    pub flat: bool,
    /// CS has base 0 and needs no limit check.
    pub flat_code: bool,
    /// Stack pointer size in bytes: 2, 4 or 8.
    pub stack: u8,
}

impl Key {
    /// What differs between the packed forms of keys that differ in `mmu` alone.
    pub(super) fn mmu_change(from: MmuIndex, to: MmuIndex) -> u8 {
        ((from.raw() ^ to.raw()) << 3) as u8
    }

    /// As a number below 1024.
    pub fn pack(&self) -> u32 {
        (self.bits >> 5)
            | u32::from(self.real_like) << 2
            | (self.mmu.raw() as u32) << 3
            | u32::from(self.flat) << 5
            | u32::from(self.flat_code) << 6
            | (u32::from(self.stack) >> 2) << 7
    }
}

impl Vcpu {
    /// Under what a [`Jump`] for `pc` to code made for `key` is good: the fetch tag of the address's half, and the key.
    #[inline]
    pub fn jit_tag(&self, pc: u64, key: Key) -> u64 {
        self.tlb.fetch_tag(pc >> 63 != 0) << 10 | u64::from(key.pack())
    }

    /// What of the mode a translation depends on; none if nothing may be translated (data breakpoints, alignment
    /// checks).
    #[inline]
    pub fn jit_key(&self) -> Option<Key> {
        let mode = &self.mode;
        let seg = |n: u8| self.fast_seg[n as usize];
        let (ds, es, ss, cs) = (seg(seg::DS), seg(seg::ES), seg(seg::SS), seg(seg::CS));
        let check = ds.check | es.check | ss.check;
        let flat = ds.base | es.base | ss.base == 0 && check == 0;
        if mode.long() && check != 0 || mode.align_check || self.state.dr.dr7 & 0xff != 0 {
            return None;
        }
        Some(Key {
            bits: mode.code,
            real_like: !mode.protected || mode.v86,
            mmu: mode.mmu,
            flat,
            flat_code: mode.flat_code && cs.base == 0,
            stack: match mode.stack_mask {
                0xffff => 2,
                0xffff_ffff => 4,
                _ => 8,
            },
        })
    }
}
