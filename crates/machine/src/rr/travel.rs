//! Going back and forth in a replay: to a count, to the step before, back to what a debugger looks for.
//!
//! ```text
//! gdb's orders, the monitor's commands -> seek, step back, go back -> snapshot of `history`, then a run forward
//!   vCPU thread -> `Requests` (came to a count, a debugger's stop, the end) -> main loop, turned here -> next stretch
//! ```
//!
//! **Where.** A [`Place`] is a count and the number of events (interrupts, faults) delivered since the last instruction: one
//! step of a debugger leads from each to the next. Count alone is the first place of a count, at which snapshots are taken.
//!
//! **Backwards** is forwards from further back: the machine runs again from a snapshot, and what a debugger's stops
//! report on the way is noted; the last before the present is where to go. Only then the snapshot before is tried.
//! A watched access is gone back over: the machine stands before it.
//!
//! Everything is on the main thread. While the machine runs, the main loop is turned from here, so that resets are carried
//! out, and whoever wants to can interrupt ([`interruptions`](super::interruptions)). A search backwards that is interrupted
//! leaves the machine at the beginning of what was searched: nothing it looked for is between there and where it began.

use super::Verdict;
use super::history::{EVERY, HeldEnd, History, Kept};
use super::log_care::LogCare;
use crate::running::{Machine, RunState};
use gdb_server::{Motion, Stop, WatchKind};
use replay::{Mode, Shutdown};
use std::sync::Arc;
use target_i386::debugger::{DebugStop, Watch, WatchKind as CpuWatchKind};
use util_mainloop::{MainLoop, Period};

/// Most events that are delivered between two instructions, for going back among them.
const MOST_DELIVERIES: u32 = 4096;

/// So many stops in one stretch of a search backwards, and the later half of the rest is searched first.
const MANY: u32 = 32;
/// Instructions of a stretch that is not halved any more.
const SHORT: u64 = 64;

/// A stop on the way: where, of which CPU, why.
type Hit = (Place, usize, DebugStop);

/// Where the machine stands, for a debugger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Instructions completed by all CPUs.
    pub count: u64,
    /// Events delivered since.
    pub deliveries: u32,
}

/// Why the machine stands still, if it did so by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It came to the count to stop at.
    Reached,
    /// A debugger's stop of this CPU, which had so many deliveries behind its last instruction.
    Debug(usize, DebugStop, u32),
    /// Here the recording ends.
    End,
}

/// How a journey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There.
    Arrived,
    /// The recording ends before.
    End,
    /// Somebody had enough, or the emulator is to end: it stands somewhere on the way.
    Interrupted,
}

/// What a journey needs.
pub struct Trip<'a, 'p> {
    /// Of the main thread.
    pub period: &'a mut Period<'p>,
    /// Turned on the way.
    pub main_loop: &'a mut MainLoop,
    /// Whether somebody has had enough.
    pub interrupted: &'a dyn Fn() -> bool,
}

impl<'p> Trip<'_, 'p> {
    /// The same for a way that is short, and has to be gone to its end.
    fn calm(&mut self) -> Trip<'_, 'p> {
        Trip {
            period: self.period,
            main_loop: self.main_loop,
            interrupted: &|| false,
        }
    }
}

/// What a debugger's stop is to the debugger.
pub fn as_told(cpu: usize, stop: DebugStop) -> Stop {
    match stop {
        DebugStop::Stop(addr) => Stop::Breakpoint { cpu, addr },
        DebugStop::Step => Stop::Step { cpu },
        DebugStop::Watch(addr, watch) => Stop::Watch {
            cpu,
            addr,
            kind: match watch.kind {
                CpuWatchKind::Write => WatchKind::Write,
                CpuWatchKind::Read => WatchKind::Read,
                CpuWatchKind::Access => WatchKind::Access,
            },
        },
    }
}

/// Stop addresses and watches of a debugger.
type Points = (Vec<u64>, Vec<Watch>);

impl Machine {
    /// In a replay: keeps the present as the beginning of what can be gone back to.
    pub(crate) fn begin_history(&mut self, period: &mut Period<'_>) {
        if self.replay.mode() != Mode::Play || self.history.is_some() {
            return;
        }
        self.history = Some(Box::new(History::new(self.history_bytes, EVERY)));
        self.remember(period);
    }

