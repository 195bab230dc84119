//! A word to the person in front of a silent terminal.
//!
//! A kernel without `console=` runs perfectly well and prints nothing; after ten seconds we say so, once.

use crate::serial::SerialLine;
use std::sync::Arc;
use util_mainloop::timer::{Timer, TimerList};

const PATIENCE_NS: i64 = 10_000_000_000;

/// Watches `line`; the returned timer must be kept. None where a warning would be pointless: a command line with
/// `console=`, or a serial port that is not on this terminal.
pub fn watch(line: &Arc<SerialLine>, append: &str, on_terminal: bool, realtime: &Arc<TimerList>) -> Option<Timer> {
    let has_console = append.split_whitespace().any(|word| word.starts_with("console="));
    if has_console || !on_terminal {
        return None;
    }
    let line = Arc::clone(line);
    let timer = realtime.timer(Box::new(move || {
        if !line.spoke() {
            eprint!(
                "reprise: the guest has printed nothing for ten seconds; \
                 a Linux kernel talks to this terminal with -append console=ttyS0 (Ctrl-A x ends)\r\n"
            );
        }
    }));
    timer.arm(realtime.now_ns() + PATIENCE_NS);
    Some(timer)
}
