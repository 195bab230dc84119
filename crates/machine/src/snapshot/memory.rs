//! A machine's memory as page maps, and back: what changed since the last time is all that is looked at.
//!
//! Invariant: `last` is what memory held at its mark; what it holds now differs in pages that the log has noted or
//! will note since.

use super::page_log::{Mark, PageLog};
use migration::{BlockImage, PageBytes, PageMap, PageStore, SnapshotError};
use softmmu::{PAGE_SIZE, RamBlock};
use std::collections::BTreeSet;

pub(super) const ZERO: PageBytes = [0; PAGE_SIZE as usize];

/// The memory of one machine, with what is known of its past.
pub(crate) struct Memory {
    blocks: Vec<RamBlock>,
    log: PageLog,
    store: PageStore,
    last: Vec<BlockImage>,
    mark: Mark,
}

/// The contents of a page of a block.
pub(super) fn read(block: &RamBlock, number: u64) -> PageBytes {
    let mut bytes = ZERO;
    let read = block.read(number * PAGE_SIZE, &mut bytes);
    debug_assert!(read.is_some(), "page {number} lies in the block");
    bytes
}

/// Gives a page of a block these contents. Pages that have them are left alone: what was made of them stays.
pub(super) fn write(block: &RamBlock, number: u64, bytes: &PageBytes) {
    if read(block, number) != *bytes {
        let written = block.write(number * PAGE_SIZE, bytes);
        debug_assert!(written.is_some(), "page {number} lies in the block");
    }
}

impl Memory {
    /// The memory that consists of `blocks`.
    pub fn new(blocks: Vec<RamBlock>, store: PageStore) -> Self {
        let empty = |block: &RamBlock| BlockImage {
            name: block.name().into(),
            pages: PageMap::new(block.size() / PAGE_SIZE),
        };
        Self {
            log: PageLog::new(&blocks),
            last: blocks.iter().map(empty).collect(),
            blocks,
            store,
            mark: Mark::default(),
        }
    }

    /// The log of what changed, for another user of it, and the blocks.
    pub fn log_and_blocks(&mut self) -> (&mut PageLog, &[RamBlock]) {
        (&mut self.log, &self.blocks)
    }

    /// Number of its blocks.
    pub fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Where pages of snapshots are counted.
    pub fn store(&self) -> &PageStore {
        &self.store
    }

    /// Memory as it is.
    pub fn save(&mut self) -> Vec<BlockImage> {
        let now = self.log.now();
        let (blocks, last, store) = (&self.blocks, &mut self.last, &self.store);
        self.log.changed_since(self.mark, |page| {
            let Some((at, number)) = place(blocks, page) else {
                return;
            };
            let pages = &mut last[at].pages;
            let bytes = read(&blocks[at], number);
            let page = store.update(pages.get(number), &bytes);
            pages.set(number, page);
        });
        self.mark = now;
        self.last.clone()
    }

    /// Whether `images` are of this memory.
    ///
    /// # Errors
    /// They are not.
    pub fn check(&self, images: &[BlockImage]) -> Result<(), SnapshotError> {
        let fits = images.len() == self.last.len()
            && images
                .iter()
                .zip(&self.last)
                .all(|(image, mine)| image.name == mine.name && image.pages.pages() == mine.pages.pages());
        fits.then_some(())
            .ok_or_else(|| SnapshotError::Damaged("its memory is not this machine's".into()))
    }

    /// Memory becomes `images`, which have passed [`check`](Self::check).
    pub fn load(&mut self, images: &[BlockImage]) {
        self.log.now();
        let mut touched: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); self.blocks.len()];
        self.log.changed_since(self.mark, |page| {
            if let Some((at, number)) = place(&self.blocks, page) {
                touched[at].insert(number);
            }
        });
        for (at, (image, last)) in images.iter().zip(&self.last).enumerate() {
            image.pages.for_each_changed(&last.pages, |number, _| {
                touched[at].insert(number);
            });
        }
        for (at, numbers) in touched.iter().enumerate() {
            for &number in numbers {
                let page = images[at].pages.get(number);
                write(&self.blocks[at], number, page.map_or(&ZERO, |page| page.bytes()));
            }
        }
        self.last = images.to_vec();
        self.mark = self.log.now();
    }
}

/// Block and page in it of a page number in RAM offsets.
fn place(blocks: &[RamBlock], page: u64) -> Option<(usize, u64)> {
    let at = page * PAGE_SIZE;
    blocks.iter().enumerate().find_map(|(index, block)| {
        let offset = at.checked_sub(block.base().0)?;
        (offset < block.size()).then_some((index, offset / PAGE_SIZE))
    })
}
