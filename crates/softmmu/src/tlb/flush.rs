//! What removes entries or takes their shortcuts away: the guest's flush instructions and write tracking.

use crate::addr::{GuestVirt, PAGE_SIZE, RamAddr};
use crate::tlb::Tlb;
use crate::tlb::entry::{INVALID, NOTDIRTY};
use crate::tlb::types::MmuIndex;

impl Tlb {
    /// Switches address space, flushing nothing: entries of the old one wait until it returns.
    pub fn set_asid(&mut self, asid: u16) {
        if asid == self.asid {
            return;
        }
        self.asid = asid;
        self.fetch.tags.set_asid(asid);
        self.tables.iter_mut().for_each(|table| table.set_asid(asid));
    }

    /// Everything, global pages too (CR4.PGE, CR0.PG writes, a changed memory map, INVPCID type 2).
    pub fn flush_all(&mut self) {
        tracing::trace!(target: "mmu", "flush of everything");
        self.tables.iter_mut().for_each(|table| table.clear());
        self.fetch.clear();
        // No entry points anywhere now.
        self.blocks.0.clear();
    }

    /// Everything of one MMU index.
    pub fn flush_index(&mut self, idx: MmuIndex) {
        tracing::trace!(target: "mmu", "flush of index {}", idx.raw());
        self.tables[idx.raw()].clear();
        self.fetch.flush_index(idx);
    }

    /// What is not global, of every ASID (INVPCID type 3).
    pub fn flush_non_global(&mut self) {
        tracing::trace!(target: "mmu", "flush of what is not global");
        self.tables.iter_mut().for_each(|table| table.remove_local());
        self.fetch.remove_local_if(|_| true);
    }

    /// What is not global, of one ASID (MOV CR3, INVPCID type 1).
    pub fn flush_asid(&mut self, asid: u16) {
        tracing::trace!(target: "mmu", "flush of address space {asid}");
        self.tables.iter_mut().for_each(|table| table.remove_asid(asid));
        self.fetch.remove_local_if(|full| full.asid == asid);
    }

    /// The page around `vaddr`, of the current ASID or global (INVLPG; SDM vol 3, 5.10.4.1). All of a large page
    /// goes.
    pub fn flush_page(&mut self, vaddr: GuestVirt) {
        let asid = self.asid;
        tracing::trace!(target: "mmu", "flush of page {vaddr:?} in address space {asid}");
        self.tables
            .iter_mut()
            .for_each(|table| table.remove_page(vaddr.0, |full| full.visible(asid)));
        self.fetch.remove_page(vaddr.0, |full| full.visible(asid));
    }

    /// The page around `vaddr` of one ASID, global pages excepted (INVPCID type 0).
    pub fn flush_page_asid(&mut self, vaddr: GuestVirt, asid: u16) {
        tracing::trace!(target: "mmu", "flush of page {vaddr:?} in address space {asid}");
        let condemned = |global: bool, of: u16| !global && of == asid;
        self.tables
            .iter_mut()
            .for_each(|t| t.remove_page(vaddr.0, |full| condemned(full.global, full.asid)));
        self.fetch
            .remove_page(vaddr.0, |full| condemned(full.global, full.asid));
    }

    /// Writes of this vCPU to the RAM page go through [`Tlb::slow_store`] from now on. Call after
    /// [`CodeWatch::watch`](crate::CodeWatch::watch).
    pub fn protect_code(&mut self, page: RamAddr) {
        let page = page.page();
        for table in &mut self.tables {
            table.for_each_mut(|entry, _| {
                if entry.ram == page && entry.writes_unseen() {
                    entry.write.set(NOTDIRTY);
                }
            });
        }
    }

    /// Writes of this vCPU to all watched pages go through [`Tlb::slow_store`] from now on: for when other holders began
    /// to watch pages ([`CodeWatch::take_news`](crate::CodeWatch::take_news)).
    pub fn protect_watched(&mut self) {
        let dirty = &self.dirty;
        for table in &mut self.tables {
            table.for_each_mut(|entry, _| {
                if entry.writes_unseen() && dirty.is_code(entry.ram) {
                    entry.write.set(NOTDIRTY);
                }
            });
        }
    }

    /// Answers trackers of other threads: call when [`DirtyMemory::cleaned`](crate::DirtyMemory::cleaned) changed.
    /// Pages that this vCPU may have written unseen since they were
    /// cleaned are reported written; from now on it writes them in sight.
    pub fn reprotect(&mut self) {
        let dirty = &self.dirty;
        for table in &mut self.tables {
            table.for_each_mut(|entry, _| {
                if entry.writes_unseen() && dirty.tracks_writes(entry.ram) {
                    debug_assert!(!entry.write.has(INVALID));
                    entry.write.set(NOTDIRTY);
                    dirty.mark(entry.ram, PAGE_SIZE);
                }
            });
        }
    }

    /// As [`Tlb::reprotect`], for a vCPU that has executed nothing since the pages were cleaned: it writes them in
    /// sight from now on, and has not written them.
    pub fn protect_cleaned(&mut self) {
        let dirty = &self.dirty;
        for table in &mut self.tables {
            table.for_each_mut(|entry, _| {
                if entry.writes_unseen() && dirty.tracks_writes(entry.ram) {
                    entry.write.set(NOTDIRTY);
                }
            });
        }
    }
}
