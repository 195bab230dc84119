//! What goes wrong with images: while a request is carried out, and while an image is opened.

use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// Why a request to an image failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BlockError {
    /// The host could not read or write, the file ends too early, or the image is damaged there.
    #[error("Input/output error")]
    Io,
    /// No room on the host.
    #[error("No space left on device")]
    NoSpace,
    /// The image was opened for reading, or cannot be written.
    #[error("Read-only image")]
    ReadOnly,
    /// Past the end of the image.
    #[error("Outside of the image")]
    OutOfRange,
    /// The image or its host file cannot do this.
    #[error("Operation not supported")]
    Unsupported,
}

impl From<Errno> for BlockError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::NoSpace,
            Errno::ROFS | Errno::PERM | Errno::BADF | Errno::ACCESS => Self::ReadOnly,
            Errno::OPNOTSUPP | Errno::NOSYS => Self::Unsupported,
            _ => Self::Io,
        }
    }
}

impl From<io::Error> for BlockError {
    fn from(error: io::Error) -> Self {
        if let Some(errno) = Errno::from_io_error(&error) {
            return errno.into();
        }
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoSpace
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            io::ErrorKind::Unsupported => Self::Unsupported,
            _ => Self::Io,
        }
    }
}

/// Why an image could not be opened or made, in the words a user sees after `-drive …: `.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The host refuses.
    #[error("Could not open '{}': {}", path.display(), plain(source))]
    Host {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else uses the image in a way that does not go with this.
    #[error("'{}': Failed to get {what} lock: is another process using the image?", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// `"write"`, or `shared "write"`.
        what: &'static str,
    },
    /// The file is not what it should be, or something in it makes no sense.
    #[error("'{}': {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No such format.
    #[error("Unknown driver '{0}'")]
    Format(String),
    /// An image is its own backing file, directly or by others.
    #[error("'{}': backing files form a loop", path.display())]
    BackingLoop {
        /// The file that appears twice.
        path: PathBuf,
    },
    /// More files behind each other than anybody has.
    #[error("'{}': more than {limit} backing files behind each other", path.display())]
    BackingDepth {
        /// The file in front.
        path: PathBuf,
        /// How many are taken.
        limit: usize,
    },
}

impl OpenError {
    pub(crate) fn host(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Host {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// The error without the standard library's `(os error 2)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
