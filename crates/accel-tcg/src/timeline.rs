//! Counted time at a boundary: what came from outside, timers, how far a turn may go, and what idle time is.
//!
//! The vCPU's loop comes here between two turns, with the machine between two instructions. Events flow from the queue
//! (a recording) or the log (a replay) through [`Outside`] into the machine; instants flow into the log. ARCHITECTURE.md,
//! "how every instant is derived", says why nothing else is needed. Mirrors the roles of `icount_prepare_for_run` and
//! `replay_async_events` in QEMU.

use crate::counted::{CountedClock, Sleep};
use crate::cpu_thread::TimeBase;
use crate::pace::{Due, Pace, Pacer};
use replay::{Difference, Divergence, Ending, Event, Instant, Mode, Replay, Stop};
use std::sync::Arc;
use target_i386::Vcpu;
use target_i386::interrupt::Delivery;
use util_mainloop::clock::ClockSource;
use util_mainloop::timer::TimerList;

/// What a recording or replay does to the machine, and asks of it. All calls come on the vCPU's thread, at a boundary, in
/// a period of the locks.
pub trait Outside: Send + Sync {
    /// Something arrives, for the devices or for one of all `vcpus`.
    fn apply(&self, event: Event, vcpus: &mut [&mut Vcpu]);

    /// The [`Event::Digest`] of this moment.
    fn digest(&self, vcpus: &[&Vcpu]) -> Event;

    /// The [`Event::Trail`] of this moment.
    fn trail(&self, vcpus: &[&Vcpu]) -> Event;

    /// The replay is not what was recorded. The machine must be stopped before this returns.
    fn diverged(&self, divergence: Divergence);

    /// There is no more to replay. The machine must be stopped before this returns.
    fn ended(&self, ending: Ending);
}

/// The log of a run, beside its clock.
#[derive(Clone)]
pub struct Journal {
    /// Recorder or player.
    pub replay: Arc<Replay>,
    /// The machine.
    pub outside: Arc<dyn Outside>,
    /// Instructions between digests; 0 for none.
    pub digest_every: u64,
    /// Instructions between marks of the trail that lies between digests: `digest_every`, or an even part of it.
    pub trail_every: u64,
}

impl Journal {
    /// Where the machine must come to a boundary for the log; none if it is not as recorded any more, which is said.
    fn next_stop(&self, now: Instant) -> Option<Stop> {
        let stop = self.replay.next_stop(now);
        stop.map_err(|divergence| self.outside.diverged(divergence)).ok()
    }
}

/// What a boundary found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Something happened that may have changed orders: begin again.
    Again,
    /// All is done that this instant had.
    Clear,
    /// What this instant has is not known yet: a recording that is followed has still to get here.
    Wait,
}

/// What an idle machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Its clock jumps by so many nanoseconds.
    Warp(i64),
    /// It sleeps for so many nanoseconds at most, and its clock jumps by what it slept.
    Sleep(i64),
    /// Only the outside ends this; the clock stands still.
    Wait,
    /// Nothing ends this: it was said to [`Outside::diverged`].
    Over,
}

/// Instructions of a turn at most, if what interrupts them is kept until its end.
const STRICT_TURN: u64 = 1 << 20;

/// The first multiple of `every` behind `count`.
fn following(count: u64, every: u64) -> u64 {
    count - count % every + every
}

/// Counted time of one machine.
pub(crate) struct Timeline {
    clock: Arc<CountedClock>,
    timers: Arc<TimerList>,
    sleep: Sleep,
    journal: Option<Journal>,
    pacer: Pacer,
    /// The last instant seen: its round counts as long as the rest is the same.
    last: Instant,
    /// The count at which the next digest, or mark of the trail, is due.
    next_digest: u64,
    /// The log has interrupts and exceptions.
    strict: bool,
}

impl Timeline {
    pub fn new(
        clock: Arc<CountedClock>,
        timers: Arc<TimerList>,
        sleep: Sleep,
        journal: Option<Journal>,
    ) -> Self {
        let next_digest = journal.as_ref().map_or(0, |journal| journal.trail_every);
        let strict = journal.as_ref().is_some_and(|journal| journal.replay.is_strict());
        Self {
            clock,
            timers,
            sleep,
            journal,
            pacer: Pacer::new(),
            last: Instant::START,
            next_digest,
            strict,
        }
    }

