//! Raw images: the file, or the host's block device, is the disk.
//!
//! Bytes flow between callers and the host's page cache by pread and pwrite, from any thread. Mirrors QEMU's
//! `block/file-posix.c` and `block/raw-format.c` in behaviour.

use crate::image::{Image, Result, check_range, zeros_by_writing};
use crate::lock::Lock;
use crate::{BlockError, OpenError};
use rustix::fs::FallocateFlags;
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{IoSliceMut, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A raw image.
#[derive(Debug)]
pub struct Raw {
    file: File,
    path: PathBuf,
    lock: Option<Lock>,
    read_only: bool,
    discards: bool,
    /// The disk: the file's length when it was opened, rounded up.
    size: u64,
    /// What the file has of that. Grows to `size` when the last sector is written; a file that has less when it is read
    /// was cut by somebody, which is an error.
    length: AtomicU64,
    /// The host has punched no hole so far because it cannot.
    cannot_punch: AtomicBool,
}

impl Raw {
    /// The disk in `file`. `discard` asks for storage to be given back to the host.
    ///
    /// # Errors
    /// Not a file or block device, or nobody can tell its length.
    pub fn new(
        file: File,
        path: &Path,
        lock: Option<Lock>,
        read_only: bool,
        discard: bool,
    ) -> std::result::Result<Self, OpenError> {
        let length = length(&file, path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            lock,
            read_only,
            discards: discard && !read_only,
            size: length
                .checked_next_multiple_of(512)
                .ok_or_else(|| OpenError::invalid(path, "too large"))?,
            length: AtomicU64::new(length),
            cannot_punch: AtomicBool::new(false),
        })
    }

    fn check_write(&self, offset: u64, length: u64) -> Result<()> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        check_range(self.size, offset, length)
    }

    /// How many of `length` bytes from `offset` the file should have.
    fn in_file(&self, offset: u64, length: usize) -> usize {
        let left = self.length.load(Ordering::Acquire).saturating_sub(offset);
        length.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// A hole, if the host can make one.
    fn punch(&self, offset: u64, length: u64) -> Result<bool> {
        if self.cannot_punch.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        self.allocate(flags, offset, length)
    }

    /// `false`: the host knows no such thing.
    fn allocate(&self, flags: FallocateFlags, offset: u64, length: u64) -> Result<bool> {
        loop {
            return match rustix::fs::fallocate(&self.file, flags, offset, length) {
                Ok(()) => Ok(true),
                Err(Errno::INTR) => continue,
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => {
                    if flags.contains(FallocateFlags::PUNCH_HOLE) {
                        self.cannot_punch.store(true, Ordering::Relaxed);
                    }
                    Ok(false)
                }
                Err(errno) => Err(errno.into()),
            };
        }
    }
}

/// Length of a file or block device.
///
/// # Errors
/// Something else, or the host cannot tell.
pub(crate) fn length(file: &File, path: &Path) -> std::result::Result<u64, OpenError> {
    let metadata = file.metadata().map_err(|error| OpenError::host(path, error))?;
    if metadata.file_type().is_file() {
        return Ok(metadata.len());
    }
    if metadata.file_type().is_block_device() {
        // Positions of this description are used by nobody else.
        let mut file = file;
        return file
            .seek(SeekFrom::End(0))
            .map_err(|error| OpenError::host(path, error));
    }
    Err(OpenError::invalid(path, "is neither a file nor a block device"))
}

impl Image for Raw {
    fn format(&self) -> &'static str {
        "raw"
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn can_discard(&self) -> bool {
        self.discards
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        check_range(self.size, offset, to.len() as u64)?;
        let (file, rest) = to.split_at_mut(self.in_file(offset, to.len()));
        self.file.read_exact_at(file, offset)?;
        rest.fill(0);
        Ok(())
    }

    fn try_read_at(&self, offset: u64, to: &mut [u8]) -> Option<Result<()>> {
        if let Err(error) = check_range(self.size, offset, to.len() as u64) {
            return Some(Err(error));
        }
        if self.in_file(offset, to.len()) < to.len() {
            return None;
        }
        let length = to.len();
        let read = rustix::io::preadv2(
            &self.file,
            &mut [IoSliceMut::new(to)],
            offset,
            ReadWriteFlags::NOWAIT,
        );
        (read == Ok(length)).then_some(Ok(()))
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<()> {
        self.check_write(offset, from.len() as u64)?;
        self.file.write_all_at(from, offset)?;
        self.length
            .fetch_max(offset + from.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        Ok(self.file.sync_data()?)
    }

    fn discard(&self, offset: u64, length: u64) -> Result<()> {
        self.check_write(offset, length)?;
        if self.discards && length > 0 {
            self.punch(offset, length)?;
        }
        Ok(())
    }

    fn write_zeroes(&self, offset: u64, length: u64, may_unmap: bool) -> Result<()> {
        self.check_write(offset, length)?;
        // The part of the last sector that no file has is zero anyway.
        let has = self
            .length
            .load(Ordering::Acquire)
            .saturating_sub(offset)
            .min(length);
        if has == 0 {
            return Ok(());
        }
        if may_unmap && self.discards && self.punch(offset, has)? {
            return Ok(());
        }
        let flags = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
        if self.allocate(flags, offset, has)? {
            return Ok(());
        }
        zeros_by_writing(offset, has, |offset, zeros| {
            Ok(self.file.write_all_at(zeros, offset)?)
        })
    }

    fn claim(&self, writing: bool) -> std::result::Result<(), OpenError> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.take(writing))
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }
}
