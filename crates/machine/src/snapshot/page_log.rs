//! Which pages of RAM changed since when, for any number of users, from the one log that memory keeps.
//!
//! Memory's dirty bits can be taken once only ([`DirtyClient::Migration`]). Here each page gets the number of the
//! round in which it was last found changed; a user remembers the round of its last look.

use softmmu::{DirtyClient, DirtyMemory, PAGE_SIZE, RamAddr, RamBlock};
use std::sync::Arc;

/// Pages that share a note of the last change among them: 2 MiB.
const GROUP: usize = 512;

/// A moment of a machine's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// The log of one machine. Pages go by their numbers in RAM offsets ([`RamAddr::page_number`]).
pub struct PageLog {
    dirty: Arc<DirtyMemory>,
    round: u64,
    changed: Vec<u64>,
    groups: Vec<u64>,
}

impl PageLog {
    /// A log of the memory that `blocks` are all of, in which everything has changed since [`Mark::default`].
    ///
    /// # Panics
    /// Without blocks.
    pub fn new(blocks: &[RamBlock]) -> Self {
        let end = blocks.iter().map(|block| block.base().0 + block.size()).max();
        let pages = (end.expect("a machine has memory") / PAGE_SIZE) as usize;
        Self {
            dirty: Arc::clone(blocks[0].dirty()),
            round: 0,
            changed: vec![0; pages],
            groups: vec![0; pages.div_ceil(GROUP)],
        }
    }

    /// Notes what changed up to now, and names this moment. The CPUs are stopped, and are told before they run on
    /// ([`target_i386::Vcpu::protect_cleaned`]); if not, pages that they may write unseen count as changed.
    pub fn now(&mut self) -> Mark {
        let round = self.round + 1;
        let (changed, groups) = (&mut self.changed, &mut self.groups);
        let bytes = changed.len() as u64 * PAGE_SIZE;
        self.dirty
            .take_dirty(DirtyClient::Migration, RamAddr(0), bytes, |page| {
                let number = page.page_number() as usize;
                changed[number] = round;
                groups[number / GROUP] = round;
            });
        self.round = round;
        Mark(round)
    }

    /// Calls `f` with each page that changed after `mark`, as far as [`now`](Self::now) has noted, in ascending order.
    pub fn changed_since(&self, mark: Mark, mut f: impl FnMut(u64)) {
        for (group, _) in self
            .groups
            .iter()
            .enumerate()
            .filter(|&(_, &round)| round > mark.0)
        {
            let first = group * GROUP;
            let end = self.changed.len().min(first + GROUP);
            let numbers = (first..end).filter(|&number| self.changed[number] > mark.0);
            numbers.for_each(|number| f(number as u64));
        }
    }
}
