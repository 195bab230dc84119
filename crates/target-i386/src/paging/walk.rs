//! The page walk: linear address and access in, physical page and rights out, or the #PF error code.
//!
//! Pure over [`PhysMem`], so that it can be checked against a model. Walk order: the entries are read from the root
//! down, a missing or malformed one ends the walk; then the rights of the whole path are judged; only then are
//! accessed and dirty bits set, each by compare-and-swap, and a lost race starts the walk again.
//! SDM vol. 3A, chapter 5.

use super::entry::{self as pte, Format};

/// Physical memory as the walk sees it.
pub trait PhysMem {
    /// Reads a little-endian doubleword; what nobody answers reads as ones.
    fn read_u32(&self, at: u64) -> u32;
    /// Reads a little-endian quadword.
    fn read_u64(&self, at: u64) -> u64;
    /// Replaces `old` by `new`; false if the memory no longer holds `old`. Memory that cannot be written (ROM,
    /// devices) ignores the store and answers true.
    fn swap_u32(&self, at: u64, old: u32, new: u32) -> bool;
    /// As [`PhysMem::swap_u32`], for quadwords.
    fn swap_u64(&self, at: u64, old: u64, new: u64) -> bool;
}

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Data read.
    Read,
    /// Data write, or the read of a read-modify-write.
    Write,
    /// Instruction fetch.
    Fetch,
}

/// With whose rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// User mode (CPL 3 and not implicit).
    User,
    /// Supervisor; SMAP applies.
    Supervisor,
    /// Supervisor with EFLAGS.AC set: SMAP does not apply.
    SupervisorAc,
}

/// The registers that steer translation.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// CR0: PG and WP count.
    pub cr0: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4: PSE, PAE, PGE, SMEP, SMAP count.
    pub cr4: u64,
    /// IA32_EFER: LMA and NXE count.
    pub efer: u64,
    /// PAE page-directory-pointer registers.
    pub pdpte: [u64; 4],
    /// Physical address bits that exist.
    pub phys_mask: u64,
    /// 1 GiB pages exist.
    pub gigabyte_pages: bool,
    /// 4 MiB pages may lie above 4 GiB.
    pub pse36: bool,
}

/// CR0.WP.
const WP: u64 = 1 << 16;
/// CR0.PG.
const PG: u64 = 1 << 31;
/// CR4.PSE.
const PSE: u64 = 1 << 4;
/// CR4.PAE.
const PAE: u64 = 1 << 5;
/// CR4.PGE.
const PGE: u64 = 1 << 7;
/// CR4.SMEP.
const SMEP: u64 = 1 << 20;
/// CR4.SMAP.
const SMAP: u64 = 1 << 21;
/// EFER.LMA.
const LMA: u64 = 1 << 10;
/// EFER.NXE.
const NXE: u64 = 1 << 11;

/// A finished translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Physical address of the access.
    pub phys: u64,
    /// Size of the page in bytes: 4 KiB, 2 MiB, 4 MiB or 1 GiB (4 KiB with paging off).
    pub size: u64,
    /// The asked rights may read.
    pub read: bool,
    /// They may write, and the dirty bit is set: the first write to a clean page walks again.
    pub write: bool,
    /// They may fetch.
    pub fetch: bool,
    /// G is set and CR4.PGE on.
    pub global: bool,
}

/// #PF error code bits (SDM vol. 3A, 5.7).
pub mod code {
    /// The fault was a protection violation, not a missing page.
    pub const P: u16 = 1 << 0;
    /// A write.
    pub const W: u16 = 1 << 1;
    /// From user mode.
    pub const U: u16 = 1 << 2;
    /// A reserved bit was set.
    pub const RSVD: u16 = 1 << 3;
    /// An instruction fetch (told only with NX or SMEP in use).
    pub const I: u16 = 1 << 4;
}

/// One entry on the way down.
#[derive(Clone, Copy)]
struct Step {
    at: u64,
    entry: u64,
}

impl Context {
    fn nxe(&self) -> bool {
        self.efer & NXE != 0 && self.cr4 & PAE != 0
    }

