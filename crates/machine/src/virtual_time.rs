//! The machine's clocks and timer lists, by the way time is kept.

use crate::config::Time;
use accel_tcg::{CountedClock, Drift, InstructionTime, Journal, Pace, TimeBase};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use target_i386::InstructionCount;
use util_mainloop::LoopHandle;
use util_mainloop::clock::{ClockSource, HostClock, MonotonicClock, WallClock};
use util_mainloop::timer::TimerList;

/// A virtual clock at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockState {
    /// Of the host: nanoseconds shown.
    Host(i64),
    /// Counted.
    Counted {
        /// Instructions of all vCPUs.
        instructions: u64,
        /// Nanoseconds that idle time was cut short by.
        warped_ns: i64,
        /// An instruction takes `1 << shift` ns from now on.
        shift: u32,
    },
}

/// Virtual time and realtime of one machine.
pub struct VirtualTime {
    /// Timers on the virtual clock.
    pub virtual_timers: Arc<TimerList>,
    /// Timers on the host's monotonic clock, for what the guest cannot see.
    pub realtime_timers: Arc<TimerList>,
    /// Timers on the host's time of day.
    pub wall_timers: Arc<TimerList>,
    /// The published instruction count of all CPUs together.
    pub count: Arc<InstructionCount>,
    /// Host time that stops with the machine (`VIRTUAL_RT`): the virtual clock, or beside a counted one, which stops by
    /// itself.
    ticks: Arc<HostClock>,
    pace: Pace,
    base: TimeBase,
}

impl VirtualTime {
    /// Makes the clocks, and has `main_loop` run the timers that are not the vCPU thread's.
    pub fn new(time: Time, pace: Pace, main_loop: &LoopHandle) -> Self {
        let count = Arc::new(InstructionCount::default());
        let realtime_timers = TimerList::new(Arc::new(MonotonicClock));
        main_loop.add_timers(&realtime_timers);
        let wall_timers = TimerList::new(Arc::new(WallClock));
        main_loop.add_timers(&wall_timers);
        let ticks = Arc::new(HostClock::new());
        let (virtual_timers, base) = match time {
            Time::Host => {
                let timers = TimerList::new(Arc::clone(&ticks) as _);
                main_loop.add_timers(&timers);
                (timers, TimeBase::Host)
            }
            Time::Counted(time, sleep) => {
                let clock = CountedClock::new(time, Arc::clone(&count));
                let clock = Arc::new(clock.beside(Arc::clone(&ticks) as _, pace));
                let timers = TimerList::new(Arc::clone(&clock) as _);
                let base = TimeBase::Counted {
                    clock,
                    timers: Arc::clone(&timers),
                    sleep,
                    journal: None,
                };
                (timers, base)
            }
        };
        Self {
            virtual_timers,
            realtime_timers,
            wall_timers,
            count,
            ticks,
            pace,
            base,
        }
    }

    /// For the vCPU's thread, with what records or replays.
    pub fn base(&self, with: Option<Journal>) -> TimeBase {
        let mut base = self.base.clone();
        if let TimeBase::Counted { journal, .. } = &mut base {
            *journal = with;
        }
        base
    }

    /// In words, for a snapshot's identity: time that passes in another way makes another machine.
    pub fn describe(&self) -> String {
        match &self.base {
            TimeBase::Host => "the host's".to_owned(),
            TimeBase::Counted { .. } if self.pace == Pace::Auto => "counted, as the host goes".to_owned(),
            // Nanoseconds of 2^32 instructions: the exact length of one.
            TimeBase::Counted { clock, .. } => {
                format!("counted, {}/2^32 ns", clock.instruction_time().ns(1 << 32))
            }
        }
    }

    /// What the virtual clock is computed from, for a snapshot.
    pub fn save(&self) -> ClockState {
        match &self.base {
            TimeBase::Counted { clock, .. } => ClockState::Counted {
                instructions: self.count.get(),
                warped_ns: clock.warped_ns(),
                shift: clock.instruction_time().shift().unwrap_or(0),
            },
            TimeBase::Host => ClockState::Host(self.ticks.now_ns()),
        }
    }

    /// Takes that back, while time stands still.
    ///
    /// # Errors
    /// It is a clock of another kind.
    pub fn load(&self, state: &ClockState) -> Result<(), &'static str> {
        match (&self.base, state) {
            (
                TimeBase::Counted { clock, .. },
                &ClockState::Counted {
                    instructions,
                    warped_ns,
                    shift,
                },
            ) => {
                self.count.set(instructions);
                match (self.pace, InstructionTime::from_shift(shift)) {
                    (Pace::Free | Pace::Align, _) => clock.set_warped_ns(warped_ns),
                    (Pace::Auto, Some(time)) => clock.set(time, warped_ns),
                    (Pace::Auto, None) => return Err("an instruction of impossible length"),
                }
                // From here on both go on together. The guest stands still; the host's clock may run.
                let runs = self.ticks.is_running();
                self.ticks.stop();
                self.ticks.set(clock.now_ns());
                if runs {
                    self.ticks.start();
                }
                Ok(())
            }
            (TimeBase::Host, &ClockState::Host(ns)) if self.ticks.set(ns) => Ok(()),
            (TimeBase::Host, ClockState::Host(_)) => Err("the clock is running"),
            _ => Err("time is kept in another way"),
        }
    }

    /// Lets host time pass for the guest.
    pub fn start(&self) {
        self.ticks.start();
    }

    /// Holds host time for the guest.
    pub fn stop(&self) {
        self.ticks.stop();
    }

    /// How far a guest with counted time is from the host.
    pub fn drift(&self) -> Option<Drift> {
        match &self.base {
            TimeBase::Host => None,
            TimeBase::Counted { clock, .. } => clock.drift(),
        }
    }
}

#[cfg(test)]
mod tests;
