//! Publishing a value that is read often and replaced rarely: the value first, then its generation.
//!
//! A writer (one at a time: commits run under the big lock) swaps the value in and then stores the new
//! generation with release ordering. A reader compares that generation, read with acquire ordering, with the
//! one of the value it holds. If the published one is higher it takes the current value, which is at least as new
//! as the generation it saw, because the value was stored first. The value carries its own generation, so a
//! reader that overtook the generation store does not take the same value for new twice: each change is seen
//! once, which matters because a vCPU flushes its TLB for each, and TLB residency is visible to the guest.
//!
//! Old values are freed by reference count; [`Published::pinned`] readers, who count nothing, are waited for by
//! epoch. `tests/loom.rs` drives this file under loom, where a mutex stands for arc-swap.

#[cfg(loom)]
use loom::sync::Arc;
#[cfg(not(loom))]
use std::sync::Arc;

#[cfg(not(loom))]
use arc_swap::ArcSwap;
#[cfg(not(loom))]
use crossbeam_epoch::{Atomic, Collector, Guard, Owned};

#[cfg(loom)]
use crate::sync::Mutex;
use crate::sync::{AtomicU64, Ordering};

/// A value and the generation that published it.
pub struct Stamped<T> {
    /// Which publication this is, from zero.
    pub generation: u64,
    /// The value.
    pub value: T,
}

/// The current value, and the generation that says whether a held one is stale.
pub struct Published<T> {
    generation: AtomicU64,
    #[cfg(not(loom))]
    current: ArcSwap<Stamped<T>>,
    #[cfg(loom)]
    current: Mutex<Arc<Stamped<T>>>,
    /// The same value for readers that pin the epoch instead of counting references.
    #[cfg(not(loom))]
    raw: Atomic<Arc<Stamped<T>>>,
    #[cfg(not(loom))]
    collector: Collector,
}

impl<T> Published<T> {
    /// Generation 0.
    #[cfg(not(loom))]
    pub fn new(value: T, collector: &Collector) -> Self {
        let first = Arc::new(Stamped { generation: 0, value });
        Self {
            generation: AtomicU64::new(0),
            raw: Atomic::new(first.clone()),
            current: ArcSwap::new(first),
            collector: collector.clone(),
        }
    }

    /// Generation 0.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            generation: AtomicU64::new(0),
            current: Mutex::new(Arc::new(Stamped { generation: 0, value })),
        }
    }

    /// The generation of the newest completed publication.
    #[inline(always)]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The current value.
    pub fn load(&self) -> Arc<Stamped<T>> {
        #[cfg(not(loom))]
        return self.current.load_full();
        #[cfg(loom)]
        return self.current.lock().clone();
    }

    /// Calls `f` with the current value, without keeping it.
    #[cfg(not(loom))]
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        f(&self.current.load().value)
    }

    /// Replaces `held` by the current value if that is newer; whether it was.
    #[inline(always)]
    pub fn refresh(&self, held: &mut Arc<Stamped<T>>) -> bool {
        if self.generation() <= held.generation {
            return false;
        }
        *held = self.load();
        true
    }

    /// Makes `value` the current one. One caller at a time.
    pub fn publish(&self, value: T) {
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        let next = Arc::new(Stamped { generation, value });
        #[cfg(not(loom))]
        {
            self.current.store(next.clone());
            self.publish_raw(next);
        }
        #[cfg(loom)]
        {
            *self.current.lock() = next;
        }
        self.generation.store(generation, Ordering::Release);
    }
}

#[cfg(not(loom))]
#[allow(unsafe_code)] // frees and dereferences epoch-managed pointers
mod raw {
    use super::*;

    /// An epoch ends two advances later; each round advances once and frees some.
    const ROUNDS: usize = 8;

    impl<T> Published<T> {
        pub(super) fn publish_raw(&self, next: Arc<Stamped<T>>) {
            let guard = self.collector.register().pin();
            let old = self
                .raw
                .swap(Owned::new(next), std::sync::atomic::Ordering::AcqRel, &guard);
            // SAFETY: `old` was just unpublished, and only `publish` frees published pointers, each once.
            unsafe { guard.defer_destroy(old) };
            guard.flush();
        }

        /// The current value as long as `guard` pins an epoch of this value's collector.
        pub fn pinned<'g>(&self, guard: &'g Guard) -> &'g Stamped<T> {
            assert!(
                guard.collector() == Some(&self.collector),
                "pinned another machine's epoch"
            );
            // SAFETY: never null; freed only after every guard of this collector that could see it is dropped,
            // and the assertion says that `guard` is one.
            unsafe { self.raw.load(std::sync::atomic::Ordering::Acquire, guard).deref() }
        }
    }

    impl<T> Drop for Published<T> {
        fn drop(&mut self) {
            let handle = self.collector.register();
            // SAFETY: `&mut self`, and pinned readers borrow `self` no longer than their guard; the last value is
            // retired through the epoch all the same, since a guard may outlive `self`.
            unsafe {
                let guard = handle.pin();
                let last = self.raw.swap(
                    crossbeam_epoch::Shared::null(),
                    std::sync::atomic::Ordering::AcqRel,
                    &guard,
                );
                guard.defer_destroy(last);
            }
            // What is retired may own the collector (views own regions, regions devices, devices the map): nobody
            // would ever collect it later. If no reader is pinned, these rounds pass every retired value's epoch.
            for _ in 0..ROUNDS {
                handle.pin().flush();
            }
        }
    }
}
