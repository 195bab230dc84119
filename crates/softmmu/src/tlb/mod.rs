//! The softmmu TLB of one vCPU: what its loads, stores and fetches hit before they walk page tables.
//!
//! Mirrors QEMU's `accel/tcg/cputlb.c` in purpose. A data access compares one word and goes to host memory; every
//! other case (miss, victim, I/O, write tracking, ROM) leaves that path:
//!
//! ```text
//! load / store ── hit ──> host memory
//!      └─ None ─> slow_load / slow_store ── Done
//!                      ├─ Io(paddr) ─> AddressSpace::load / store
//!                      └─ Miss ──────> page walk, AddressSpace::translate, fill, again
//! ```
//!
//! The contents are a pure function of the calls made: fixed geometry, victims in FIFO order, no host time, no host
//! addresses. Write-tracking flags do depend on other threads, but only decide between fast and slow, never what
//! an access does.
//!
//! Entries hold raw host addresses; the TLB keeps the [`RamBlock`]s behind them alive until
//! [`Tlb::flush_all`], which a vCPU calls when its [`ViewCache`](crate::ViewCache) reports a change.
#![allow(unsafe_code)] // dereferences the host addresses of entries, which `blocks` keeps mapped

mod entry;
mod fetch;
mod flush;
pub mod layout;
mod runs;
mod slow;
mod spaces;
mod state;
mod table;
mod tags;
#[cfg(test)]
mod tests;
mod types;
mod watch;

use std::mem::offset_of;
use std::sync::Arc;

pub use types::{Access, MMU_INDEXES, MmuIndex, Probe, Prot, Slow, TlbEntry, TlbFill, TlbPart, TlbState};

use crate::addr::{GuestVirt, PAGE_MASK};
use crate::dirty::DirtyMemory;
use crate::flat::{FlatView, RamPage};
use crate::host::{self, Width};
use crate::ram::RamBlock;
use entry::{Entry, Full, NOTDIRTY, Word};
use fetch::FetchTable;
use table::{Table, slot_of};

/// The TLB of one vCPU. About 300 KiB, so it comes boxed.
#[repr(C)]
pub struct Tlb {
    tables: [Table; MMU_INDEXES],
    fetch: FetchTable,
    asid: u16,
    /// Linear pages whose accesses are to be seen.
    watched: Vec<GuestVirt>,
    dirty: Arc<DirtyMemory>,
    /// Keeps every block mapped that any entry points into.
    blocks: Blocks,
}

// SAFETY: the raw pointers point into mappings that `blocks` keeps alive and that are only touched by atomic
// accesses; nothing is tied to a thread.
unsafe impl Send for Tlb {}
// SAFETY: shared access only performs atomic accesses to guest RAM.
unsafe impl Sync for Tlb {}

impl Tlb {
    /// An empty TLB for a vCPU of the machine whose dirty state is `dirty`.
    pub fn new(dirty: Arc<DirtyMemory>) -> Box<Self> {
        let mut tlb = Box::<Self>::new_uninit();
        let at = tlb.as_mut_ptr();
        // SAFETY: each field is written once, in place, before the box counts as initialised.
        unsafe {
            for idx in 0..MMU_INDEXES {
                Table::init((&raw mut (*at).tables).cast::<Table>().add(idx));
            }
            (&raw mut (*at).fetch).write(FetchTable::new());
            (&raw mut (*at).asid).write(0);
            (&raw mut (*at).watched).write(Vec::new());
            (&raw mut (*at).dirty).write(dirty);
            (&raw mut (*at).blocks).write(Blocks(Vec::new()));
            tlb.assume_init()
        }
    }

    /// The address-space identifier (PCID) in force; entries of others wait invisibly.
    pub fn asid(&self) -> u16 {
        self.asid
    }

    /// The fast path of a load: `None` for a miss, a page crossing, I/O: go on with [`Tlb::slow_load`].
    #[inline(always)]
    pub fn load<T: Width>(&self, idx: MmuIndex, vaddr: GuestVirt) -> Option<T> {
        let entry = &self.tables[idx.raw()].entries[slot_of(vaddr.0)];
        let offset = entry.read.hit(vaddr.0, T::SIZE)?;
        // SAFETY: a word that is hit has no flag, so the entry is RAM, and the access lies in its page, which `blocks`
        // keeps mapped.
        Some(unsafe { T::load(entry.at(offset)) })
    }

    /// The fast path of a store: `None` for a miss, a page crossing, I/O, a tracked page: go on with
    /// [`Tlb::slow_store`].
    #[inline(always)]
    pub fn store<T: Width>(&self, idx: MmuIndex, vaddr: GuestVirt, value: T) -> Option<()> {
        let entry = &self.tables[idx.raw()].entries[slot_of(vaddr.0)];
        let offset = entry.write.hit(vaddr.0, T::SIZE)?;
        // SAFETY: as in `load`; a write word without flags is writable RAM.
        unsafe { T::store(entry.at(offset), value) };
        Some(())
    }

