//! Pages whose every access a debugger wants to see.
//!
//! Their words carry a flag that the fast path never matches; what the slow path does, and which entries there are, is
//! the same with the flag as without.

use crate::addr::GuestVirt;
use crate::tlb::Tlb;
use crate::tlb::entry::{Entry, WATCHED};

impl Entry {
    pub(super) fn set_watched(&mut self, watched: bool) {
        for word in [&mut self.read, &mut self.write] {
            if watched {
                word.set(WATCHED);
            } else {
                word.clear(WATCHED);
            }
        }
    }
}

impl Tlb {
    /// Accesses to these linear pages (of any address space) take the slow path from now on, all others the fast one
    /// again. `pages` are page addresses, sorted.
    pub fn watch_pages(&mut self, pages: Vec<GuestVirt>) {
        self.watched = pages;
        self.flag_watched();
    }

    /// Whether the page of `vaddr` is watched.
    #[inline]
    pub fn is_watched(&self, vaddr: GuestVirt) -> bool {
        !self.watched.is_empty() && self.watched.binary_search(&vaddr.page()).is_ok()
    }

    /// Puts the flag on the entries there are.
    pub(super) fn flag_watched(&mut self) {
        let watched = &self.watched;
        for table in &mut self.tables {
            table.for_each_mut(|entry, full| {
                entry.set_watched(watched.binary_search(&GuestVirt(full.vpage)).is_ok());
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tlb::entry::{Entry, INVALID, NOTDIRTY, WATCHED};

    /// Setting and clearing leaves every other flag.
    #[test]
    fn the_flag_is_one_of_many() {
        let mut entry = Entry::empty(3);
        entry.write.set(NOTDIRTY);
        entry.set_watched(true);
        assert!(entry.read.has(WATCHED) && entry.write.has(NOTDIRTY) && entry.read.has(INVALID));
        entry.set_watched(false);
        assert!(!entry.read.has(WATCHED) && entry.write.has(NOTDIRTY) && entry.read.has(INVALID));
    }
}
