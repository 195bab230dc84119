//! A mutual exclusion in strict order of arrival.
//!
//! Two threads that alternate through it can neither starve nor overtake each other, which is what makes the order
//! of main-loop and vCPU periods reproducible. Each arrival draws a ticket; release serves the next number.
//! Waiters sleep: a period lasts up to milliseconds.

use super::owner::{Owner, Witness};
use crate::sync::{AtomicU32, Condvar, Mutex, Ordering};
use std::sync::Arc;

#[derive(Debug, Default)]
struct Tickets {
    /// The next arrival's number.
    next: u64,
    /// The number that may hold the lock now.
    serving: u64,
}

/// A FIFO lock without a guard type, for holders whose period does not follow a scope.
#[derive(Debug)]
pub struct TicketLock {
    tickets: Mutex<Tickets>,
    turn: Condvar,
    /// Threads in line behind the holder; changes under `tickets` only.
    waiting: AtomicU32,
    owner: Arc<Owner>,
}

impl Default for TicketLock {
    fn default() -> Self {
        Self::new()
    }
}

impl TicketLock {
    /// A free lock.
    pub fn new() -> Self {
        Self {
            tickets: Mutex::new(Tickets::default()),
            turn: Condvar::new(),
            waiting: AtomicU32::new(0),
            owner: Arc::new(Owner::nobody()),
        }
    }

    /// Waits until every earlier arrival has released the lock, then holds it.
    ///
    /// # Panics
    /// If this thread holds it already; in release builds too.
    pub fn lock(&self) {
        self.lock_or(|| {});
    }

    /// Like [`lock`](Self::lock); calls `waiting` if another thread has to release the lock first. It stands in line
    /// by then, so a holder that is told by `waiting` sees [`contended`](Self::contended) and cannot overtake.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    pub fn lock_or(&self, waiting: impl FnOnce()) {
        assert!(!self.held(), "ticket lock taken twice by one thread");
        let mut tickets = self.tickets.lock();
        let mine = tickets.next;
        tickets.next += 1;
        if tickets.serving != mine {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            drop(tickets);
            waiting();
            tickets = self.tickets.lock();
            while tickets.serving != mine {
                self.turn.wait(&mut tickets);
            }
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        self.owner.take();
    }

    /// Whether somebody waits. Cheap: one load. For the holder, which learns by another way (a kick, whose memory
    /// ordering makes this one's) that it should look.
    pub fn contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// Hands the lock to the next in line.
    ///
    /// # Panics
    /// If this thread does not hold it; in release builds too.
    pub fn unlock(&self) {
        assert!(
            self.held(),
            "ticket lock released by a thread that does not hold it"
        );
        let mut tickets = self.tickets.lock();
        self.owner.clear();
        tickets.serving += 1;
        // Every waiter looks at its own number; with two or three threads a broadcast costs nothing.
        self.turn.notify_all();
    }

    /// Whether the calling thread holds the lock.
    pub fn held(&self) -> bool {
        self.owner.held()
    }

    /// How many threads hold it or wait for it.
    pub fn queue_len(&self) -> u64 {
        let tickets = self.tickets.lock();
        tickets.next - tickets.serving
    }

    /// A handle that knows whether the calling thread holds this lock.
    pub fn witness(&self) -> Witness {
        Witness(Arc::clone(&self.owner))
    }
}