    /// The error-code bits that depend on the access only.
    fn access_code(&self, kind: AccessKind, rights: Rights) -> u16 {
        let mut code = 0;
        if kind == AccessKind::Write {
            code |= code::W;
        }
        if rights == Rights::User {
            code |= code::U;
        }
        if kind == AccessKind::Fetch && (self.nxe() || self.cr4 & SMEP != 0) {
            code |= code::I;
        }
        code
    }

    /// The entry format in force.
    fn format(&self) -> Format {
        if self.cr4 & PAE == 0 {
            Format::Legacy
        } else if self.efer & LMA != 0 {
            Format::Long
        } else {
            Format::Pae
        }
    }

    /// Whether `rights` may do `kind` on a page with these path rights.
    #[inline]
    fn allows(&self, kind: AccessKind, rights: Rights, user: bool, writable: bool, nx: bool) -> bool {
        match (rights, kind) {
            (Rights::User, AccessKind::Read) => user,
            (Rights::User, AccessKind::Write) => user && writable,
            (Rights::User, AccessKind::Fetch) => user && !nx,
            (_, AccessKind::Fetch) => !(nx || user && self.cr4 & SMEP != 0),
            (_, kind) => {
                let smap = user && self.cr4 & SMAP != 0 && rights != Rights::SupervisorAc;
                !smap && (kind == AccessKind::Read || writable || self.cr0 & WP == 0)
            }
        }
    }

    /// Translates `linear`, setting accessed and dirty bits. `Err` is the #PF error code.
    pub fn translate(
        &self,
        memory: &impl PhysMem,
        linear: u64,
        kind: AccessKind,
        rights: Rights,
    ) -> Result<Page, u16> {
        loop {
            if let Some(result) = self.walk(memory, linear, kind, rights, true) {
                return result;
            }
        }
    }

    /// Translates without touching memory, for the monitor and debuggers. `Err` is the #PF error code that a read
    /// would get.
    pub fn probe(&self, memory: &impl PhysMem, linear: u64) -> Result<Page, u16> {
        let rights = Rights::SupervisorAc;
        self.walk(memory, linear, AccessKind::Read, rights, false)
            .expect("a walk that swaps nothing loses no race")
    }

    /// One attempt; none if an entry changed between reading and marking it.
    fn walk(
        &self,
        memory: &impl PhysMem,
        linear: u64,
        kind: AccessKind,
        rights: Rights,
        mark: bool,
    ) -> Option<Result<Page, u16>> {
        if self.cr0 & PG == 0 {
            let phys = linear & 0xffff_ffff & self.phys_mask;
            return Some(Ok(Page {
                phys,
                size: 4096,
                read: true,
                write: true,
                fetch: true,
                global: false,
            }));
        }
        // One copy of the walk for each format, with its constants in place.
        match self.format() {
            Format::Long => self.walk_tables(memory, linear, kind, rights, mark, Format::Long),
            Format::Pae => self.walk_tables(memory, linear, kind, rights, mark, Format::Pae),
            Format::Legacy => self.walk_tables(memory, linear, kind, rights, mark, Format::Legacy),
        }
    }