    /// The fast path of a LOCKed instruction; inner `Err` is the value found. `None`: go on with
    /// [`Tlb::slow_cas`].
    #[inline(always)]
    pub fn cas<T: Width>(&self, idx: MmuIndex, vaddr: GuestVirt, old: T, new: T) -> Option<Result<T, T>> {
        let entry = &self.tables[idx.raw()].entries[slot_of(vaddr.0)];
        let offset = entry.write.hit(vaddr.0, T::SIZE)?;
        if T::SIZE == 16 && !vaddr.0.is_multiple_of(16) {
            return None;
        }
        // SAFETY: as in `store`; pages are mapped page-aligned, so the host address is as aligned as `vaddr`.
        Some(unsafe { T::cas(entry.at(offset), old, new) })
    }

    /// The host address of `vaddr` if the fast path of a load or store of its one byte would hit: what generated code
    /// asks for once a miss is filled. The rest of the page follows it.
    ///
    /// For a write the page may be tracked as long as nobody would act on a write of these `len` bytes, which must
    /// not cross a page: data beside code.
    #[inline]
    pub fn plain_host(&self, idx: MmuIndex, vaddr: GuestVirt, len: u64, access: Access) -> Option<*mut u8> {
        let entry = &self.tables[idx.raw()].entries[slot_of(vaddr.0)];
        let (word, page) = (entry.word(access), vaddr.0 & PAGE_MASK);
        let plain = word == Word::new(page, 0)
            || access == Access::Write
                && word == Word::new(page, NOTDIRTY)
                && self.dirty.ignores(entry.ram.add(vaddr.page_offset()), len);
        plain.then(|| entry.host(vaddr.0))
    }

    /// Looks an instruction address up in the fetch table.
    #[inline]
    pub fn fetch(&self, idx: MmuIndex, vaddr: GuestVirt) -> Probe {
        self.fetch
            .find(idx, vaddr.0, self.asid)
            .map_or(Probe::Miss, |entry| entry.probe(vaddr.0))
    }

    /// Copies `to.len()` instruction bytes from the page of `vaddr`, which must be a RAM hit of [`Tlb::fetch`] and
    /// hold them all. False if not.
    pub fn fetch_bytes(&self, idx: MmuIndex, vaddr: GuestVirt, to: &mut [u8]) -> bool {
        let Some(host) = self
            .fetch
            .find(idx, vaddr.0, self.asid)
            .and_then(|entry| entry.host(vaddr.0))
        else {
            return false;
        };
        if !within_page(vaddr, to.len()) {
            return false;
        }
        // SAFETY: the bytes lie in the entry's page, which `blocks` keeps mapped.
        unsafe { host::copy_from(host, to) };
        true
    }

    /// Where, in bytes from the start of the `Tlb`, generated code finds what [`Tlb::fetch_tag`] says: a `u64` for
    /// the low half, then one for the high half.
    pub const FETCH_TAGS: usize =
        offset_of!(Self, fetch) + offset_of!(FetchTable, tags) + offset_of!(tags::Tags, now);

    /// What tells whether a hit of [`Tlb::fetch`] would be the same hit now; for caches keyed by linear address.
    ///
    /// `high` asks for the addresses with bit 63 set, else it is for the others. While the tag is equal, no entry of
    /// that half that was in force has gone. The tag of the low half comes back when its address space does, if none
    /// of its entries went meanwhile; that of the high half changes with the address space only while entries there
    /// are not global. Below 2^48 for all practical time, and never used for another state.
    #[inline(always)]
    pub fn fetch_tag(&self, high: bool) -> u64 {
        self.fetch.tags.now[usize::from(high)]
    }

    /// Remembers a translation for the current ASID.
    pub fn fill(&mut self, idx: MmuIndex, fill: &TlbFill) {
        self.fill_page(idx, fill, fill.translation.page());
    }

    /// Remembers a translation for the current ASID, to what `view` has at its physical page.
    pub fn fill_from(&mut self, idx: MmuIndex, fill: &TlbFill<()>, view: &FlatView) {
        self.fill_page(idx, fill, view.page(fill.paddr));
    }

    #[inline]
    fn fill_page<T>(&mut self, idx: MmuIndex, fill: &TlbFill<T>, ram: Option<RamPage<'_>>) {
        self.blocks.keep(&ram);
        if fill.access == Access::Fetch {
            self.fetch.fill(idx, fill, ram, self.asid);
        } else {
            let mut entry = Entry::new(fill, ram, &self.dirty);
            if self.is_watched(fill.vaddr) {
                entry.set_watched(true);
            }
            self.tables[idx.raw()].fill(entry, Full::new(fill, self.asid));
        }
    }
}

/// Blocks kept mapped until the next complete flush.
struct Blocks(Vec<RamBlock>);

impl Blocks {
    /// Keeps the block of a page that is about to be entered.
    #[inline]
    fn keep(&mut self, ram: &Option<RamPage<'_>>) {
        if let Some(page) = ram
            && !self.0.iter().any(|block| block == page.block)
        {
            self.0.push(page.block.clone());
        }
    }
}

/// Whether `len` bytes from `vaddr` on lie in one page.
fn within_page(vaddr: GuestVirt, len: usize) -> bool {
    len as u64 <= crate::PAGE_SIZE - vaddr.page_offset()
}
