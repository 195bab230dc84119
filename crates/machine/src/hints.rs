//! Words to the person in front of the terminal: how to leave, and why it is silent.
//!
//! They go to standard error, never into the guest's output.

use crate::serial::SerialLine;
use parking_lot::Mutex;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use util_mainloop::timer::{Timer, TimerList};

const PATIENCE_NS: i64 = 10_000_000_000;

/// What serves the terminal that the first serial port is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTerminal {
    /// A multiplexer, with its keys.
    Keys,
    /// Nothing: Ctrl-C interrupts the emulator.
    Plain,
}

/// Whether a person looks at our output and can type.
pub fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Says one line. Nobody may be listening; that is no reason to end.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "reprise: {line}");
}

/// Says a line of a report that is kept elsewhere, too.
pub fn report(line: &str, kept: Option<&Mutex<String>>) {
    say(line);
    if let Some(kept) = kept {
        let mut kept = kept.lock();
        kept.push_str(line);
        kept.push('\n');
    }
}

/// What somebody is told who would change the machine of a replay.
pub const NO_CHANGES: &str =
    "a replay is what was recorded; 'replay_live' in the monitor goes on without the recording";

/// What a debugger's user is told who would change the machine where a recording cannot say when.
pub const NOT_BEHIND: &str = "a recording takes changes right behind an instruction: 'stepi' first";

/// The line at the start.
pub fn leaving(how: OnTerminal) -> &'static str {
    match how {
        OnTerminal::Keys => "Ctrl-A x ends, Ctrl-A c opens the monitor, Ctrl-A h helps",
        OnTerminal::Plain => "Ctrl-C ends",
    }
}

/// Says so, once, if the guest sends nothing on `line` for ten seconds: a kernel without `console=` runs perfectly
/// well and prints nothing. The returned timer must be kept; none if the command line has a `console=`.
pub fn watch_silence(
    line: &Arc<SerialLine>,
    append: &str,
    how: OnTerminal,
    realtime: &Arc<TimerList>,
    say: fn(&str),
) -> Option<Timer> {
    if append.split_whitespace().any(|word| word.starts_with("console=")) {
        return None;
    }
    let line = Arc::clone(line);
    let timer = realtime.timer(Box::new(move || {
        if !line.spoke() {
            let key = if how == OnTerminal::Keys {
                "Ctrl-A x"
            } else {
                "Ctrl-C"
            };
            say(&format!(
                "the guest has printed nothing for ten seconds; \
                 a Linux kernel talks to this terminal with -append console=ttyS0 ({key} ends)"
            ));
        }
    }));
    timer.arm(realtime.now_ns() + PATIENCE_NS);
    Some(timer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::Shown;
    use chardev::Null;
    use hw_core::CharSink;
    use std::cell::Cell;
    use util_mainloop::clock::ManualClock;

    thread_local! {
        static SAID: Cell<usize> = const { Cell::new(0) };
    }

    /// How often something is said to a guest that is given `append` and speaks or not.
    fn said(append: &str, speaks: bool) -> usize {
        SAID.set(0);
        let clock = Arc::new(ManualClock::new(5));
        let timers = TimerList::new(clock.clone());
        let line = SerialLine::new(Arc::new(Null::new()), &Shown::new(Arc::default()));
        let timer = watch_silence(&line, append, OnTerminal::Keys, &timers, |text| {
            assert!(text.contains("console=ttyS0") && !text.contains('\n'));
            SAID.set(SAID.get() + 1);
        });
        clock.advance(PATIENCE_NS - 1);
        timers.run_expired();
        assert_eq!(SAID.get(), 0, "too early");
        if speaks {
            line.write(b"Linux");
        }
        for _ in 0..3 {
            clock.advance(PATIENCE_NS);
            timers.run_expired();
        }
        drop(timer);
        SAID.get()
    }

    #[test]
    fn silence_is_explained_once() {
        assert_eq!(said("quiet root=/dev/sda1", false), 1);
        assert_eq!(said("quiet", true), 0);
        assert_eq!(said("quiet console=ttyS0", false), 0);
    }
}
