//! Record and replay of a whole machine: what goes into the log's header, how events reach devices, how a run ends.
//!
//! A recording: backends -> `replay`'s queue -> the vCPU thread, at a boundary -> log and [`outside`] -> devices. A
//! replay: log -> vCPU thread -> the same [`outside`] -> the same devices. ARCHITECTURE.md derives why that suffices.

mod commands;
mod header;
pub(crate) mod history;
mod input;
mod outside;
mod report;
pub(crate) mod search;
pub(crate) mod travel;
pub(crate) mod watchdog;

pub use header::{MACHINE_VERSION, Recorded, facts};
pub use input::SerialInput;
pub use outside::{Checked, Outsides, Verdict};
pub use report::{describe, epilogue};

use crate::Config;
use anyhow::{Result, anyhow};
use replay::{Player, Recorder};
use std::path::{Path, PathBuf};

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
        }
    }

    /// Opens the recorder: the log's file exists from here on.
    pub(crate) fn open(&self, header: replay::Header) -> Result<Recorder> {
        Recorder::file(&self.path, header, self.max_bytes)
            .map_err(|error| anyhow!("record {}: {error}", self.path.display()))
    }
}

/// A log, open, with what its header says.
#[derive(Debug)]
pub struct Replaying {
    path: PathBuf,
    player: Player,
    recorded: Recorded,
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
        })
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

    /// Instructions between digests, in the recording.
    pub(crate) fn digest_every(&self) -> u64 {
        self.recorded.digest_every
    }

    pub(crate) fn into_player(self) -> Player {
        self.player
    }
}
