//! vCPUs that get only a part of the host's time: for who copies a guest's memory while it runs, and must win.
//!
//! A timer, on the clock that stands still with the machine, has the vCPUs' threads sleep once in each period. Mirrors
//! `cpu_throttle_set` in QEMU's `system/cpu-throttle.c`.
//!
//! ```no_run
//! # fn with(cpus: std::sync::Arc<accel_tcg::Cpus>, timers: std::sync::Arc<util_mainloop::timer::TimerList>) {
//! let throttle = accel_tcg::Throttle::new(&cpus, &timers);
//! throttle.set(Some(80)); // of each 50 ms, 40 are slept
//! throttle.set(None);
//! # }
//! ```

use crate::cpu_thread::Cpus;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use util_mainloop::timer::{Timer, TimerList};

/// What is executed between two sleeps, ns.
const SLICE_NS: i64 = 10_000_000;

/// Of a period: nanoseconds slept, and all.
fn period_ns(percent: u8) -> (i64, i64) {
    let (asleep, awake) = (i64::from(percent), 100 - i64::from(percent));
    (SLICE_NS * asleep / awake, SLICE_NS * 100 / awake)
}

struct State {
    cpus: Weak<Cpus>,
    timers: Arc<TimerList>,
    /// 0: not throttled.
    percent: AtomicU8,
    timer: Mutex<Option<Timer>>,
}

impl State {
    fn tick(&self) {
        let percent = self.percent.load(Ordering::Acquire);
        let Some(cpus) = self.cpus.upgrade().filter(|_| percent != 0) else {
            return;
        };
        let (nap, period) = period_ns(percent);
        cpus.nap(nap);
        if let Some(timer) = &*self.timer.lock() {
            timer.arm(self.timers.now_ns().saturating_add(period));
        }
    }
}

/// Holds back the vCPUs of a machine. Under counted time the guest cannot tell. Dropping it lets them go.
pub struct Throttle(Arc<State>);

impl Throttle {
    /// For `cpus`, by `timers`: on host time that stands still while the machine is stopped.
    pub fn new(cpus: &Arc<Cpus>, timers: &Arc<TimerList>) -> Self {
        let state = Arc::new(State {
            cpus: Arc::downgrade(cpus),
            timers: Arc::clone(timers),
            percent: AtomicU8::new(0),
            timer: Mutex::default(),
        });
        let weak = Arc::downgrade(&state);
        *state.timer.lock() = Some(timers.timer(Box::new(move || {
            if let Some(state) = weak.upgrade() {
                state.tick();
            }
        })));
        Self(state)
    }

    /// Has the vCPUs sleep for `percent` of the time (at least 1, at most 99), or not at all.
    pub fn set(&self, percent: Option<u8>) {
        let percent = percent.map_or(0, |percent| percent.clamp(1, 99));
        let before = self.0.percent.swap(percent, Ordering::AcqRel);
        if before == 0 && percent != 0 {
            self.0.tick();
        }
    }

    /// How much of the time the vCPUs sleep, in percent.
    pub fn percent(&self) -> Option<u8> {
        Some(self.0.percent.load(Ordering::Acquire)).filter(|&percent| percent != 0)
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        // Percent, nanoseconds slept, nanoseconds of a period.
        for (percent, asleep, period) in [
            (1, 101_010, 10_101_010),
            (20, 2_500_000, 12_500_000),
            (50, 10_000_000, 20_000_000),
            (99, 990_000_000, 1_000_000_000),
        ] {
            assert_eq!(period_ns(percent), (asleep, period), "{percent} %");
        }
    }
}