    /// Whether the log has interrupts and exceptions, as events of their own.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Behind a turn, before anything else of its last instant: what was delivered in it, each with the count of all.
    pub fn note_deliveries(&mut self, vcpu: usize, list: &[Delivery]) {
        let Some(Journal { replay, outside, .. }) = &self.journal else {
            return;
        };
        // Nobody has asked for the time since the turn began.
        let start = self.last;
        for delivery in list {
            let at = match delivery.icount {
                count if count == start.count => start,
                count => Instant::new(count, start.warp_ns, 0),
            };
            let vcpu = vcpu as u32;
            let noted = if delivery.is_interrupt {
                replay.note_interrupt(at, vcpu, delivery.vector)
            } else {
                replay.note_exception(at, vcpu, delivery.vector)
            };
            match noted {
                Ok(()) => {}
                // Of a log that was cut off between two deliveries of one instant.
                Err(divergence)
                    if divergence.difference() == Difference::AfterEnd && replay.ended(at).is_some() => {}
                Err(divergence) => return outside.diverged(divergence),
            }
        }
    }

    /// The time of a machine, if it is counted.
    pub fn of(time: TimeBase) -> Option<Self> {
        match time {
            TimeBase::Host => None,
            TimeBase::Counted {
                clock,
                timers,
                sleep,
                journal,
            } => Some(Self::new(clock, timers, sleep, journal)),
        }
    }

    /// The present instant.
    pub fn now(&mut self) -> Instant {
        let (count, warp_ns) = (self.clock.executed(), self.clock.warped_ns());
        if (count, warp_ns) != (self.last.count, self.last.warp_ns) {
            self.last = Instant::new(count, warp_ns, 0);
        }
        self.last
    }

    /// The round of the present instant, and the count of the next digest: for snapshots.
    pub fn place(&mut self) -> (u32, u64) {
        (self.now().round, self.next_digest)
    }

    /// Takes back what [`place`](Self::place) gave, when the clock has been set back.
    pub fn set_place(&mut self, round: u32, next_digest: u64) {
        self.last = Instant::new(self.clock.executed(), self.clock.warped_ns(), round);
        let every = self.journal.as_ref().map_or(0, |journal| journal.trail_every);
        // A snapshot of a run without a log has none.
        self.next_digest = match (next_digest, every) {
            (_, 0) => 0,
            (0, every) => following(self.last.count, every),
            (next, _) => next,
        };
    }

    /// Another thread waits for the locks.
    pub fn others_wait(&self) -> bool {
        self.journal
            .as_ref()
            .is_some_and(|journal| journal.replay.contended())
    }

