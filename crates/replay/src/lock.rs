//! The replay lock: FIFO, held for whole periods, before the big lock.
//!
//! Mirrors QEMU's `replay-internal.c` mutex with two changes: it is a ticket lock, so neither thread starves or
//! overtakes, and its order is asserted in every mode, because an ordinary run is where a wrong order is met first.

use crate::Mode;
use std::marker::PhantomData;
use util_mainloop::lock::{TicketLock, Witness};

/// The lock. Without record and replay it keeps nobody out and nobody holds it.
#[derive(Debug)]
pub struct ReplayLock {
    /// Absent in [`Mode::None`].
    tickets: Option<TicketLock>,
    big: Witness,
}

impl ReplayLock {
    /// A free lock that must not be taken under the lock `big` tells of.
    pub fn new(mode: Mode, big: Witness) -> Self {
        let tickets = (mode != Mode::None).then(TicketLock::new);
        Self { tickets, big }
    }

    /// Waits for its turn and holds the lock until the guard is dropped.
    ///
    /// # Panics
    /// If this thread holds the big lock, in every mode, or the replay lock already; in release builds too.
    pub fn lock(&self) -> ReplayGuard<'_> {
        self.acquire();
        ReplayGuard {
            lock: self,
            stay: PhantomData,
        }
    }

    /// Whether the calling thread holds the lock.
    pub fn held(&self) -> bool {
        self.tickets.as_ref().is_some_and(TicketLock::held)
    }

    pub(crate) fn acquire(&self) {
        assert!(!self.big.held(), "replay lock taken under the big lock");
        if let Some(tickets) = &self.tickets {
            tickets.lock();
        }
    }

    pub(crate) fn release(&self) {
        if let Some(tickets) = &self.tickets {
            tickets.unlock();
        }
    }
}

/// Holding the replay lock. Dropping it releases, also under the big lock.
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct ReplayGuard<'a> {
    lock: &'a ReplayLock,
    /// Ownership is per thread, so the guard stays on its own.
    stay: PhantomData<*const ()>,
}

impl Drop for ReplayGuard<'_> {
    fn drop(&mut self) {
        self.lock.release();
    }
}
