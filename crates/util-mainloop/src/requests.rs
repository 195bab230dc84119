//! A word of requests to a thread that works in steps: any thread sets bits, the worker looks between two steps.
//!
//! Whoever asks makes what he asks about visible first and sets the bit then; the worker takes the bit first and looks
//! then. So of a request that comes while another is answered nothing is lost: either its bit is still set, or what it
//! was about has been seen. Looking is one load. Mirrors in purpose QEMU's `exit_request` and `interrupt_request`.

use crate::sync::{AtomicU32, Mutex, Ordering};
use std::fmt;

/// What ends the worker's sleep, if it sleeps.
type Waker = Box<dyn Fn() + Send>;

/// Requests to one worker.
#[derive(Default)]
pub struct Requests {
    word: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}

impl Requests {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called behind each new request, to end the worker's sleep: [`Crew::ring`](crate::Crew::ring).
    pub fn set_waker(&self, waker: impl Fn() + Send + 'static) {
        *self.waker.lock() = Some(Box::new(waker));
    }

    /// What is asked for.
    #[inline]
    pub fn pending(&self) -> u32 {
        self.word.load(Ordering::Acquire)
    }

    /// Where generated code reads [`Requests::pending`].
    #[cfg(not(loom))]
    pub fn word(&self) -> *const u32 {
        self.word.as_ptr()
    }

    /// Sets bits and wakes the worker.
    pub fn request(&self, bits: u32) {
        self.word.fetch_or(bits, Ordering::AcqRel);
        if let Some(wake) = &*self.waker.lock() {
            wake();
        }
    }

    /// Clears bits; returns those of them that were set.
    #[inline]
    pub fn take(&self, bits: u32) -> u32 {
        // Most often there is nothing to take, and a look is cheaper than a locked instruction.
        if self.pending() & bits == 0 {
            return 0;
        }
        self.word.fetch_and(!bits, Ordering::AcqRel) & bits
    }
}
