//! The softmmu TLB of one vCPU.
#![allow(clippy::unimplemented)]
use std::sync::Arc;

use crate::addr::{GuestPhys, GuestVirt, RamAddr};
use crate::dirty::DirtyMemory;
use crate::flat::Translation;
use crate::host::Width;

/// Number of MMU indexes: address-translation modes whose entries must not be mixed (supervisor, supervisor
/// with SMAP suspended, user, ...). The target assigns them.
pub const MMU_INDEXES: usize = 4;

/// An MMU index below [`MMU_INDEXES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MmuIndex(u8);

impl MmuIndex {
    /// Index `raw`.
    ///
    /// # Panics
    /// If it is not below [`MMU_INDEXES`].
    pub const fn new(raw: u8) -> Self {
        assert!((raw as usize) < MMU_INDEXES);
        Self(raw)
    }
    /// The number.
    #[inline(always)]
    pub const fn raw(self) -> usize {
        self.0 as usize
    }
}

/// Kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Data read.
    Read,
    /// Data write, or the read of a read-modify-write.
    Write,
    /// Instruction fetch.
    Fetch,
}

/// What a data entry lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prot {
    /// Reads.
    pub read: bool,
    /// Writes (only once the page's dirty bit is set).
    pub write: bool,
}

/// No entry for the address: walk the page tables and fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miss;

/// The result of a page walk, to be remembered.
#[derive(Clone, Debug)]
pub struct TlbFill {
    /// The linear address that missed.
    pub vaddr: GuestVirt,
    /// Its physical address.
    pub paddr: GuestPhys,
    /// Read or write fills the data table by `prot`; fetch fills the fetch table.
    pub access: Access,
    /// What a data entry lets through.
    pub prot: Prot,
    /// The page survives flushes of its address space (CR4.PGE and the G bit).
    pub global: bool,
    /// Bytes of the guest's page: 4 KiB, 2 MiB, 4 MiB, 1 GiB.
    pub page_size: u64,
    /// What `AddressSpace::translate` or `FlatView::translate` said of `paddr`.
    pub translation: Translation,
}

/// What a slow access found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow<T> {
    /// Done, with the value read.
    Done(T),
    /// Not RAM: do it through the address space at this address.
    Io(GuestPhys),
    /// No entry: walk, fill, and try again.
    Miss,
}

/// What is known of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// RAM; accesses within the page will not miss.
    Ram {
        /// Physical address.
        paddr: GuestPhys,
        /// RAM offset.
        ram: RamAddr,
    },
    /// Not RAM, or RAM that has to be reached through the address space.
    Io(GuestPhys),
    /// No entry.
    Miss,
}

/// The TLB of one vCPU. About 300 KiB, so keep it boxed, alone or as part of the vCPU.
pub struct Tlb {}

#[allow(unused_variables)]
impl Tlb {
    /// An empty TLB.
    pub fn new(dirty: Arc<DirtyMemory>) -> Box<Self> {
        unimplemented!()
    }
    /// The address-space identifier (PCID) in force; entries of others wait invisibly.
    pub fn asid(&self) -> u16 {
        unimplemented!()
    }
    /// Switches address space, flushing nothing.
    pub fn set_asid(&mut self, asid: u16) {
        unimplemented!()
    }
    /// The fast path: `None` for a miss, a page crossing, I/O: go on with [`Tlb::slow_load`].
    #[inline(always)]
    pub fn load<T: Width>(&self, idx: MmuIndex, vaddr: GuestVirt) -> Option<T> {
        unimplemented!()
    }
    /// The fast path: `None` for a miss, a page crossing, I/O, a watched page: go on with [`Tlb::slow_store`].
    #[inline(always)]
    pub fn store<T: Width>(&self, idx: MmuIndex, vaddr: GuestVirt, value: T) -> Option<()> {
        unimplemented!()
    }
    /// The fast path of a LOCKed instruction; inner `Err` is the value found. `None`: go on with
    /// [`Tlb::slow_cas`]. Misaligned `u128` is `None` in both.
    #[inline(always)]
    pub fn cas<T: Width>(&self, idx: MmuIndex, vaddr: GuestVirt, old: T, new: T) -> Option<Result<T, T>> {
        unimplemented!()
    }
    /// Reads through victim entries. The access must not cross a page.
    pub fn slow_load<T: Width>(&mut self, idx: MmuIndex, vaddr: GuestVirt) -> Slow<T> {
        unimplemented!()
    }
    /// Writes through victim entries and write tracking. The access must not cross a page.
    pub fn slow_store<T: Width>(&mut self, idx: MmuIndex, vaddr: GuestVirt, value: T) -> Slow<()> {
        unimplemented!()
    }
    /// Compares and swaps through victim entries and write tracking. The access must not cross a page.
    pub fn slow_cas<T: Width>(
        &mut self,
        idx: MmuIndex,
        vaddr: GuestVirt,
        old: T,
        new: T,
    ) -> Slow<Result<T, T>> {
        unimplemented!()
    }
    /// Asks whether an access would miss, before its first visible effect (page-crossing stores, REP, RMW).
    pub fn probe(&mut self, idx: MmuIndex, vaddr: GuestVirt, access: Access) -> Probe {
        unimplemented!()
    }
    /// Looks an instruction address up in the fetch table.
    #[inline]
    pub fn fetch(&self, idx: MmuIndex, vaddr: GuestVirt) -> Probe {
        unimplemented!()
    }
    /// Copies `to.len()` instruction bytes from the page of `vaddr`, which must be a RAM hit of [`Tlb::fetch`] and
    /// hold them all. False if not.
    pub fn fetch_bytes(&self, idx: MmuIndex, vaddr: GuestVirt, to: &mut [u8]) -> bool {
        unimplemented!()
    }
    /// Remembers a translation for the current ASID.
    pub fn fill(&mut self, idx: MmuIndex, fill: &TlbFill) {
        unimplemented!()
    }
    /// Everything, global pages too (CR4.PGE, CR0.PG writes, a changed memory map).
    pub fn flush_all(&mut self) {
        unimplemented!()
    }
    /// Everything of one MMU index.
    pub fn flush_index(&mut self, idx: MmuIndex) {
        unimplemented!()
    }
    /// What is not global, of every ASID (INVPCID type 3).
    pub fn flush_non_global(&mut self) {
        unimplemented!()
    }
    /// What is not global, of one ASID (MOV CR3, INVPCID type 1).
    pub fn flush_asid(&mut self, asid: u16) {
        unimplemented!()
    }
    /// The page around `vaddr`, of the current ASID or global (INVLPG). All of a large page goes.
    pub fn flush_page(&mut self, vaddr: GuestVirt) {
        unimplemented!()
    }
    /// The page around `vaddr` of one ASID, global pages excepted (INVPCID type 0).
    pub fn flush_page_asid(&mut self, vaddr: GuestVirt, asid: u16) {
        unimplemented!()
    }
    /// Writes of this vCPU to the RAM page go through [`Tlb::slow_store`] from now on. Call after
    /// [`DirtyMemory::watch_code`].
    pub fn protect_code(&mut self, page: RamAddr) {
        unimplemented!()
    }
    /// Answers [`DirtyMemory::take_dirty`] of other threads: call when [`DirtyMemory::cleaned`] changed.
    pub fn reprotect(&mut self) {
        unimplemented!()
    }
    /// Counts the flushes that removed fetch entries; caches keyed by linear address die with it.
    #[inline(always)]
    pub fn fetch_generation(&self) -> u64 {
        unimplemented!()
    }
}