    /// Instructions completed by the stopped CPUs.
    pub(crate) fn count(&self) -> u64 {
        self.time.count.get()
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            count: self.count(),
            deliveries: match self.halt {
                Some(Halt::Debug(_, _, deliveries)) => deliveries,
                _ => 0,
            },
        }
    }

    /// The moment as it is. To be called at the first boundary of a count.
    fn capture(&mut self, period: &mut Period<'_>) -> Option<Kept> {
        Some(Kept {
            count: self.count(),
            position: self.replay.position()?,
            snapshot: Arc::new(self.save_snapshot(period)),
        })
    }

    /// Keeps the moment. To be called at the first boundary of a count.
    pub(crate) fn remember(&mut self, period: &mut Period<'_>) {
        let count = self.count();
        if self.history.as_ref().is_none_or(|history| history.has(count)) {
            return;
        }
        let kept = self.capture(period);
        let pages = self.past.lock().memory.store().clone();
        if let (Some(history), Some(kept)) = (&mut self.history, kept) {
            history.keep(kept, || pages.bytes());
        }
    }

    /// The machine becomes what it was.
    fn go_to(&mut self, period: &mut Period<'_>, kept: &Kept) -> Result<(), String> {
        self.load_snapshot(period, &kept.snapshot)
            .map_err(|error| error.to_string())?;
        self.replay
            .seek(&kept.position)
            .map_err(|error| error.to_string())?;
        for n in 0..self.cpus.count() {
            self.on_cpu(period, n, |vcpu| {
                vcpu.debugger.forget_passed();
                vcpu.debugger.disarm_step();
            });
        }
        self.halt = None;
        self.shown.went_back();
        if let Some(history) = &mut self.history {
            history.end = None;
        }
        Ok(())
    }

    fn take_points(&self, period: &mut Period<'_>) -> Points {
        let points = self.on_cpu(period, 0, |vcpu| vcpu.debugger.points());
        self.set_points(period, &Points::default());
        points
    }

    fn set_points(&self, period: &mut Period<'_>, points: &Points) {
        for n in 0..self.cpus.count() {
            let (stops, watches) = points.clone();
            self.on_cpu(period, n, move |vcpu| {
                vcpu.set_stops(&stops);
                vcpu.set_watches(&watches);
            });
        }
    }

    /// Runs until it halts by itself, at `to` at the latest; none if it was interrupted.
    fn stretch(&mut self, trip: &mut Trip<'_, '_>, to: Option<u64>) -> Option<Halt> {
        if self.history.as_ref().is_some_and(|history| history.end.is_some()) {
            return Some(Halt::End);
        }
        self.halt = None;
        // Here too: on the way from stop to stop the machine may be quicker than whoever has had enough.
        if (trip.interrupted)() {
            return None;
        }
        self.travelling = true;
        self.start();
        self.cpus.set_stop_at(to);
        let mut log = LogCare::new(self);
        loop {
            if trip.main_loop.run_once(trip.period, log.timeout()).is_err() || self.cpus.is_finished() {
                break;
            }
            log.turn(self);
            if let Some((status, cause)) = self.carry_out(trip.period) {
                // Whoever runs the main loop ends the emulator.
                self.requests.end(status, cause);
                break;
            }
            if self.state != RunState::Running || (trip.interrupted)() {
                break;
            }
        }
        self.travelling = false;
        if self.state == RunState::Running {
            self.stop(trip.period, RunState::Debug);
        }
        self.cpus.set_stop_at(None);
        self.halt
    }

    /// Goes to the first place of a count, whatever the debugger looks for.
    ///
    /// # Errors
    /// It is before what is known, or the machine cannot be put back.
    pub(crate) fn seek(&mut self, trip: &mut Trip<'_, '_>, target: u64) -> Result<Outcome, String> {
        let points = self.take_points(trip.period);
        let outcome = self.seek_unwatched(trip, target);
        self.set_points(trip.period, &points);
        outcome
    }

    fn seek_unwatched(&mut self, trip: &mut Trip<'_, '_>, target: u64) -> Result<Outcome, String> {
        let history = self.history.as_ref().ok_or("this is not a replay")?;
        let nearest = history.not_after(target).cloned();
        let nearest = nearest.ok_or_else(|| {
            let first = history.first().unwrap_or_default();
            match self.began_at {
                at if at == first => format!("the replay begins with instruction {first}"),
                _ => format!(
                    "what is before instruction {first} is not known; begin the replay with --history MIB"
                ),
            }
        })?;
        let now = self.count();
        // Of its own count, the machine may have seen more than the first place.
        if target <= now || nearest.count > now {
            self.go_to(trip.period, &nearest)?;
        }
        while self.count() < target {
            let Some(history) = &self.history else {
                return Ok(Outcome::Interrupted);
            };
            let stop = history.next_of_way(self.count(), target);
            match self.stretch(trip, Some(stop)) {
                Some(Halt::Reached) if stop < target => self.remember(trip.period),
                Some(Halt::Reached) => {}
                Some(Halt::End) => return Ok(Outcome::End),
                Some(Halt::Debug(..)) | None => return Ok(Outcome::Interrupted),
            }
        }
        Ok(Outcome::Arrived)
    }

    /// One step of whichever CPU is next. No points may be set.
    fn step(&mut self, trip: &mut Trip<'_, '_>) -> Outcome {
        for n in 0..self.cpus.count() {
            self.on_cpu(trip.period, n, |vcpu| vcpu.debugger.arm_step());
        }
        let halt = self.stretch(trip, None);
        for n in 0..self.cpus.count() {
            self.on_cpu(trip.period, n, |vcpu| vcpu.debugger.disarm_step());
        }
        match halt {
            Some(Halt::Debug(..)) => Outcome::Arrived,
            Some(Halt::End) => Outcome::End,
            Some(Halt::Reached) | None => Outcome::Interrupted,
        }
    }

    fn steps(&mut self, trip: &mut Trip<'_, '_>, steps: u32) -> Outcome {
        let mut outcome = Outcome::Arrived;
        for _ in 0..steps {
            outcome = self.step(trip);
            if outcome != Outcome::Arrived {
                break;
            }
        }
        outcome
    }

    /// Goes to a place.
    fn visit(&mut self, trip: &mut Trip<'_, '_>, place: Place) -> Result<Outcome, String> {
        let points = self.take_points(trip.period);
        let mut outcome = self.seek_unwatched(trip, place.count);
        if outcome == Ok(Outcome::Arrived) {
            outcome = Ok(self.steps(trip, place.deliveries));
        }
        self.set_points(trip.period, &points);
        outcome
    }

    /// Goes to the last place before `place`. None if nothing is before it.
    fn before(&mut self, trip: &mut Trip<'_, '_>, place: Place) -> Result<Option<Outcome>, String> {
        if let Some(deliveries) = place.deliveries.checked_sub(1) {
            let count = place.count;
            return self.visit(trip, Place { count, deliveries }).map(Some);
        }
        let first = self.history.as_ref().and_then(|history| history.first());
        let Some(count) = place.count.checked_sub(1).filter(|&count| Some(count) >= first) else {
            return Ok(None);
        };
        let points = self.take_points(trip.period);
        let outcome = self.last_of(trip, count);
        self.set_points(trip.period, &points);
        outcome.map(Some)
    }

    /// Goes to the last place of a count, behind which an instruction completes.
    fn last_of(&mut self, trip: &mut Trip<'_, '_>, count: u64) -> Result<Outcome, String> {
        let outcome = self.seek_unwatched(trip, count)?;
        if outcome != Outcome::Arrived {
            return Ok(outcome);
        }
        let Some(there) = self.capture(trip.period) else {
            return Ok(Outcome::Interrupted);
        };
        let mut deliveries = 0;
        loop {
            let outcome = self.step(trip);
            // The last instruction of all ends the recording.
            let is_last = outcome == Outcome::End && self.count() > count;
            if outcome != Outcome::Arrived && !is_last {
                return Ok(outcome);
            }
            if self.count() > count || deliveries == MOST_DELIVERIES {
                break;
            }
            deliveries += 1;
        }
        self.go_to(trip.period, &there)?;
        Ok(self.steps(trip, deliveries))
    }

    /// Goes back as a debugger wants; what it is told then.
    pub(crate) fn go_back(&mut self, trip: &mut Trip<'_, '_>, motion: &Motion) -> Stop {
        let cpu = match motion {
            Motion::StepBack { cpu } => *cpu,
            _ => 0,
        };
        let told = match motion {
            Motion::StepBack { .. } => {
                let here = self.place();
                // Sooner there than back: only the answer is another one.
                let outcome = self.before(&mut trip.calm(), here);
                outcome.map(|outcome| match outcome {
                    None => Stop::Begin { cpu },
                    Some(Outcome::Arrived) if !(trip.interrupted)() => Stop::Step { cpu },
                    Some(_) => Stop::Interrupted { cpu },
                })
            }
            _ => self.last_hit(trip),
        };
        self.cpus.set_stop_at(None);
        self.state = RunState::Debug;
        told.unwrap_or_else(|reason| {
            crate::hints::say(&format!("going back: {reason}"));
            Stop::Interrupted { cpu }
        })
    }

    /// Goes back to the last place at which a debugger would have stopped.
    fn last_hit(&mut self, trip: &mut Trip<'_, '_>) -> Result<Stop, String> {
        let here = self.place();
        // The first scan ends behind the present, if something of its count is before it.
        let mut end = here.count + u64::from(here.deliveries > 0);
        let interrupted = Stop::Interrupted { cpu: 0 };
        // Behind it everything was searched; at first that is nothing.
        let mut searched: Option<Kept> = None;
        let (stops, watches) = self.on_cpu(trip.period, 0, |vcpu| vcpu.debugger.points());
        if stops.is_empty() && watches.is_empty() {
            end = 0;
        }
        while let Some(start) = self.before_end(end) {
            self.go_to(trip.period, &start)?;
            let Some(hit) = self.scan(trip, end, here)? else {
                match &searched {
                    Some(kept) => self.go_to(trip.period, kept)?,
                    None => {
                        self.visit(&mut trip.calm(), here)?;
                    }
                }
                return Ok(interrupted);
            };
            if let Some((place, cpu, stop)) = hit {
                let trip = &mut trip.calm();
                let outcome = match stop {
                    DebugStop::Watch(..) => self.before(trip, place)?,
                    _ => Some(self.visit(trip, place)?),
                };
                return Ok(match outcome {
                    Some(Outcome::Arrived) => as_told(cpu, stop),
                    _ => interrupted,
                });
            }
            end = start.count;
            searched = Some(start);
        }
        let first = self.history.as_ref().and_then(|history| history.first());
        match self.seek(trip, first.unwrap_or_default())? {
            Outcome::Arrived => Ok(Stop::Begin { cpu: 0 }),
            _ => Ok(interrupted),
        }
    }

    fn before_end(&self, end: u64) -> Option<Kept> {
        let history = self.history.as_ref()?;
        history.not_after(end.checked_sub(1)?).cloned()
    }

    /// Runs from here to `end` for the last stop before `here`. None if it was interrupted.
    fn scan(
        &mut self,
        trip: &mut Trip<'_, '_>,
        mut end: u64,
        here: Place,
    ) -> Result<Option<Option<Hit>>, String> {
        let mut last = None;
        let mut stops = 0;
        loop {
            match self.stretch(trip, Some(end)) {
                None => return Ok(None),
                Some(Halt::Reached | Halt::End) => return Ok(Some(last)),
                Some(Halt::Debug(cpu, stop, _)) => {
                    let place = self.place();
                    let is_before = match stop {
                        DebugStop::Watch(..) => place <= here,
                        _ => place < here,
                    };
                    if !is_before {
                        return Ok(Some(last));
                    }
                    last = Some((place, cpu, stop));
                    stops += 1;
                    let rest = end - place.count.min(end);
                    if stops < MANY || rest < SHORT {
                        continue;
                    }
                    // Something that happens all the time: looking at each would take for ever.
                    let middle = end - rest / 2;
                    match self.later_half(trip, middle, end, here)? {
                        Some(None) => {}
                        found => return Ok(found),
                    }
                    // There again, where this stop is found once more.
                    if self.visit(trip, place)? != Outcome::Arrived {
                        return Ok(None);
                    }
                    (end, stops) = (middle, 0);
                }
            }
        }
    }

    /// [`scan`](Self::scan) from `middle` on.
    fn later_half(
        &mut self,
        trip: &mut Trip<'_, '_>,
        middle: u64,
        end: u64,
        here: Place,
    ) -> Result<Option<Option<Hit>>, String> {
        if self.seek(trip, middle)? != Outcome::Arrived {
            return Ok(None);
        }
        self.remember(trip.period);
        for n in 0..self.cpus.count() {
            self.on_cpu(trip.period, n, |vcpu| vcpu.debugger.forget_passed());
        }
        self.scan(trip, end, here)
    }

    /// A CPU has stopped for a debugger: which, and why.
    pub(crate) fn note_debug_stop(&mut self, period: &mut Period<'_>) {
        for n in 0..self.cpus.count() {
            let stop = self.on_cpu(period, n, |vcpu| (vcpu.debugger.take_stop(), vcpu.deliveries()));
            if let (Some(stop), deliveries) = stop {
                self.halt = Some(Halt::Debug(n, stop, deliveries));
                return;
            }
        }
    }

    /// Says where a machine that runs on stops by itself.
    pub(crate) fn plan_stop(&self) {
        if let Some(history) = self.history.as_ref().filter(|_| !self.travelling) {
            self.cpus.set_stop_at(history.next_stop(self.count()));
        }
    }

    /// The machine has come to the count to stop at, while it ran on.
    pub(crate) fn came_to_stop(&mut self, period: &mut Period<'_>) {
        self.stop(period, RunState::Debug);
        self.halt = Some(Halt::Reached);
        if self.travelling {
            return;
        }
        if self.replay.mode() == Mode::Record {
            self.rotate(period);
            self.start();
            return;
        }
        let count = self.count();
        let Some(history) = &self.history else {
            self.start();
            return;
        };
        let stays = history.break_at == Some(count);
        if history.automatic {
            self.remember(period);
        }
        if stays {
            self.state = RunState::Paused;
        } else {
            self.start();
        }
    }

    /// Whether the machine is held at the recording's end instead of ending with it: somebody may go back from there.
    pub(crate) fn holds_at_end(
        &mut self,
        period: &mut Period<'_>,
        status: u8,
        cause: Shutdown,
        is_recorded: bool,
    ) -> bool {
        let somebody = self.travelling || self.debugging;
        if !somebody || self.replay.mode() != Mode::Play || self.history.is_none() {
            return false;
        }
        let verdict = self.outsides.take_verdict();
        let is_end = match &verdict {
            Some(verdict) => matches!(verdict, Verdict::Ended(_)),
            None => cause.is_guests() || is_recorded,
        };
        if !is_end {
            if let Some(verdict) = verdict {
                self.outsides.put_verdict(verdict);
            }
            return false;
        }
        self.stop(period, RunState::Debug);
        self.halt = Some(Halt::End);
        if let Some(history) = &mut self.history {
            history.end = Some(HeldEnd {
                status,
                cause,
                verdict,
            });
        }
        true
    }

    /// Whether the machine is held at the recording's end.
    pub(crate) fn is_at_end(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.end.is_some())
    }

    /// Whether the end at which it is held is the guest's own doing.
    pub(crate) fn has_ended_itself(&self) -> bool {
        let end = self.history.as_ref().and_then(|history| history.end.as_ref());
        end.is_some_and(|end| end.cause.is_guests())
    }

    /// The end that was held comes after all; false if there is none.
    pub(crate) fn let_end(&mut self) -> bool {
        let Some(end) = self.history.as_mut().and_then(|history| history.end.take()) else {
            return false;
        };
        if let Some(verdict) = end.verdict {
            self.outsides.put_verdict(verdict);
        }
        self.requests.end(end.status, end.cause);
        true
    }
}

#[cfg(test)]
mod tests;
