//! What a person is told at the end of a replay.

use super::Checked;
use replay::{Difference, Divergence, Ending, Instant};
use std::fmt::Write;

/// The report of a divergence: what, where, the vCPUs' states, and the events before. Lines, for standard error.
pub fn describe(divergence: &Divergence, checked: Checked, registers: &str) -> String {
    let mut text = format!("the replay is not what was recorded: {divergence}\n");
    let Checked { digest, trail } = checked;
    match digest.into_iter().chain(trail).max() {
        Some(count) if divergence.difference() == Difference::Content => {
            let _ = writeln!(
                text,
                "it shows between instruction {count}, where it was last compared, and {}",
                divergence.now()
            );
        }
        Some(count) => {
            let _ = writeln!(text, "it was last compared at instruction {count}");
        }
        None => text.push_str("nothing was compared before that\n"),
    }
    if let Some(trail) = trail.filter(|_| digest < trail) {
        let digest = digest.map_or("none before".into(), |count| format!("the last at {count}"));
        let _ = writeln!(
            text,
            "(at {trail} it was the registers that were as recorded; digests say more: {digest})"
        );
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
