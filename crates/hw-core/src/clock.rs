//! The one clock of a device: guest-virtual time and timers on it.
//!
//! Time flows from the machine's virtual clock to the device; with counted instructions it *is* the instruction
//! count. Timer callbacks run under the big lock, on whichever thread owns the virtual clock.

use std::sync::Arc;
pub use util_mainloop::timer::Timer;
use util_mainloop::timer::TimerList;

/// Handle to the machine's virtual clock. Cheap to clone.
#[derive(Clone)]
pub struct VirtualClock(Arc<TimerList>);

impl VirtualClock {
    /// Wraps the timer list of the virtual clock.
    pub fn new(list: Arc<TimerList>) -> Self {
        Self(list)
    }

    /// Virtual nanoseconds since the machine was made; never decreases.
    pub fn now_ns(&self) -> i64 {
        self.0.now_ns()
    }

    /// A new, unarmed timer. `callback` runs when it expires, never early, under the big lock.
    pub fn timer(&self, callback: impl FnMut() + Send + 'static) -> Timer {
        self.0.timer(Box::new(callback))
    }
}
