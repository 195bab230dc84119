//! Bottom halves: callbacks that any thread schedules and the loop's thread runs, soon, once per episode.
//!
//! Mirrors QEMU's `QEMUBH` (`util/async.c`). Scheduling one that is already queued joins the episode under way.
//! A poll takes everything queued as one *slice*: what is scheduled meanwhile runs in the next. A poll nested in a
//! callback finishes the outer slices too, so nothing waits for the stack to unwind.

#[cfg(all(test, not(loom)))]
mod tests;

use crate::sync::{AtomicU32, Mutex, Ordering};
use crate::timeout::Timeout;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// It is in the queue or in a slice.
const QUEUED: u32 = 1 << 0;
/// Its callback is to run.
const SCHEDULED: u32 = 1 << 1;
/// It may wait for the next turn, at most [`IDLE_NS`].
const IDLE: u32 = 1 << 2;
/// Its owner has dropped it.
const DELETED: u32 = 1 << 3;

/// How long a loop may sleep while an idle bottom half waits: 10 ms.
pub const IDLE_NS: i64 = 10_000_000;

type Callback = Box<dyn FnMut() + Send>;

struct Half {
    flags: AtomicU32,
    /// Absent while it runs, and after a one-shot has run.
    callback: parking_lot::Mutex<Option<Callback>>,
}

/// The bottom halves of one loop.
#[derive(Default)]
pub struct BottomHalves {
    queue: Mutex<Vec<Arc<Half>>>,
    slices: parking_lot::Mutex<VecDeque<VecDeque<Arc<Half>>>>,
}

impl fmt::Debug for BottomHalves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BottomHalves")
            .field("queued", &self.queue.lock().len())
            .finish_non_exhaustive()
    }
}

impl BottomHalves {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new bottom half, not scheduled. `wake` is called after each scheduling, on the scheduling thread.
    pub fn bottom_half(
        self: &Arc<Self>,
        callback: Callback,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> BottomHalf {
        let half = Half {
            flags: AtomicU32::new(0),
            callback: parking_lot::Mutex::new(Some(callback)),
        };
        BottomHalf {
            half: Arc::new(half),
            set: Arc::clone(self),
            wake,
        }
    }

    /// Runs `callback` once in the next poll. The caller wakes the loop.
    pub fn oneshot(&self, callback: Box<dyn FnOnce() + Send>) {
        let mut callback = Some(callback);
        let once: Callback = Box::new(move || {
            if let Some(callback) = callback.take() {
                callback();
            }
        });
        let half = Half {
            flags: AtomicU32::new(0),
            callback: parking_lot::Mutex::new(Some(once)),
        };
        self.enqueue(&Arc::new(half), SCHEDULED);
    }

    fn enqueue(&self, half: &Arc<Half>, flags: u32) {
        // Whoever turns QUEUED on pushes; everyone else has joined that episode.
        if half.flags.fetch_or(flags | QUEUED, Ordering::AcqRel) & QUEUED == 0 {
            self.queue.lock().push(Arc::clone(half));
        }
    }

    /// How long the loop may sleep for all that the bottom halves care.
    pub fn timeout(&self) -> Timeout {
        let mut timeout = Timeout::NEVER;
        let mut consider = |half: &Arc<Half>| {
            timeout = timeout.soonest(match half.flags.load(Ordering::Acquire) {
                flags if flags & (SCHEDULED | DELETED) == SCHEDULED => Timeout::ZERO,
                flags if flags & (IDLE | DELETED) == IDLE => Timeout::from_ns(IDLE_NS),
                _ => Timeout::NEVER,
            });
        };
        self.queue.lock().iter().for_each(&mut consider);
        self.slices.lock().iter().flatten().for_each(&mut consider);
        timeout
    }

    /// Runs what is queued, one slice, and what an outer poll on this stack has left. True if one that was not
    /// merely idle ran.
    ///
    /// Only the loop's thread polls.
    pub fn poll(&self) -> bool {
        let slice = std::mem::take(&mut *self.queue.lock());
        self.slices.lock().push_back(slice.into());
        let mut progress = false;
        while let Some(half) = self.next() {
            progress |= self.run(&half);
        }
        progress
    }

    fn next(&self) -> Option<Arc<Half>> {
        let mut slices = self.slices.lock();
        loop {
            match slices.front_mut()?.pop_front() {
                Some(half) => return Some(half),
                None => slices.pop_front(),
            };
        }
    }

    fn run(&self, half: &Arc<Half>) -> bool {
        // From here on scheduling opens a new episode.
        let flags = half
            .flags
            .fetch_and(!(QUEUED | SCHEDULED | IDLE), Ordering::AcqRel);
        if flags & DELETED != 0 || flags & (SCHEDULED | IDLE) == 0 {
            return false;
        }
        let Some(mut callback) = half.callback.lock().take() else {
            // It is running below us on this stack; its new episode waits until it has returned.
            self.enqueue(half, flags & (SCHEDULED | IDLE));
            return false;
        };
        callback();
        if half.flags.load(Ordering::Acquire) & DELETED == 0 {
            *half.callback.lock() = Some(callback);
        }
        flags & SCHEDULED != 0
    }

    /// Forgets everything queued, and the callbacks with it.
    pub fn clear(&self) {
        let queue = std::mem::take(&mut *self.queue.lock());
        let slices = std::mem::take(&mut *self.slices.lock());
        for half in queue.iter().chain(slices.iter().flatten()) {
            half.flags
                .fetch_and(!(QUEUED | SCHEDULED | IDLE), Ordering::AcqRel);
        }
    }
}

/// One bottom half. Dropping it deletes it: the callback does not begin to run after that on the loop's own thread;
/// on another thread a run under way goes on.
pub struct BottomHalf {
    half: Arc<Half>,
    set: Arc<BottomHalves>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for BottomHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BottomHalf")
            .field("scheduled", &self.is_scheduled())
            .finish_non_exhaustive()
    }
}

impl BottomHalf {
    /// Has the callback run in the loop's next slice.
    pub fn schedule(&self) {
        self.set.enqueue(&self.half, SCHEDULED);
        (self.wake)();
    }

    /// Has the callback run when the loop next turns, within [`IDLE_NS`], without hurrying it.
    pub fn schedule_idle(&self) {
        self.set.enqueue(&self.half, IDLE);
        (self.wake)();
    }

    /// Takes the scheduling back, if the callback has not begun.
    pub fn cancel(&self) {
        self.half.flags.fetch_and(!(SCHEDULED | IDLE), Ordering::AcqRel);
    }

    /// Whether the callback is going to run.
    pub fn is_scheduled(&self) -> bool {
        self.half.flags.load(Ordering::Acquire) & (SCHEDULED | IDLE) != 0
    }
}

impl Drop for BottomHalf {
    fn drop(&mut self) {
        self.half.flags.fetch_or(DELETED, Ordering::AcqRel);
        // Lets go of what the callback owns now, not when the queue is next polled.
        let callback = self.half.callback.lock().take();
        drop(callback);
    }
}
