//! Which slots of a data table belong to which address space, so that a change of address space looks at the slots
//! of two of them only.
//!
//! A shortcut, never the truth: the sets may hold slots that meanwhile belong to others or are empty; whoever walks
//! one looks at the entry. What they never do is miss one. The few address spaces used last have sets of their own
//! (Linux rotates through six), the slots of all others share one.

use crate::tlb::table::{Bits, SETS, each};

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

    /// The address space in force, and the slots that may hold its entries.
    pub(super) fn in_force(&self) -> (u16, Bits) {
        (self.asids[self.now], self.slots[self.now])
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

    /// Puts `asid` in force and gives its slots, exactly. `local` are the slots in use, `asid_of` says whose they
    /// are.
    pub(super) fn enter(&mut self, asid: u16, local: &Bits, asid_of: impl Fn(usize) -> u16) -> Bits {
        let set = self.set_of(asid).unwrap_or_else(|| {
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
        });
        self.now = set;
        // What waited among the others moves to the set; what is stale goes.
        let candidates = self.others;
        self.others.iter_mut().zip(local).for_each(|(a, b)| *a &= b);
        let (slots, others) = (&mut self.slots[set], &mut self.others);
        each(&candidates, |slot| {
            let bit = 1 << (slot % 64);
            if local[slot / 64] & bit != 0 && asid_of(slot) == asid {
                slots[slot / 64] |= bit;
                others[slot / 64] &= !bit;
            }
        });
        // Slots that others have taken since need not be looked at again; entering is when the set is read whole.
        let old = *slots;
        each(&old, |slot| {
            if local[slot / 64] & 1 << (slot % 64) == 0 || asid_of(slot) != asid {
                slots[slot / 64] &= !(1 << (slot % 64));
            }
        });
        *slots
    }

    /// No slot holds an entry that is not global.
    pub(super) fn clear(&mut self) {
        self.slots = [NONE; SPACES];
        self.others = NONE;
    }
}
