//! A machine into a snapshot's file and back, without holding its memory twice.
//!
//! Reading goes over the file twice: once to the end, so that a damaged file changes nothing, and once to put it to
//! use.

use super::{Whole, memory};
use crate::drives::Written;
use migration::{
    Item, PAGE_SIZE, PageBytes, PageMap, PageStore, Section, SnapshotError, SnapshotReader, SnapshotWriter,
};
use softmmu::RamBlock;
use std::io::{Read, Write};
use std::sync::Arc;

const PAGE: u64 = PAGE_SIZE as u64;

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
            for number in 0..block.size() / PAGE {
                let bytes = memory::read(&block, number);
                if bytes != memory::ZERO {
                    writer.page(number, Some(&bytes))?;
                }
            }
        }
        for drive in self.drives {
            writer.block(drive.name(), drive.map_pages() * PAGE)?;
            let mut written = Ok(());
            drive.save().for_each(|number, page| {
                if written.is_ok() {
                    written = writer.page(number, Some(page.bytes()));
                }
            });
            written?;
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
        let wanted = blocks.iter().map(|block| (block.name().to_owned(), block.size()));
        let drives = self
            .drives
            .iter()
            .map(|drive| (drive.name().to_owned(), drive.map_pages() * PAGE));
        let (sections, maps) = self.examine(
            SnapshotReader::new(open()?)?,
            &wanted.chain(drives).collect::<Vec<_>>(),
            blocks.len(),
        )?;
        let reader = SnapshotReader::new(open()?)?;
        self.with_drives(maps, |whole| whole.load_sections(&sections))?;
        fill(reader, &blocks, self.drives).map_err(|error| {
            SnapshotError::Damaged(format!(
                "it changed while it was read, and the machine's memory with it: {error}"
            ))
        })
    }

    /// Reads a whole snapshot, makes sure that it is one of this machine, which has the blocks `wanted`, and returns its
    /// sections, and what comes behind the first `memory` of its blocks.
    fn examine(
        &self,
        mut reader: SnapshotReader<impl Read>,
        wanted: &[(String, u64)],
        memory: usize,
    ) -> Result<(Vec<Section>, Vec<PageMap>), SnapshotError> {
        let damaged = |what: &str| Err(SnapshotError::Damaged(what.into()));
        self.identity.check(&reader.head().identity)?;
        if reader.head().base.is_some() {
            return Err(SnapshotError::Base);
        }
        let store = PageStore::new();
        let mut sections = Vec::new();
        let mut maps: Vec<PageMap> = Vec::new();
        let mut seen = 0;
        while let Some(item) = reader.next()? {
            match item {
                Item::Section(section) => sections.push(section),
                Item::Block { name, size } => {
                    if wanted.get(seen).is_none_or(|mine| *mine != (name, size)) {
                        return damaged("its memory is not this machine's");
                    }
                    if seen >= memory {
                        maps.push(PageMap::new(size / PAGE));
                    }
                    seen += 1;
                }
                Item::Pages(_) if seen == 0 => return damaged("pages of no memory"),
                Item::Pages(pages) => {
                    if let (true, Some(map)) = (seen > memory, maps.last_mut()) {
                        for (number, bytes) in pages.iter() {
                            if !map.set(number, bytes.and_then(|bytes| store.page(bytes))) {
                                return damaged("a page beyond the end of a drive");
                            }
                        }
                    }
                }
            }
        }
        if seen != wanted.len() {
            return damaged("its memory is not this machine's");
        }
        reader.verify()?;
        Ok((sections, maps))
    }
}

/// What pages of a file go to.
enum Target<'a> {
    Memory(&'a RamBlock),
    /// What was written to a drive is there already.
    Drive,
}

impl Target<'_> {
    fn write(&self, number: u64, bytes: &PageBytes) {
        if let Self::Memory(block) = self {
            memory::write(block, number, bytes);
        }
    }

    fn clear(&self, pages: std::ops::Range<u64>) {
        if let Self::Memory(block) = self {
            pages.for_each(|number| memory::write(block, number, &memory::ZERO));
        }
    }

    fn pages(&self) -> u64 {
        match self {
            Self::Memory(block) => block.size() / PAGE,
            Self::Drive => u64::MAX,
        }
    }
}

/// Puts the pages of a snapshot that was examined into memory; all others become zero.
fn fill(
    mut reader: SnapshotReader<impl Read>,
    blocks: &[RamBlock],
    drives: &[Arc<Written>],
) -> Result<(), SnapshotError> {
    let mut left = blocks
        .iter()
        .map(Target::Memory)
        .chain(drives.iter().map(|_| Target::Drive));
    // The block that is being filled, and its first page that has not been looked at.
    let mut current: Option<(Target<'_>, u64)> = None;
    let finish = |current: Option<(Target<'_>, u64)>| {
        if let Some((target @ Target::Memory(_), next)) = current {
            target.clear(next..target.pages());
        }
    };
    while let Some(item) = reader.next()? {
        match item {
            Item::Section(_) => {}
            Item::Block { .. } => {
                finish(current);
                current = left.next().map(|target| (target, 0));
            }
            Item::Pages(pages) => {
                let Some((target, next)) = &mut current else {
                    return Err(SnapshotError::Damaged("pages of no memory".into()));
                };
                for (number, bytes) in pages.iter() {
                    if number >= target.pages() {
                        return Err(SnapshotError::Damaged("a page beyond the end of memory".into()));
                    }
                    target.clear(*next..number);
                    target.write(number, bytes.unwrap_or(&memory::ZERO));
                    *next = number + 1;
                }
            }
        }
    }
    finish(current);
    Ok(())
}
