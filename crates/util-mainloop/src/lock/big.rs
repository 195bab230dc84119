//! The big lock of one machine: device models, the memory map and run state change under it.
//!
//! Mirrors QEMU's BQL (`qemu/main-loop.h`): never recursive, known per thread and per machine, with condition
//! variables of its own, and always taken after the replay lock (see [`Gate`]).

use super::order::{Gate, Period};
use super::owner::{Owner, Witness};
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The lock. Put it into an [`Arc`]: everything of a machine that can be re-entered from two threads holds it.
pub struct BigLock {
    mutex: Mutex<()>,
    owner: Arc<Owner>,
    gate: OnceLock<Arc<dyn Gate>>,
}

impl Default for BigLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BigLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BigLock")
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl BigLock {
    /// A free lock, with nothing before it in the order.
    pub fn new() -> Self {
        Self {
            mutex: Mutex::new(()),
            owner: Arc::new(Owner::nobody()),
            gate: OnceLock::new(),
        }
    }

    /// Names the lock that comes before this one in every [`period`](Self::period).
    ///
    /// # Panics
    /// If there is one already.
    pub fn set_gate(&self, gate: Arc<dyn Gate>) {
        assert!(self.gate.set(gate).is_ok(), "the big lock has a gate already");
    }

    pub(super) fn gate(&self) -> Option<&dyn Gate> {
        self.gate.get().map(AsRef::as_ref)
    }

    /// Takes the lock.
    ///
    /// # Panics
    /// If this thread holds it already; in release builds too.
    pub fn lock(&self) -> BigLockGuard<'_> {
        assert!(!self.held(), "big lock taken twice by one thread");
        let mutex = self.mutex.lock();
        self.owner.take();
        BigLockGuard {
            lock: self,
            mutex: Some(mutex),
        }
    }

    /// Takes the lock unless this thread has it: for paths that are entered both ways, such as MMIO dispatch.
    pub fn lock_unless_held(&self) -> Option<BigLockGuard<'_>> {
        if self.held() { None } else { Some(self.lock()) }
    }

    /// Enters the gate, if there is one, then takes the lock: the start of a main-loop or vCPU period.
    ///
    /// # Panics
    /// If this thread holds either already.
    pub fn period(&self) -> Period<'_> {
        Period::begin(self)
    }

    /// Whether the calling thread holds this machine's big lock.
    pub fn held(&self) -> bool {
        self.owner.held()
    }

    /// A handle that knows whether the calling thread holds this lock.
    pub fn witness(&self) -> Witness {
        Witness(Arc::clone(&self.owner))
    }
}

/// Holding the big lock; dropping it releases. Stays on its thread.
#[must_use = "the lock is released when the guard is dropped"]
pub struct BigLockGuard<'a> {
    lock: &'a BigLock,
    /// Absent only inside `unlocked`.
    mutex: Option<MutexGuard<'a, ()>>,
}

impl<'a> BigLockGuard<'a> {
    /// Runs `f` without the lock, then takes it again. What it protects may have changed meanwhile.
    pub fn unlocked<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.release();
        let result = f();
        self.reacquire();
        result
    }

    pub(super) fn release(&mut self) {
        self.lock.owner.clear();
        self.mutex = None;
    }

    pub(super) fn reacquire(&mut self) {
        assert!(!self.lock.held(), "big lock taken twice by one thread");
        self.mutex = Some(self.lock.mutex.lock());
        self.lock.owner.take();
    }

    /// Nobody sleeps with the gate: whoever is to wake him might be waiting for it (see [`Period::without_gate`]).
    pub(crate) fn assert_no_gate(&self) {
        if let Some(gate) = self.lock.gate() {
            assert!(
                !gate.held(),
                "waiting under the big lock while holding the lock before it"
            );
        }
    }

    /// The lock this guard belongs to.
    pub fn big_lock(&self) -> &'a BigLock {
        self.lock
    }
}

impl Drop for BigLockGuard<'_> {
    fn drop(&mut self) {
        // Absent if a closure of `unlocked` panicked: then there is nothing to release.
        if self.mutex.is_some() {
            self.release();
        }
    }
}

/// A condition on state under the big lock: CPU created, all paused, work done, halted CPU woken.
#[derive(Debug, Default)]
pub struct BigCondvar(Condvar);

impl BigCondvar {
    /// One that nobody waits on.
    pub fn new() -> Self {
        Self(Condvar::new())
    }

    /// Releases the big lock, sleeps until notified, takes it again. May wake without a reason: wait in a loop.
    ///
    /// # Panics
    /// If this thread still holds the gate: whoever is to notify might be waiting for it
    /// (see [`Period::without_gate`]).
    pub fn wait(&self, guard: &mut BigLockGuard<'_>) {
        guard.assert_no_gate();
        let lock = guard.lock;
        lock.owner.clear();
        self.0
            .wait(guard.mutex.as_mut().expect("the guard holds the lock"));
        lock.owner.take();
    }

    /// Like [`wait`](Self::wait), for at most `timeout_ns` nanoseconds of host time. False: the time is over.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[cfg(not(loom))]
    pub fn wait_for(&self, guard: &mut BigLockGuard<'_>, timeout_ns: u64) -> bool {
        guard.assert_no_gate();
        let lock = guard.lock;
        lock.owner.clear();
        let mutex = guard.mutex.as_mut().expect("the guard holds the lock");
        let result = self
            .0
            .wait_for(mutex, std::time::Duration::from_nanos(timeout_ns));
        lock.owner.take();
        !result.timed_out()
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
