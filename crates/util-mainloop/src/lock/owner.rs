//! Who holds a lock: one atomic per lock, so ownership is known per thread *and* machine.
//!
//! Only a thread itself stores its own number, so `held` needs no ordering: a thread sees its own stores, and any
//! other thread's number, stale or not, answers "not me".

use crate::sync::{AtomicU64, Ordering};
use crate::thread;
use std::sync::Arc;

/// The owner of one lock; 0 for nobody.
#[derive(Debug)]
pub(crate) struct Owner(AtomicU64);

impl Owner {
    pub(crate) fn nobody() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn held(&self) -> bool {
        self.0.load(Ordering::Relaxed) == thread::number()
    }

    /// The calling thread has just taken the lock.
    pub(crate) fn take(&self) {
        self.0.store(thread::number(), Ordering::Relaxed);
    }

    /// The calling thread is about to release the lock.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Answers whether the calling thread holds a certain lock, without keeping the lock itself reachable.
///
/// This is how the replay lock asserts its order: it holds a witness of the big lock, and the big lock holds it.
#[derive(Clone, Debug)]
pub struct Witness(pub(crate) Arc<Owner>);

impl Witness {
    /// Whether the calling thread holds the lock.
    pub fn held(&self) -> bool {
        self.0.held()
    }
}
