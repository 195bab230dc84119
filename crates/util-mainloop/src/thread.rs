//! A small number for every thread, so that lock owners fit into an atomic.

use std::cell::Cell;

/// Thread numbers are handed out here; they are compared for equality only, so no model needs to see this counter.
static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

#[cfg(not(loom))]
thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });
#[cfg(loom)]
loom::thread_local!(static NUMBER: Cell<u64> = Cell::new(0));

/// The number of the calling thread: never 0, never used again by another thread of this process.
pub fn number() -> u64 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
        number.get()
    })
}
