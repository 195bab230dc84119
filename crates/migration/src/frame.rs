//! Frames: what a snapshot is made of on disk, each with its kind, its length and a checksum.
//!
//! ```text
//! magic (8) version (4) { kind (1) stored length (4) raw length (4) checksum (8) payload } ...
//! ```
//!
//! The checksum covers the payload as stored and is seeded with the frame's number, its kind and its raw length, so
//! that a frame that was lost, repeated or moved is found like one whose bytes changed. A payload that gets shorter is
//! stored as an LZ4 block (raw length above stored length). No length is believed: both have a limit, and a buffer
//! grows as bytes arrive.

use crate::SnapshotError;
use std::io::{Read, Write};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const MAGIC: &[u8; 8] = b"RPRSSNAP";
/// Version of everything in the file but the sections' contents, which have their own.
pub(crate) const VERSION: u32 = 1;
/// Most bytes of a payload.
pub(crate) const LIMIT: usize = 4 << 20;
const HEADER: usize = 17;

/// Kinds of frames.
pub(crate) mod kind {
    /// [`crate::Head`].
    pub const HEAD: u8 = 1;
    /// One [`crate::Section`].
    pub const SECTION: u8 = 2;
    /// Name and size of a RAM block; blocks are numbered in their order.
    pub const BLOCK: u8 = 3;
    /// Pages of a block.
    pub const PAGES: u8 = 4;
    /// Numbers of sections and pages.
    pub const END: u8 = 5;
}

fn seed(sequence: u64, kind: u8, raw: usize) -> u64 {
    (sequence << 32 | raw as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(kind)
}

/// Writes frames.
pub(crate) struct FrameWriter<W> {
    to: W,
    sequence: u64,
    /// Of all checksums so far: what names a snapshot.
    chain: u64,
    packed: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    pub(crate) fn new(mut to: W) -> Result<Self, SnapshotError> {
        to.write_all(MAGIC)?;
        to.write_all(&VERSION.to_le_bytes())?;
        Ok(Self {
            to,
            sequence: 0,
            chain: 0,
            packed: Vec::new(),
        })
    }

    /// Writes a frame; its payload has at most [`LIMIT`] bytes.
    pub(crate) fn frame(&mut self, kind: u8, payload: &[u8]) -> Result<(), SnapshotError> {
        self.packed
            .resize(lz4_flex::block::get_maximum_output_size(payload.len()), 0);
        let packed = lz4_flex::block::compress_into(payload, &mut self.packed)
            .ok()
            .filter(|&length| length < payload.len());
        let stored = packed.map_or(payload, |length| &self.packed[..length]);
        let sum = xxh3_64_with_seed(stored, seed(self.sequence, kind, payload.len()));
        let mut header = [0; HEADER];
        header[0] = kind;
        header[1..5].copy_from_slice(&(stored.len() as u32).to_le_bytes());
        header[5..9].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        header[9..].copy_from_slice(&sum.to_le_bytes());
        self.to.write_all(&header)?;
        self.to.write_all(stored)?;
        self.sequence += 1;
        self.chain = self.chain.rotate_left(5) ^ sum;
        Ok(())
    }

    /// The writer, and what names what was written.
    pub(crate) fn finish(self) -> (W, u64) {
        (self.to, self.chain)
    }
}

/// Reads frames.
pub(crate) struct FrameReader<R> {
    from: R,
    sequence: u64,
    chain: u64,
    stored: Vec<u8>,
    raw: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// Reads magic and version.
    pub(crate) fn new(mut from: R) -> Result<Self, SnapshotError> {
        let mut magic = [0; 8];
        let mut version = [0; 4];
        let cut = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => SnapshotError::NotASnapshot,
            _ => SnapshotError::Io(error),
        };
        from.read_exact(&mut magic).map_err(cut)?;
        from.read_exact(&mut version).map_err(cut)?;
        if magic != *MAGIC {
            return Err(SnapshotError::NotASnapshot);
        }
        let found = u32::from_le_bytes(version);
        if found != VERSION {
            return Err(SnapshotError::Version {
                found,
                known: VERSION,
            });
        }
        Ok(Self {
            from,
            sequence: 0,
            chain: 0,
            stored: Vec::new(),
            raw: Vec::new(),
        })
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> Result<(u8, &[u8]), SnapshotError> {
        let number = self.sequence;
        let damaged = |what: &str| SnapshotError::damaged(format!("frame {number}: {what}"));
        let mut header = [0; HEADER];
        read(&mut self.from, &mut header)
            .map_err(|error| error.unwrap_or_else(|| damaged("it is cut off")))?;
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (kind, stored, raw) = (header[0], word(1) as usize, word(5) as usize);
        let sum = u64::from(word(9)) | u64::from(word(13)) << 32;
        if raw > LIMIT || stored > raw {
            return Err(damaged("impossible length"));
        }
        self.stored.clear();
        // Grows as bytes arrive.
        let got = self
            .from
            .by_ref()
            .take(stored as u64)
            .read_to_end(&mut self.stored)?;
        if got < stored {
            return Err(damaged("it is cut off"));
        }
        if xxh3_64_with_seed(&self.stored, seed(self.sequence, kind, raw)) != sum {
            return Err(damaged("wrong checksum"));
        }
        self.sequence += 1;
        self.chain = self.chain.rotate_left(5) ^ sum;
        if stored == raw {
            return Ok((kind, &self.stored));
        }
        self.raw.resize(raw, 0);
        match lz4_flex::block::decompress_into(&self.stored, &mut self.raw) {
            Ok(length) if length == raw => Ok((kind, &self.raw)),
            _ => Err(damaged("it does not unpack")),
        }
    }

    /// What names what was read so far.
    pub(crate) fn chain(&self) -> u64 {
        self.chain
    }

    /// Whether nothing follows.
    pub(crate) fn at_end(&mut self) -> Result<bool, SnapshotError> {
        Ok(self.from.read(&mut [0])? == 0)
    }
}

/// Fills `to`; the error is none if the source ends before.
fn read(from: &mut impl Read, to: &mut [u8]) -> Result<(), Option<SnapshotError>> {
    from.read_exact(to).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => None,
        _ => Some(error.into()),
    })
}
