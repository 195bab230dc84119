//! What softmmu asks of the machine's big lock: whether this thread holds it, and to run something under it.
//!
//! A trait, so that softmmu is usable with any lock; [`Solo`] is the choice of a program of one thread
//! or of one that serialises its I/O in no other place.

use parking_lot::ReentrantMutex;
use util_mainloop::BigLock;

/// The lock under which topology changes and I/O callbacks run (QEMU's BQL).
pub trait DispatchLock: Send + Sync {
    /// Whether the calling thread holds this machine's lock.
    fn held(&self) -> bool;

    /// Runs `f` under the lock, taking it only if this thread does not hold it.
    fn with(&self, f: &mut dyn FnMut());
}

impl DispatchLock for BigLock {
    fn held(&self) -> bool {
        Self::held(self)
    }

    fn with(&self, f: &mut dyn FnMut()) {
        let _guard = self.lock_unless_held();
        f();
    }
}

/// A self-contained lock for programs without a main loop: examples, tests, tools.
#[derive(Default)]
pub struct Solo(ReentrantMutex<()>);

impl DispatchLock for Solo {
    fn held(&self) -> bool {
        self.0.is_owned_by_current_thread()
    }

    fn with(&self, f: &mut dyn FnMut()) {
        let _guard = self.0.lock();
        f();
    }
}
