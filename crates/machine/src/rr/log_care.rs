//! What the main loop does for a log between its turns.
//!
//! About once a second a recording is written out, so that little is lost with the process, and whoever wants to leave it
//! does; a replay has to make progress. A log that somebody else still writes is looked at more often.

use super::watchdog::Watchdog;
use crate::hints;
use crate::running::{Machine, RunState};
use accel_tcg::Outside;
use replay::{Instant, Mode, Shutdown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use util_mainloop::Timeout;
use util_mainloop::clock::{ClockSource, MonotonicClock};

/// The care for one machine's log.
pub(crate) struct LogCare {
    mode: Mode,
    /// Host time of the last look.
    looked_ns: i64,
    /// Of a replay: instant and events. Of a recording that is to end: the same.
    progress: Watchdog<(Instant, u64)>,
    /// The log that is replayed is still written, until this is set.
    following: Option<Arc<AtomicBool>>,
    /// Host time of the last look at that.
    followed_ns: i64,
}

impl LogCare {
    const EVERY_NS: i64 = 1_000_000_000;
    /// How often a log is looked at that somebody writes.
    const FOLLOW_NS: i64 = 20_000_000;
    /// Looks until somebody who wants to leave a recording may, although the guest comes to no boundary.
    const LEAVING: u32 = 2;

    pub(crate) fn new(machine: &mut Machine) -> Self {
        let mode = machine.replay.mode();
        let patience = match mode {
            Mode::Play => machine.patience,
            Mode::None | Mode::Record => Self::LEAVING,
        };
        let now = MonotonicClock.now_ns();
        Self {
            mode,
            looked_ns: now,
            progress: Watchdog::new(patience),
            following: machine.beside_log.following.take(),
            followed_ns: now,
        }
    }

    /// How long the main loop may sleep.
    pub(crate) fn timeout(&self) -> Timeout {
        let next = match (self.mode, &self.following) {
            (Mode::None, _) => return Timeout::NEVER,
            (_, Some(_)) => self.followed_ns + Self::FOLLOW_NS,
            (_, None) => self.looked_ns + Self::EVERY_NS,
        };
        Timeout::from_ns(next - MonotonicClock.now_ns())
    }

    /// After a turn of the main loop, in a period.
    pub(crate) fn turn(&mut self, machine: &mut Machine) {
        if self.mode == Mode::Record {
            machine.plan_rotation();
        }
        let now = MonotonicClock.now_ns();
        if now - self.followed_ns >= Self::FOLLOW_NS {
            self.followed_ns = now;
            self.follow(machine);
        }
        if self.mode == Mode::None || now - self.looked_ns < Self::EVERY_NS {
            return;
        }
        self.looked_ns = now;
        if machine.replay.mode() == Mode::None {
            // A replay that went live.
            self.mode = Mode::None;
            return;
        }
        let at = machine.cpus.instant();
        let events = machine.replay.position().map_or(0, |position| position.index);
        match self.mode {
            Mode::Play => {
                let runs = machine.state == RunState::Running && self.following.is_none();
                if !runs || !machine.replay.expects_more(at) {
                    self.progress.rest();
                } else if self.progress.look((at, events)) {
                    machine.outsides.diverged(machine.replay.stuck(at));
                }
            }
            Mode::Record => {
                machine.replay.flush(at);
                machine.delete_dropped();
                if let Some(reason) = machine.replay.stopped() {
                    self.mode = Mode::None;
                    hints::say(&format!("the recording has stopped: {reason}; the guest goes on"));
                }
                if !machine.requests.is_leaving() {
                    self.progress.rest();
                } else if self.progress.look((at, events)) {
                    // A guest that does nothing but fault has no instant at which the log could say it.
                    machine.ends_unsaid = true;
                    machine.requests.end(0, Shutdown::None);
                }
            }
            Mode::None => {}
        }
    }

    /// Looks for more of a log that is still written.
    fn follow(&mut self, machine: &Machine) {
        let Some(done) = self.following.take() else {
            return;
        };
        // Asked before the look: what was written until then is found by it.
        let is_done = done.load(Ordering::Acquire);
        match machine.replay.follow(is_done) {
            Ok(true) => self.following = Some(done),
            Ok(false) => {}
            Err(error) => hints::say(&format!("following the log: {error}")),
        }
    }
}
