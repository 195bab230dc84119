//! Virtual CPUs under counted time on their caller's thread: run to an exact instruction count, for who wants to look
//! at a machine at one moment of its life, or at two machines at the same moment.
//!
//! The same turns as those of [`Cpus`](crate::Cpus): expired timers, idle time skipped (as with `sleep=off`), then
//! execution until the next deadline or the slice's end. Where the caller cuts them makes no difference to the guest.

use crate::cpu_thread::TimeBase;
use crate::round::{Next, Round, Seat};
use crate::schedule::Schedule;
use crate::timeline::{Idle, Standing, Timeline};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use target_i386::state::Activity;
use target_i386::{CpuSignals, StopReason, Vcpu};
use util_mainloop::lock::BigLock;

/// Why [`Turns::run_to`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The instruction count is reached.
    Reached,
    /// Halted, and no timer will end that.
    Idle,
    /// Triple fault.
    Shutdown,
    /// A CPU delivers faults for ever, and completes no instruction.
    Endless,
    /// The caller's condition holds.
    Interrupted,
}

/// CPUs that their caller drives.
pub struct Turns {
    round: Round,
    lock: Arc<BigLock>,
    timeline: Option<Timeline>,
    current: Arc<AtomicUsize>,
}

impl Turns {
    /// CPUs whose virtual time is `time`'s, which should be counted.
    ///
    /// # Panics
    /// Without a CPU.
    pub fn new(seats: Vec<Seat>, lock: Arc<BigLock>, time: TimeBase) -> Self {
        let round = Round::new(seats);
        let current = Arc::new(AtomicUsize::new(0));
        if let TimeBase::Counted { timers, .. } = &time {
            // A new earliest deadline shortens the turn: end it after the current instruction and size it anew.
            let signals: Vec<Arc<CpuSignals>> = round.vcpus().map(|vcpu| Arc::clone(&vcpu.signals)).collect();
            let current = Arc::clone(&current);
            timers.set_notify(Arc::new(move || {
                signals[current.load(Ordering::Acquire)].kick();
            }));
        }
        Self {
            round,
            lock,
            timeline: Timeline::of(time),
            current,
        }
    }

    /// The CPUs.
    pub fn vcpus(&self) -> impl Iterator<Item = &Vcpu> {
        self.round.vcpus()
    }

    /// One of them.
    pub fn vcpu(&self, n: usize) -> &Vcpu {
        self.round.vcpu(n)
    }

    /// One of them.
    pub fn vcpu_mut(&mut self, n: usize) -> &mut Vcpu {
        self.round.vcpu_mut(n)
    }

    /// Whose turn it is, or was last.
    pub fn current(&self) -> usize {
        self.round.current()
    }

    /// Where they stand beside their own states: for a snapshot.
    pub fn schedule(&mut self) -> Schedule {
        Schedule::of(&self.round, self.timeline.as_mut(), true)
    }

    /// Goes on from another moment of the machine's life: the states and the clock are set first.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        schedule.apply(&mut self.round, self.timeline.as_mut());
    }

    /// Instructions that all have completed.
    pub fn instructions(&self) -> u64 {
        self.round.instructions()
    }

    /// Runs until exactly `count` instructions are complete since the machine was made, or until `interrupted` (asked
    /// between turns) holds. Takes the big lock.
    pub fn run_to(&mut self, count: u64, interrupted: impl Fn() -> bool) -> Turn {
        let lock = Arc::clone(&self.lock);
        let mut period = lock.period();
        loop {
            self.round.take_kicks();
            if interrupted() {
                return Turn::Interrupted;
            }
            let left = count.saturating_sub(self.round.instructions());
            if left == 0 {
                return Turn::Reached;
            }
            if self.vcpus().any(|vcpu| vcpu.state.activity == Activity::Shutdown) {
                return Turn::Shutdown;
            }
            if self.vcpus().any(|vcpu| vcpu.is_endless()) {
                return Turn::Endless;
            }
            let mut limit = left;
            if let Some(timeline) = &mut self.timeline {
                if timeline.come_to(true, || self.round.vcpus_mut().collect()) == Standing::Again {
                    continue;
                }
                if self.round.is_idle() {
                    match timeline.idle() {
                        Idle::Warp(ns) | Idle::Sleep(ns) => timeline.warp(ns),
                        Idle::Wait | Idle::Over => return Turn::Idle,
                    }
                    continue;
                }
                limit = left.min(timeline.budget(true).unwrap_or(0));
            }
            match self.round.next(limit) {
                Next::Run(budget) => {
                    self.current.store(self.round.current(), Ordering::Release);
                    if self.round.run(&mut period, budget) == StopReason::Shutdown {
                        return Turn::Shutdown;
                    }
                }
                Next::Idle => return Turn::Idle,
            }
        }
    }
}
