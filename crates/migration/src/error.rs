//! Why a snapshot could not be written or read, in words that fit on one line.

use crate::identity::Difference;
use std::io;

/// What is wrong with a snapshot, or with the place it is kept in.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The host's file system.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something else.
    #[error("this is not a snapshot")]
    NotASnapshot,
    /// Written by a version of the format that this build does not know.
    #[error("format version {found} is not supported (this build knows {known})")]
    Version {
        /// Version in the file.
        found: u32,
        /// Version this build writes.
        known: u32,
    },
    /// Cut off, or changed since it was written.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
    /// A snapshot, of something else than this machine.
    #[error("the snapshot is of another machine: {0}")]
    Foreign(#[from] Difference),
    /// It holds what changed since another snapshot, which is not the one at hand.
    #[error("the snapshot builds on another one, which is not at hand")]
    Base,
    /// A name that cannot be a file's.
    #[error("a snapshot's name has 1 to 100 letters, digits, '-', '_' and '.', and no '.' at its start")]
    Name,
    /// A drive's image is written to without a way back to what it holds now.
    #[error("drive '{0}' is writable and its image does not support snapshots")]
    Drive(String),
    /// There is none of that name.
    #[error("there is no snapshot of that name")]
    Missing,
    /// A part of the state that is larger than any reader would take.
    #[error("section '{0}' is too large")]
    TooLarge(String),
}

impl SnapshotError {
    /// Damage, and where it was found.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }
}
