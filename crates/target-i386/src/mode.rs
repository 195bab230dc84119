//! What of the CPU's mode decides how instructions decode and how addresses form, computed once per change.
//!
//! [`Vcpu::refresh_mode`] reads CR0, CR4, EFER, RFLAGS.VM/AC, CPL and the hidden parts of the segment registers
//! and writes [`Mode`]; whoever changes one of those calls it. Handlers and the run loop only read [`Mode`].

use crate::flags::bit;
use crate::insn::seg;
use crate::mem::Privilege;
use crate::state::{Activity, Segment, Shadow};
use crate::vcpu::attention;
use crate::{Vcpu, insn};
use softmmu::MmuIndex;

/// Control-register bits that decide the mode.
pub mod cr {
    /// CR0.PE.
    pub const CR0_PE: u64 = 1 << 0;
    /// CR0.AM.
    pub const CR0_AM: u64 = 1 << 18;
    /// CR0.PG.
    pub const CR0_PG: u64 = 1 << 31;
    /// CR4.SMAP.
    pub const CR4_SMAP: u64 = 1 << 21;
    /// EFER.LMA.
    pub const EFER_LMA: u64 = 1 << 10;
}

/// Supervisor, SMAP in force where CR4 says so.
pub const MMU_KERNEL: MmuIndex = MmuIndex::new(0);
/// Supervisor with SMAP suspended by RFLAGS.AC.
pub const MMU_KERNEL_AC: MmuIndex = MmuIndex::new(1);
/// User.
pub const MMU_USER: MmuIndex = MmuIndex::new(2);

/// A segment register as the memory path wants it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastSegment {
    /// What to add to an offset.
    pub base: u64,
    /// [`check`] bits: accesses that must take the checked path.
    pub check: u8,
}

/// Reasons to check an access before using its offset.
pub(crate) mod check {
    /// Reads.
    pub const READ: u8 = 1;
    /// Writes.
    pub const WRITE: u8 = 2;
}

/// The cached mode.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Code size in bits: 16, 32 or 64.
    pub code: u32,
    /// Truncates RIP after each instruction.
    pub ip_mask: u64,
    /// Truncates RSP in stack operations.
    pub stack_mask: u64,
    /// Truncates linear addresses.
    pub linear_mask: u64,
    /// CR0.PE.
    pub protected: bool,
    /// RFLAGS.VM.
    pub v86: bool,
    /// EFER.LMA: IA-32e mode, compatibility mode included.
    pub lma: bool,
    /// Paging is on.
    pub paging: bool,
    /// MMU index of [`Privilege::Current`] data accesses.
    pub mmu: MmuIndex,
    /// MMU index of instruction fetches.
    pub fetch_mmu: MmuIndex,
    /// Alignment checks are on (CR0.AM, RFLAGS.AC, CPL 3).
    pub align_check: bool,
    /// CS has base 0 semantics that need no limit check (long mode or a 4 GiB limit).
    pub flat_code: bool,
    /// What besides the bytes decides how code decodes, below 256; part of a block's key.
    pub key: u32,
    /// `key`, and whether fetches are user accesses, below 256; part of a jump-cache tag.
    pub tag: u32,
}

impl Default for Mode {
    fn default() -> Self {
        Self {
            code: 16,
            ip_mask: 0xffff,
            stack_mask: 0xffff,
            linear_mask: 0xffff_ffff,
            protected: false,
            v86: false,
            lma: false,
            paging: false,
            mmu: MMU_KERNEL,
            fetch_mmu: MMU_KERNEL,
            align_check: false,
            flat_code: false,
            key: 0,
            tag: 0,
        }
    }
}

impl Mode {
    /// Whether code runs in 64-bit mode.
    #[inline(always)]
    pub fn long(&self) -> bool {
        self.code == 64
    }

    /// Real-address mode (not virtual-8086).
    #[inline(always)]
    pub fn real(&self) -> bool {
        !self.protected
    }
}

