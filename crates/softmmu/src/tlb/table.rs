//! The data table of one MMU index: a direct-mapped array and eight victims.
//!
//! Geometry is fixed, and what an operation does depends on earlier operations only: what the table holds is
//! visible to the guest (it sees which page walks happen), so under counted time it is machine state.

use crate::addr::{PAGE_MASK, PAGE_SHIFT};
use crate::tlb::entry::{Entry, Full};
use crate::tlb::spaces::Spaces;
use crate::tlb::types::Access;

/// Slots of the direct-mapped array. 1024 pages reach 4 MiB; 32 KiB of compare words per index.
pub(super) const SETS: usize = 1024;
/// Entries that a colliding fill displaced.
pub(super) const VICTIMS: usize = 8;

/// One bit per slot.
pub(super) type Bits = [u64; SETS / 64];

/// The page of a victim position that holds none: equal to no page.
const NO_PAGE: u64 = 1;

#[repr(C)]
pub(super) struct Table {
    pub(super) entries: [Entry; SETS],
    pub(super) full: [Full; SETS],
    pub(super) used: Bits,
    /// Slots that hold an entry which is not global: what a change of address space is about.
    local: Bits,
    /// Slots that hold a piece of a page larger than 4 KiB.
    large: Bits,
    /// Linear addresses from the lowest to the highest large page since the last complete flush: addresses outside
    /// need no scan.
    large_span: (u64, u64),
    victims: [Option<(Entry, Full)>; VICTIMS],
    /// The linear page of each victim, or [`NO_PAGE`]: what a search compares.
    victim_pages: [u64; VICTIMS],
    pub(super) next_victim: u8,
    /// Which slots belong to which address space.
    spaces: Spaces,
}

/// The slot of a linear address.
#[inline(always)]
pub(super) fn slot_of(vaddr: u64) -> usize {
    (vaddr >> PAGE_SHIFT) as usize & (SETS - 1)
}

