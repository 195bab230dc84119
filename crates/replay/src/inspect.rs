//! Logs as something to look at: what the tools print and tests compare.
//!
//! Data flows from a [`LogReader`] only; nothing here is needed to record or replay.

mod difference;
mod verify;

pub use difference::{LogDifference, diff};
pub use verify::{Verdict, verify};

use crate::{Ending, Instant, LogReader, Player, Stamped, Statistics};

/// All events of a log, remarks too, as far as they can be read.
#[derive(Debug)]
pub struct Events(Player);

impl Events {
    /// From the log's first event.
    pub fn new(log: LogReader) -> Self {
        Self(Player::new(log))
    }

    /// From event number `index`, if the log has it; from its first or behind its last otherwise.
    pub fn from(log: LogReader, index: u64) -> Self {
        let range = log.events();
        let mut player = Player::new(log);
        let position = crate::Position {
            index: index.clamp(range.start, range.end),
            ..player.position()
        };
        // Where a frame cannot be read, the events end there.
        let _ = player.seek(&position);
        Self(player)
    }

    /// The log.
    pub fn log(&self) -> &LogReader {
        self.0.log()
    }

    /// Why there are no more, once there are none.
    pub fn ending(&self) -> &Ending {
        self.0.ending()
    }

    /// Counts of what was read so far.
    pub fn statistics(&self) -> &Statistics {
        &self.0.statistics
    }
}

impl Iterator for Events {
    type Item = Stamped;

    fn next(&mut self) -> Option<Stamped> {
        self.0.take()
    }
}

/// What a log is made of.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Events and bytes by kind.
    pub counts: Statistics,
    /// Bytes of all its files.
    pub file_bytes: u64,
    /// Bytes of header, frames' headers and index.
    pub overhead: u64,
    /// Bytes of all frames before and after compression.
    pub payload: (u64, u64),
    /// From the first instant to the last.
    pub from: Instant,
    /// Up to where it is known what happened.
    pub until: Instant,
    /// Virtual time between them in nanoseconds.
    pub virtual_ns: i64,
    /// What comes after.
    pub ending: Ending,
}

impl Stats {
    /// Bytes of the files for each second of virtual time; none if no time passed.
    pub fn bytes_per_second(&self) -> Option<f64> {
        (self.virtual_ns > 0).then(|| self.file_bytes as f64 * 1e9 / self.virtual_ns as f64)
    }
}

/// Counts a whole log.
pub fn stats(log: LogReader) -> Stats {
    let mut events = Events::new(log);
    events.by_ref().for_each(drop);
    let log = events.log();
    let shift = log.header().facts.shift;
    let (from, until) = (log.from(), events.0.until());
    let file_bytes = log.sizes().0;
    let sum =
        |part: fn(&crate::FrameInfo) -> u32| log.frames().iter().map(|f| u64::from(part(f))).sum::<u64>();
    let (raw, stored) = (sum(|f| f.raw), sum(|f| f.stored));
    Stats {
        counts: events.statistics().clone(),
        file_bytes,
        overhead: file_bytes.saturating_sub(stored),
        payload: (raw, stored),
        from,
        until,
        virtual_ns: until.virtual_ns(shift).saturating_sub(from.virtual_ns(shift)),
        ending: events.ending().clone(),
    }
}