impl Vcpu {
    /// Recomputes everything cached from CS, SS, the other segment registers, CPL, CR0, CR4, EFER, RFLAGS.VM,
    /// RFLAGS.AC, RFLAGS.TF, RFLAGS.RF and DR7. Call after changing any of them.
    pub fn refresh_mode(&mut self) {
        let state = &self.state;
        let protected = state.cr0 & cr::CR0_PE != 0;
        let v86 = protected && state.flags.has(bit::VM);
        let lma = state.msr.efer & cr::EFER_LMA != 0;
        let cs = &state.seg[seg::CS as usize];
        let ss = &state.seg[seg::SS as usize];
        let real_like = !protected || v86;
        let code = match (
            lma && cs.attr & Segment::L != 0 && !real_like,
            cs.attr & Segment::DB != 0 && !v86,
        ) {
            (true, _) => 64,
            (false, true) => 32,
            (false, false) => 16,
        };
        let user = state.cpl == 3;
        let smap_off = state.flags.has(bit::AC) && state.cr4 & cr::CR4_SMAP != 0;
        let mmu = match (user, smap_off) {
            (true, _) => MMU_USER,
            (false, true) => MMU_KERNEL_AC,
            (false, false) => MMU_KERNEL,
        };
        let key = (code >> 5) | u32::from(real_like) << 2;
        self.mode = Mode {
            code,
            ip_mask: match code {
                64 => u64::MAX,
                16 if cs.limit <= 0xffff => 0xffff,
                _ => 0xffff_ffff,
            },
            stack_mask: match (code, ss.attr & Segment::DB != 0 && !v86) {
                (64, _) => u64::MAX,
                (_, true) => 0xffff_ffff,
                (_, false) => 0xffff,
            },
            linear_mask: if code == 64 { u64::MAX } else { 0xffff_ffff },
            protected,
            v86,
            lma,
            paging: state.cr0 & cr::CR0_PG != 0,
            mmu,
            fetch_mmu: if user { MMU_USER } else { MMU_KERNEL },
            align_check: user && state.cr0 & cr::CR0_AM != 0 && state.flags.has(bit::AC),
            flat_code: code == 64 || cs.limit == u32::MAX,
            key,
            tag: key | u32::from(user) << 4,
        };
        if code == 64 {
            let check = self.watch_bits();
            for i in 0..4 {
                self.fast_seg[i] = FastSegment { base: 0, check };
            }
            for i in [seg::FS as usize, seg::GS as usize] {
                let base = self.state.seg[i].base;
                self.fast_seg[i] = FastSegment { base, check };
            }
        } else {
            for i in 0..6 {
                self.refresh_segment(i);
            }
        }
        self.refresh_attention();
    }

    /// Recomputes what depends on RFLAGS.AC, at privilege levels 0 to 2 (STAC and CLAC run at 0).
    pub(crate) fn refresh_smap(&mut self) {
        let smap_off = self.state.flags.has(bit::AC) && self.state.cr4 & cr::CR4_SMAP != 0;
        self.mode.mmu = if smap_off { MMU_KERNEL_AC } else { MMU_KERNEL };
    }

    /// The [`check`] bits that data breakpoints and alignment checks ask for in every segment.
    #[inline]
    fn watch_bits(&self) -> u8 {
        if self.mode.align_check || self.watching() {
            check::READ | check::WRITE
        } else {
            0
        }
    }

    /// Recomputes what is cached of segment register `index` (for changes of DS, ES, FS and GS alone).
    pub fn refresh_segment(&mut self, index: u8) {
        let s = &self.state.seg[index as usize & 7];
        let watch = self.watch_bits();
        self.fast_seg[index as usize] = if self.mode.long() {
            let base = if index >= insn::seg::FS { s.base } else { 0 };
            FastSegment { base, check: watch }
        } else {
            let data = s.attr & Segment::CODE == 0;
            let up = !data || s.attr & Segment::DC == 0;
            let flat = up && s.limit == u32::MAX;
            let real = !self.mode.protected || self.mode.v86;
            let usable = s.present() || real;
            let mut check = watch;
            if !flat || !usable || !(data || real || s.attr & Segment::RW != 0) {
                check |= check::READ;
            }
            if !flat || !usable || !(real || data && s.attr & Segment::RW != 0) {
                check |= check::WRITE;
            }
            FastSegment { base: s.base, check }
        };
    }

    /// Stores a segment register with its hidden part and refreshes what is cached of it.
    pub fn set_segment(&mut self, index: u8, value: Segment) {
        self.state.seg[index as usize] = value;
        if index == seg::CS || index == seg::SS {
            self.refresh_mode()
        } else {
            self.refresh_segment(index)
        }
    }

    /// Recomputes which boundaries the run loop has to look at closely. Call after changing activity, shadow,
    /// RFLAGS.TF, RFLAGS.RF or DR7 other than at the end of a block.
    pub fn refresh_attention(&mut self) {
        let state = &self.state;
        let mut bits = 0;
        if state.activity != Activity::Running {
            bits |= attention::ACTIVITY;
        }
        if state.shadow != Shadow::None {
            bits |= attention::SHADOW;
        }
        if state.flags.has(bit::TF) {
            bits |= attention::TRAP;
        }
        if state.flags.has(bit::RF) {
            bits |= attention::RESUME;
        }
        if state.dr.dr7 & 0xff != 0 {
            bits |= attention::BREAKPOINTS;
        }
        if self.debug_hits != 0 {
            bits |= attention::DEBUG_HIT;
        }
        self.attention = bits;
    }

    /// Whether a data breakpoint is armed in DR7.
    fn watching(&self) -> bool {
        let dr7 = self.state.dr.dr7;
        dr7 & 0xff != 0 && (0..4).any(|n| dr7 >> (2 * n) & 3 != 0 && dr7 >> (16 + 4 * n) & 3 != 0)
    }

    /// The MMU index of a data access with these rights.
    #[inline(always)]
    pub fn mmu_index(&self, privilege: Privilege) -> MmuIndex {
        match privilege {
            Privilege::Current => self.mode.mmu,
            Privilege::System => MMU_KERNEL,
            Privilege::User => MMU_USER,
        }
    }
}
