//! What counted time has to do with the host's: nothing, waiting for it (`align=on`), or following it (`shift=auto`).
//!
//! The vCPUs' thread asks here between two turns. Host time (`VIRTUAL_RT`: monotonic, still while the machine is stopped)
//! flows in; out go a wait, a warning, or another length of an instruction. Mirrors `icount_adjust` in QEMU's
//! `accel/tcg/icount-common.c`, `align_clocks` in `cpu-exec.c` and what `info jit` says of drift.

use crate::counted::CountedClock;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use util_mainloop::clock::ClockSource;

/// How counted time is held to host time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Not at all.
    #[default]
    Free,
    /// The guest waits where it is ahead of the host; where it is behind, somebody is told (`align=on`).
    Align,
    /// Instructions take more or less time, so that the guest's clock stays near the host's (`shift=auto`).
    Auto,
}

/// Who is ahead by less than this does not wait.
const ADVANCE_NS: i64 = 3_000_000;
/// The length of an instruction is looked at this often on the host's clock…
const EVERY_HOST_NS: i64 = 1_000_000_000;
/// …and this often on the guest's.
const EVERY_GUEST_NS: i64 = 100_000_000;
/// A drift that changed by less is not answered.
const WOBBLE_NS: i64 = 100_000_000;
/// The shift with which `shift=auto` begins.
pub const FIRST_SHIFT: u32 = 3;
/// The longest instruction.
const LAST_SHIFT: u32 = 10;
/// Host time between two warnings, at least.
const WARN_EVERY_NS: i64 = 2_000_000_000;
/// Warnings of one run.
const WARNINGS: u32 = 100;
/// A guest that has caught up by so much may be warned of again.
const CAUGHT_UP_NS: i64 = 1_500_000_000;
const SECOND: i64 = 1_000_000_000;

/// Host time beside a counted clock, and how far they have been apart.
pub(crate) struct Beside {
    pub host: Arc<dyn ClockSource>,
    pub pace: Pace,
    /// Greatest lateness and lead of the guest, ns.
    max: [AtomicI64; 2],
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} beside {} ns", self.pace, self.host.now_ns())
    }
}

impl Beside {
    pub fn new(host: Arc<dyn ClockSource>, pace: Pace) -> Self {
        Self {
            host,
            pace,
            max: Default::default(),
        }
    }

    fn note(&self, ahead_ns: i64) {
        self.max[usize::from(ahead_ns > 0)].fetch_max(ahead_ns.saturating_abs(), Ordering::Relaxed);
    }
}

/// How far a guest's clock is from the host's, in QEMU's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The host's time less the guest's, ns.
    pub host_less_guest_ns: i64,
    /// Greatest lateness and greatest lead of the guest so far, ns; only where it is aligned.
    pub max_ns: Option<(i64, i64)>,
}

impl Drift {
    pub(crate) fn of(clock: &CountedClock, beside: &Beside) -> Self {
        let max = |which: usize| beside.max[which].load(Ordering::Relaxed);
        Self {
            host_less_guest_ns: beside.host.now_ns() - clock.now_ns(),
            max_ns: (beside.pace == Pace::Align).then(|| (max(0), max(1))),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: i64| ns / 1_000_000;
        writeln!(f, "Host - Guest clock  {} ms", ms(self.host_less_guest_ns))?;
        match self.max_ns {
            Some((delay, advance)) => {
                writeln!(f, "Max guest delay     {} ms", ms(delay))?;
                writeln!(f, "Max guest advance   {} ms", ms(advance))
            }
            None => f.write_str("Max guest delay     NA\nMax guest advance   NA\n"),
        }
    }
}

/// What a boundary has to do for the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Wait for so many nanoseconds of host time.
    Wait(i64),
    /// Say that the guest is late by so many seconds, and less than one more.
    Warn(i64),
}

/// The pace of one machine: what its vCPUs' thread remembers.
#[derive(Debug)]
pub(crate) struct Pacer {
    last_delta_ns: i64,
    next_host_ns: i64,
    next_guest_ns: i64,
    warned_at_ns: Option<i64>,
    /// What the last warning said, ns.
    warned_of_ns: i64,
    warnings: u32,
}

impl Pacer {
    pub fn new() -> Self {
        Self {
            last_delta_ns: 0,
            next_host_ns: EVERY_HOST_NS,
            next_guest_ns: EVERY_GUEST_NS,
            warned_at_ns: None,
            warned_of_ns: 0,
            warnings: 0,
        }
    }

    /// At a boundary: changes the length of an instruction, if it is time for that.
    pub fn adjust(&mut self, clock: &CountedClock, beside: &Beside) {
        let (host, guest) = (beside.host.now_ns(), clock.now_ns());
        // Both clocks may have been set, by a snapshot.
        let is_due = |now: i64, next: i64, every: i64| now >= next || next - now > every;
        let by_host = is_due(host, self.next_host_ns, EVERY_HOST_NS);
        let by_guest = is_due(guest, self.next_guest_ns, EVERY_GUEST_NS);
        if by_host {
            self.next_host_ns = host + EVERY_HOST_NS;
        }
        if by_guest {
            self.next_guest_ns = guest + EVERY_GUEST_NS;
        }
        if !by_host && !by_guest {
            return;
        }
        let delta = guest - host;
        let shift = clock.instruction_time().shift().unwrap_or(FIRST_SHIFT);
        let (last, twice) = (self.last_delta_ns, delta.saturating_mul(2));
        self.last_delta_ns = delta;
        if delta > 0 && last + WOBBLE_NS < twice && shift > 0 {
            clock.set_shift(shift - 1);
        } else if delta < 0 && last - WOBBLE_NS > twice && shift < LAST_SHIFT {
            clock.set_shift(shift + 1);
        }
    }

    /// Until when, in virtual time, the next boundary must come.
    pub fn deadline(&self, clock: &CountedClock, pace: Pace) -> Option<i64> {
        match pace {
            Pace::Free => None,
            Pace::Align => Some(clock.now_ns().saturating_add(ADVANCE_NS)),
            Pace::Auto => Some(self.next_guest_ns),
        }
    }

    /// At a boundary of an aligned machine.
    pub fn align(&mut self, clock: &CountedClock, beside: &Beside) -> Due {
        let host = beside.host.now_ns();
        let ahead = clock.now_ns() - host;
        beside.note(ahead);
        if ahead > ADVANCE_NS {
            return Due::Wait(ahead);
        }
        let late = -ahead;
        let is_early = self.warned_at_ns.is_some_and(|at| host - at < WARN_EVERY_NS);
        if is_early || self.warnings >= WARNINGS {
            return Due::Nothing;
        }
        if late < self.warned_of_ns - CAUGHT_UP_NS {
            self.warned_of_ns = late.max(0) / SECOND * SECOND;
        }
        if late < self.warned_of_ns + SECOND {
            return Due::Nothing;
        }
        self.warned_at_ns = Some(host);
        self.warned_of_ns = late / SECOND * SECOND;
        self.warnings += 1;
        Due::Warn(late / SECOND)
    }
}

#[cfg(test)]
mod tests;
