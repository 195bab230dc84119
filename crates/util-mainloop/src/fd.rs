//! File descriptors the loop watches, in the order in which they were added.

use parking_lot::Mutex;
use rustix::event::PollFlags;
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Which readiness matters. With [`NONE`](Self::NONE) the descriptor is not watched at all, not even for errors:
/// with level triggering a hang-up nobody takes would turn the loop into a spin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Wake when a read would not block.
    pub read: bool,
    /// Wake when a write would not block.
    pub write: bool,
}

impl Interest {
    /// Nothing for now.
    pub const NONE: Self = Self {
        read: false,
        write: false,
    };
    /// Readable.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
    /// Writable.
    pub const WRITE: Self = Self {
        read: false,
        write: true,
    };
    /// Either.
    pub const BOTH: Self = Self {
        read: true,
        write: true,
    };

    pub(crate) fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.read);
        flags.set(PollFlags::OUT, self.write);
        flags
    }
}

/// What a poll found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// A read would not block: there is data, or the end of it.
    pub read: bool,
    /// A write would not block.
    pub write: bool,
    /// The other side has gone. Data may still be there to read.
    pub hangup: bool,
    /// An error is pending, or the descriptor is not open.
    pub error: bool,
}

impl Ready {
    pub(crate) fn from_flags(flags: PollFlags) -> Self {
        Self {
            read: flags.contains(PollFlags::IN),
            write: flags.contains(PollFlags::OUT),
            hangup: flags.contains(PollFlags::HUP),
            error: flags.intersects(PollFlags::ERR | PollFlags::NVAL),
        }
    }

    /// Whether anything at all was found.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// A descriptor the loop keeps open for as long as it watches it: an [`OwnedFd`], or shared with its user.
#[derive(Clone)]
pub struct LoopFd(Arc<dyn AsFd + Send + Sync>);

impl From<OwnedFd> for LoopFd {
    fn from(fd: OwnedFd) -> Self {
        Self(Arc::new(fd))
    }
}

impl<F: AsFd + Send + Sync + 'static> From<Arc<F>> for LoopFd {
    fn from(fd: Arc<F>) -> Self {
        Self(fd)
    }
}

impl AsFd for LoopFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl fmt::Debug for LoopFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopFd({:?})", self.as_fd())
    }
}

/// Names one watched descriptor. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FdToken(u64);

/// What runs when a descriptor is ready.
pub(crate) type Handler = Box<dyn FnMut(Ready) + Send>;

struct Watch {
    fd: LoopFd,
    interest: Interest,
    /// Absent while it runs.
    handler: Option<Handler>,
}

#[derive(Default)]
struct Table {
    watches: BTreeMap<FdToken, Watch>,
    last: u64,
}

/// The watched descriptors of one loop.
#[derive(Default)]
pub(crate) struct Fds(Mutex<Table>);

impl Fds {
    pub(crate) fn add(&self, fd: LoopFd, interest: Interest, handler: Handler) -> FdToken {
        let mut table = self.0.lock();
        table.last += 1;
        let token = FdToken(table.last);
        table.watches.insert(
            token,
            Watch {
                fd,
                interest,
                handler: Some(handler),
            },
        );
        token
    }

    /// True if the interest was another one.
    pub(crate) fn set_interest(&self, token: FdToken, interest: Interest) -> bool {
        let mut table = self.0.lock();
        let Some(watch) = table.watches.get_mut(&token) else {
            return false;
        };
        std::mem::replace(&mut watch.interest, interest) != interest
    }

    pub(crate) fn remove(&self, token: FdToken) {
        // The handler may own tokens of this loop, so it is dropped without the lock.
        let watch = self.0.lock().watches.remove(&token);
        drop(watch);
    }

    pub(crate) fn clear(&self) {
        let watches = std::mem::take(&mut self.0.lock().watches);
        drop(watches);
    }

    /// What to poll. Clones keep the descriptors open meanwhile, so a number is never reused under a poll.
    /// One whose handler is running (a nested turn) is left out.
    pub(crate) fn snapshot(&self) -> Vec<(FdToken, LoopFd, Interest)> {
        let table = self.0.lock();
        let watched = table
            .watches
            .iter()
            .filter(|(_, w)| w.interest != Interest::NONE && w.handler.is_some());
        watched
            .map(|(&token, w)| (token, w.fd.clone(), w.interest))
            .collect()
    }

    /// Calls the handler, if the descriptor is still watched for any of what was found.
    pub(crate) fn dispatch(&self, token: FdToken, ready: Ready) {
        let mut handler = {
            let mut table = self.0.lock();
            let Some(watch) = table.watches.get_mut(&token) else {
                return;
            };
            let ready = Ready {
                read: ready.read && watch.interest.read,
                write: ready.write && watch.interest.write,
                ..ready
            };
            if watch.interest == Interest::NONE || !ready.any() {
                return;
            }
            let Some(handler) = watch.handler.take() else {
                return;
            };
            handler
        };
        handler(ready);
        let mut table = self.0.lock();
        match table.watches.get_mut(&token) {
            Some(watch) => watch.handler = Some(handler),
            None => {
                drop(table);
                drop(handler);
            }
        }
    }
}
