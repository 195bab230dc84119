//! Counted time: the virtual clock of `-icount`, where instructions are the only thing that takes time.
//!
//! Data flows: the vCPU publishes its exact instruction count before it calls a device; reading the clock turns
//! that count into nanoseconds. While every CPU is idle no instruction is counted, so the clock is *warped* to the
//! next deadline: a jump that depends on guest state alone, and therefore repeats.

use crate::pace::{Beside, Drift, Pace};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};
use target_i386::vcpu::InstructionCount;
use util_mainloop::clock::ClockSource;

/// Nanoseconds per instruction, as a 32.32 fixed-point number: `shift=N` is `2^N`, faster machines need fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionTime(u64);

impl InstructionTime {
    /// `2^shift` nanoseconds, `shift` 0..=10 as QEMU has it; none for larger ones.
    pub fn from_shift(shift: u32) -> Option<Self> {
        (shift <= 10).then(|| Self(1 << (32 + shift)))
    }

    /// The shift, if it is one.
    pub fn shift(self) -> Option<u32> {
        (self.0.is_power_of_two() && self.0 >> 32 != 0).then(|| self.0.trailing_zeros() - 32)
    }

    /// Nanoseconds that `instructions` take, rounded down.
    pub fn ns(self, instructions: u64) -> i64 {
        ((u128::from(instructions) * u128::from(self.0)) >> 32) as i64
    }

    /// Fewest instructions that take at least `ns` nanoseconds; at least one.
    pub fn instructions(self, ns: i64) -> u64 {
        let needed = ((ns.max(0) as u128) << 32).div_ceil(u128::from(self.0));
        u64::try_from(needed).unwrap_or(u64::MAX).max(1)
    }
}

/// What happens to host time while the guest is idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sleep {
    /// The host sleeps until the deadline, so that idle guests do not race ahead (`sleep=on`).
    #[default]
    On,
    /// Nobody waits: the clock jumps at once (`sleep=off`).
    Off,
}

/// The virtual clock of a machine with counted instructions.
#[derive(Debug)]
pub struct CountedClock {
    /// An [`InstructionTime`].
    time: AtomicU64,
    executed: Arc<InstructionCount>,
    /// What idle time was cut short by, and what makes time continuous where the length of an instruction changed.
    warped_ns: AtomicI64,
    /// Odd while the two above change together: who reads meanwhile reads again.
    sequence: AtomicU32,
    beside: Option<Beside>,
}

impl CountedClock {
    /// A clock over `executed`, the number of instructions that all vCPUs have completed, exact whenever a device
    /// or timer can look.
    pub fn new(time: InstructionTime, executed: Arc<InstructionCount>) -> Self {
        Self {
            time: AtomicU64::new(time.0),
            executed,
            warped_ns: AtomicI64::new(0),
            sequence: AtomicU32::new(0),
            beside: None,
        }
    }

    /// This clock, held to `host`: a monotonic clock that stands still while the machine is stopped.
    #[must_use]
    pub fn beside(mut self, host: Arc<dyn ClockSource>, pace: Pace) -> Self {
        self.beside = Some(Beside::new(host, pace));
        self
    }

    pub(crate) fn host_time(&self) -> Option<&Beside> {
        self.beside.as_ref()
    }

    /// How far the guest is from the host, for people; none for a clock without a host's beside it.
    pub fn drift(&self) -> Option<Drift> {
        self.beside.as_ref().map(|beside| Drift::of(self, beside))
    }

    /// Instructions that all vCPUs have completed.
    pub fn executed(&self) -> u64 {
        self.executed.get()
    }

    /// Instructions to run until the clock shows `deadline_ns` or later; at least one.
    pub fn budget_until(&self, deadline_ns: i64) -> u64 {
        // The remainder of the current nanosecond must not make the timer late by one: search from the count.
        let executed = self.executed.get();
        let target = deadline_ns.saturating_sub(self.warped_ns.load(Ordering::Acquire));
        self.instruction_time()
            .instructions(target)
            .saturating_sub(executed)
            .max(1)
    }

