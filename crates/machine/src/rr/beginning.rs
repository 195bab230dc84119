//! Where a run with a log begins, if not with a reset: `-loadvm`, `rrsnapshot=`, and the head of a flight recorder's ring.
//!
//! Snapshots flow from their directory into the machine before its first instruction, and the place in the log that
//! they hold into the player. A snapshot of a recording knows its log: another's does not pass for it.

use super::Log;
use crate::Config;
use crate::hints;
use crate::running::Machine;
use anyhow::{Context, Result, anyhow, bail};
use migration::{SnapshotError, Store};
use replay::{Mode, Position};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use util_mainloop::Period;
use xxhash_rust::xxh3::Xxh3;

/// What of a log lies outside of it: snapshots, and who writes it.
#[derive(Debug, Default)]
pub(crate) struct BesideLog {
    /// The directory of a flight recorder: its snapshots lie beside its segments.
    pub ring: Option<PathBuf>,
    /// `rrsnapshot=`: as what a recording saves its beginning, and a replay finds it.
    pub named: Option<String>,
    /// The log began with the same `-loadvm` as this run does.
    pub same_beginning: bool,
    /// The log is still written, until this is set.
    pub following: Option<Arc<AtomicBool>>,
}

impl BesideLog {
    /// Those of the machine's log.
    pub fn of(config: &Config) -> Self {
        let (ring, loaded, following) = match &config.log {
            Log::None => (None, None, None),
            Log::Record(recording) => (recording.ring.map(|_| &recording.path), None, None),
            Log::Replay(replaying) => (
                Some(&replaying.path).filter(|path| path.is_dir()),
                replaying.recorded.loaded.as_ref(),
                replaying.following.clone(),
            ),
        };
        Self {
            following,
            ring: ring.cloned(),
            named: config.log_snapshot.clone(),
            same_beginning: loaded.map(|file| &*file.name) == config.load_snapshot.as_deref(),
        }
    }
}

/// The file of a snapshot with which a recording began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The snapshot's.
    pub name: String,
    /// Of the file, in bytes.
    pub len: u64,
    /// Of the file.
    pub digest: u64,
}

impl Loaded {
    /// The snapshot `name` as it is now.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(store: &Store, name: &str) -> Result<Self, SnapshotError> {
        let mut file = store.open(name)?;
        let (mut hash, mut len, mut buffer) = (Xxh3::new(), 0, vec![0; 64 << 10]);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            len += read as u64;
        }
        Ok(Self {
            name: name.to_owned(),
            len,
            digest: hash.digest(),
        })
    }
}

impl Machine {
    /// Before the first instruction, behind the reset: becomes what the run begins with.
    ///
    /// # Errors
    /// `-option name: reason`: a snapshot is not there, damaged, or not of this machine or log.
    pub(crate) fn begin(&mut self, period: &mut Period<'_>) -> Result<()> {
        let mode = self.replay.mode();
        let (loaded, named) = (self.begin_with.take(), self.beside_log.named.clone());
        match (mode, named) {
            (Mode::Play, None) if self.replay.begins_with().is_some() => self.begin_with_ring(period)?,
            (Mode::Play, Some(name)) => {
                let store = self.snapshots.clone();
                self.begin_with_own(period, &store, &name)
                    .with_context(|| format!("rrsnapshot={name}"))?;
            }
            (_, named) => {
                if let Some(name) = loaded {
                    self.begin_with_any(period, &name)
                        .with_context(|| format!("-loadvm {name}"))?;
                }
                if let (Mode::Record, Some(name)) = (mode, named) {
                    self.save_named(period, &name)
                        .with_context(|| format!("rrsnapshot={name}"))?;
                }
            }
        }
        self.began_at = self.count();
        Ok(())
    }

    /// `-loadvm`, with or without a log. A replay takes what its recording began with, or what was saved during that.
    fn begin_with_any(&mut self, period: &mut Period<'_>, name: &str) -> Result<()> {
        let store = self.snapshots.clone();
        if self.replay.mode() == Mode::Play && !self.beside_log.same_beginning {
            return self.begin_with_own(period, &store, name);
        }
        self.load_from(period, &store, name)?;
        Ok(())
    }

    /// A snapshot that was saved during the recording; the log goes on behind it.
    fn begin_with_own(&mut self, period: &mut Period<'_>, store: &Store, name: &str) -> Result<()> {
        let position = self.load_from(period, store, name)?;
        let log = self.replay.position().map(|position| position.log);
        let position = position.filter(|position| Some(position.log) == log);
        let position = position.ok_or_else(|| anyhow!("the snapshot is not of this recording"))?;
        Ok(self.replay.seek(&position)?)
    }

    /// The oldest snapshot of a ring that is sound.
    fn begin_with_ring(&mut self, period: &mut Period<'_>) -> Result<()> {
        let directory = self.beside_log.ring.clone().unwrap_or_default();
        let store = Store::new(&directory);
        while let Some(name) = self.replay.begins_with() {
            match self.begin_with_own(period, &store, &name) {
                Ok(()) => return Ok(()),
                Err(error) => hints::say(&format!("{name}: {error:#}; what needs it is left out")),
            }
            self.replay.skip_snapshot();
        }
        bail!(
            "replay {}: the ring has no snapshot from which it can begin",
            directory.display()
        );
    }

    /// Becomes what a snapshot holds; where its log stood then.
    fn load_from(
        &mut self,
        period: &mut Period<'_>,
        store: &Store,
        name: &str,
    ) -> Result<Option<Position>, SnapshotError> {
        self.held_still(period, |whole, _| {
            whole.read(|| store.open(name))?;
            Ok(whole.position)
        })
    }
}
