//! `reprise replay LOG [OPTIONS]`: runs again what was recorded. The log says which machine; options may add to it what the
//! guest does not see: an engine, a monitor, a debugger, other places for its output.

use super::record::default_time;
use crate::options::{self, Request};
use anyhow::{Result, anyhow};
use machine::{Backend, Log, Replaying, Symbols, Time};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

const HELP: &str = "\
reprise replay LOG [--history MIB] [--symbols FILE] [--patience SECONDS] [OPTIONS]

Runs again what 'reprise record LOG' recorded, exact to the instruction, and says whether it was the same. The log
holds the machine's options. OPTIONS may add what the guest does not see: -accel tcg,engine=NAME, -monitor, -d, -gdb, -S, and
-serial for other places for the output, in the order of the ports.

With -gdb (or -s) a debugger can go back: reverse-stepi, reverse-continue to breakpoints and watchpoints. In the monitor,
'info replay', 'replay_seek COUNT', 'replay_break COUNT', 'replay_delete_break', and 'replay_live', which leaves the
recording: from there on it is an ordinary run.

A replay that is not what was recorded ends with status 1 and a report; then it is run again to find the instruction.

  --history MIB       be able to go back without a debugger, too; snapshots hold at most so much memory (512)
  --symbols FILE      names for the addresses in that report: a System.map, or what nm prints
  --patience SECONDS  how long a replay may stay where it is before it ends as stuck (30)
";

/// Options of this command's own; they come first.
const OWN: &[&str] = &["--history", "--symbols", "--patience"];

/// Runs the command.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let Some((path, extra)) = args.split_first() else {
        return Err(anyhow!("replay: a LOG is missing"));
    };
    if path == "-h" || path == "--help" {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let (mut history, mut symbols, mut patience) = (None, None, None);
    let mut extra = extra;
    while let [name, rest @ ..] = extra
        && let Some(name) = name.to_str().filter(|name| OWN.contains(name))
    {
        let (value, rest) = rest
            .split_first()
            .ok_or_else(|| anyhow!("replay: {name} requires an argument"))?;
        let text = value.to_string_lossy();
        let number = |max: u64, what: &str| {
            let number: Option<u64> = text.parse().ok().filter(|number| (1..=max).contains(number));
            number.ok_or_else(|| anyhow!("replay: {name} {text}: no number of {what}"))
        };
        match name {
            "--history" => history = Some(number(1 << 24, "MiB")? << 20),
            "--symbols" => symbols = Some(Arc::new(Symbols::open(&text)?)),
            _ => patience = Some(number(1 << 30, "seconds")? as u32),
        }
        extra = rest;
    }
    let replaying = Replaying::open(path)?;
    let recorded: Vec<OsString> = replaying.options().iter().map(OsString::from).collect();
    let Request::Run(before, _) = options::parse(recorded.iter().cloned())? else {
        return Err(anyhow!(
            "replay {}: the log holds no machine",
            path.to_string_lossy()
        ));
    };
    let request = options::parse(recorded.into_iter().chain(extra.iter().cloned()))?;
    let Request::Run(mut config, log) = request else {
        return crate::obey(request);
    };
    let given = |name: &str| extra.iter().any(|word| word == name);
    // Input comes from the log, and what the recording wrote into files and sockets is not to be written again.
    let mut places = if given("-serial") {
        config
            .serials
            .split_off(before.serials.len().min(config.serials.len()))
    } else {
        Vec::new()
    }
    .into_iter();
    config.serials = before
        .serials
        .iter()
        .enumerate()
        .map(|(n, recorded)| match (places.next(), recorded) {
            (Some(place), _) => place,
            (None, Backend::Described(text)) => Backend::Described(quiet(text, n == 0)),
            (None, opened) => opened.clone(),
        })
        .collect();
    if !given("-monitor") {
        config.monitor = None;
    }
    if let Some(console) = &mut config.debug_console {
        console.backend = "null".into();
    }
    if matches!(config.time, Time::Host) {
        config.time = default_time();
    }
    config.history = history;
    config.symbols = symbols;
    config.patience = patience.unwrap_or(config.patience);
    config.log = Log::Replay(Box::new(replaying));
    crate::obey(Request::Run(config, log))
}

/// Where a port's output goes that was recorded with this backend.
fn quiet(recorded: &str, first: bool) -> String {
    let is = |kind: &str| recorded.trim_start_matches("mon:").split([',', ':']).next() == Some(kind);
    if is("none") || is("stdio") {
        recorded.into()
    } else if first && !is("null") {
        "mon:stdio".into()
    } else {
        "null".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_a_replay() {
        for (recorded, first, second) in [
            ("mon:stdio", "mon:stdio", "mon:stdio"),
            ("stdio", "stdio", "stdio"),
            ("none", "none", "none"),
            ("null", "null", "null"),
            ("file:/tmp/x", "mon:stdio", "null"),
            ("unix:/run/x,server", "mon:stdio", "null"),
        ] {
            assert_eq!(quiet(recorded, true), first, "{recorded}");
            assert_eq!(quiet(recorded, false), second, "{recorded}");
        }
    }
}
