//! Identities of what the fetch table answers, for caches that skip it: jump caches and chained blocks.
//!
//! A cache entry made under a tag is good while the tag of its half is the same. There is one for linear addresses
//! with bit 63 set (kernels) and one for the rest, and they live by different rules: the high half's outlasts
//! changes of address space as long as all of its entries are global, as a kernel's are; the low half's belongs to
//! one address space and comes back with it. No number is used twice.

use crate::tlb::entry::Full;

/// The tags in force, and those of address spaces that wait.
#[repr(C)]
pub(super) struct Tags {
    /// Of the low and of the high half.
    pub(super) now: [u64; 2],
    /// The last number given out.
    last: u64,
    asid: u16,
    /// Entries of the high half that are not global, of every address space.
    high_local: usize,
    /// The low half's by ASID; zero where none is good any more, as beyond the end.
    low: Vec<u64>,
}

/// Whether an address belongs to the high half.
fn is_high(full: &Full) -> bool {
    full.vpage >> 63 != 0
}

impl Tags {
    pub(super) fn new() -> Self {
        Self {
            now: [1, 2],
            last: 2,
            asid: 0,
            high_local: 0,
            low: vec![1],
        }
    }

    fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// An entry was added.
    pub(super) fn added(&mut self, full: &Full) {
        self.high_local += usize::from(is_high(full) && !full.global);
    }

    /// An entry went. [`Tags::settle`] must follow before anyone asks for a tag.
    pub(super) fn removed(&mut self, full: &Full) {
        if is_high(full) {
            self.high_local -= usize::from(!full.global);
            self.now[1] = 0;
        } else if full.global {
            self.low.clear();
        } else if let Some(tag) = self.low.get_mut(usize::from(full.asid)) {
            *tag = 0;
        }
    }

    /// Replaces the tags that removals took.
    pub(super) fn settle(&mut self) {
        if self.now[1] == 0 {
            self.now[1] = self.fresh();
        }
        let asid = usize::from(self.asid);
        if self.low.len() <= asid {
            self.low.resize(asid + 1, 0);
        }
        if self.low[asid] == 0 {
            self.low[asid] = self.fresh();
        }
        self.now[0] = self.low[asid];
    }

    /// Another address space comes into force.
    pub(super) fn set_asid(&mut self, asid: u16) {
        if asid == self.asid {
            return;
        }
        self.asid = asid;
        if self.high_local != 0 {
            self.now[1] = 0;
        }
        self.settle();
    }

    /// Nothing made earlier is good any more.
    pub(super) fn renew(&mut self) {
        self.now[1] = 0;
        self.low.clear();
        self.settle();
    }
}
