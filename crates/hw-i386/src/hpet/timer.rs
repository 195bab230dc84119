//! One HPET timer: when the main counter matches its comparator.
//!
//! Times are ticks of the 10 ns grid since virtual time 0; the main counter is that plus an offset. A match is an
//! equality, as in hardware: a comparator that is already behind the counter matches when the counter has wrapped.

use super::spec;
use serde::{Deserialize, Serialize};

/// State of one timer, saved as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HpetTimer {
    /// Configuration, capabilities not included.
    pub config: u64,
    /// Comparator: the next match.
    pub comparator: u64,
    /// What is added at each match in periodic mode: the last value written.
    pub period: u64,
    /// Matches before this tick are past.
    pub from: i64,
}

impl Default for HpetTimer {
    fn default() -> Self {
        Self {
            config: 0,
            comparator: u64::MAX,
            period: 0,
            from: 0,
        }
    }
}

impl HpetTimer {
    fn mask(&self) -> u64 {
        if self.config & spec::T_32BIT != 0 {
            0xffff_ffff
        } else {
            u64::MAX
        }
    }

    fn step(&self) -> Option<u64> {
        let period = self.period & self.mask();
        (self.config & spec::T_PERIODIC != 0 && period != 0).then_some(period)
    }

    /// The tick of the next match, with the counter being `offset` more than the tick.
    pub fn next(&self, offset: u64) -> Option<i64> {
        let counter = offset.wrapping_add(self.from as u64);
        let distance = self.comparator.wrapping_sub(counter) & self.mask();
        self.from.checked_add(i64::try_from(distance).ok()?)
    }

    /// Whether the counter has matched up to `tick`; moves past that.
    pub fn take_match(&mut self, offset: u64, tick: i64) -> bool {
        let Some(at) = self.next(offset).filter(|&at| at <= tick) else {
            return false;
        };
        if let Some(step) = self.step() {
            let late = tick.saturating_sub(at) as u64;
            let steps = late / step + 1;
            self.comparator = self.comparator.wrapping_add(step.wrapping_mul(steps)) & self.mask();
        }
        self.from = tick.saturating_add(1);
        true
    }

    /// Writes the low or high half, or all (`mask`), of the comparator register.
    pub fn write_comparator(&mut self, value: u64, mask: u64) {
        let merge = |old: u64| old & !mask | value & mask;
        if self.config & spec::T_PERIODIC == 0 || self.config & spec::T_SET_VALUE != 0 {
            self.comparator = merge(self.comparator) & self.mask();
        }
        self.period = merge(self.period);
        self.config &= !spec::T_SET_VALUE;
    }
}
