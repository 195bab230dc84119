//! What keeps a machine from being recorded: collected while it is assembled, told all at once before it starts.

use crate::Mode;
use std::fmt;

/// One thing that cannot be recorded or replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The option or device, as the user wrote it.
    pub what: String,
    /// Why it cannot.
    pub reason: String,
}

/// The machine cannot be recorded or replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Blocked {
    /// What was asked for.
    pub mode: Mode,
    /// Everything in the way; never empty.
    pub blockers: Vec<Blocker>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.mode == Mode::Play {
            "cannot replay: "
        } else {
            "cannot record: "
        })?;
        for (index, blocker) in self.blockers.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", blocker.what, blocker.reason)?;
        }
        Ok(())
    }
}
