//! Timer lists: callbacks in (expiry, insertion) order on one clock, never early.
//!
//! Mirrors QEMU's `QEMUTimerList`. Timers are armed from any thread; one thread, the owner of the clock, runs them:
//! the main loop, or the vCPU thread for the virtual clock when instructions are counted. `run_expired` reads the
//! time once; a callback runs with the list unlocked and its own timer inactive, so it may re-arm itself.

#[cfg(all(test, not(loom)))]
mod tests;

use crate::clock::{ClockKind, ClockSource, Clocks};
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use crate::thread;
use slab::Slab;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a timer does when it expires.
pub type Callback = Box<dyn FnMut() + Send>;
/// Called, without locks of the list, when the next deadline has come nearer.
pub type Notify = Arc<dyn Fn() + Send + Sync>;

/// Position in the queue: expiry in ns, then order of arming.
type Position = (i64, u64);

struct Entry {
    /// Tells this timer from a later one in the same slab slot.
    id: u64,
    /// Absent while it runs.
    callback: Option<Callback>,
    position: Option<Position>,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<Position, usize>,
    timers: Slab<Entry>,
    /// Numbers timers and armings alike; never repeats.
    sequence: u64,
    disabled: bool,
    /// Thread that runs callbacks, and how deeply (a callback may run a nested loop); 0 is nobody.
    runner: u64,
    depth: u32,
    notify: Option<Notify>,
}

impl State {
    fn head(&self) -> Option<i64> {
        if self.disabled {
            None
        } else {
            self.queue.keys().next().map(|&(at, _)| at)
        }
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn disarm(&mut self, key: usize) {
        if let Some(position) = self.timers[key].position.take() {
            self.queue.remove(&position);
        }
    }
}

/// What [`TimerList::reorder`] was told is not what is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimersDiffer;

impl fmt::Display for TimersDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("other timers are armed")
    }
}

impl std::error::Error for TimersDiffer {}

/// The timers of one clock.
pub struct TimerList {
    clock: Arc<dyn ClockSource>,
    state: Mutex<State>,
    /// Signalled when the last running callback has returned.
    idle: Condvar,
    epoch: AtomicU64,
}

impl fmt::Debug for TimerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerList")
            .field("now_ns", &self.now_ns())
            .field("deadline", &self.deadline())
            .finish()
    }
}

impl TimerList {
    /// An empty, enabled list on `clock`.
    pub fn new(clock: Arc<dyn ClockSource>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            state: Mutex::default(),
            idle: Condvar::new(),
            epoch: AtomicU64::new(0),
        })
    }

    /// The time on this list's clock, nanoseconds.
    pub fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    /// A new timer, not armed. `callback` runs on the thread that calls [`run_expired`](Self::run_expired).
    pub fn timer(self: &Arc<Self>, callback: Callback) -> Timer {
        let mut state = self.state.lock();
        let id = state.next_sequence();
        let key = state.timers.insert(Entry {
            id,
            callback: Some(callback),
            position: None,
        });
        Timer {
            list: Arc::clone(self),
            key,
        }
    }

    /// Changes `state` by `change`, then tells whoever waits for the head if it moved.
    fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let before = state.head();
        let result = change(&mut state);
        let after = state.head();
        let mut notify = None;
        if before != after {
            self.epoch.fetch_add(1, Ordering::Release);
            if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
                notify = state.notify.clone();
            }
        }
        drop(state);
        if let Some(notify) = notify {
            notify();
        }
        result
    }

    /// Runs every timer that has expired by now, in (expiry, insertion) order. True if any ran.
    ///
    /// The time is read once, on entry: a callback that re-arms itself for a moment not after it runs again in
    /// this call. Does nothing while the list is disabled or another thread is running it.
    pub fn run_expired(&self) -> bool {
        let me = thread::number();
        let mut state = self.state.lock();
        if state.head().is_none() || (state.depth > 0 && state.runner != me) {
            return false;
        }
        let now = self.clock.now_ns();
        if state.head().is_none_or(|at| at > now) {
            return false;
        }
        state.runner = me;
        state.depth += 1;
        drop(state);
        // Ends the run also when a callback panics, so that nobody waits for it for ever.
        let _running = Running(self);
        let mut ran = false;
        while self.run_one(now) {
            ran = true;
        }
        ran
    }

    /// Runs the first timer if it expired at or before `now`.
    fn run_one(&self, now: i64) -> bool {
        let mut state = self.state.lock();
        if state.disabled {
            return false;
        }
        // A timer whose callback is below us on the stack (a nested run) keeps its place until that returns.
        let due = state
            .queue
            .range(..=(now, u64::MAX))
            .map(|(&position, &key)| (position, key))
            .find(|&(_, key)| state.timers[key].callback.is_some());
        let Some((position, key)) = due else { return false };
        let was_head = state.head() == Some(position.0);
        state.queue.remove(&position);
        let entry = &mut state.timers[key];
        entry.position = None;
        let id = entry.id;
        let mut callback = entry.callback.take().expect("just found present");
        if was_head && state.head() != Some(position.0) {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        drop(state);

        callback();

        let mut state = self.state.lock();
        if let Some(entry) = state.timers.get_mut(key)
            && entry.id == id
        {
            entry.callback = Some(callback);
        } else {
            // Dropped from within. The callback may own timers of this list: let it go without the lock.
            drop(state);
            drop(callback);
        }
        true
    }

    /// When the first timer expires, in nanoseconds of this clock; none if there is none or the list is disabled.
    pub fn deadline(&self) -> Option<i64> {
        self.state.lock().head()
    }

    /// A number that changes whenever [`deadline`](Self::deadline) does. One atomic load, for a vCPU's inner loop.
    pub fn deadline_epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Has `notify` called when the head moves earlier: to shorten a sleep, or to cut short a running vCPU's
    /// budget. Replaces an earlier one. It is called on the arming thread and must not block.
    pub fn set_notify(&self, notify: Notify) {
        self.state.lock().notify = Some(notify);
    }

    /// Stops or resumes the running of timers; armed ones stay armed.
    ///
    /// Disabling returns after every callback running on another thread has returned; from inside a callback it
    /// takes effect when that callback returns. Callbacks that need a lock the caller holds would never return:
    /// where callbacks run under the big lock, hold it here too.
    pub fn set_enabled(&self, enabled: bool) {
        self.update(|state| state.disabled = !enabled);
        if !enabled {
            let me = thread::number();
            let mut state = self.state.lock();
            while state.depth > 0 && state.runner != me {
                self.idle.wait(&mut state);
            }
        }
    }

    /// The armed timers, in the order in which they will run: number (in the order in which the list's timers were
    /// made) and expiry. For snapshots: timers of equal expiry must keep their order.
    pub fn armed(&self) -> Vec<(usize, i64)> {
        let state = self.state.lock();
        state.queue.iter().map(|(&(at, _), &key)| (key, at)).collect()
    }

    /// Has the armed timers run in the order of `order`, which is what [`armed`](Self::armed) said of a list made in
    /// the same way.
    ///
    /// # Errors
    /// Other timers are armed now, or for other times; nothing is changed.
    pub fn reorder(&self, order: &[(usize, i64)]) -> Result<(), TimersDiffer> {
        let mut state = self.state.lock();
        let sorted = |mut timers: Vec<(usize, i64)>| {
            timers.sort_unstable();
            timers
        };
        let have = sorted(state.queue.iter().map(|(&(at, _), &key)| (key, at)).collect());
        if have != sorted(order.to_vec()) {
            return Err(TimersDiffer);
        }
        // The same expiries: the head stays, so nobody need be told.
        for &(key, at) in order {
            state.disarm(key);
            let position = (at, state.next_sequence());
            state.queue.insert(position, key);
            state.timers[key].position = Some(position);
        }
        Ok(())
    }

    /// Whether timers run.
    pub fn is_enabled(&self) -> bool {
        !self.state.lock().disabled
    }
}