    /// Does what this instant has: a digest, events from outside, timers.
    ///
    /// `settled` says that nothing of the next instruction (a fetch, a fault, an interrupt) has happened: a turn ended by
    /// its budget, or all vCPUs are idle. Only there events are taken, since a replay stops for them by its budget.
    pub fn come_to<'a>(&mut self, settled: bool, vcpus: impl FnOnce() -> Vec<&'a mut Vcpu>) -> Standing {
        self.adjust();
        let now = self.now();
        if settled && let Some(standing) = self.events(now, vcpus) {
            return standing;
        }
        if self.timers.run_expired() {
            // What comes from outside behind this must come behind it in a replay.
            self.last.round += 1;
            return Standing::Again;
        }
        Standing::Clear
    }

    fn events<'a>(&mut self, now: Instant, vcpus: impl FnOnce() -> Vec<&'a mut Vcpu>) -> Option<Standing> {
        let Journal {
            replay,
            outside,
            digest_every,
            trail_every,
        } = self.journal.as_ref()?;
        if replay.mode() == Mode::None {
            return None;
        }
        if replay.must_wait(now) {
            return Some(Standing::Wait);
        }
        if *trail_every != 0 && now.count >= self.next_digest {
            self.next_digest = following(now.count, *trail_every);
            let vcpus = vcpus();
            let vcpus: Vec<&Vcpu> = vcpus.iter().map(|vcpu| &**vcpu).collect();
            let check = if now.count.is_multiple_of(*digest_every) {
                outside.digest(&vcpus)
            } else {
                outside.trail(&vcpus)
            };
            if let Err(divergence) = replay.note(now, check) {
                outside.diverged(divergence);
            }
            return Some(Standing::Again);
        }
        match replay.due(now) {
            Ok(Some(event)) => outside.apply(event, &mut vcpus()),
            Err(divergence) => outside.diverged(divergence),
            Ok(None) => outside.ended(replay.ended(now)?),
        }
        Some(Standing::Again)
    }

    /// How time is held to the host's. A replay goes as fast as it can.
    fn pace(&self) -> Pace {
        let is_replay = |journal: &Journal| journal.replay.mode() == Mode::Play;
        match self.clock.host_time() {
            Some(beside) if !self.journal.as_ref().is_some_and(is_replay) => beside.pace,
            _ => Pace::Free,
        }
    }

    fn adjust(&mut self) {
        if self.pace() == Pace::Auto
            && let Some(beside) = self.clock.host_time()
        {
            self.pacer.adjust(&self.clock, beside);
        }
    }

    /// What an aligned machine has to do before its next turn.
    pub fn align(&mut self) -> Due {
        match (self.pace(), self.clock.host_time()) {
            (Pace::Align, Some(beside)) => self.pacer.align(&self.clock, beside),
            _ => Due::Nothing,
        }
    }

    /// When there must be a boundary, in virtual time.
    fn deadline(&self) -> Option<i64> {
        let pace = self.pacer.deadline(&self.clock, self.pace());
        self.timers.deadline().into_iter().chain(pace).min()
    }

    /// Instructions of a turn that begins now, at most; none if a replay must wait for a completion first.
    pub fn budget(&mut self, settled: bool) -> Option<u64> {
        let budget = self
            .deadline()
            .map_or(u64::MAX, |deadline| self.clock.budget_until(deadline));
        let now = self.now();
        let Some(journal) = &self.journal else {
            return Some(budget);
        };
        if journal.replay.pending() > 0 && !settled {
            // One instruction makes a boundary at which it can be taken.
            return Some(1);
        }
        let stop = journal.next_stop(now)?;
        let left = stop.count.map_or(u64::MAX, |count| count - now.count);
        if left == 0 {
            if !stop.waiting {
                let divergence = journal.replay.divergence(Difference::NotIdle, now);
                journal.outside.diverged(divergence);
            }
            return None;
        }
        let digest = match journal.trail_every {
            0 => u64::MAX,
            _ => self.next_digest.saturating_sub(now.count).max(1),
        };
        let strict = if self.strict { STRICT_TURN } else { u64::MAX };
        Some(budget.min(left).min(digest).min(strict))
    }

    /// What to do while no vCPU can run.
    pub fn idle(&mut self) -> Idle {
        let now = self.now();
        let deadline = match self.pace() {
            // Who follows the host looks at its clock while idle, too.
            Pace::Auto => self.deadline(),
            Pace::Free | Pace::Align => self.timers.deadline(),
        };
        let ahead = deadline.map(|deadline| (deadline - self.timers.now_ns()).max(0));
        if let Some(journal) = &self.journal
            && journal.replay.mode() == Mode::Play
        {
            let Some(stop) = journal.next_stop(now) else {
                return Idle::Over;
            };
            if stop.waiting {
                return Idle::Wait;
            }
            let event = stop.warp_ns.map(|warp_ns| (warp_ns - now.warp_ns).max(0));
            return match ahead.into_iter().chain(event).min() {
                Some(ns) => Idle::Warp(ns),
                None => {
                    let divergence = journal.replay.divergence(Difference::Stuck, now);
                    journal.outside.diverged(divergence);
                    Idle::Over
                }
            };
        }
        match (ahead, self.sleep) {
            (None, _) => Idle::Wait,
            // An idle guest must not keep others from their locks: see the loop.
            (Some(ns), Sleep::Off) => Idle::Warp(ns),
            (Some(ns), Sleep::On) => Idle::Sleep(ns.saturating_add(self.lead())),
        }
    }

    /// How far a guest that follows the host is ahead of it.
    fn lead(&self) -> i64 {
        match self.clock.host_time() {
            Some(beside) if self.pace() == Pace::Auto => (self.clock.now_ns() - beside.host.now_ns()).max(0),
            _ => 0,
        }
    }

    /// Moves the clock by what was slept.
    pub fn warp_slept(&self, ns: i64) {
        let ns = match self.clock.host_time() {
            // What follows the host does not run ahead of it, nor past what it slept for.
            Some(beside) if self.pace() == Pace::Auto => {
                let now = self.clock.now_ns();
                let to_deadline = self.deadline().map_or(ns, |deadline| deadline - now);
                ns.min(beside.host.now_ns() - now).min(to_deadline)
            }
            _ => ns,
        };
        self.clock.warp(ns);
    }

    /// Moves the clock while no vCPU runs.
    pub fn warp(&self, ns: i64) {
        self.clock.warp(ns);
    }
}