    /// Moves the clock forward by `ns` without an instruction; called by the vCPU's thread while it is idle.
    pub fn warp(&self, ns: i64) {
        self.warped_ns.fetch_add(ns.max(0), Ordering::AcqRel);
    }

    /// Takes back what [`warped_ns`](Self::warped_ns) said: a snapshot is restored, with the instruction count that
    /// belongs to it.
    pub fn set_warped_ns(&self, ns: i64) {
        self.warped_ns.store(ns, Ordering::Release);
    }

    /// Takes back what [`instruction_time`](Self::instruction_time) and [`warped_ns`](Self::warped_ns) said.
    pub fn set(&self, time: InstructionTime, warped_ns: i64) {
        self.change(time, |_| warped_ns);
    }

    /// From now on an instruction takes `2^shift` ns; the clock shows what it showed. By the vCPUs' thread between two
    /// turns, under the big lock. A shift of more than 10 changes nothing.
    pub fn set_shift(&self, shift: u32) {
        if let Some(time) = InstructionTime::from_shift(shift) {
            let now = self.now_ns();
            self.change(time, |executed| now - time.ns(executed));
        }
    }

    fn change(&self, time: InstructionTime, warped_ns: impl FnOnce(u64) -> i64) {
        self.sequence.fetch_add(1, Ordering::SeqCst);
        self.time.store(time.0, Ordering::SeqCst);
        let executed = self.executed.get();
        self.warped_ns.store(warped_ns(executed), Ordering::SeqCst);
        self.sequence.fetch_add(1, Ordering::SeqCst);
    }

    /// What an instruction takes.
    pub fn instruction_time(&self) -> InstructionTime {
        InstructionTime(self.time.load(Ordering::Acquire))
    }

    /// Time gained by warping so far, for snapshots and `info status`.
    pub fn warped_ns(&self) -> i64 {
        self.warped_ns.load(Ordering::Acquire)
    }
}

impl ClockSource for CountedClock {
    fn now_ns(&self) -> i64 {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let now = self.instruction_time().ns(self.executed.get()) + self.warped_ns();
            fence(Ordering::SeqCst);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return now;
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(shift: u32, executed: u64) -> CountedClock {
        let count = InstructionCount::default();
        count.set(executed);
        CountedClock::new(InstructionTime::from_shift(shift).unwrap(), Arc::new(count))
    }

    #[test]
    fn budget_reaches_the_deadline_and_not_one_more() {
        for (shift, executed, warp, deadline) in [
            (0, 0, 0, 1000),
            (1, 7, 0, 1001),
            (3, 100, 5, 4096),
            (10, 3, 1, 3074),
            (3, 50, 0, 10),
        ] {
            let clock = clock(shift, executed);
            clock.warp(warp);
            let budget = clock.budget_until(deadline);
            clock.executed.set(clock.executed.get() + budget);
            assert!(clock.now_ns() >= deadline, "shift {shift}: early");
            if budget > 1 {
                clock.executed.set(clock.executed.get() - 1);
                assert!(clock.now_ns() < deadline, "shift {shift}: late");
            }
        }
    }

    #[test]
    fn readers_of_a_changing_clock() {
        let clock = Arc::new(clock(3, 1 << 40));
        let reader = {
            let clock = Arc::clone(&clock);
            std::thread::spawn(move || {
                for _ in 0..100_000 {
                    assert_eq!(clock.now_ns(), 8 << 40, "a half-made change");
                }
            })
        };
        for n in 0.. {
            clock.set_shift(n % 11);
            if reader.is_finished() {
                break;
            }
        }
        reader.join().unwrap();
    }

    #[test]
    fn shift_has_a_range() {
        assert!(InstructionTime::from_shift(10).is_some());
        assert!(InstructionTime::from_shift(11).is_none());
    }

    #[test]
    fn long_runs_do_not_overflow() {
        let time = InstructionTime::from_shift(10).unwrap();
        assert_eq!(time.ns(1 << 50), 1 << 60);
        assert_eq!(time.instructions(1 << 60), 1 << 50);
    }
}