    #[inline(always)]
    fn walk_tables(
        &self,
        memory: &impl PhysMem,
        linear: u64,
        kind: AccessKind,
        rights: Rights,
        mark: bool,
        format: Format,
    ) -> Option<Result<Page, u16>> {
        let fault = self.access_code(kind, rights);
        let mut steps = [Step { at: 0, entry: 0 }; 4];
        let mut depth = 0;
        let (mut user, mut writable, mut nx) = (true, true, false);
        let (mut table, mut level) = match format {
            Format::Legacy => (self.cr3 & 0xffff_f000, 2),
            Format::Long => (self.cr3 & 0x000f_ffff_ffff_f000 & self.phys_mask, 4),
            Format::Pae => {
                let pdpte = self.pdpte[(linear >> 30 & 3) as usize];
                if pdpte & pte::P == 0 {
                    return Some(Err(fault));
                }
                (pdpte & 0x000f_ffff_ffff_f000 & self.phys_mask, 2)
            }
        };
        let (leaf, size) = loop {
            let at = table + format.index(linear, level) * format.entry_size();
            let entry = match format {
                Format::Legacy => u64::from(memory.read_u32(at)),
                _ => memory.read_u64(at),
            };
            if entry & pte::P == 0 {
                return Some(Err(fault));
            }
            let large = match (format, level) {
                (_, 1) => false,
                (Format::Legacy, _) => entry & pte::PS != 0 && self.cr4 & PSE != 0,
                (_, 2) => entry & pte::PS != 0,
                (_, 3) => entry & pte::PS != 0 && self.gigabyte_pages,
                _ => false,
            };
            if entry & self.reserved(format, level, large) != 0 {
                return Some(Err(fault | code::P | code::RSVD));
            }
            user &= entry & pte::U != 0;
            writable &= entry & pte::W != 0;
            nx |= format != Format::Legacy && entry & pte::NX != 0 && self.nxe();
            steps[depth] = Step { at, entry };
            depth += 1;
            if large || level == 1 {
                break (entry, format.page_size(level));
            }
            table = entry & format.address_mask() & self.phys_mask;
            level -= 1;
        };
        if !self.allows(kind, rights, user, writable, nx) {
            return Some(Err(fault | code::P));
        }
        let dirty = kind == AccessKind::Write;
        if mark && !mark_path(memory, format, &steps[..depth], dirty) {
            return None;
        }
        let base = match (format, size) {
            // PSE-36: bits 13..=20 are address bits 32..=39.
            (Format::Legacy, 0x40_0000) => leaf & 0xffc0_0000 | (leaf >> 13 & 0xff) << 32,
            _ => leaf & format.address_mask(),
        };
        Some(Ok(Page {
            phys: (base & !(size - 1) | linear & (size - 1)) & self.phys_mask,
            size,
            read: self.allows(AccessKind::Read, rights, user, writable, nx),
            write: (dirty || leaf & pte::D != 0)
                && self.allows(AccessKind::Write, rights, user, writable, nx),
            fetch: self.allows(AccessKind::Fetch, rights, user, writable, nx),
            global: leaf & pte::G != 0 && self.cr4 & PGE != 0,
        }))
    }

    /// Bits that must be zero in a present entry of `level`.
    #[inline(always)]
    fn reserved(&self, format: Format, level: u32, large: bool) -> u64 {
        let beyond = !self.phys_mask & 0x000f_ffff_ffff_ffff;
        let nx = if self.nxe() { 0 } else { pte::NX };
        let aligned = |size: u64| (size - 1) & !0x1fff;
        match format {
            Format::Legacy if large && self.pse36 => {
                // 4 MiB page: address bits 32.. up to min(40, MAXPHYADDR) from bit 13 on; the rest up to 21.
                let high = (self.phys_mask >> 32 & 0xff) << 13;
                0x003f_e000 & !high
            }
            Format::Legacy if large => 0x003f_e000,
            Format::Legacy => 0,
            Format::Pae => beyond | 0x7ff0_0000_0000_0000 | nx | if large { aligned(0x20_0000) } else { 0 },
            Format::Long => {
                let shape = match (level, large) {
                    (4, _) => pte::PS,
                    (3, true) => aligned(0x4000_0000),
                    (3, false) if !self.gigabyte_pages => pte::PS,
                    (2, true) => aligned(0x20_0000),
                    _ => 0,
                };
                beyond | nx | shape
            }
        }
    }
}

/// Sets A on the path and D on its leaf; false if an entry is no longer what was judged.
fn mark_path(memory: &impl PhysMem, format: Format, steps: &[Step], dirty: bool) -> bool {
    let leaf = steps.len() - 1;
    steps.iter().enumerate().all(|(i, step)| {
        let new = step.entry | pte::A | if i == leaf && dirty { pte::D } else { 0 };
        new == step.entry
            || match format {
                Format::Legacy => memory.swap_u32(step.at, step.entry as u32, new as u32),
                _ => memory.swap_u64(step.at, step.entry, new),
            }
    })
}

/// Reads the four PAE page-directory pointers at `cr3`; none if one of them has a reserved bit set (#GP(0)).
/// SDM vol. 3A, 5.4.1.
pub fn read_pdptes(memory: &impl PhysMem, cr3: u64, phys_mask: u64) -> Option<[u64; 4]> {
    let reserved = 0x1e6 | !phys_mask;
    let entries: [u64; 4] = std::array::from_fn(|i| memory.read_u64((cr3 & 0xffff_ffe0) + 8 * i as u64));
    let good = entries.iter().all(|e| e & pte::P == 0 || e & reserved == 0);
    good.then_some(entries)
}
