//! The machine's clocks and timer lists, by the way time is kept.

use crate::config::Time;
use accel_tcg::{CountedClock, Journal, TimeBase};
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
    /// Stops with the machine; none under counted time, which stops by itself.
    host_clock: Option<Arc<HostClock>>,
    base: TimeBase,
}

impl VirtualTime {
    /// Makes the clocks, and has `main_loop` run the timers that are not the vCPU thread's.
    pub fn new(time: Time, main_loop: &LoopHandle) -> Self {
        let count = Arc::new(InstructionCount::default());
        let realtime_timers = TimerList::new(Arc::new(MonotonicClock));
        main_loop.add_timers(&realtime_timers);
        let wall_timers = TimerList::new(Arc::new(WallClock));
        main_loop.add_timers(&wall_timers);
        let (virtual_timers, host_clock, base) = match time {
            Time::Host => {
                let clock = Arc::new(HostClock::new());
                let timers = TimerList::new(Arc::clone(&clock) as _);
                main_loop.add_timers(&timers);
                (timers, Some(clock), TimeBase::Host)
            }
            Time::Counted(time, sleep) => {
                let clock = Arc::new(CountedClock::new(time, Arc::clone(&count)));
                let timers = TimerList::new(Arc::clone(&clock) as _);
                let base = TimeBase::Counted {
                    clock,
                    timers: Arc::clone(&timers),
                    sleep,
                    journal: None,
                };
                (timers, None, base)
            }
        };
        Self {
            virtual_timers,
            realtime_timers,
            wall_timers,
            count,
            host_clock,
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
            // Nanoseconds of 2^32 instructions: the exact length of one.
            TimeBase::Counted { clock, .. } => {
                format!("counted, {}/2^32 ns", clock.instruction_time().ns(1 << 32))
            }
        }
    }

    /// What the virtual clock is computed from, for a snapshot.
    pub fn save(&self) -> ClockState {
        match (&self.base, &self.host_clock) {
            (TimeBase::Counted { clock, .. }, _) => ClockState::Counted {
                instructions: self.count.get(),
                warped_ns: clock.warped_ns(),
            },
            (TimeBase::Host, Some(clock)) => ClockState::Host(clock.now_ns()),
            (TimeBase::Host, None) => ClockState::Host(0),
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
                },
            ) => {
                self.count.set(instructions);
                clock.set_warped_ns(warped_ns);
                Ok(())
            }
            (TimeBase::Host, &ClockState::Host(ns)) => match &self.host_clock {
                Some(clock) if !clock.set(ns) => Err("the clock is running"),
                _ => Ok(()),
            },
            _ => Err("time is kept in another way"),
        }
    }

    /// Lets host time pass for the guest.
    pub fn start(&self) {
        if let Some(clock) = &self.host_clock {
            clock.start();
        }
    }

    /// Holds host time for the guest.
    pub fn stop(&self) {
        if let Some(clock) = &self.host_clock {
            clock.stop();
        }
    }
}
