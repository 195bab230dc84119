//! Reads a snapshot piece by piece, believing nothing.

use crate::frame::{FrameReader, kind};
use crate::page::{PAGE_SIZE, PageBytes};
use crate::snapshot::Section;
use crate::writer::{BATCH, End, ZERO};
use crate::{Head, SnapshotError};
use std::io::Read;

/// Most sections, and most bytes in all of them.
const MAX_SECTIONS: u64 = 1 << 14;
const MAX_SECTION_BYTES: u64 = 256 << 20;
/// Most RAM blocks, and bytes in one.
const MAX_BLOCKS: u64 = 256;
const MAX_BLOCK: u64 = 1 << 42;

/// A piece of a snapshot.
pub enum Item<'a> {
    /// A section.
    Section(Section),
    /// A RAM block begins; the pages that follow are its.
    Block {
        /// Its name.
        name: String,
        /// Its bytes, a multiple of [`PAGE_SIZE`].
        size: u64,
    },
    /// Some of its pages.
    Pages(Pages<'a>),
}

/// Some pages of a block.
pub struct Pages<'a> {
    entries: &'a [u64],
    contents: &'a [u8],
}

/// Number and contents of a page; none: it is zero.
pub type Entry<'a> = (u64, Option<&'a PageBytes>);

impl<'a> Pages<'a> {
    /// The pages, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'a>> {
        let mut contents = self.contents.as_chunks().0.iter();
        let entries = self.entries;
        entries.iter().map(move |entry| {
            let bytes = if entry & ZERO == 0 { contents.next() } else { None };
            (entry >> 1, bytes)
        })
    }
}

/// Reads a snapshot.
pub struct SnapshotReader<R> {
    frames: FrameReader<R>,
    head: Head,
    seen: End,
    section_bytes: u64,
    /// Pages of the present block, and the least number its next page may have.
    pages: u64,
    next: u64,
    entries: Vec<u64>,
    ended: bool,
}

fn decode<'a, T: serde::Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, SnapshotError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(SnapshotError::damaged(format!("its {what} is not one"))),
    }
}

impl<R: Read> SnapshotReader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// No snapshot, one of another version, or a damaged one.
    pub fn new(from: R) -> Result<Self, SnapshotError> {
        let mut frames = FrameReader::new(from)?;
        let (kind::HEAD, payload) = frames.frame()? else {
            return Err(SnapshotError::damaged("it has no head"));
        };
        let head = decode("head", payload)?;
        Ok(Self {
            frames,
            head,
            seen: End {
                sections: 0,
                blocks: 0,
                pages: 0,
            },
            section_bytes: 0,
            pages: 0,
            next: 0,
            entries: Vec::new(),
            ended: false,
        })
    }

    /// Which machine, which moment.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// The snapshot is damaged, or the source fails.
    #[expect(clippy::should_implement_trait, reason = "items borrow from the reader")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, SnapshotError> {
        if self.ended {
            return Ok(None);
        }
        let (found, payload) = self.frames.frame()?;
        match found {
            kind::SECTION => {
                let section: Section = decode("section", payload)?;
                self.seen.sections += 1;
                self.section_bytes += section.bytes.len() as u64;
                if self.seen.sections > MAX_SECTIONS || self.section_bytes > MAX_SECTION_BYTES {
                    return Err(SnapshotError::damaged("too many sections"));
                }
                Ok(Some(Item::Section(section)))
            }
            kind::BLOCK => {
                let (name, size): (String, u64) = decode("block", payload)?;
                self.seen.blocks += 1;
                if size > MAX_BLOCK || size % PAGE_SIZE as u64 != 0 || self.seen.blocks > MAX_BLOCKS {
                    return Err(SnapshotError::damaged("impossible size of a RAM block"));
                }
                (self.pages, self.next) = (size / PAGE_SIZE as u64, 0);
                Ok(Some(Item::Block { name, size }))
            }
            kind::PAGES => {
                let wrong = || SnapshotError::damaged("a list of pages is not one");
                let (entries, contents): (Vec<u64>, _) =
                    postcard::take_from_bytes(payload).map_err(|_| wrong())?;
                let full = entries.iter().filter(|&entry| entry & ZERO == 0).count();
                if entries.len() > BATCH || contents.len() != full * PAGE_SIZE {
                    return Err(wrong());
                }
                for entry in &entries {
                    if !(self.next..self.pages).contains(&(entry >> 1)) {
                        return Err(wrong());
                    }
                    self.next = (entry >> 1) + 1;
                }
                self.seen.pages += entries.len() as u64;
                self.entries = entries;
                Ok(Some(Item::Pages(Pages {
                    entries: &self.entries,
                    contents,
                })))
            }
            kind::END => {
                if decode::<End>("end", payload)? != self.seen {
                    return Err(SnapshotError::damaged("parts are missing"));
                }
                self.ended = true;
                Ok(None)
            }
            _ => Err(SnapshotError::damaged("a frame of unknown kind")),
        }
    }

    /// Reads to the end, and makes sure that nothing follows it; what names this snapshot as the base of another.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn verify(mut self) -> Result<u64, SnapshotError> {
        while self.next()?.is_some() {}
        if !self.frames.at_end()? {
            return Err(SnapshotError::damaged("something follows its end"));
        }
        Ok(self.frames.chain())
    }

    /// What names this snapshot as the base of another, once [`next`](Self::next) has said that it has ended.
    pub fn id(&self) -> Option<u64> {
        self.ended.then(|| self.frames.chain())
    }
}
