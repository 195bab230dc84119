//! Drives: images from `-drive`, as the disks that controllers see.
//!
//! A controller's requests flow into a [`Drive`], which carries them out on the image and completes them under the big
//! lock. *When* depends on the machine's time. On the host's clock a request is done by the image's threads, and completed
//! by the main loop as soon as it can be. Counted time cannot wait for a host: there a request is carried out on the
//! vCPUs' thread at an instant that follows from the one at which it was made ([`latency_ns`]), so a disk takes no part in
//! a log. What such a run writes goes to memory ([`Written`]) when it is recorded or replayed: the image stays what the
//! next replay needs, and snapshots hold what was written.

mod config;
mod drive;
mod open;
mod written;

pub use config::{DriveConfig, Interface, Media, OnError};
pub(crate) use drive::Pace;
pub(crate) use open::{Drives, open_image};
pub(crate) use written::Written;

/// Bytes that a counted disk moves in a nanosecond.
const BYTES_PER_NS: u64 = 1;
/// What each of its requests takes at least, in virtual nanoseconds.
const SEEK_NS: u64 = 20_000;

/// Virtual time between a request that moves `bytes` and its completion, where time is counted. A constant of the machine:
/// recordings depend on it.
pub(crate) fn latency_ns(bytes: u64) -> i64 {
    (SEEK_NS + bytes / BYTES_PER_NS).min(i64::MAX as u64) as i64
}
