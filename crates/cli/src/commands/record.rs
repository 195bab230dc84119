//! `reprise record LOG [--max SIZE | --ring SIZE] [--verify] -- OPTIONS`: runs a machine and writes down what a replay needs.

use crate::options::{self, Request, size};
use accel_tcg::{InstructionTime, Sleep};
use anyhow::{Context, Result, anyhow, bail};
use machine::{Log, Recording, Time};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
reprise record LOG [--max SIZE | --ring SIZE] [--verify] -- OPTIONS

Runs a machine as 'reprise OPTIONS' does, and records it: 'reprise replay LOG' runs it again, exact to the
instruction. Time is counted (-icount shift=0,sleep=on unless OPTIONS say otherwise).

  --max SIZE    stop recording, not the guest, before LOG has more than SIZE bytes
  --ring SIZE   a flight recorder: LOG is a directory in which the last SIZE bytes of log are kept, in about four parts,
                each with a snapshot of the machine at its head ('replay LOG' begins with the first that is left)
  --verify      replay beside the recording, in a second machine: the first difference is reported and ends both with
                status 1
";

/// Time of a recording, unless its options say otherwise.
pub fn default_time() -> Time {
    let time = InstructionTime::from_shift(0).expect("0 is a shift");
    Time::Counted(time, Sleep::On)
}

/// Runs the command.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let mut words = args.iter().map(|word| word.to_string_lossy().into_owned());
    let mut recording: Option<Recording> = None;
    let (mut max, mut ring, mut verify) = (None, None, false);
    let number = |name: &str, words: &mut dyn Iterator<Item = String>| -> Result<u64> {
        let text = words
            .next()
            .ok_or_else(|| anyhow!("record: {name} requires a size"))?;
        size::bytes(&text).map_err(|reason| anyhow!("record: {name} {text}: {reason}"))
    };
    loop {
        match words.next().as_deref() {
            Some("--") => break,
            None => bail!("record: the machine's options are missing: reprise record LOG -- OPTIONS"),
            Some("-h" | "--help") => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            Some("--max") => max = Some(number("--max", &mut words)?),
            Some("--verify") => verify = true,
            Some("--ring") => ring = Some(number("--ring", &mut words)?),
            Some(other) if other.starts_with('-') => bail!("record: {other}: no option of 'record'"),
            Some(path) if recording.is_none() => recording = Some(Recording::to(path)),
            Some(other) => bail!("record: {other}: one LOG, then -- and the machine's options"),
        }
    }
    let mut recording = recording.ok_or_else(|| anyhow!("record: a LOG is missing"))?;
    if max.is_some() && ring.is_some() {
        bail!("record: --max ends a recording where --ring would forget its beginning: one of them");
    }
    recording.max_bytes = max;
    if verify && ring.is_some() {
        bail!("record: --verify follows one log, and --ring begins new ones: one of them");
    }
    recording.ring = ring;
    recording.verify = verify;
    let options: Vec<String> = words.collect();
    let request = options::parse(options.iter().map(OsString::from))?;
    let Request::Run(mut config, log) = request else {
        return crate::obey(request);
    };
    if matches!(config.time, Time::Host) {
        config.time = default_time();
    }
    recording.options = absolute(
        options,
        config.load_snapshot.is_some() || config.log_snapshot.is_some(),
    )?;
    config.log = Log::Record(recording);
    crate::obey(Request::Run(config, log))
}

/// Options whose argument is a file that a replay reads again.
const FILES: &[&str] = &["kernel", "initrd", "snapshots"];

/// The options with paths that mean the same from every directory.
fn absolute(mut options: Vec<String>, has_snapshots: bool) -> Result<Vec<String>> {
    let names = |option: &str, names: &[&str]| {
        option.starts_with('-') && names.contains(&option.trim_start_matches('-'))
    };
    for n in 1..options.len() {
        if names(&options[n - 1], FILES)
            && Path::new(&options[n]).exists()
            && let Ok(path) = std::path::absolute(&options[n])
        {
            options[n] = path.to_string_lossy().into_owned();
        }
    }
    if has_snapshots && !options.iter().any(|option| names(option, &["snapshots"])) {
        let here = std::env::current_dir().context("record: the current directory")?;
        options.extend(["-snapshots".into(), here.to_string_lossy().into_owned()]);
    }
    Ok(options)
}
