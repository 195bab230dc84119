//! Whether a log is whole: structure, checksums, order of frames and instants, and that it ends once.

use super::Events;
use crate::{Ending, Event, LogError, LogReader};
use std::path::Path;

/// What was found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Good frames.
    pub frames: usize,
    /// Events that can be read.
    pub events: u64,
    /// How it ends.
    pub ending: Ending,
    /// Everything wrong with it; a recorder that was killed is not.
    pub problems: Vec<String>,
}

/// Reads all of a log and believes nothing.
///
/// # Errors
/// It cannot be opened as a log at all.
pub fn verify(path: &Path) -> Result<Verdict, LogError> {
    let log = LogReader::open_whole(path)?;
    let quick = LogReader::open(path)?;
    let other_index = quick.is_indexed() && quick.frames() != log.frames();
    let mut problems = Vec::new();
    let (frames, expected) = (log.frames().len(), log.events());
    let first = expected.start;
    let mut events = Events::new(log);
    let (mut count, mut end) = (0, None);
    for stamped in events.by_ref() {
        if let Some(index) = end {
            problems.push(format!("event #{} after the end (#{index})", stamped.index));
            break;
        }
        if count == 0 && first != 0 && !matches!(stamped.event, Event::Snapshot { .. }) {
            problems.push(format!("begins at event #{first}, without a snapshot"));
        }
        if matches!(stamped.event, Event::End { .. } | Event::Stopped { .. }) {
            end = Some(stamped.index);
        }
        count += 1;
    }
    let ending = events.ending().clone();
    let finished = ending == Ending::End || ending == Ending::Stopped;
    if finished != end.is_some() {
        problems.push("the last event is not what its frame says".to_owned());
    }
    if first + count != expected.end && problems.is_empty() {
        problems.push(format!("unreadable from event #{}: {ending}", first + count));
    }
    let (total, good) = events.log().sizes();
    let single = events.log().segment_count() == 1;
    if !finished && single && good < total {
        // A killed recorder leaves at most the beginning of a frame; more than that was damaged.
        if let Ending::Torn { reason } = &ending
            && !reason.contains("ends inside")
        {
            problems.push(format!("{} bytes cannot be read: {reason}", total - good));
        }
    }
    if other_index && problems.is_empty() {
        problems.push("the index names other frames than there are".to_owned());
    }
    Ok(Verdict {
        frames,
        events: count,
        ending,
        problems,
    })
}
