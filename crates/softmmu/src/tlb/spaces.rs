//! Which slots of a data table belong to which address space, so that a change of address space looks at the slots
//! of two of them only.
//!
//! A shortcut, never the truth: the sets may hold slots that meanwhile belong to others or are empty; whoever walks
//! one looks at the entry. What they never do is miss one. The few address spaces used last have sets of their own
//! (Linux rotates through six), the slots of all others share one.

use crate::tlb::table::{Bits, SETS};

/// Address spaces with a set of their own.
const SPACES: usize = 8;
const NONE: Bits = [0; SETS / 64];

/// The sets of one table.
pub(super) struct Spaces {
    asids: [u16; SPACES],
    slots: [Bits; SPACES],
    /// Slots of address spaces without a set of their own.
    others: Bits,
    /// The set of the address space in force.
    now: usize,
    /// The set that the next new address space takes, unless that is `now`.
    next: usize,
}

impl Spaces {
    /// All empty, address space 0 in force; the others are numbers that may come later.
    pub(super) fn new() -> Self {
        Self {
            asids: std::array::from_fn(|at| at as u16),
            slots: [NONE; SPACES],
            others: NONE,
            now: 0,
            next: 1,
        }
    }

    /// The address space in force.
    #[inline]
    pub(super) fn asid(&self) -> u16 {
        self.asids[self.now]
    }

    /// Calls `f` with each of the `local` slots that holds an entry of the address space in force.
    #[inline(always)]
    pub(super) fn each_in_force(&self, local: &Bits, mut f: impl FnMut(usize)) {
        // Exact but for slots that meanwhile hold global entries or nothing: only this address space fills slots now.
        for (word, bits) in self.slots[self.now].iter().enumerate() {
            each_bit(word, bits & local[word], &mut f);
        }
    }

    fn set_of(&self, asid: u16) -> Option<usize> {
        self.asids.iter().position(|have| *have == asid)
    }

    /// A slot now holds an entry of `asid`.
    #[inline]
    pub(super) fn note(&mut self, slot: usize, asid: u16) {
        let set = if asid == self.asids[self.now] {
            &mut self.slots[self.now]
        } else {
            &mut self.others
        };
        set[slot / 64] |= 1 << (slot % 64);
    }

    /// The slots that may hold entries of `asid`.
    pub(super) fn of(&self, asid: u16) -> Bits {
        let mut slots = self.others;
        if let Some(set) = self.set_of(asid) {
            slots.iter_mut().zip(&self.slots[set]).for_each(|(a, b)| *a |= b);
        }
        slots
    }

    /// Puts `asid` in force. Calls `is_its` with each of the `local` slots that may hold its entries, which says
    /// whether it does.
    #[inline(always)]
    pub(super) fn enter(&mut self, asid: u16, local: &Bits, mut is_its: impl FnMut(usize) -> bool) {
        let set = self.set_of(asid).unwrap_or_else(|| self.make_set(asid));
        self.now = set;
        let (slots, others) = (&mut self.slots[set], &mut self.others);
        for word in 0..SETS / 64 {
            // What waited among the others moves to the set.
            let candidates = (slots[word] | others[word]) & local[word];
            let mut its = 0;
            each_bit(word, candidates, &mut |slot| {
                its |= u64::from(is_its(slot)) << (slot % 64)
            });
            slots[word] = its;
            others[word] &= local[word] & !its;
        }
    }

    /// A set for an address space that has none: one of another, whose slots go to the others'.
    #[cold]
    fn make_set(&mut self, asid: u16) -> usize {
        let set = if self.next == self.now {
            (self.next + 1) % SPACES
        } else {
            self.next
        };
        self.next = (set + 1) % SPACES;
        for (others, slots) in self.others.iter_mut().zip(&mut self.slots[set]) {
            *others |= std::mem::take(slots);
        }
        self.asids[set] = asid;
        set
    }

    /// No slot holds an entry that is not global.
    pub(super) fn clear(&mut self) {
        self.slots = [NONE; SPACES];
        self.others = NONE;
    }
}

/// Calls `f` with each slot of a word of bits.
#[inline(always)]
fn each_bit(word: usize, bits: u64, f: &mut impl FnMut(usize)) {
    let mut left = bits;
    while left != 0 {
        f(word * 64 + left.trailing_zeros() as usize);
        left &= left - 1;
    }
}
