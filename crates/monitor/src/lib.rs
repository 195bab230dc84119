//! The human monitor: a line editor and a table of commands, without any I/O of its own.
//!
//! Mirrors in behaviour QEMU's HMP (`monitor/hmp.c`, `util/readline.c`). Bytes typed by a person flow in through
//! [`Monitor::feed`], commands act on a [`Target`], and what the terminal shall show flows back as bytes; whoever
//! owns the character device moves them.
//!
//! ```
//! use monitor::{Event, LineEditor};
//!
//! let mut editor = LineEditor::default();
//! let keys = "hlp\x1b[D\x1b[De\r"; // two steps to the left, then the missing letter
//! let last = keys.bytes().map(|key| editor.feed(key, "> ")).last();
//! assert_eq!(last, Some(Event::Line("help".into())));
//! ```

mod commands;
mod examine;
mod expression;
mod line_editor;
mod target;

pub use examine::Space;
pub use line_editor::{Event, LineEditor};
pub use target::{InfoTopic, ReplayAction, SnapshotAction, Target, Unreadable};

/// Printed in front of each command.
pub const PROMPT: &str = "(reprise) ";

/// One monitor session.
#[derive(Debug, Default)]
pub struct Monitor {
    editor: LineEditor,
    /// A last `x`/`xp` format, which an empty repetition takes over.
    format: examine::Format,
}

impl Monitor {
    /// A session with an empty line and no history.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a person sees on connecting: what this is, and the first prompt.
    pub fn greeting(&self) -> Vec<u8> {
        format!("reprise monitor - type 'help' for its commands\r\n{PROMPT}").into_bytes()
    }

    /// Takes in typed bytes, runs each completed command on `target`, and returns what the terminal shall show.
    pub fn feed(&mut self, typed: &[u8], target: &mut dyn Target) -> Vec<u8> {
        let mut shown = Vec::new();
        for &byte in typed {
            match self.editor.feed(byte, PROMPT) {
                Event::Echo(bytes) => shown.extend(bytes),
                Event::Complete(start) => {
                    let candidates = commands::completions(&start);
                    shown.extend(self.editor.complete(&candidates, PROMPT));
                }
                Event::Line(line) => {
                    shown.extend(b"\r\n");
                    let answer = commands::run(&line, &mut self.format, target);
                    shown.extend(answer.replace('\n', "\r\n").into_bytes());
                    shown.extend(PROMPT.bytes());
                }
            }
        }
        shown
    }

    /// Runs one command line and returns its answer, for callers with no terminal.
    pub fn command(&mut self, line: &str, target: &mut dyn Target) -> String {
        commands::run(line, &mut self.format, target)
    }
}

#[cfg(test)]
mod tests;
