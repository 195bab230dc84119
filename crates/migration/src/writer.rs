//! Writes a snapshot piece by piece, so that RAM need not be held twice.

use crate::frame::{FrameWriter, LIMIT, kind};
use crate::page::{PAGE_SIZE, PageBytes};
use crate::snapshot::Section;
use crate::{Head, SnapshotError};
use std::io::Write;

/// Pages in a frame.
pub(crate) const BATCH: usize = 64;
/// Bit of a page's entry: the page is zero, and has no contents in the frame.
pub(crate) const ZERO: u64 = 1;

/// What the last frame says.
#[derive(serde::Serialize, serde::Deserialize, PartialEq, Eq)]
pub(crate) struct End {
    pub sections: u64,
    pub blocks: u64,
    pub pages: u64,
}

/// Writes a snapshot: sections, then each RAM block with its pages in ascending order.
pub struct SnapshotWriter<W> {
    frames: FrameWriter<W>,
    written: End,
    /// Numbers of the pages of the batch, each with its [`ZERO`] bit below.
    entries: Vec<u64>,
    contents: Vec<u8>,
}

impl<W: Write> SnapshotWriter<W> {
    /// Begins a snapshot.
    ///
    /// # Errors
    /// As of `to`.
    pub fn new(to: W, head: &Head) -> Result<Self, SnapshotError> {
        let mut frames = FrameWriter::new(to)?;
        frames.frame(kind::HEAD, &encode("head", head)?)?;
        Ok(Self {
            frames,
            written: End {
                sections: 0,
                blocks: 0,
                pages: 0,
            },
            entries: Vec::with_capacity(BATCH),
            contents: Vec::with_capacity(BATCH * PAGE_SIZE),
        })
    }

    /// Writes a section.
    ///
    /// # Errors
    /// As of the writer, or the section is larger than any reader would take.
    pub fn section(&mut self, section: &Section) -> Result<(), SnapshotError> {
        self.flush()?;
        self.frames
            .frame(kind::SECTION, &encode(&section.name, section)?)?;
        self.written.sections += 1;
        Ok(())
    }

    /// Begins a RAM block of `size` bytes.
    ///
    /// # Errors
    /// As of the writer.
    pub fn block(&mut self, name: &str, size: u64) -> Result<(), SnapshotError> {
        self.flush()?;
        self.frames.frame(kind::BLOCK, &encode(name, &(name, size))?)?;
        self.written.blocks += 1;
        Ok(())
    }

    /// Writes page `number` of the block begun last; `None` is a zero page, which only a snapshot with a base needs.
    ///
    /// # Errors
    /// As of the writer.
    pub fn page(&mut self, number: u64, bytes: Option<&PageBytes>) -> Result<(), SnapshotError> {
        self.entries
            .push(number << 1 | if bytes.is_none() { ZERO } else { 0 });
        self.contents.extend(bytes.into_iter().flatten());
        self.written.pages += 1;
        if self.entries.len() == BATCH {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let mut payload = encode("pages", &self.entries)?;
        payload.extend_from_slice(&self.contents);
        self.frames.frame(kind::PAGES, &payload)?;
        self.entries.clear();
        self.contents.clear();
        Ok(())
    }

    /// Ends the snapshot; returns the writer, not flushed, and what names this snapshot as the base of another.
    ///
    /// # Errors
    /// As of the writer.
    pub fn finish(mut self) -> Result<(W, u64), SnapshotError> {
        self.flush()?;
        self.frames.frame(kind::END, &encode("end", &self.written)?)?;
        Ok(self.frames.finish())
    }
}

fn encode<T: serde::Serialize + ?Sized>(name: &str, value: &T) -> Result<Vec<u8>, SnapshotError> {
    postcard::to_stdvec(value)
        .ok()
        .filter(|bytes| bytes.len() <= LIMIT)
        .ok_or_else(|| SnapshotError::TooLarge(name.to_owned()))
}
