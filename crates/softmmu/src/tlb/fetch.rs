//! The fetch table: translations of the pages instructions were executed from, of all MMU indexes.
//!
//! Entries leave by flush only, never by collision. An engine that chains blocks does not look each one up; if a
//! look-up could displace anything, what the TLB holds would depend on the engine. So this is a hash table that
//! grows, and its one limit is a flush of all of it at a fixed number of entries: a fill happens on the first
//! execution from a page since the last flush, whichever engine runs.

use crate::addr::{GuestPhys, PAGE_MASK, PAGE_SHIFT, RamAddr};
use crate::flat::RamPage;
use crate::tlb::entry::{Full, host_page};
use crate::tlb::tags::Tags;
use crate::tlb::types::{MmuIndex, Probe, TlbFill};

/// Entries at which the table is flushed.
pub(super) const LIMIT: usize = 1 << 16;
/// Index cells at first and after a flush of a large table; a power of two.
const INITIAL: usize = 512;

#[derive(Clone, Copy)]
pub(super) struct FetchEntry {
    pub(super) full: Full,
    pub(super) idx: MmuIndex,
    /// Host address of the page and its RAM offset.
    ram: Option<(*const u8, RamAddr)>,
}

impl FetchEntry {
    #[inline]
    pub(super) fn probe(&self, vaddr: u64) -> Probe {
        let offset = vaddr & !PAGE_MASK;
        let paddr = GuestPhys(self.full.ppage | offset);
        match self.ram {
            Some((_, ram)) => Probe::Ram {
                paddr,
                ram: ram.add(offset),
            },
            None => Probe::Io(paddr),
        }
    }

    /// The host address of `vaddr`.
    #[inline]
    pub(super) fn host(&self, vaddr: u64) -> Option<*const u8> {
        self.ram
            .map(|(host, _)| host.wrapping_add((vaddr & !PAGE_MASK) as usize))
    }
}

/// Entries in order of arrival, found by an open-addressed index at most half full.
struct Half {
    entries: Vec<FetchEntry>,
    /// Position in `entries` plus one, or zero.
    index: Vec<u32>,
    /// Linear addresses from the lowest to the highest large page since the last complete flush.
    large_span: (u64, u64),
    /// The MMU indexes of entries since the last complete flush, a bit each.
    indexes: u8,
}

impl Half {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            index: vec![0; INITIAL],
            large_span: (u64::MAX, 0),
            indexes: 0,
        }
    }

    /// The entries at a linear page of an index, whatever their ASIDs.
    #[inline]
    fn at(&self, idx: MmuIndex, vpage: u64) -> impl Iterator<Item = &FetchEntry> {
        let mask = self.index.len() - 1;
        let mut cell = home(vpage, idx) & mask;
        std::iter::from_fn(move || {
            let entry = self.entries.get((self.index[cell] as usize).checked_sub(1)?);
            cell = (cell + 1) & mask;
            entry
        })
        .filter(move |entry| entry.full.vpage == vpage && entry.idx == idx)
    }

    fn push(&mut self, entry: FetchEntry) {
        if entry.full.is_large() {
            let first = entry.full.vpage & !entry.full.page_mask;
            self.large_span = (
                self.large_span.0.min(first),
                self.large_span.1.max(first | entry.full.page_mask),
            );
        }
        self.indexes |= 1 << entry.idx.raw();
        self.entries.push(entry);
        if self.entries.len() * 2 > self.index.len() {
            self.index = vec![0; self.index.len() * 2];
            self.reindex();
        } else {
            self.enter(self.entries.len() - 1);
        }
    }

    fn enter(&mut self, position: usize) {
        let mask = self.index.len() - 1;
        let entry = &self.entries[position];
        let mut cell = home(entry.full.vpage, entry.idx) & mask;
        while self.index[cell] != 0 {
            cell = (cell + 1) & mask;
        }
        self.index[cell] = position as u32 + 1;
    }

    fn reindex(&mut self) {
        self.index.fill(0);
        (0..self.entries.len()).for_each(|position| self.enter(position));
    }

    /// Keeps what `keep` says, and tells `tags` of the others.
    fn retain(&mut self, tags: &mut Tags, keep: impl Fn(&FetchEntry) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|entry| {
            let stays = keep(entry);
            if !stays {
                tags.removed(&entry.full);
            }
            stays
        });
        if self.entries.len() == before {
            return;
        }
        if self.entries.is_empty() {
            self.large_span = (u64::MAX, 0);
            self.indexes = 0;
            if self.index.len() > INITIAL * 8 {
                self.index = vec![0; INITIAL];
            }
        }
        self.reindex();
    }

    /// Removes the entries of the guest's page around `vaddr` that `condemned` says.
    fn remove_page(&mut self, tags: &mut Tags, vaddr: u64, condemned: impl Fn(&Full) -> bool) {
        let vpage = vaddr & PAGE_MASK;
        let scan = self.large_span.0 <= vaddr && vaddr <= self.large_span.1;
        let any = scan
            || MmuIndex::all()
                .filter(|idx| self.indexes & 1 << idx.raw() != 0)
                .any(|idx| self.at(idx, vpage).any(|entry| condemned(&entry.full)));
        if any {
            self.retain(tags, |entry| {
                !(entry.full.covers(vaddr) && condemned(&entry.full))
            });
        }
    }
}

