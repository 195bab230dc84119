//! The wire between a disk controller and the disk behind it.
//!
//! Requests flow from the device into a [`Disk`], each under a tag of the device's own; results come back through the
//! device's [`DiskClient`], later and in any order, never from inside [`Disk::submit`]. *When* they come is the
//! machine's affair: with counted time it is a function of the instant of the request, so that a run can be played again.
//! Requests in flight are the disk's state, not the device's: a restored machine's disk completes them by itself.

use serde::{Deserialize, Serialize};
use std::sync::Weak;

/// What is asked of a disk. Offsets and lengths are bytes, multiples of [`Medium::block_size`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskOp {
    /// Read `length` bytes.
    Read {
        /// From here.
        offset: u64,
        /// So many.
        length: u32,
    },
    /// Write.
    Write {
        /// Here.
        offset: u64,
        /// These bytes.
        data: Vec<u8>,
        /// Complete only when they are on stable storage (force unit access).
        durable: bool,
    },
    /// Everything completed before is on stable storage when this is.
    Flush,
    /// The contents are not needed any more; what is read there afterwards is not defined, but stays the same.
    Discard {
        /// From here.
        offset: u64,
        /// So many.
        length: u64,
    },
    /// The range reads as zeros afterwards.
    WriteZeroes {
        /// From here.
        offset: u64,
        /// So many.
        length: u64,
        /// Storage may be given back.
        may_unmap: bool,
    },
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DiskError {
    /// The host could not read or write, or the image is damaged there.
    #[error("input/output error")]
    Io,
    /// No room on the host.
    #[error("no space left")]
    NoSpace,
    /// The medium is write-protected.
    #[error("read-only")]
    ReadOnly,
    /// Past the end, or not whole blocks.
    #[error("outside of the medium")]
    OutOfRange,
    /// There is no medium.
    #[error("no medium")]
    NoMedium,
    /// The image cannot do this.
    #[error("not supported")]
    Unsupported,
}

/// How a request ended: the bytes read, or none.
pub type DiskResult = Result<Vec<u8>, DiskError>;

/// What is in the drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// Bytes, a multiple of 512.
    pub size: u64,
    /// Writes are refused.
    pub read_only: bool,
    /// Bytes that requests are multiples of: 512, or 2048 for a CD's image.
    pub block_size: u32,
    /// [`DiskOp::Discard`] does something.
    pub can_discard: bool,
}

/// A disk, or a drive for removable media. Requests are made under the big lock.
pub trait Disk: Send + Sync {
    /// What is in it now, if anything.
    fn medium(&self) -> Option<Medium>;

    /// Asks for something. `tag` comes back with the result; the device sees to it that it is not in flight already.
    fn submit(&self, tag: u64, op: DiskOp);

    /// Nothing submitted so far is completed any more (reset). Whether writes happened is not known.
    fn forget(&self);

    /// Names the device. It is held weakly.
    fn attach(&self, client: Weak<dyn DiskClient>);

    /// Whether the writes of a device that does not ask for [`DiskOp::Flush`] may be volatile; a guest can switch it
    /// (ATA `SET FEATURES`, virtio's `writeback`). Off: every write is durable.
    fn set_write_cache(&self, _on: bool) {}

    /// The guest locks the medium in, or gives it free.
    fn set_locked(&self, _locked: bool) {}

    /// The guest ejects the medium, or loads it.
    fn eject(&self, _out: bool) {}

    /// The drive's serial number, at most 20 bytes of ASCII.
    fn serial(&self) -> String {
        String::new()
    }
}

/// The device behind a [`Disk`]. Called under the big lock, on any thread.
pub trait DiskClient: Send + Sync {
    /// The request with this tag ended.
    fn complete(&self, tag: u64, result: DiskResult);

    /// Another medium, or none, or another size.
    fn medium_changed(&self) {}

    /// Somebody outside would like to have the medium that the guest locked in.
    fn eject_requested(&self) {}
}
