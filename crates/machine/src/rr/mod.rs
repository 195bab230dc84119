//! Record and replay of a whole machine: what goes into the log's header, how events reach devices, how a run ends.
//!
//! A recording: backends -> `replay`'s queue -> the vCPU thread, at a boundary -> log and [`outside`] -> devices. A
//! replay: log -> vCPU thread -> the same [`outside`] -> the same devices. ARCHITECTURE.md derives why that suffices.

mod beginning;
mod commands;
mod ending;
mod header;
pub(crate) mod history;
mod input;
pub(crate) mod interruptions;
pub(crate) mod log_care;
mod outside;
pub(crate) mod prepared;
mod report;
mod ring;
pub(crate) mod search;
pub(crate) mod travel;
pub(crate) mod twin;
pub(crate) mod verify;
pub(crate) mod watchdog;

pub(crate) use beginning::{BesideLog, Loaded};
pub use header::{MACHINE_VERSION, Recorded, facts};
pub use input::SerialInput;
pub use outside::{Checked, Inlets, Outsides, Verdict};
pub use report::{describe, epilogue};

use crate::Config;
use anyhow::{Result, anyhow};
use replay::{Player, Recorder};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a run has to do with a log.
#[derive(Debug, Default)]
pub enum Log {
    /// Nothing.
    #[default]
    None,
    /// It is written.
    Record(Recording),
    /// It is followed.
    Replay(Box<Replaying>),
}

/// A recording to be made.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The log.
    pub path: PathBuf,
    /// Stop recording before the log has more bytes than this.
    pub max_bytes: Option<u64>,
    /// The options of the machine, for a replay that is given the log alone.
    pub options: Vec<String>,
    /// Instructions between digests; 0 for none.
    pub digest_every: u64,
    /// A flight recorder: `path` is a directory that keeps the last stretch, in about so many bytes of logs with a
    /// snapshot for each of their four parts.
    pub ring: Option<u64>,
    /// A second machine replays what is recorded meanwhile.
    pub verify: bool,
}

impl Recording {
    /// Instructions between digests unless said otherwise.
    pub const DIGEST_EVERY: u64 = 1 << 24;

    /// A recording into `path` with everything as usual.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: None,
            options: Vec::new(),
            digest_every: Self::DIGEST_EVERY,
            ring: None,
            verify: false,
        }
    }

    /// Opens the recorder: the log's file exists from here on.
    pub(crate) fn open(&self, header: replay::Header) -> Result<Recorder> {
        match self.ring {
            Some(bytes) => Recorder::ring(&self.path, header, bytes),
            None => Recorder::file(&self.path, header, self.max_bytes),
        }
        .map_err(|error| anyhow!("record {}: {error}", self.path.display()))
    }
}

/// A log, open, with what its header says.
#[derive(Debug)]
pub struct Replaying {
    path: PathBuf,
    player: Player,
    recorded: Recorded,
    /// The log is still written, until this is set.
    following: Option<Arc<AtomicBool>>,
}

impl Replaying {
    /// Opens a log.
    ///
    /// # Errors
    /// `replay LOG: reason`: it is no log, damaged, of another machine version.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let refuse = |error: &dyn std::fmt::Display| anyhow!("replay {}: {error}", path.display());
        let player = Player::open(&path).map_err(|error| refuse(&error))?;
        player
            .header()
            .check_machine(MACHINE_VERSION)
            .map_err(|error| refuse(&error))?;
        let recorded = Recorded::decode(&player.header().machine).map_err(|error| refuse(&error))?;
        Ok(Self {
            path,
            player,
            recorded,
            following: None,
        })
    }

    /// Of a log that is still written, until `done` is set.
    pub(crate) fn beside(mut self, done: Arc<AtomicBool>) -> Self {
        self.player.follow();
        self.following = Some(done);
        self
    }

    /// The options with which it was recorded.
    pub fn options(&self) -> &[String] {
        &self.recorded.options
    }

    /// The log.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the machine that is about to be made is the one that was recorded.
    pub(crate) fn check(&self, config: &Config, now: &Recorded, facts: &replay::Facts) -> Result<()> {
        let refuse = |what: String| anyhow!("replay {}: {what}", self.path.display());
        if let Some(what) = self.recorded.difference(now) {
            return Err(refuse(what));
        }
        let then = &self.player.header().facts;
        header::same_date(then, config).map_err(refuse)?;
        header::same_facts(then, facts).map_err(refuse)
    }

    /// The date that the guest sees first.
    pub(crate) fn first_seconds(&self) -> i64 {
        self.player.header().facts.rtc_base_s
    }

    /// Whether it does not begin with the machine's first instruction.
    pub(crate) fn begins_with_snapshot(&self) -> bool {
        self.player.starts_with().is_some() || self.recorded.loaded.is_some()
    }

    /// Checks that a replay under `-loadvm name` begins with what the recording did. What was saved during that needs no
    /// comparison: it holds its place in the log.
    pub(crate) fn check_beginning(
        &self,
        name: Option<&str>,
        open: impl Fn() -> Result<Option<Loaded>>,
    ) -> Result<()> {
        if self.player.starts_with().is_some() {
            return Ok(());
        }
        let Some(loaded) = &self.recorded.loaded else {
            return Ok(());
        };
        let what = match name {
            None => format!("recorded with -loadvm {}", loaded.name),
            Some(name) if name == loaded.name && open()?.as_ref() != Some(loaded) => {
                format!("-loadvm {name} has changed since the recording")
            }
            Some(_) => return Ok(()),
        };
        Err(anyhow!("replay {}: {what}", self.path.display()))
    }

    /// Instructions between digests, in the recording.
    pub(crate) fn digest_every(&self) -> u64 {
        self.recorded.digest_every
    }

    pub(crate) fn into_player(self) -> Player {
        self.player
    }
}
