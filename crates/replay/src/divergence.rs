//! The report that a replay is not what was recorded.

use crate::{Event, Instant};
use std::fmt;

/// An event of the log, with its number and its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Counted from the first event of the recording.
    pub index: u64,
    /// When.
    pub at: Instant,
    /// What.
    pub event: Event,
}

impl fmt::Display for Stamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} at {}: {}", self.index, self.at, self.event)
    }
}

/// In what the replay differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The machine is past the log's next event.
    TooLate,
    /// The machine did something before the log's next event.
    TooEarly,
    /// The machine did something else.
    Kind,
    /// The machine did the same thing with other contents.
    Content,
    /// Timers that ran at this instant do not run now.
    Round,
    /// The log lets the machine warp, but a vCPU runs.
    NotIdle,
    /// The machine did something after the log's end.
    AfterEnd,
    /// The machine makes no progress although the log has more.
    Stuck,
}

/// A replay that is not what was recorded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Divergence(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    difference: Difference,
    index: u64,
    expected: Option<(Instant, Event)>,
    now: Instant,
    actual: Option<Event>,
    history: Vec<Stamped>,
}

impl Divergence {
    pub(crate) fn new(
        difference: Difference,
        index: u64,
        expected: Option<(Instant, Event)>,
        now: Instant,
        actual: Option<Event>,
        history: Vec<Stamped>,
    ) -> Self {
        Self(Box::new(Details {
            difference,
            index,
            expected,
            now,
            actual,
            history,
        }))
    }

    /// In what it differs.
    pub fn difference(&self) -> Difference {
        self.0.difference
    }

    /// Number of the log's event that did not come as it was recorded.
    pub fn index(&self) -> u64 {
        self.0.index
    }

    /// That event and its instant; none after the end.
    pub fn expected(&self) -> Option<&(Instant, Event)> {
        self.0.expected.as_ref()
    }

    /// Where the machine is.
    pub fn now(&self) -> Instant {
        self.0.now
    }

    /// What the machine did there, if it did anything.
    pub fn actual(&self) -> Option<&Event> {
        self.0.actual.as_ref()
    }

    /// The last events that came as they were recorded, oldest first.
    pub fn history(&self) -> &[Stamped] {
        &self.0.history
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the replay diverged at event #{}: recorded ", self.index)?;
        match &self.expected {
            Some((at, event)) => write!(f, "{event} at {at}")?,
            None => f.write_str("nothing more")?,
        }
        write!(f, ", now at {}", self.now)?;
        match &self.actual {
            Some(event) => write!(f, " {event}"),
            None => f.write_str(match self.difference {
                Difference::Round => " without the timers that ran there",
                Difference::NotIdle => " a vCPU runs where all were idle",
                Difference::Stuck => " the machine makes no progress",
                _ => " it has not come",
            }),
        }
    }
}
