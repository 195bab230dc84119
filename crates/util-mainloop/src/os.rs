//! The host's side: clocks, the eventfd bell and signals. The only module of this crate that knows Linux.

mod signal;
mod zone;

pub(crate) use zone::offset_s;

pub use signal::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH, Signal, SignalFd};

use crate::wake::Bell;
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Host monotonic time in nanoseconds since some moment before this process.
pub(crate) fn monotonic_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Host wall-clock time in nanoseconds since 1970.
pub(crate) fn wall_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// A bell that poll can wait on.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Bell for EventFd {
    fn ring(&self) {
        // Fails only when the counter is full, and then the bell rings already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn silence(&self) {
        // One read empties the counter; an empty one is silent already.
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}
