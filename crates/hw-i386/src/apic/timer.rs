//! The local APIC timer as a function of virtual time: one-shot, periodic, TSC deadline.
//!
//! Nothing counts; what the counter shows and when it reaches zero follow from the nanosecond it was loaded.

use super::spec::{TimerMode, divisor};
use serde::{Deserialize, Serialize};

/// State of the timer, saved as it is. The mode lives in the LVT and is passed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApicTimer {
    /// Initial count register.
    pub initial: u32,
    /// Divide configuration register.
    pub divide: u32,
    /// When counting started from the initial count, ns.
    start_ns: i64,
    /// The counter is not yet zero for good.
    running: bool,
    /// Periods that have ended and been dealt with.
    periods: i64,
    /// IA32_TSC_DEADLINE, 0 when disarmed.
    pub deadline_tsc: u64,
    deadline_ns: i64,
}

impl ApicTimer {
    /// From the initial count to zero, ns; below 2^40.
    fn duration(&self) -> i64 {
        i64::from(self.initial) * divisor(self.divide)
    }

    fn elapsed(&self, now: i64) -> i64 {
        now.saturating_sub(self.start_ns).max(0)
    }

    /// Writes the initial count: starts, or stops with 0.
    pub fn load(&mut self, count: u32, now: i64) {
        self.initial = count;
        self.start_ns = now;
        self.running = count != 0;
        self.periods = 0;
    }

    /// Stops everything: a change to or from TSC-deadline mode.
    pub fn stop(&mut self) {
        self.load(0, 0);
        self.deadline_tsc = 0;
        self.deadline_ns = 0;
    }

    /// Writes the divide configuration; the counter goes on from where it is.
    pub fn set_divide(&mut self, value: u32, mode: TimerMode, now: i64) {
        let current = self.current(mode, now);
        self.divide = value & 0xb;
        self.resume(current, now);
    }

    /// The counter goes on from where it is in another of the two counting modes.
    pub fn change_mode(&mut self, from: TimerMode, now: i64) {
        let current = self.current(from, now);
        self.resume(current, now);
    }

    /// Makes the counter show `current` at `now`.
    fn resume(&mut self, current: u32, now: i64) {
        if self.running {
            let passed = i64::from(self.initial.saturating_sub(current)) * divisor(self.divide);
            self.start_ns = now.saturating_sub(passed);
            self.periods = 0;
        }
    }

    /// Current count register.
    pub fn current(&self, mode: TimerMode, now: i64) -> u32 {
        let duration = self.duration();
        if !self.running || duration == 0 {
            return 0;
        }
        let elapsed = match mode {
            TimerMode::OneShot => self.elapsed(now).min(duration),
            TimerMode::Periodic => self.elapsed(now) % duration,
            TimerMode::TscDeadline | TimerMode::Reserved => return 0,
        };
        self.initial - (elapsed / divisor(self.divide)) as u32
    }

    /// Arms or, with 0, disarms TSC-deadline mode.
    pub fn set_deadline(&mut self, tsc: u64, ns: i64) {
        self.deadline_tsc = tsc;
        self.deadline_ns = if tsc == 0 { 0 } else { ns };
    }

    /// Whether the timer has fired since this was last asked.
    pub fn take_fired(&mut self, mode: TimerMode, now: i64) -> bool {
        match mode {
            TimerMode::OneShot => {
                let fired = self.running && self.elapsed(now) >= self.duration();
                self.running &= !fired;
                fired
            }
            TimerMode::Periodic => {
                let duration = self.duration();
                if !self.running || duration == 0 {
                    return false;
                }
                let periods = self.elapsed(now) / duration;
                let fired = periods > self.periods;
                self.periods = self.periods.max(periods);
                fired
            }
            TimerMode::TscDeadline => {
                let fired = self.deadline_tsc != 0 && now >= self.deadline_ns;
                if fired {
                    self.set_deadline(0, 0);
                }
                fired
            }
            TimerMode::Reserved => false,
        }
    }

    /// When it fires next, ns; in periodic mode the end of the first period not yet dealt with.
    pub fn next(&self, mode: TimerMode) -> Option<i64> {
        let duration = self.duration();
        match mode {
            TimerMode::OneShot => self.running.then(|| self.start_ns.saturating_add(duration)),
            TimerMode::Periodic => (self.running && duration != 0).then(|| {
                let end = self.periods.saturating_add(1).saturating_mul(duration);
                self.start_ns.saturating_add(end)
            }),
            TimerMode::TscDeadline => (self.deadline_tsc != 0).then_some(self.deadline_ns),
            TimerMode::Reserved => None,
        }
    }
}
