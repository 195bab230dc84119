//! The order of locks: a gate (the replay lock), then the big lock, then leaves.
//!
//! The gate is held for a whole period of one thread (a main-loop turn without its sleep, or a slice of guest
//! execution), so with record and replay periods follow each other in one order. It may be *dropped* while the
//! big lock stays held, never *taken*; implementors assert that with a [`Witness`](super::Witness).

use super::big::{BigLock, BigLockGuard};

/// The lock before the big lock. `replay` implements it; without record and replay there is none, or it does nothing.
pub trait Gate: Send + Sync {
    /// Waits for the gate. Must panic if this thread holds the gate or the big lock.
    fn enter(&self);

    /// Leaves the gate. Must panic if this thread is not in it. The big lock may be held.
    fn leave(&self);

    /// Whether this thread is in the gate; false for a gate that does nothing.
    fn held(&self) -> bool;
}

/// What a thread holds and can put down while it sleeps. The main loop polls inside [`unlocked`](Self::unlocked).
pub trait Held {
    /// Calls `f` once with the locks released, then takes them again in their order.
    fn unlocked(&mut self, f: &mut dyn FnMut());
}

/// Nothing held: a main loop outside any machine.
impl Held for () {
    fn unlocked(&mut self, f: &mut dyn FnMut()) {
        f();
    }
}

impl Held for BigLockGuard<'_> {
    fn unlocked(&mut self, f: &mut dyn FnMut()) {
        BigLockGuard::unlocked(self, f);
    }
}

/// The gate and the big lock, taken in this order and released in the opposite one when dropped.
#[must_use = "both locks are released when the period is dropped"]
pub struct Period<'a> {
    lock: &'a BigLock,
    /// Absent only between release and re-entry.
    big: Option<BigLockGuard<'a>>,
    in_gate: bool,
}

impl<'a> Period<'a> {
    pub(super) fn begin(lock: &'a BigLock) -> Self {
        let mut period = Self {
            lock,
            big: None,
            in_gate: false,
        };
        period.enter();
        period
    }

    fn enter(&mut self) {
        if let Some(gate) = self.lock.gate() {
            gate.enter();
            self.in_gate = true;
        }
        self.big = Some(self.lock.lock());
    }

    fn leave(&mut self) {
        self.big = None;
        self.leave_gate();
    }

    /// Drops the gate and keeps the big lock. Harmless when the gate was left before.
    pub fn leave_gate(&mut self) {
        if std::mem::take(&mut self.in_gate)
            && let Some(gate) = self.lock.gate()
        {
            gate.leave();
        }
    }

    /// Runs `f` with the big lock but outside the gate, then takes both again in their order.
    ///
    /// For waiting on a condition that another thread's period brings about, such as "all CPUs stopped". The big
    /// lock is free for a moment before this returns: run state may have changed.
    pub fn without_gate<R>(&mut self, f: impl FnOnce(&mut BigLockGuard<'a>) -> R) -> R {
        self.leave_gate();
        let result = f(self.big.as_mut().expect("a period holds the big lock"));
        self.leave();
        self.enter();
        result
    }

    /// Runs `f` in the gate but without the big lock, then takes that again: a slice of guest execution.
    pub fn without_big<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.big = None;
        let result = f();
        self.big = Some(self.lock.lock());
        result
    }

    /// Lets go of both locks and takes them again: whoever waits for one gets it.
    pub fn yield_now(&mut self) {
        self.leave();
        self.enter();
    }

    /// The big lock's guard, for condition variables after [`leave_gate`](Self::leave_gate).
    pub fn big(&mut self) -> &mut BigLockGuard<'a> {
        self.big.as_mut().expect("a period holds the big lock")
    }
}

impl Held for Period<'_> {
    fn unlocked(&mut self, f: &mut dyn FnMut()) {
        self.leave();
        f();
        self.enter();
    }
}

impl Drop for Period<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
