//! The one clock of a device: guest-virtual time, timers on it, and the conversion to a crystal's ticks.
//!
//! Time flows from the machine's virtual clock to the device; with counted instructions it *is* the instruction
//! count. Timer callbacks run under the big lock, on whichever thread owns the virtual clock.

use std::sync::{Arc, Weak};
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

    /// A timer that calls `callback` on `device` while the device lives: what a device made with
    /// [`Arc::new_cyclic`] keeps.
    pub fn device_timer<D: Send + Sync + 'static>(&self, device: &Weak<D>, callback: fn(&D)) -> Timer {
        let device = device.clone();
        self.timer(move || {
            if let Some(device) = device.upgrade() {
                callback(&device);
            }
        })
    }
}

/// Arms `timer` for `deadline` in virtual nanoseconds, or cancels it; does nothing if that is so already, so
/// timers of equal expiry keep their order.
pub fn schedule(timer: &Timer, deadline: Option<i64>) {
    // The timer clamps negative times to 0.
    let deadline = deadline.map(|at| at.max(0));
    if timer.expiry() == deadline {
        return;
    }
    match deadline {
        Some(at) => timer.arm(at),
        None => timer.cancel(),
    }
}

/// A crystal that ticks on the grid of virtual time: tick `n` is at `n / frequency` seconds, for ever.
///
/// Everything is computed from the grid with 128-bit products, so nothing drifts however long the machine runs.
///
/// ```
/// use hw_core::Frequency;
/// let pit = Frequency::new(1_193_182);
/// assert_eq!(pit.ticks(1_000_000_000), 1_193_182);
/// assert_eq!(pit.ticks(pit.ns(12_345)), 12_345);
/// assert_eq!(pit.ticks(pit.ns(12_345) - 1), 12_344);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency(u64);

const NS_PER_SECOND: i128 = 1_000_000_000;

impl Frequency {
    /// `hz` ticks per second.
    ///
    /// # Panics
    /// If `hz` is 0 or above 1 GHz (a tick must last a nanosecond or more to have a first nanosecond).
    pub const fn new(hz: u64) -> Self {
        assert!(hz > 0 && hz <= 1_000_000_000);
        Self(hz)
    }

    /// Ticks per second.
    pub const fn hz(self) -> u64 {
        self.0
    }

    /// The tick that is current at `ns`.
    pub fn ticks(self, ns: i64) -> i64 {
        saturate((i128::from(ns) * i128::from(self.0)).div_euclid(NS_PER_SECOND))
    }

    /// The first nanosecond of tick `ticks`; saturates at the ends of `i64`.
    pub fn ns(self, ticks: i64) -> i64 {
        let hz = i128::from(self.0);
        saturate((i128::from(ticks) * NS_PER_SECOND + hz - 1).div_euclid(hz))
    }
}

fn saturate(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_nanosecond_of_each_tick() {
        for hz in [
            1,
            32_768,
            1_193_182,
            3_579_545,
            100_000_000,
            999_999_937,
            1_000_000_000,
        ] {
            let f = Frequency::new(hz);
            for n in [-3, -1, 0, 1, 2, 17, 65_536, 1 << 23, 1 << 31] {
                let at = f.ns(n);
                if at != i64::MAX {
                    assert_eq!((f.ticks(at), f.ticks(at - 1)), (n, n - 1), "{hz} Hz, tick {n}");
                }
            }
        }
    }

    #[test]
    fn ends_saturate() {
        assert_eq!(Frequency::new(1).ns(i64::MAX), i64::MAX);
        assert_eq!(Frequency::new(1).ns(i64::MIN), i64::MIN);
        assert_eq!(Frequency::new(1_000_000_000).ticks(i64::MAX), i64::MAX);
    }
}
