//! A snapshot in memory: sections, and pages that it shares with the snapshots before and after it.

use crate::page::{PAGE_SIZE, PageStore};
use crate::page_map::PageMap;
use crate::reader::{Item, SnapshotReader};
use crate::writer::SnapshotWriter;
use crate::{Head, SnapshotError};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::sync::Arc;

/// The state of one part of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Of the part, such as `pic`.
    pub name: String,
    /// Tells parts of one name apart: the vCPU's number.
    pub instance: u32,
    /// Of the encoded type.
    pub version: u16,
    /// The state.
    pub bytes: Vec<u8>,
}

/// A RAM block at the snapshot's moment.
#[derive(Clone, Debug)]
pub struct BlockImage {
    /// Its name.
    pub name: Arc<str>,
    /// Its contents.
    pub pages: PageMap,
}

/// A whole machine at one moment. A clone costs little: pages are shared.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Which machine, which moment. Without a base: a snapshot in memory is whole.
    pub head: Head,
    /// All state but memory.
    pub sections: Vec<Section>,
    /// Memory.
    pub blocks: Vec<BlockImage>,
}

impl Snapshot {
    /// A section by its name and instance.
    pub fn section(&self, name: &str, instance: u32) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name == name && section.instance == instance)
    }

    /// Writes it: all pages, or those that are other ones than in `base`, which is named by what writing it returned.
    /// Returns what names this one.
    ///
    /// # Errors
    /// As of `to`.
    pub fn write_to(&self, to: impl Write, base: Option<(&Self, u64)>) -> Result<u64, SnapshotError> {
        let head = Head {
            base: base.map(|(_, id)| id),
            ..self.head.clone()
        };
        let mut writer = SnapshotWriter::new(to, &head)?;
        for section in &self.sections {
            writer.section(section)?;
        }
        for (at, block) in self.blocks.iter().enumerate() {
            writer.block(&block.name, block.pages.pages() * PAGE_SIZE as u64)?;
            let empty = PageMap::new(block.pages.pages());
            let before = base.and_then(|(base, _)| base.blocks.get(at));
            let mut result = Ok(());
            let before = before.map_or(&empty, |block| &block.pages);
            block.pages.for_each_changed(before, |number, page| {
                if result.is_ok() {
                    result = writer.page(number, page.map(|page| page.bytes()));
                }
            });
            result?;
        }
        let (mut to, id) = writer.finish()?;
        to.flush()?;
        Ok(id)
    }

    /// Reads one, and what names it; pages come from `store`. One that builds on another needs that, and its name.
    ///
    /// # Errors
    /// The source fails, it is no snapshot, it is damaged, or it builds on another base.
    pub fn read_from(
        from: impl Read,
        base: Option<(&Self, u64)>,
        store: &PageStore,
    ) -> Result<(Self, u64), SnapshotError> {
        let mut reader = SnapshotReader::new(from)?;
        let mut head = reader.head().clone();
        let base = match head.base.take() {
            None => None,
            Some(id) => Some(base.filter(|(_, have)| *have == id).ok_or(SnapshotError::Base)?.0),
        };
        let mut sections = Vec::new();
        let mut blocks: Vec<BlockImage> = Vec::new();
        while let Some(item) = reader.next()? {
            match item {
                Item::Section(section) => sections.push(section),
                Item::Block { name, size } => {
                    let pages = size / PAGE_SIZE as u64;
                    let pages = match base {
                        None => PageMap::new(pages),
                        Some(base) => base
                            .blocks
                            .get(blocks.len())
                            .filter(|block| *block.name == *name && block.pages.pages() == pages)
                            .ok_or(SnapshotError::Base)?
                            .pages
                            .clone(),
                    };
                    let name = name.into();
                    blocks.push(BlockImage { name, pages });
                }
                Item::Pages(pages) => {
                    let Some(block) = blocks.last_mut() else {
                        return Err(SnapshotError::damaged("pages of no block"));
                    };
                    for (number, bytes) in pages.iter() {
                        block.pages.set(number, bytes.and_then(|bytes| store.page(bytes)));
                    }
                }
            }
        }
        let id = reader.id().unwrap_or_default();
        Ok((
            Self {
                head,
                sections,
                blocks,
            },
            id,
        ))
    }
}
