//! The data table of one MMU index: a direct-mapped array and eight victims.
//!
//! Geometry is fixed, and what an operation does depends on earlier operations only: what the table holds is
//! visible to the guest (it sees which page walks happen), so under counted time it is machine state.

use crate::addr::PAGE_SHIFT;
use crate::tlb::entry::{Entry, Full, matches};
use crate::tlb::types::Access;

/// Slots of the direct-mapped array. 1024 pages reach 4 MiB; 32 KiB of compare words per index.
pub(super) const SETS: usize = 1024;
/// Entries that a colliding fill displaced.
pub(super) const VICTIMS: usize = 8;

/// One bit per slot.
type Bits = [u64; SETS / 64];

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
    pub(super) victims: [Option<(Entry, Full)>; VICTIMS],
    pub(super) next_victim: u8,
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
                    .write(Entry::EMPTY);
                (&raw mut (*at).full).cast::<Full>().add(slot).write(Full::EMPTY);
            }
            (&raw mut (*at).used).write([0; SETS / 64]);
            (&raw mut (*at).local).write([0; SETS / 64]);
            (&raw mut (*at).large).write([0; SETS / 64]);
            (&raw mut (*at).large_span).write((u64::MAX, 0));
            (&raw mut (*at).victims).write([None; VICTIMS]);
            (&raw mut (*at).next_victim).write(0);
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
        self.entries[slot] = Entry::EMPTY;
    }

    /// The slot of `vaddr` if it holds an entry for the access, bringing it back from the victims if need be.
    pub(super) fn find(&mut self, vaddr: u64, access: Access) -> Option<usize> {
        let slot = slot_of(vaddr);
        if matches(self.entries[slot].word(access), vaddr) {
            return Some(slot);
        }
        let at = self
            .victims
            .iter()
            .position(|v| v.as_ref().is_some_and(|(e, _)| matches(e.word(access), vaddr)))?;
        let displaced = self.is_used(slot).then(|| (self.entries[slot], self.full[slot]));
        let (entry, full) = std::mem::replace(&mut self.victims[at], displaced)?;
        self.put(slot, entry, full);
        Some(slot)
    }

    /// Enters a new entry, displacing what is in its slot unless that is the same page of the same address space.
    pub(super) fn fill(&mut self, entry: Entry, full: Full) {
        let same = |old: &Full| old.vpage == full.vpage && old.visible(full.asid);
        for victim in &mut self.victims {
            if victim.as_ref().is_some_and(|(_, old)| same(old)) {
                *victim = None;
            }
        }
        let slot = slot_of(full.vpage);
        if self.is_used(slot) && !same(&self.full[slot]) {
            let next = usize::from(self.next_victim) % VICTIMS;
            self.victims[next] = Some((self.entries[slot], self.full[slot]));
            self.next_victim = ((next + 1) % VICTIMS) as u8;
        }
        self.put(slot, entry, full);
    }

    /// Places a victim, when a saved state is restored.
    pub(super) fn set_victim(&mut self, at: usize, entry: Entry, full: Full) {
        if full.is_large() {
            self.note_large(&full);
        }
        self.victims[at] = Some((entry, full));
    }

    /// Removes everything; the victim position starts over.
    pub(super) fn clear(&mut self) {
        let used = std::mem::take(&mut self.used);
        each(&used, |slot| self.entries[slot] = Entry::EMPTY);
        self.local = [0; SETS / 64];
        self.large = [0; SETS / 64];
        self.large_span = (u64::MAX, 0);
        self.victims = [None; VICTIMS];
        self.next_victim = 0;
    }

    /// Removes the entries that are not global and that `condemned` says.
    pub(super) fn remove_local_if(&mut self, condemned: impl Fn(&Full) -> bool) {
        let local = self.local;
        each(&local, |slot| {
            if condemned(&self.full[slot]) {
                self.remove(slot);
            }
        });
        for victim in &mut self.victims {
            if victim
                .as_ref()
                .is_some_and(|(_, full)| !full.global && condemned(full))
            {
                *victim = None;
            }
        }
    }

    /// Removes the entries of the guest's page around `vaddr` that `condemned` says.
    pub(super) fn remove_page(&mut self, vaddr: u64, condemned: impl Fn(&Full) -> bool) {
        let gone = |full: &Full| full.covers(vaddr) && condemned(full);
        let slot = slot_of(vaddr);
        if self.is_used(slot) && gone(&self.full[slot]) {
            self.remove(slot);
        }
        if self.large_span.0 <= vaddr && vaddr <= self.large_span.1 {
            let large = self.large;
            each(&large, |slot| {
                if gone(&self.full[slot]) {
                    self.remove(slot);
                }
            });
        }
        for victim in &mut self.victims {
            if victim.as_ref().is_some_and(|(_, full)| gone(full)) {
                *victim = None;
            }
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

    /// Hides the entries of other address spaces than `asid` from the fast path, and shows its own.
    pub(super) fn park_all_but(&mut self, asid: u16) {
        let local = self.local;
        each(&local, |slot| {
            self.entries[slot].set_parked(self.full[slot].asid != asid)
        });
        for (entry, full) in self.victims.iter_mut().flatten() {
            entry.set_parked(!full.visible(asid));
        }
    }

    /// Calls `f` with each used slot, ascending.
    pub(super) fn for_each_slot(&self, mut f: impl FnMut(usize, &Full)) {
        each(&self.used, |slot| f(slot, &self.full[slot]));
    }
}
