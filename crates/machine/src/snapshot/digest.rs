//! A digest of memory that costs what changed: the sum over all pages of a hash of number and contents.

use super::memory;
use super::page_log::{Mark, PageLog};
use softmmu::{PAGE_SIZE, RamBlock};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The digest of one machine's memory.
pub struct MemoryDigest {
    /// By page number in RAM offsets.
    hashes: Vec<u64>,
    sum: u64,
    mark: Mark,
}

impl MemoryDigest {
    /// A digest that has not seen anything yet.
    pub fn new() -> Self {
        Self {
            hashes: Vec::new(),
            sum: 0,
            mark: Mark::default(),
        }
    }

    /// A digest of a machine that was just made: its RAM, the first of `blocks`, holds nothing, and nobody has to look.
    pub fn of_new(log: &mut PageLog, blocks: &[RamBlock]) -> Self {
        let mut digest = Self::new();
        digest.mark = log.now();
        for block in blocks.iter().skip(1) {
            for number in 0..block.size() / PAGE_SIZE {
                let page = block.base().page_number() + number;
                digest.note(page, page_hash(page, &memory::read(block, number)));
            }
        }
        digest
    }

    /// A page has this hash now.
    fn note(&mut self, page: u64, hash: u64) {
        let index = page as usize;
        if index >= self.hashes.len() {
            self.hashes.resize(index + 1, 0);
        }
        let old = std::mem::replace(&mut self.hashes[index], hash);
        self.sum = self.sum.wrapping_sub(old).wrapping_add(hash);
    }

    /// The digest of memory as it is. Looks at the pages that changed since the last call. The CPUs are stopped: as
    /// for [`PageLog::now`].
    pub fn update(&mut self, log: &mut PageLog, blocks: &[RamBlock]) -> u64 {
        let now = log.now();
        log.changed_since(self.mark, |page| {
            let at = page * PAGE_SIZE;
            let inside = |block: &&RamBlock| (block.base().0..block.base().0 + block.size()).contains(&at);
            let Some(block) = blocks.iter().find(inside) else {
                return;
            };
            let hash = page_hash(page, &memory::read(block, (at - block.base().0) / PAGE_SIZE));
            self.note(page, hash);
        });
        self.mark = now;
        self.sum
    }

    /// The digest of memory, computed from all of it.
    pub fn full(blocks: &[RamBlock]) -> u64 {
        let pages = blocks.iter().flat_map(|block| {
            let first = block.base().page_number();
            let pages = 0..block.size() / PAGE_SIZE;
            pages.map(move |number| page_hash(first + number, &memory::read(block, number)))
        });
        pages.fold(0, u64::wrapping_add)
    }
}

impl Default for MemoryDigest {
    fn default() -> Self {
        Self::new()
    }
}

/// What a page adds. Zero pages add nothing, so that memory which nobody used costs nothing.
fn page_hash(number: u64, bytes: &[u8; PAGE_SIZE as usize]) -> u64 {
    if *bytes == memory::ZERO {
        return 0;
    }
    xxh3_64_with_seed(bytes, number)
}
