//! What a person is told at the end of a replay.

use replay::{Difference, Divergence, Ending, Instant};
use std::fmt::Write;

/// The report of a divergence: what, where, the vCPU's state, and the events before. Lines, for standard error.
pub fn describe(divergence: &Divergence, last_digest: Option<u64>, registers: &str) -> String {
    let mut text = format!("the replay is not what was recorded: {divergence}\n");
    match last_digest {
        Some(count) if divergence.difference() == Difference::Content => {
            let _ = writeln!(
                text,
                "it went wrong behind instruction {count}, where digests were last compared, and before {}",
                divergence.now()
            );
        }
        Some(count) => {
            let _ = writeln!(text, "digests were last compared at instruction {count}");
        }
        None => text.push_str("no digest was compared before that\n"),
    }
    text.push_str("the machine now:\n");
    for line in registers.lines() {
        let _ = writeln!(text, "  {line}");
    }
    let history = divergence.history();
    if !history.is_empty() {
        text.push_str("the last events that came as recorded:\n");
        for event in history {
            let _ = writeln!(text, "  {event}");
        }
    }
    text
}

/// One line on a replay that began with so many instructions complete and came to the log's end at `now`.
pub fn epilogue(ending: &Ending, began_at: u64, now: Instant) -> String {
    let what = match began_at {
        0 => format!("{} instructions", now.count),
        from => format!("instructions {from} to {}", now.count),
    };
    match ending {
        Ending::End => format!("replayed {what}: all as recorded"),
        other => format!("replayed {what}, all as recorded; {other}"),
    }
}
