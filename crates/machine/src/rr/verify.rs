//! `record --verify`: a second machine replays the recording while that is made.
//!
//! ```text
//! recorder (this thread) -> log -> replay (a thread and vCPUs of its own) -> report, and an end to the recorder
//! ```
//!
//! Both are in one process, so neither outlives the other. The replay stands still where the log is not written yet;
//! when the recorder ends, however it does, the log is replayed to what is there.

use super::{Log, Replaying};
use crate::assemble::assemble;
use crate::{Backend, Config, hints, run_assembled};
use accel_tcg::Look;
use anyhow::{Context, Result};
use replay::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says that the recorder is done, also if it panics.
struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The machine of `config` without an outside, and with no say in the process.
pub(crate) fn beside(config: &Config) -> Config {
    let serials = config.serials.iter().map(|backend| match backend {
        Backend::Described(text) if text == "none" => Backend::Described("none".into()),
        _ => Backend::Described("null".into()),
    });
    let mut debug_console = config.debug_console.clone();
    if let Some(console) = &mut debug_console {
        console.backend = "null".into();
    }
    Config {
        name: config.name.clone(),
        memory: config.memory,
        cpu: config.cpu.clone(),
        layout: config.layout,
        boot: config.boot.clone(),
        serials: serials.collect(),
        monitor: None,
        debug_console,
        log: Log::None,
        log_snapshot: None,
        look: Look::default(),
        gdb: None,
        history: None,
        qmp: Vec::new(),
        start_stopped: false,
        signals: false,
        time: config.time,
        rtc: config.rtc,
        debug_exit: config.debug_exit,
        threads: config.threads,
        execution: config.execution,
        hpet: config.hpet,
        acpi: config.acpi,
        exit_on_reset: config.exit_on_reset,
        stay_after_shutdown: config.stay_after_shutdown,
        snapshots: config.snapshots.clone(),
        load_snapshot: config.load_snapshot.clone(),
        strict_log: config.strict_log,
    }
}

/// Records as `config` says while `other` replays; the recorder's exit status, or 1 if the replay was not the same.
///
/// # Errors
/// As [`run`](crate::run), of either machine.
pub(crate) fn record_beside(config: Config, mut other: Config) -> Result<u8> {
    let path = match &config.log {
        Log::Record(recording) => recording.path.clone(),
        _ => anyhow::bail!("only a recording is replayed beside itself"),
    };
    let recorder = assemble(config)?;
    let requests = Arc::clone(&recorder.machine.requests);
    let done = Done(Arc::default());
    let following = Arc::clone(&done.0);
    let replay = move || -> Result<bool> {
        other.log = Log::Replay(Box::new(Replaying::open(path)?.beside(following)));
        let mut assembled = assemble(other)?;
        run_assembled(&mut assembled, false)?;
        Ok(!assembled.machine.diverged)
    };
    let replay = std::thread::Builder::new().name("verify".into()).spawn(move || {
        let result = replay();
        if !matches!(result, Ok(true)) {
            if let Err(error) = &result {
                hints::say(&format!("--verify: {error:#}"));
            }
            requests.leave(1, Shutdown::HostError);
        }
        matches!(result, Ok(true))
    });
    let replay = replay.context("starting the thread of the replay")?;
    let mut recorder = recorder;
    let result = run_assembled(&mut recorder, false);
    // The log is closed with its machine.
    drop(recorder);
    drop(done);
    let same = replay.join().unwrap_or(false);
    let (status, _) = result?;
    Ok(if same { status } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BootFiles, Recording, Time};
    use accel_tcg::{InstructionTime, Sleep};

    /// A guest that resets itself, which ends its recording; and the second machine, in which `change` is otherwise.
    fn verified(name: &str, change: impl FnOnce(&mut Config)) -> (Result<u8>, replay::Ending) {
        let log = std::env::temp_dir().join(format!("reprise-verify-{}-{name}", std::process::id()));
        let mut boot = BootFiles::embedded();
        boot.append = "console=ttyS0 run=bench,reboot".into();
        let config = Config {
            memory: 32 << 20,
            boot: Some(boot),
            time: Time::Counted(InstructionTime::from_shift(0).expect("a shift"), Sleep::Off),
            exit_on_reset: true,
            log: Log::Record(Recording {
                digest_every: 1 << 18,
                ..Recording::to(&log)
            }),
            ..Config::default()
        };
        let mut other = beside(&config);
        change(&mut other);
        let status = record_beside(config, other);
        let ending = replay::LogReader::open(&log).map(|log| log.ending().clone());
        let _ = std::fs::remove_file(&log);
        (status, ending.expect("a log"))
    }

    #[test]
    fn both_end_and_the_first_difference_counts() {
        let (status, ending) = verified("same", |_| ());
        assert_eq!(
            (status.expect("it runs"), ending),
            (0, replay::Ending::End),
            "the same machine"
        );
        let (status, ending) = verified("other", |other| other.exit_on_reset = false);
        assert_eq!(
            (status.expect("it runs"), ending),
            (1, replay::Ending::End),
            "it goes on"
        );
        let (status, ending) = verified("refused", |other| other.memory *= 2);
        assert_eq!(
            (status.expect("it runs"), ending),
            (1, replay::Ending::End),
            "no replay at all"
        );
    }
}