/// Calls `f` with each slot whose bit is set.
fn each(bits: &Bits, mut f: impl FnMut(usize)) {
    for (word, &bits) in bits.iter().enumerate() {
        let mut left = bits;
        while left != 0 {
            f(word * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

impl Table {
    /// Initialises in place: the table is too large to pass through a stack.
    ///
    /// # Safety
    /// `at` is valid for writes of a `Table`.
    #[allow(unsafe_code)] // field-wise initialisation of a large boxed struct
    pub(super) unsafe fn init(at: *mut Self) {
        // SAFETY: the caller vouches for `at`; every field is written.
        unsafe {
            for slot in 0..SETS {
                (&raw mut (*at).entries)
                    .cast::<Entry>()
                    .add(slot)
                    .write(Entry::empty(slot));
                (&raw mut (*at).full).cast::<Full>().add(slot).write(Full::EMPTY);
            }
            (&raw mut (*at).used).write([0; SETS / 64]);
            (&raw mut (*at).local).write([0; SETS / 64]);
            (&raw mut (*at).large).write([0; SETS / 64]);
            (&raw mut (*at).large_span).write((u64::MAX, 0));
            (&raw mut (*at).victims).write([None; VICTIMS]);
            (&raw mut (*at).victim_pages).write([NO_PAGE; VICTIMS]);
            (&raw mut (*at).next_victim).write(0);
            (&raw mut (*at).spaces).write(Spaces::new());
        }
    }

    pub(super) fn is_used(&self, slot: usize) -> bool {
        self.used[slot / 64] & 1 << (slot % 64) != 0
    }

    pub(super) fn put(&mut self, slot: usize, entry: Entry, full: Full) {
        let bit = |set: bool| u64::from(set) << (slot % 64);
        for (bits, set) in [
            (&mut self.used, true),
            (&mut self.local, !full.global),
            (&mut self.large, full.is_large()),
        ] {
            bits[slot / 64] = bits[slot / 64] & !bit(true) | bit(set);
        }
        if full.is_large() {
            self.note_large(&full);
        }
        if !full.global {
            self.spaces.note(slot, full.asid);
        }
        self.entries[slot] = entry;
        self.full[slot] = full;
    }

    fn note_large(&mut self, full: &Full) {
        let first = full.vpage & !full.page_mask;
        self.large_span = (
            self.large_span.0.min(first),
            self.large_span.1.max(first | full.page_mask),
        );
    }

    pub(super) fn remove(&mut self, slot: usize) {
        for bits in [&mut self.used, &mut self.local, &mut self.large] {
            bits[slot / 64] &= !(1 << (slot % 64));
        }
        self.entries[slot] = Entry::empty(slot);
    }

    /// The slot of `vaddr` if it holds an entry for the access, bringing it back from the victims if need be.
    #[inline]
    pub(super) fn find(&mut self, vaddr: u64, access: Access) -> Option<usize> {
        let slot = slot_of(vaddr);
        if self.entries[slot].word(access).is_for(vaddr) {
            return Some(slot);
        }
        let page = vaddr & PAGE_MASK;
        if !self.victim_pages.contains(&page) {
            return None;
        }
        self.recall(slot, page, access)
    }

    /// Swaps the victim that serves an access to `page` with what is in its slot.
    fn recall(&mut self, slot: usize, page: u64, access: Access) -> Option<usize> {
        let at = self
            .victims
            .iter()
            .position(|v| v.as_ref().is_some_and(|(e, _)| e.word(access).is_for(page)))?;
        let displaced = self.is_used(slot).then(|| (self.entries[slot], self.full[slot]));
        let (entry, full) = self.victims[at]?;
        self.replace_victim(at, displaced);
        self.put(slot, entry, full);
        Some(slot)
    }

    fn replace_victim(&mut self, at: usize, victim: Option<(Entry, Full)>) {
        self.victim_pages[at] = victim.as_ref().map_or(NO_PAGE, |(_, full)| full.vpage);
        self.victims[at] = victim;
    }

    /// Removes the victims that `condemned` says.
    fn remove_victims(&mut self, condemned: impl Fn(&Full) -> bool) {
        for at in 0..VICTIMS {
            if self.victim_pages[at] != NO_PAGE
                && self.victims[at].as_ref().is_some_and(|(_, full)| condemned(full))
            {
                self.replace_victim(at, None);
            }
        }
    }

    /// Enters a new entry, displacing what is in its slot unless that is the same page of the same address space.
    #[inline]
    pub(super) fn fill(&mut self, entry: Entry, full: Full) {
        let same = |old: &Full| old.vpage == full.vpage && old.visible(full.asid);
        if self.victim_pages.contains(&full.vpage) {
            self.remove_victims(same);
        }
        let slot = slot_of(full.vpage);
        if self.is_used(slot) && !same(&self.full[slot]) {
            let next = usize::from(self.next_victim) % VICTIMS;
            self.replace_victim(next, Some((self.entries[slot], self.full[slot])));
            self.next_victim = ((next + 1) % VICTIMS) as u8;
        }
        self.put(slot, entry, full);
    }

    /// The victims and their positions.
    pub(super) fn victims(&self) -> impl Iterator<Item = (usize, &Full)> {
        let held = |(at, victim): (usize, &'_ Option<(Entry, Full)>)| victim.is_some().then_some(at);
        let at = self.victims.iter().enumerate().filter_map(held);
        at.filter_map(|at| Some((at, &self.victims[at].as_ref()?.1)))
    }

    /// Places a victim, when a saved state is restored.
    pub(super) fn set_victim(&mut self, at: usize, entry: Entry, full: Full) {
        if full.is_large() {
            self.note_large(&full);
        }
        self.replace_victim(at, Some((entry, full)));
    }

    /// Removes everything; the victim position starts over.
    pub(super) fn clear(&mut self) {
        let used = std::mem::take(&mut self.used);
        each(&used, |slot| self.entries[slot] = Entry::empty(slot));
        self.local = [0; SETS / 64];
        self.large = [0; SETS / 64];
        self.large_span = (u64::MAX, 0);
        self.remove_victims(|_| true);
        self.next_victim = 0;
        self.spaces.clear();
    }

    /// Removes the entries that are not global.
    pub(super) fn remove_local(&mut self) {
        let local = self.local;
        each(&local, |slot| self.remove(slot));
        self.remove_victims(|full| !full.global);
        self.spaces.clear();
    }

    /// Removes the entries of one address space that are not global.
    pub(super) fn remove_asid(&mut self, asid: u16) {
        let mut slots = self.spaces.of(asid);
        mask(&mut slots, &self.local);
        each(&slots, |slot| {
            if self.full[slot].asid == asid {
                self.remove(slot);
            }
        });
        self.remove_victims(|full| !full.global && full.asid == asid);
    }

    /// Removes the entries of the guest's page around `vaddr` that `condemned` says.
    pub(super) fn remove_page(&mut self, vaddr: u64, condemned: impl Fn(&Full) -> bool) {
        let gone = |full: &Full| full.covers(vaddr) && condemned(full);
        let slot = slot_of(vaddr);
        if self.is_used(slot) && gone(&self.full[slot]) {
            self.remove(slot);
        }
        let large = self.large_span.0 <= vaddr && vaddr <= self.large_span.1;
        if large {
            let large = self.large;
            each(&large, |slot| {
                if gone(&self.full[slot]) {
                    self.remove(slot);
                }
            });
        }
        if large || self.victim_pages.contains(&(vaddr & PAGE_MASK)) {
            self.remove_victims(gone);
        }
    }

    /// Calls `f` with each entry, victims too.
    pub(super) fn for_each_mut(&mut self, mut f: impl FnMut(&mut Entry, &Full)) {
        let used = self.used;
        each(&used, |slot| f(&mut self.entries[slot], &self.full[slot]));
        for (entry, full) in self.victims.iter_mut().flatten() {
            f(entry, full);
        }
    }

    /// Another address space comes into force: hides the entries of the last one from the fast path, and shows
    /// the new one's.
    pub(super) fn set_asid(&mut self, asid: u16) {
        if asid == self.spaces.asid() {
            return;
        }
        let entries = &mut self.entries;
        self.spaces
            .each_in_force(&self.local, |slot| entries[slot & (SETS - 1)].set_parked(true));
        let full = &self.full;
        self.spaces.enter(asid, &self.local, |slot| {
            let slot = slot & (SETS - 1);
            let its = full[slot].asid == asid;
            if its {
                entries[slot].set_parked(false);
            }
            its
        });
        self.park_victims(asid);
    }

    fn park_victims(&mut self, asid: u16) {
        for at in 0..VICTIMS {
            if self.victim_pages[at] != NO_PAGE
                && let Some((entry, full)) = &mut self.victims[at]
            {
                entry.set_parked(!full.visible(asid));
            }
        }
    }

    /// Hides the entries of other address spaces than `asid` and shows its own, whatever was shown before.
    pub(super) fn park_all_but(&mut self, asid: u16) {
        let full = &self.full;
        self.spaces
            .enter(asid, &self.local, |slot| full[slot].asid == asid);
        let local = self.local;
        each(&local, |slot| {
            self.entries[slot].set_parked(self.full[slot].asid != asid)
        });
        self.park_victims(asid);
    }

    /// Calls `f` with each used slot, ascending.
    pub(super) fn for_each_slot(&self, mut f: impl FnMut(usize, &Full)) {
        each(&self.used, |slot| f(slot, &self.full[slot]));
    }
}

/// Keeps the bits of `bits` that `other` has.
fn mask(bits: &mut Bits, other: &Bits) {
    bits.iter_mut()
        .zip(other)
        .for_each(|(word, other)| *word &= other);
}
