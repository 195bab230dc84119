//! The machine's clocks and timer lists, by the way time is kept.

use crate::config::Time;
use accel_tcg::{CountedClock, Journal, TimeBase};
use std::sync::Arc;
use target_i386::InstructionCount;
use util_mainloop::LoopHandle;
use util_mainloop::clock::{HostClock, MonotonicClock};
use util_mainloop::timer::TimerList;

/// Virtual time and realtime of one machine.
pub struct VirtualTime {
    /// Timers on the virtual clock.
    pub virtual_timers: Arc<TimerList>,
    /// Timers on the host's monotonic clock, for what the guest cannot see.
    pub realtime_timers: Arc<TimerList>,
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
