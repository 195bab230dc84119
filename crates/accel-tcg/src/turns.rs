//! A virtual CPU under counted time on its caller's thread: runs to an exact instruction count, for who wants to look
//! at a machine at one moment of its life, or at two machines at the same moment.
//!
//! The same turns as [`CpuThread`](crate::CpuThread)'s: expired timers, idle time skipped (as with `sleep=off`), then
//! execution until the next deadline. Where the caller cuts them makes no difference to the guest.

use crate::counted::CountedClock;
use crate::cpu_thread::can_wake;
use crate::engine::{Execution, ExecutionConfig};
use std::sync::Arc;
use target_i386::signals::request;
use target_i386::state::Activity;
use target_i386::{StopReason, Vcpu};
use util_mainloop::lock::BigLock;
use util_mainloop::timer::TimerList;

/// Why [`Turns::run_to`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The instruction count is reached.
    Reached,
    /// Halted, and no timer will end that.
    Idle,
    /// Triple fault.
    Shutdown,
    /// The caller's condition holds.
    Interrupted,
}

/// A CPU that its caller drives.
pub struct Turns {
    /// The CPU.
    pub vcpu: Box<Vcpu>,
    execution: Execution,
    lock: Arc<BigLock>,
    clock: Arc<CountedClock>,
    timers: Arc<TimerList>,
}

impl Turns {
    /// A CPU whose virtual time is `clock`'s, with `timers` on it.
    pub fn new(
        vcpu: Box<Vcpu>,
        execution: ExecutionConfig,
        lock: Arc<BigLock>,
        clock: Arc<CountedClock>,
        timers: Arc<TimerList>,
    ) -> Self {
        // A new earliest deadline shortens the turn: end it after the current instruction and size it anew.
        let signals = Arc::clone(&vcpu.signals);
        timers.set_notify(Arc::new(move || signals.kick()));
        Self {
            execution: Execution::new(&vcpu, execution),
            vcpu,
            lock,
            clock,
            timers,
        }
    }

    /// Runs until exactly `count` instructions are complete since the machine was made, or until `interrupted` (asked
    /// between turns) holds. Takes the big lock.
    pub fn run_to(&mut self, count: u64, interrupted: impl Fn() -> bool) -> Turn {
        let lock = Arc::clone(&self.lock);
        let mut big = lock.lock();
        loop {
            self.vcpu.signals.take(request::EXIT);
            if interrupted() {
                return Turn::Interrupted;
            }
            let left = count.saturating_sub(self.vcpu.icount);
            if left == 0 {
                return Turn::Reached;
            }
            self.timers.run_expired();
            let deadline = self.timers.deadline();
            if self.vcpu.state.activity != Activity::Running && !can_wake(&self.vcpu) {
                match deadline {
                    _ if self.vcpu.state.activity == Activity::Shutdown => return Turn::Shutdown,
                    Some(deadline) => self.clock.warp(deadline - self.timers.now_ns()),
                    None => return Turn::Idle,
                }
                continue;
            }
            let turn = deadline.map_or(u64::MAX, |deadline| self.clock.budget_until(deadline));
            let budget = left.min(turn);
            if big.unlocked(|| self.execution.run(&mut self.vcpu, budget)) == StopReason::Shutdown {
                return Turn::Shutdown;
            }
        }
    }
}
