//! The replay lock: FIFO, held for whole periods, before the big lock.
//!
//! Mirrors QEMU's `replay-internal.c` mutex with changes: it is a ticket lock, so neither thread starves or
//! overtakes; who waits kicks the vCPU thread, so nobody waits longer than for a block of guest code; and its order is
//! asserted in every mode, because an ordinary run is where a wrong order is met first.

use crate::Mode;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;
use util_mainloop::lock::{TicketLock, Witness};

/// What makes the vCPU thread leave its turn.
type Kick = Box<dyn Fn() + Send + Sync>;

/// The lock. Without record and replay it keeps nobody out and nobody holds it.
pub struct ReplayLock {
    /// Absent in [`Mode::None`].
    tickets: Option<TicketLock>,
    big: Witness,
    kick: OnceLock<Kick>,
}

impl fmt::Debug for ReplayLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayLock")
            .field("tickets", &self.tickets)
            .finish_non_exhaustive()
    }
}

impl ReplayLock {
    /// A free lock that must not be taken under the lock `big` tells of.
    pub fn new(mode: Mode, big: Witness) -> Self {
        let tickets = (mode != Mode::None).then(TicketLock::new);
        Self {
            tickets,
            big,
            kick: OnceLock::new(),
        }
    }

    /// Names what makes the vCPU thread leave its turn: called by a thread that stands in line for the lock, without
    /// any lock of ours held. The vCPU then looks at [`contended`](Self::contended) before its next turn.
    ///
    /// # Panics
    /// If there is one already.
    pub fn set_kick(&self, kick: Kick) {
        assert!(self.kick.set(kick).is_ok(), "the replay lock has a kick already");
    }

    /// Makes the vCPU thread leave its turn, if there is one.
    pub fn kick(&self) {
        if let Some(kick) = self.kick.get() {
            kick();
        }
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

    /// Whether a thread waits for the lock: for its holder, which then should hand it over. A vCPU that was kicked
    /// forgets the kick first and looks here then: the other way round it could sleep over a waiter.
    pub fn contended(&self) -> bool {
        self.tickets.as_ref().is_some_and(TicketLock::contended)
    }

    pub(crate) fn acquire(&self) {
        assert!(!self.big.held(), "replay lock taken under the big lock");
        if let Some(tickets) = &self.tickets {
            tickets.lock_or(|| self.kick());
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
