//! Where two logs part.

use super::Events;
use crate::{Ending, Header, LogReader, Stamped};
use std::collections::VecDeque;

/// Events shown before the first that differs.
const CONTEXT: usize = 5;

/// In what two logs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDifference {
    /// Facts of the headers that differ, one line each; the program that recorded is none of them.
    pub facts: Vec<String>,
    /// The first event that differs: the left log's and the right log's.
    pub event: Option<(Option<Stamped>, Option<Stamped>)>,
    /// The last equal events before it.
    pub context: Vec<Stamped>,
    /// How many events are equal.
    pub equal: u64,
    /// Endings, where the events are equal and they are not.
    pub endings: Option<(Ending, Ending)>,
}

impl LogDifference {
    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.event.is_none() && self.endings.is_none()
    }
}

/// Compares two logs: their facts, and their events up to the first that differs. Frames are not compared, as
/// where they end depends on the host. Of rings, what both still hold is compared.
pub fn diff(left: LogReader, right: LogReader) -> LogDifference {
    let facts = facts(left.header(), right.header());
    let first = left.events().start.max(right.events().start);
    let (mut left, mut right) = (Events::from(left, first), Events::from(right, first));
    let mut context = VecDeque::new();
    let mut equal = 0;
    loop {
        let pair = (left.next(), right.next());
        if let (Some(l), Some(r)) = &pair
            && l == r
        {
            equal += 1;
            if context.len() == CONTEXT {
                context.pop_front();
            }
            context.extend(pair.0);
            continue;
        }
        let same = pair == (None, None);
        let endings = (left.ending().clone(), right.ending().clone());
        return LogDifference {
            facts,
            event: (!same).then_some(pair),
            context: context.into(),
            equal,
            endings: (same && kind(&endings.0) != kind(&endings.1)).then_some(endings),
        };
    }
}

/// Where exactly a log was torn is no difference.
fn kind(ending: &Ending) -> std::mem::Discriminant<Ending> {
    std::mem::discriminant(ending)
}

fn facts(left: &Header, right: &Header) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |what: &str, left: String, right: String| {
        if left != right {
            lines.push(format!("{what}: {left} / {right}"));
        }
    };
    let (l, r) = (&left.facts, &right.facts);
    line(
        "machine version",
        left.machine_version.to_string(),
        right.machine_version.to_string(),
    );
    line("rtc base", l.rtc_base_s.to_string(), r.rtc_base_s.to_string());
    line(
        "random seed",
        l.random_seed.to_string(),
        r.random_seed.to_string(),
    );
    line("tsc", l.tsc_hz.to_string(), r.tsc_hz.to_string());
    line("shift", l.shift.to_string(), r.shift.to_string());
    line("strict", l.strict.to_string(), r.strict.to_string());
    let disks = |header: &Header| {
        let disk = |disk: &crate::Disk| format!("{}:{}:{:016x}", disk.name, disk.len, disk.digest);
        header.facts.disks.iter().map(disk).collect::<Vec<_>>().join(" ")
    };
    line("disks", disks(left), disks(right));
    if left.machine != right.machine {
        lines.push("configuration of the machine".to_owned());
    }
    lines
}
