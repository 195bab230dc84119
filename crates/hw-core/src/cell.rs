//! Interior state of a device: a mutex that turns re-entry into a message instead of a deadlock.
//!
//! The big lock already serialises devices, so the cell is almost never contended; what it guards against is a
//! device that, while it holds its own state, calls out and is called back (an EOI that re-raises a line).
//! Rule for device code: compute under the guard, drop the guard, then drive lines and sinks.

use parking_lot::{Mutex, MutexGuard};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use util_mainloop::thread;

/// The state of one device.
#[derive(Debug, Default)]
pub struct DeviceCell<T> {
    owner: AtomicU64,
    value: Mutex<T>,
}

impl<T> DeviceCell<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self {
            owner: AtomicU64::new(0),
            value: Mutex::new(value),
        }
    }

    /// Exclusive access.
    ///
    /// # Panics
    /// If the calling thread already has access: a device called itself through the board.
    pub fn lock(&self) -> DeviceGuard<'_, T> {
        let me = thread::number();
        assert_ne!(
            self.owner.load(Ordering::Relaxed),
            me,
            "device state entered twice by one thread"
        );
        let value = self.value.lock();
        self.owner.store(me, Ordering::Relaxed);
        DeviceGuard {
            owner: &self.owner,
            value,
        }
    }
}

/// Exclusive access to a [`DeviceCell`].
pub struct DeviceGuard<'a, T> {
    owner: &'a AtomicU64,
    value: MutexGuard<'a, T>,
}

impl<T> Deref for DeviceGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for DeviceGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for DeviceGuard<'_, T> {
    fn drop(&mut self) {
        // Before the mutex itself opens (fields drop after this body), so no thread is mistaken for the owner.
        self.owner.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "entered twice")]
    fn re_entry_is_caught() {
        let cell = DeviceCell::new(1);
        let _first = cell.lock();
        let _second = cell.lock();
    }

    #[test]
    fn access_after_release() {
        let cell = DeviceCell::new(1);
        *cell.lock() += 1;
        assert_eq!(*cell.lock(), 2);
    }
}
