//! Opening an image by its file's name: the format, the lock, the mode.

use crate::image::Image;
use crate::lock::Lock;
use crate::raw::Raw;
use crate::{OpenError, qcow2};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// How an image is laid out in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The file is the disk.
    Raw,
    /// QEMU's copy-on-write format, versions 2 and 3.
    Qcow2,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Raw, Self::Qcow2];

    /// Its name for `format=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }

    /// What a file's first bytes say. Everything that says nothing is raw.
    pub fn of_bytes(start: &[u8]) -> Self {
        if start.starts_with(&qcow2::MAGIC) {
            Self::Qcow2
        } else {
            Self::Raw
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = OpenError;

    fn from_str(name: &str) -> Result<Self, OpenError> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| OpenError::Format(name.to_owned()))
    }
}

/// How an image is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Its format; without one the file's first bytes are asked, which a guest that writes a raw image can choose.
    pub format: Option<Format>,
    /// Only read.
    pub read_only: bool,
    /// Give storage back to the host when the guest discards (`discard=unmap`).
    pub discard: bool,
    /// Keep others out. Off only for somebody who has [claimed](Image::claim) the image already.
    pub lock: bool,
}

impl Options {
    /// Reading, of a file that nobody writes.
    pub const READ_ONLY: Self = Self {
        format: None,
        read_only: true,
        discard: false,
        lock: true,
    };

    /// Reading and writing, alone.
    pub const WRITABLE: Self = Self {
        format: None,
        read_only: false,
        discard: true,
        lock: true,
    };

    /// The same with this format.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }
}

/// A file that is open and locked, but not looked into.
pub(crate) fn open_file(path: &Path, options: &Options) -> Result<(File, Option<Lock>), OpenError> {
    let file = OpenOptions::new()
        .read(true)
        .write(!options.read_only)
        .open(path)
        .map_err(|error| OpenError::host(path, error))?;
    // Before a pipe or directory is locked.
    crate::raw::length(&file, path)?;
    let lock = if options.lock {
        Some(Lock::new(&file, path, !options.read_only)?)
    } else {
        None
    };
    Ok((file, lock))
}

/// The format of an open file.
pub(crate) fn probe(file: &File, path: &Path) -> Result<Format, OpenError> {
    let mut start = [0; 4];
    let read = file
        .read_at(&mut start, 0)
        .map_err(|error| OpenError::host(path, error))?;
    Ok(Format::of_bytes(&start[..read]))
}

/// Opens the image at `path`.
///
/// # Errors
/// The host refuses, somebody else uses it, or it is no image of this format.
pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Arc<dyn Image>, OpenError> {
    let path = path.as_ref();
    let (file, lock) = open_file(path, options)?;
    let format = match options.format {
        Some(format) => format,
        None => probe(&file, path)?,
    };
    Ok(match format {
        Format::Raw => Arc::new(Raw::new(file, path, lock, options.read_only, options.discard)?),
        Format::Qcow2 => Arc::new(qcow2::Qcow2::new(file, path, lock, options)?),
    })
}

/// Opens the image at `path` for reading, with an overlay for what is written: `snapshot=on`.
///
/// # Errors
/// As of [`open`], or no temporary file can be made.
pub fn open_overlay(
    path: impl AsRef<Path>,
    format: Option<Format>,
) -> Result<Arc<crate::Overlay>, OpenError> {
    let options = Options {
        format,
        ..Options::READ_ONLY
    };
    crate::Overlay::new(open(path, &options)?)
}

/// Writes what `overlay` holds into the image below it, which others may read meanwhile, but not others' processes.
///
/// # Errors
/// The image is in use elsewhere or cannot be written.
pub fn commit(overlay: &crate::Overlay) -> Result<(), OpenError> {
    let base = overlay.base();
    let files = base.files();
    let Some(path) = files.first() else {
        return Err(OpenError::Format(base.format().to_owned()));
    };
    base.claim(true)?;
    let options = Options {
        format: Some(base.format().parse()?),
        lock: false,
        ..Options::WRITABLE
    };
    let written = open(path, &options).and_then(|image| {
        overlay
            .commit(&*image)
            .map_err(|error| OpenError::invalid(path, error.to_string()))
    });
    let released = base.claim(false);
    written.and(released)
}
