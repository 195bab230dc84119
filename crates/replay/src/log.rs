//! The log: a header, then frames of events, then an index if the recording ended in order.
//!
//! ```text
//! file    = magic "\x89RRLOG\r\n", format u32, length u32, xxh3 u64, header (postcard), frame*, [index frame, footer]
//! frame   = 84 bytes (see `frame`), payload of at most 64 KiB before compression
//! payload = event*        event = instant (as difference, see `codec`), Event (postcard)
//! ring    = a directory of such files, of which the newest are kept
//! ```
//!
//! All numbers are little-endian. The header comes first and each frame is written whole by one call, so a recorder
//! that was killed leaves everything up to its last frame. A reader trusts nothing: lengths are bounded before memory
//! is taken for them, each frame has a checksum over header and payload, seeded with the log's own number.

pub(crate) mod codec;
pub(crate) mod frame;
mod header;
pub(crate) mod output;
mod reader;

pub use frame::FrameInfo;
pub use header::{Disk, Facts, Header};
pub use output::Memory;
pub(crate) use reader::FOOTER_MAGIC;
pub use reader::{Ending, LogReader, Source};

use std::io;

/// The version of the format. Other versions are refused.
pub const FORMAT: u32 = 2;

/// Payload of a frame, in bytes before compression: a frame is written when it holds this much.
pub const FRAME_PAYLOAD: usize = 64 << 10;

/// The largest event, encoded: alone in its frame, if need be. What is split (typed characters) stays far below.
pub const MAX_EVENT: usize = 1 << 20;

/// What keeps a log from being read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The host said so.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Some other file.
    #[error("not a replay log")]
    Foreign,
    /// Shorter than a header.
    #[error("a replay log without a complete header")]
    NoHeader,
    /// A format of the future.
    #[error("format {found} is newer than this program's ({known})")]
    Newer {
        /// In the file.
        found: u32,
        /// Here.
        known: u32,
    },
    /// A format of the past.
    #[error("format {found} is older than this program's ({known})")]
    Older {
        /// In the file.
        found: u32,
        /// Here.
        known: u32,
    },
    /// Recorded by a machine that behaves otherwise.
    #[error("recorded with machine version {found}, this program has {known}")]
    MachineVersion {
        /// In the file.
        found: u32,
        /// Here.
        known: u32,
    },
    /// Header or frame do not hold what they say.
    #[error("damaged at byte {offset}: {reason}")]
    Damaged {
        /// In the file (of a ring: in the segment).
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A ring's directory without segments.
    #[error("no segments of a replay log in this directory")]
    Empty,
    /// Segments that do not follow each other.
    #[error("segment {found} does not follow segment {previous}")]
    Gap {
        /// The one before.
        previous: u64,
        /// The one that was found.
        found: u64,
    },
    /// A position that is not of this log.
    #[error("the position in the replay log is of another log")]
    OtherLog,
    /// A position that the ring does not hold any more, or that was never written.
    #[error("event {index} is not in the replay log ({first} to {end})")]
    NotThere {
        /// The position's event.
        index: u64,
        /// First event of the log.
        first: u64,
        /// Its last event, plus one.
        end: u64,
    },
    /// The ring's directory holds something else.
    #[error("the directory holds {0}, which is not of a replay log")]
    ForeignFile(String),
}
