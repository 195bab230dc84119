//! A machine into a snapshot's file and back, without holding its memory twice.
//!
//! Reading goes over the file twice: once to the end, so that a damaged file changes nothing, and once to put it to
//! use.

use super::{Whole, memory};
use migration::{Item, PAGE_SIZE, Section, SnapshotError, SnapshotReader, SnapshotWriter};
use softmmu::RamBlock;
use std::io::{Read, Write};

impl Whole<'_> {
    /// Writes the machine as it is.
    ///
    /// # Errors
    /// As of `to`.
    pub fn write(&mut self, to: &mut dyn Write) -> Result<(), SnapshotError> {
        let sections = self.sections();
        let mut writer = SnapshotWriter::new(to, &self.head())?;
        for section in &sections {
            writer.section(section)?;
        }
        for block in self.pc.ram_blocks() {
            writer.block(block.name(), block.size())?;
            for number in 0..block.size() / PAGE_SIZE as u64 {
                let bytes = memory::read(&block, number);
                if bytes != memory::ZERO {
                    writer.page(number, Some(&bytes))?;
                }
            }
        }
        writer.finish()?.0.flush()?;
        Ok(())
    }

    /// Becomes what `open` opens, each time from its beginning.
    ///
    /// # Errors
    /// No snapshot, a damaged one, or one of another machine; nothing has changed then. Should the file change between
    /// the first and the second reading, or its disk fail, memory is a mixture, and the error says so.
    pub fn read<R: Read>(
        &mut self,
        open: impl Fn() -> Result<R, SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let blocks = self.pc.ram_blocks();
        let sections = self.examine(SnapshotReader::new(open()?)?, &blocks)?;
        let reader = SnapshotReader::new(open()?)?;
        self.load_sections(&sections)?;
        fill(reader, &blocks).map_err(|error| {
            SnapshotError::Damaged(format!(
                "it changed while it was read, and the machine's memory with it: {error}"
            ))
        })
    }

    /// Reads a whole snapshot, makes sure that it is one of this machine, and returns its sections.
    fn examine(
        &self,
        mut reader: SnapshotReader<impl Read>,
        blocks: &[RamBlock],
    ) -> Result<Vec<Section>, SnapshotError> {
        self.identity.check(&reader.head().identity)?;
        if reader.head().base.is_some() {
            return Err(SnapshotError::Base);
        }
        let mut sections = Vec::new();
        let mut seen = 0;
        while let Some(item) = reader.next()? {
            match item {
                Item::Section(section) => sections.push(section),
                Item::Block { name, size } => {
                    let mine = blocks.get(seen);
                    if mine.is_none_or(|block| block.name() != name || block.size() != size) {
                        return Err(SnapshotError::Damaged("its memory is not this machine's".into()));
                    }
                    seen += 1;
                }
                Item::Pages(_) if seen == 0 => {
                    return Err(SnapshotError::Damaged("pages of no memory".into()));
                }
                Item::Pages(_) => {}
            }
        }
        if seen != blocks.len() {
            return Err(SnapshotError::Damaged("its memory is not this machine's".into()));
        }
        reader.verify()?;
        Ok(sections)
    }
}

/// Puts the pages of a snapshot that was examined into memory; all others become zero.
fn fill(mut reader: SnapshotReader<impl Read>, blocks: &[RamBlock]) -> Result<(), SnapshotError> {
    let clear = |block: &RamBlock, pages: std::ops::Range<u64>| {
        pages.for_each(|number| memory::write(block, number, &memory::ZERO));
    };
    let mut left = blocks.iter();
    // The block that is being filled, and its first page that has not been looked at.
    let mut current: Option<(&RamBlock, u64)> = None;
    let finish = |current: Option<(&RamBlock, u64)>| {
        if let Some((block, next)) = current {
            clear(block, next..block.size() / PAGE_SIZE as u64);
        }
    };
    while let Some(item) = reader.next()? {
        match item {
            Item::Section(_) => {}
            Item::Block { .. } => {
                finish(current);
                current = left.next().map(|block| (block, 0));
            }
            Item::Pages(pages) => {
                let Some((block, next)) = &mut current else {
                    return Err(SnapshotError::Damaged("pages of no memory".into()));
                };
                for (number, bytes) in pages.iter() {
                    if number >= block.size() / PAGE_SIZE as u64 {
                        return Err(SnapshotError::Damaged("a page beyond the end of memory".into()));
                    }
                    clear(block, *next..number);
                    memory::write(block, number, bytes.unwrap_or(&memory::ZERO));
                    *next = number + 1;
                }
            }
        }
    }
    finish(current);
    Ok(())
}