/// Where the search for a page starts, before it is cut to the index's length.
#[inline]
fn home(vpage: u64, idx: MmuIndex) -> usize {
    // Fibonacci hashing; the high bits are the mixed ones.
    let key = (vpage >> PAGE_SHIFT) << 2 | idx.raw() as u64;
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

/// Global entries and the others: a change of address space need not look at global ones.
#[repr(C)]
pub(super) struct FetchTable {
    pub(super) tags: Tags,
    local: Half,
    global: Half,
}

impl FetchTable {
    pub(super) fn new() -> Self {
        Self {
            tags: Tags::new(),
            local: Half::new(),
            global: Half::new(),
        }
    }

    /// The entry in force for `vaddr`.
    #[inline]
    pub(super) fn find(&self, idx: MmuIndex, vaddr: u64, asid: u16) -> Option<&FetchEntry> {
        let vpage = vaddr & PAGE_MASK;
        let local = self.local.at(idx, vpage).find(|entry| entry.full.asid == asid);
        local.or_else(|| self.global.at(idx, vpage).next())
    }

    pub(super) fn fill<T>(&mut self, idx: MmuIndex, fill: &TlbFill<T>, ram: Option<RamPage<'_>>, asid: u16) {
        let vpage = fill.vaddr.page().0;
        // Refilling a page (its permissions or frame changed without a flush) removes the old word on it.
        if self.find(idx, vpage, asid).is_some() {
            self.retain(|entry| entry.idx != idx || entry.full.vpage != vpage || !entry.full.visible(asid));
        }
        if self.local.entries.len() + self.global.entries.len() >= LIMIT {
            self.clear();
        }
        self.enter(idx, fill, ram, asid);
    }

    /// Adds an entry that is known to be wanted beside those there.
    pub(super) fn enter<T>(&mut self, idx: MmuIndex, fill: &TlbFill<T>, ram: Option<RamPage<'_>>, asid: u16) {
        let full = Full::new(fill, asid);
        let ram = ram.map(|hit| {
            let (host, ram) = host_page(&hit);
            (host.cast_const(), ram)
        });
        self.tags.added(&full);
        let half = if full.global {
            &mut self.global
        } else {
            &mut self.local
        };
        half.push(FetchEntry { full, idx, ram });
    }

    /// Keeps what `keep` says.
    fn retain(&mut self, keep: impl Fn(&FetchEntry) -> bool) {
        self.local.retain(&mut self.tags, &keep);
        self.global.retain(&mut self.tags, &keep);
        self.tags.settle();
    }

    pub(super) fn clear(&mut self) {
        self.retain(|_| false);
    }

    pub(super) fn flush_index(&mut self, idx: MmuIndex) {
        self.retain(|entry| entry.idx != idx);
    }

    /// Removes the entries that are not global and that `condemned` says.
    pub(super) fn remove_local_if(&mut self, condemned: impl Fn(&Full) -> bool) {
        self.local.retain(&mut self.tags, |entry| !condemned(&entry.full));
        self.tags.settle();
    }

    /// Removes the entries of the guest's page around `vaddr` that `condemned` says.
    pub(super) fn remove_page(&mut self, vaddr: u64, condemned: impl Fn(&Full) -> bool) {
        self.local.remove_page(&mut self.tags, vaddr, &condemned);
        self.global.remove_page(&mut self.tags, vaddr, &condemned);
        self.tags.settle();
    }

    /// All entries, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FetchEntry> {
        self.local.entries.iter().chain(&self.global.entries)
    }
}
