//! What the fast path declines: victims, write tracking, ROM, I/O, and whole runs of bytes.

use crate::addr::{GuestPhys, GuestVirt, PAGE_MASK};
use crate::host::{self, Width};
use crate::tlb::entry::{DISCARD, Entry, IO, NOTDIRTY, Word};
use crate::tlb::types::{Access, MmuIndex, Probe, Slow};
use crate::tlb::{Tlb, within_page};

/// What an access to one page comes to.
pub(super) enum Page {
    /// Host memory of a copy of the entry.
    Ram(Entry),
    /// Through the address space.
    Io(GuestPhys),
    /// A write that vanishes.
    Dropped,
    Miss,
}

impl Tlb {
    /// # Panics
    /// If the access crosses a page, which is the caller's bug: it has to probe both pages first.
    pub(super) fn page(&mut self, idx: MmuIndex, vaddr: GuestVirt, len: usize, access: Access) -> Page {
        assert!(
            within_page(vaddr, len),
            "a slow access crosses a page: {vaddr:?}+{len}"
        );
        let table = &mut self.tables[idx.raw()];
        let Some(slot) = table.find(vaddr.0, access) else {
            return Page::Miss;
        };
        let (entry, full) = (table.entries[slot], &table.full[slot]);
        let word = entry.word(access);
        if word.has(IO) {
            return Page::Io(GuestPhys(full.ppage | vaddr.page_offset()));
        }
        if access == Access::Write && word.has(DISCARD) {
            return Page::Dropped;
        }
        Page::Ram(entry)
    }

    /// After a store: tells who tracks the page, and lets later stores through if nobody does any more.
    pub(super) fn written(&mut self, idx: MmuIndex, vaddr: GuestVirt, len: u64, entry: &Entry) {
        if !entry.write.has(NOTDIRTY) {
            return;
        }
        if len == 0 {
            return;
        }
        self.dirty.mark(entry.ram.add(vaddr.page_offset()), len);
        if !self.dirty.tracks_writes(entry.ram) {
            // `page` brought the entry to its slot.
            self.tables[idx.raw()].entries[super::slot_of(vaddr.0)]
                .write
                .clear(NOTDIRTY);
        }
    }

    /// Before a store of `len` bytes that does not go through [`slow_store`](Self::slow_store), to a page in the table's
    /// first place: tells trackers that the page is written, and lets this and later stores through if nobody tracks it
    /// any more. Does nothing where code lies: that store has to be seen when it is made.
    ///
    /// A tracker on another thread that takes the page between this and the store learns of it as of any store that it
    /// did not see: by [`reprotect`](Self::reprotect).
    pub fn announce_store(&mut self, idx: MmuIndex, vaddr: GuestVirt, len: u64) {
        let entry = &mut self.tables[idx.raw()].entries[super::slot_of(vaddr.0)];
        let at = entry.ram.add(vaddr.page_offset());
        if entry.write != Word::new(vaddr.0 & PAGE_MASK, NOTDIRTY) || self.dirty.code_free(at, len) < len {
            return;
        }
        self.dirty.mark(at, len);
        if !self.dirty.tracks_writes(at) {
            entry.write.clear(NOTDIRTY);
        }
    }

    /// Reads through victim entries. The access must not cross a page.
    pub fn slow_load<T: Width>(&mut self, idx: MmuIndex, vaddr: GuestVirt) -> Slow<T> {
        match self.page(idx, vaddr, size_of::<T>(), Access::Read) {
            // SAFETY: `page` says the bytes lie in the entry's RAM page, which `blocks` keeps mapped.
            Page::Ram(entry) => Slow::Done(unsafe { T::load(entry.host(vaddr.0)) }),
            Page::Io(paddr) => Slow::Io(paddr),
            Page::Dropped | Page::Miss => Slow::Miss,
        }
    }

