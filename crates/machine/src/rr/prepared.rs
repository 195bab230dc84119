//! A run's log before there is a machine: what keeps it from being recorded, and whether the log is this machine's.
//!
//! Everything that can refuse comes before anything is written: blockers are named all at once, and a log of another
//! machine by the first thing that differs.

use super::{Loaded, Log, MACHINE_VERSION, Recorded, Recording, Replaying, facts};
use crate::config::Time;
use crate::{BootFiles, Config};
use accel_tcg::Pace;
use anyhow::{Context, Result, bail};
use migration::Store;
use replay::{Blocked, Blocker, Disk, Header, Mode, Replay};
use std::sync::Arc;
use util_mainloop::BigLock;

/// What a run has to do with a log, checked as far as it can be without changing the world.
pub(crate) enum Prepared {
    None,
    Record(Recording, Box<Header>),
    Replay(Box<Replaying>),
}

impl Prepared {
    /// The log of `config`, which it takes. `drives` is what the images of its drives hold.
    ///
    /// # Errors
    /// `replay LOG: reason`: this machine is not the one of the log; or what keeps it from being recorded, all of it.
    pub fn new(config: &mut Config, boot: &BootFiles, rtc_seconds: i64, drives: Vec<Disk>) -> Result<Self> {
        let log = std::mem::take(&mut config.log);
        if matches!(log, Log::None) && config.log_snapshot.is_some() {
            bail!("-icount rrsnapshot=: there is no log (rr=record or rr=replay)");
        }
        if matches!(log, Log::None) && config.strict_log {
            bail!("-icount rrstrict=on: there is no log (rr=record or rr=replay)");
        }
        let mode = match &log {
            Log::None => Mode::None,
            Log::Record(_) => Mode::Record,
            Log::Replay(_) => Mode::Play,
        };
        let blockers = blockers(config);
        if mode != Mode::None && !blockers.is_empty() {
            return Err(Blocked { mode, blockers }.into());
        }
        Ok(match log {
            Log::None => Self::None,
            Log::Record(recording) => {
                let mut machine = Recorded::new(config, &recording.options, recording.digest_every);
                machine.loaded = loaded(config)?;
                let facts = facts(config, boot, rtc_seconds, drives);
                let build = format!("reprise {}", env!("CARGO_PKG_VERSION"));
                let header = Header::new(MACHINE_VERSION, build, machine.encode(), facts);
                Self::Record(recording, Box::new(header))
            }
            Log::Replay(replaying) => {
                let machine = Recorded::new(config, &[], 0);
                if config.log_snapshot.is_none() {
                    replaying.check_beginning(config.load_snapshot.as_deref(), || loaded(config))?;
                }
                replaying.check(config, &machine, &facts(config, boot, rtc_seconds, drives))?;
                Self::Replay(replaying)
            }
        })
    }

    /// Instructions between digests; 0 without a log.
    pub fn digest_every(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Record(recording, _) => recording.digest_every,
            Self::Replay(replaying) => replaying.digest_every(),
        }
    }

    /// Makes the recorder or player.
    ///
    /// # Errors
    /// The log cannot be made.
    pub fn open(self, lock: &BigLock) -> Result<Arc<Replay>> {
        Ok(match self {
            Self::None => Replay::new(Mode::None, lock),
            Self::Record(recording, header) => Replay::recorder(lock, recording.open(*header)?),
            Self::Replay(replaying) => Replay::player(lock, replaying.into_player()),
        })
    }
}

/// What keeps a machine from being recorded and replayed.
fn blockers(config: &Config) -> Vec<Blocker> {
    let mut all = Vec::new();
    let mut block = |what: &str, reason: &str| {
        all.push(Blocker {
            what: what.into(),
            reason: reason.into(),
        });
    };
    if matches!(config.time, Time::Host) {
        block("-icount", "missing; time must be counted: -icount shift=N");
    }
    if config.pace == Pace::Auto {
        block(
            "-icount shift=auto",
            "time would follow the host's speed, not the instructions alone; give a number",
        );
    }
    for (what, reason) in config.rtc.blockers() {
        block(what, reason);
    }
    if config.stay_after_shutdown {
        block(
            "-no-shutdown",
            "a recording ends when the guest switches itself off",
        );
    }
    all
}

/// Instructions between marks of the trail, where there are so many between digests.
pub fn trail_every(digest_every: u64) -> u64 {
    const MARKS: u64 = 16;
    if digest_every.is_multiple_of(MARKS) {
        digest_every / MARKS
    } else {
        digest_every
    }
}

/// What `-loadvm` names, as it is now.
fn loaded(config: &Config) -> Result<Option<Loaded>> {
    let open = |name: &String| {
        Loaded::open(&Store::new(&config.snapshots), name).with_context(|| format!("-loadvm {name}"))
    };
    config.load_snapshot.as_ref().map(open).transpose()
}
