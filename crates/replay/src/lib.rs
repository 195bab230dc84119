//! Record and replay: modes, the replay lock, and what stands in the way.
//!
//! Known by what records (backends, the vCPU loop, the machine), never by a device model. Mirrors the role of
//! QEMU's `replay/`. Order flows through one lock: whoever holds it may touch the log, and periods of the main loop
//! and of the vCPU thread follow each other in the order in which they asked.
//!
//! Recording itself is not here yet: a machine is made with [`Mode::None`], where the lock does nothing.
//!
//! ```
//! use replay::{Mode, Replay};
//! use util_mainloop::BigLock;
//!
//! let big_lock = BigLock::new();
//! let replay = Replay::new(Mode::Record, &big_lock); // from now on every period begins with the replay lock
//! replay.add_blocker("-device foo", "its state cannot be saved");
//! assert_eq!(replay.start().unwrap_err().to_string(), "cannot record: -device foo: its state cannot be saved");
//!
//! let period = big_lock.period();
//! assert!(replay.held() && big_lock.held());
//! # drop(period);
//! ```

mod blocker;
mod lock;

pub use blocker::{Blocked, Blocker};
pub use lock::{ReplayGuard, ReplayLock};

use parking_lot::Mutex;
use std::sync::Arc;
use util_mainloop::{BigLock, Gate};

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What a run does with the order of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing: an ordinary run.
    #[default]
    None,
    /// Writes it down.
    Record,
    /// Follows what was written.
    Play,
}

/// Record and replay of one machine.
#[derive(Debug)]
pub struct Replay {
    mode: Mode,
    lock: ReplayLock,
    blockers: Mutex<Vec<Blocker>>,
}

impl Replay {
    /// Makes the replay lock and puts it before `big_lock` in the order.
    ///
    /// # Panics
    /// If `big_lock` has a gate already.
    pub fn new(mode: Mode, big_lock: &BigLock) -> Arc<Self> {
        let lock = ReplayLock::new(mode, big_lock.witness());
        let replay = Arc::new(Self {
            mode,
            lock,
            blockers: Mutex::default(),
        });
        big_lock.set_gate(replay.clone());
        replay
    }

    /// What this run does.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Takes the replay lock alone, for a slice of guest execution; see [`ReplayLock::lock`].
    pub fn lock(&self) -> ReplayGuard<'_> {
        self.lock.lock()
    }

    /// Whether the calling thread holds the replay lock; false in a run that does nothing with it.
    pub fn held(&self) -> bool {
        self.lock.held()
    }

    /// Notes that `what` (an option or device, by the name the user gave it) cannot be recorded, and why.
    pub fn add_blocker(&self, what: impl Into<String>, reason: impl Into<String>) {
        self.blockers.lock().push(Blocker {
            what: what.into(),
            reason: reason.into(),
        });
    }

    /// To be called when the machine is complete and before it runs.
    ///
    /// # Errors
    /// Something in the machine cannot be recorded; all of it is named. Never in [`Mode::None`].
    pub fn start(&self) -> Result<(), Blocked> {
        let blockers = self.blockers.lock();
        if self.mode == Mode::None || blockers.is_empty() {
            return Ok(());
        }
        Err(Blocked {
            mode: self.mode,
            blockers: blockers.clone(),
        })
    }
}

impl Gate for Replay {
    fn enter(&self) {
        self.lock.acquire();
    }

    fn leave(&self) {
        self.lock.release();
    }

    fn held(&self) -> bool {
        self.lock.held()
    }
}

#[cfg(test)]
mod tests;