    /// Writes through victim entries and write tracking. The access must not cross a page.
    pub fn slow_store<T: Width>(&mut self, idx: MmuIndex, vaddr: GuestVirt, value: T) -> Slow<()> {
        match self.page(idx, vaddr, size_of::<T>(), Access::Write) {
            Page::Ram(entry) => {
                // SAFETY: as in `slow_load`, and `page` says it is writable.
                unsafe { T::store(entry.host(vaddr.0), value) };
                self.written(idx, vaddr, T::SIZE, &entry);
                Slow::Done(())
            }
            Page::Io(paddr) => Slow::Io(paddr),
            Page::Dropped => Slow::Done(()),
            Page::Miss => Slow::Miss,
        }
    }

    /// Compares and swaps through victim entries and write tracking; on ROM compares only. The access must not
    /// cross a page. A misaligned `u128`, which the guest's own check forbids, is not atomic.
    pub fn slow_cas<T: Width>(
        &mut self,
        idx: MmuIndex,
        vaddr: GuestVirt,
        old: T,
        new: T,
    ) -> Slow<Result<T, T>> {
        match self.page(idx, vaddr, size_of::<T>(), Access::Write) {
            Page::Ram(entry) => {
                let at = entry.host(vaddr.0);
                let result = if T::SIZE == 16 && !vaddr.0.is_multiple_of(16) {
                    // SAFETY: as in `slow_store`.
                    let found = unsafe { T::load(at) };
                    if found == old {
                        // SAFETY: as in `slow_store`.
                        unsafe { T::store(at, new) };
                        Ok(found)
                    } else {
                        Err(found)
                    }
                } else {
                    // SAFETY: as in `slow_store`; aligned for `u128` by the test above.
                    unsafe { T::cas(at, old, new) }
                };
                if result.is_ok() {
                    self.written(idx, vaddr, T::SIZE, &entry);
                }
                Slow::Done(result)
            }
            Page::Dropped => match self.slow_load::<T>(idx, vaddr) {
                Slow::Done(found) => Slow::Done(if found == old { Ok(found) } else { Err(found) }),
                Slow::Io(paddr) => Slow::Io(paddr),
                Slow::Miss => Slow::Miss,
            },
            Page::Io(paddr) => Slow::Io(paddr),
            Page::Miss => Slow::Miss,
        }
    }

    /// Copies bytes of one page out: the inner loop of REP MOVS and of page-crossing loads.
    pub fn read_bytes(&mut self, idx: MmuIndex, vaddr: GuestVirt, to: &mut [u8]) -> Slow<()> {
        match self.page(idx, vaddr, to.len(), Access::Read) {
            Page::Ram(entry) => {
                // SAFETY: as in `slow_load`.
                unsafe { host::copy_from(entry.host(vaddr.0), to) };
                Slow::Done(())
            }
            Page::Io(paddr) => Slow::Io(paddr),
            Page::Dropped | Page::Miss => Slow::Miss,
        }
    }

    /// Copies bytes into one page.
    pub fn write_bytes(&mut self, idx: MmuIndex, vaddr: GuestVirt, from: &[u8]) -> Slow<()> {
        match self.page(idx, vaddr, from.len(), Access::Write) {
            Page::Ram(entry) => {
                // SAFETY: as in `slow_store`.
                unsafe { host::copy_to(entry.host(vaddr.0), from) };
                self.written(idx, vaddr, from.len() as u64, &entry);
                Slow::Done(())
            }
            Page::Io(paddr) => Slow::Io(paddr),
            Page::Dropped => Slow::Done(()),
            Page::Miss => Slow::Miss,
        }
    }

    /// Asks whether an access would miss, before its first visible effect (page-crossing stores, REP, RMW).
    /// Brings a victim back, as the access would.
    pub fn probe(&mut self, idx: MmuIndex, vaddr: GuestVirt, access: Access) -> Probe {
        if access == Access::Fetch {
            return self.fetch(idx, vaddr);
        }
        let table = &mut self.tables[idx.raw()];
        let Some(slot) = table.find(vaddr.0, access) else {
            return Probe::Miss;
        };
        let paddr = GuestPhys(table.full[slot].ppage | vaddr.0 & !PAGE_MASK);
        let entry = &table.entries[slot];
        if entry.word(access).has(IO) {
            Probe::Io(paddr)
        } else {
            Probe::Ram {
                paddr,
                ram: entry.ram.add(vaddr.page_offset()),
            }
        }
    }
}
