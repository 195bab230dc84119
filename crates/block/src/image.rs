//! What every image can do, whatever its format.
//!
//! Bytes flow between a caller's buffer and the image at any offset; callers that have blocks (drives) check those
//! themselves. All methods may be called by several threads at the same time; overlapping requests are the callers' to
//! order ([`Queue`](crate::Queue) does).

use crate::{BlockError, OpenError};

/// What requests come to.
pub type Result<T> = std::result::Result<T, BlockError>;

/// A disk image, open.
pub trait Image: Send + Sync {
    /// The format's name: `raw`, `qcow2`, `overlay`.
    fn format(&self) -> &'static str;

    /// Bytes, a multiple of 512. What a file has not of its last sector reads as zeros.
    fn size(&self) -> u64;

    /// Nothing that changes the image works.
    fn read_only(&self) -> bool;

    /// [`discard`](Self::discard) gives storage back.
    fn can_discard(&self) -> bool;

    /// Fills `to` from `offset`.
    ///
    /// # Errors
    /// Past the end, or the host could not.
    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()>;

    /// The same if it can be done at once, without waiting for a disk; `None` if not (`to` may be changed then).
    fn try_read_at(&self, _offset: u64, _to: &mut [u8]) -> Option<Result<()>> {
        None
    }

    /// Writes `from` at `offset`.
    ///
    /// # Errors
    /// Past the end, read-only, or the host could not; then some of it may be written.
    fn write_at(&self, offset: u64, from: &[u8]) -> Result<()>;

    /// All that was written before is on stable storage afterwards.
    ///
    /// # Errors
    /// The host could not.
    fn flush(&self) -> Result<()>;

    /// The contents are not needed. What is read there afterwards stays the same until it is written.
    ///
    /// # Errors
    /// Past the end, read-only, or the host could not. That it cannot give back storage is no error.
    fn discard(&self, offset: u64, length: u64) -> Result<()>;

    /// Zeros; `may_unmap` if storage may be given back.
    ///
    /// # Errors
    /// As of [`write_at`](Self::write_at).
    fn write_zeroes(&self, offset: u64, length: u64, may_unmap: bool) -> Result<()>;

    /// Takes the locks of a writer on an image that is open for reading, or gives them back: for somebody who is about
    /// to open it another time, without a lock, and write.
    ///
    /// # Errors
    /// Others use the image.
    fn claim(&self, _writing: bool) -> std::result::Result<(), OpenError> {
        Ok(())
    }

    /// Host files of which the image is made, the one in front first.
    fn files(&self) -> Vec<std::path::PathBuf> {
        Vec::new()
    }
}

/// Checks that `length` bytes from `offset` lie within `size`.
pub(crate) fn check_range(size: u64, offset: u64, length: u64) -> Result<()> {
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(BlockError::OutOfRange),
    }
}

/// Writes `length` zeros by way of `write`.
pub(crate) fn zeros_by_writing(
    mut offset: u64,
    mut length: u64,
    write: impl Fn(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    const CHUNK: u64 = 256 << 10;
    let zeros = vec![0; length.min(CHUNK) as usize];
    while length > 0 {
        let part = length.min(CHUNK);
        write(offset, &zeros[..part as usize])?;
        offset += part;
        length -= part;
    }
    Ok(())
}
