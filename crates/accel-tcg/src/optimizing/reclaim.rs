//! When the room of dead code may be used again: when no vCPU can be inside it.
//!
//! A vCPU is inside generated code from [`Seat::enter`] to [`Seat::leave`], and between two [`Seat::pass`]es. What is
//! retired can be reached by no table any more; it is disposed of once every vCPU that was inside has passed since.
#![allow(unsafe_code)] // a seat moves to the vCPU's thread

use crossbeam_epoch::{Collector, Guard, LocalHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One vCPU among those that execute a machine's code.
pub(super) struct Seat {
    /// While the vCPU is inside. Dropped before the handle.
    inside: Option<Guard>,
    handle: LocalHandle,
    retired: u64,
    disposed: Arc<AtomicU64>,
}

// SAFETY: handle and guard count without synchronization. All of this participant's are in this value, so whoever has
// the value is the only one who uses them; and they are tied to no thread, only to each other.
unsafe impl Send for Seat {}

impl Seat {
    /// A seat of a vCPU that is not inside.
    pub fn new(collector: &Collector) -> Self {
        Self {
            inside: None,
            handle: collector.register(),
            retired: 0,
            disposed: Arc::default(),
        }
    }

    /// The vCPU begins to run.
    pub fn enter(&mut self) {
        self.inside = Some(self.handle.pin());
    }

    /// It has stopped, or waits.
    pub fn leave(&mut self) {
        self.inside = None;
    }

    /// It is in none of the code that it entered before.
    #[inline]
    pub fn pass(&mut self) {
        if let Some(inside) = &mut self.inside {
            inside.repin();
        }
        if self.limbo() != 0 {
            self.collect();
        }
    }

    #[cold]
    fn collect(&self) {
        self.handle.pin().flush();
    }

    /// Has `dispose` called when no vCPU can be inside what it disposes of. Nobody may find that any more.
    pub fn retire(&mut self, dispose: impl FnOnce() + Send + 'static) {
        self.retired += 1;
        let disposed = Arc::clone(&self.disposed);
        let guard = self.handle.pin();
        guard.defer(move || {
            dispose();
            disposed.fetch_add(1, Ordering::Relaxed);
        });
        guard.flush();
    }

    /// How much that was retired here has been disposed of.
    pub fn disposed(&self) -> u64 {
        self.disposed.load(Ordering::Relaxed)
    }

    /// How much has not.
    #[inline]
    pub fn limbo(&self) -> u64 {
        self.retired - self.disposed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn flag() -> (Arc<AtomicBool>, impl FnOnce() + Send + 'static) {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        (flag, move || set.store(true, Ordering::Relaxed))
    }

    /// Lets the epoch go on as far as it can.
    fn passes(seat: &mut Seat) {
        for _ in 0..8 {
            seat.pass();
        }
    }

    #[test]
    fn code_outlives_whoever_is_inside() {
        let collector = Collector::new();
        let (mut own, mut other) = (Seat::new(&collector), Seat::new(&collector));
        own.enter();
        other.enter();
        let (gone, dispose) = flag();
        own.retire(dispose);
        passes(&mut own);
        assert!(!gone.load(Ordering::Relaxed), "the other vCPU may be inside");
        assert_eq!((own.limbo(), own.disposed()), (1, 0));
        // On another thread, as vCPUs are.
        let mut other = std::thread::spawn(move || {
            passes(&mut other);
            other
        })
        .join()
        .expect("no panic");
        passes(&mut own);
        other.pass();
        passes(&mut own);
        assert!(gone.load(Ordering::Relaxed));
        assert_eq!((own.limbo(), own.disposed()), (0, 1));
    }

    #[test]
    fn nobody_waits_for_who_has_left() {
        let collector = Collector::new();
        let (mut own, mut other) = (Seat::new(&collector), Seat::new(&collector));
        own.enter();
        other.enter();
        let (gone, dispose) = flag();
        own.retire(dispose);
        other.leave();
        passes(&mut own);
        assert!(gone.load(Ordering::Relaxed));
    }

    #[test]
    fn not_before_its_own_vcpu_has_passed() {
        let collector = Collector::new();
        let mut own = Seat::new(&collector);
        own.enter();
        let (gone, dispose) = flag();
        own.retire(dispose);
        for _ in 0..8 {
            own.collect();
        }
        assert!(!gone.load(Ordering::Relaxed));
        passes(&mut own);
        assert!(gone.load(Ordering::Relaxed));
    }
}