/// A run in progress.
struct Running<'a>(&'a TimerList);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.depth -= 1;
        if state.depth == 0 {
            state.runner = 0;
            self.0.idle.notify_all();
        }
    }
}

/// One timer. Armed and cancelled from any thread; dropping it cancels it.
pub struct Timer {
    list: Arc<TimerList>,
    key: usize,
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("expiry", &self.expiry())
            .finish_non_exhaustive()
    }
}

impl Timer {
    /// Has the callback run once, at or after `at_ns` on the list's clock (negative: 0). Replaces an earlier arming,
    /// and queues behind timers with the same expiry.
    pub fn arm(&self, at_ns: i64) {
        self.list.update(|state| self.insert(state, at_ns));
    }

    /// Like [`arm`](Self::arm), unless the timer is pending for the same time or sooner.
    pub fn anticipate(&self, at_ns: i64) {
        self.list.update(|state| {
            if state.timers[self.key]
                .position
                .is_none_or(|(at, _)| at_ns.max(0) < at)
            {
                self.insert(state, at_ns);
            }
        });
    }

    fn insert(&self, state: &mut State, at_ns: i64) {
        state.disarm(self.key);
        let position = (at_ns.max(0), state.next_sequence());
        state.queue.insert(position, self.key);
        state.timers[self.key].position = Some(position);
    }

    /// Forgets the arming, if any. A callback that is already running goes on.
    pub fn cancel(&self) {
        self.list.update(|state| state.disarm(self.key));
    }

    /// Whether it is armed and has not begun to run.
    pub fn is_pending(&self) -> bool {
        self.expiry().is_some()
    }

    /// When it expires, in nanoseconds of the list's clock; none if it is not armed.
    pub fn expiry(&self) -> Option<i64> {
        self.list.state.lock().timers[self.key].position.map(|(at, _)| at)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // The entry leaves the closure: its callback may own other timers and must be dropped without the lock.
        let entry = self.list.update(|state| {
            state.disarm(self.key);
            state.timers.remove(self.key)
        });
        drop(entry);
    }
}

/// One timer list for each clock of a machine.
#[derive(Clone, Debug)]
pub struct TimerLists([Arc<TimerList>; 4]);

impl TimerLists {
    /// Empty lists on `clocks`.
    pub fn new(clocks: &Clocks) -> Self {
        Self(ClockKind::ALL.map(|kind| TimerList::new(Arc::clone(clocks.source(kind)))))
    }

    /// The list of `kind`.
    pub fn list(&self, kind: ClockKind) -> &Arc<TimerList> {
        &self.0[kind as usize]
    }
}
