//! Where the vCPUs' thread stands between two turns, beside the vCPUs themselves: part of a snapshot.

use crate::round::Round;
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

/// Whose turn it is, and what the present instant has had so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The vCPU whose slice it is.
    pub current: u32,
    /// Instructions left of the slice; 0: it is over.
    pub left: u64,
    /// How often timers have run at this instant.
    pub round: u32,
    /// The count at which the next digest is due; 0 without a log.
    pub next_digest: u64,
    /// Nothing of the next instruction has happened.
    pub settled: bool,
}

impl Default for Schedule {
    /// Before the first instruction.
    fn default() -> Self {
        Self {
            current: 0,
            left: 0,
            round: 0,
            next_digest: 0,
            settled: true,
        }
    }
}

impl Schedule {
    pub(crate) fn of(round: &Round, timeline: Option<&mut Timeline>, settled: bool) -> Self {
        let (current, left) = round.place();
        let (rounds, next_digest) = timeline.map_or((0, 0), |timeline| timeline.place());
        Self {
            current: current as u32,
            left,
            round: rounds,
            next_digest,
            settled,
        }
    }

    pub(crate) fn apply(self, round: &mut Round, timeline: Option<&mut Timeline>) {
        round.set_place((self.current as usize, self.left));
        if let Some(timeline) = timeline {
            timeline.set_place(self.round, self.next_digest);
        }
    }
}
