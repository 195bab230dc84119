//! `reprise replay-log info|dump|verify|stats|diff LOG...`: logs for people, on standard output.
//!
//! Everything about logs is `replay::inspect`'s; here are words and columns. Whoever closes the pipe has seen enough.

use anyhow::{Context, Result, anyhow, bail};
use replay::inspect::{self, Events};
use replay::{Ending, LogError, LogReader};
use std::ffi::OsString;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: reprise replay-log info LOG...      who recorded it, for which machine, how it ends
       reprise replay-log dump LOG [FIRST [COUNT]]   events, one per line
       reprise replay-log verify LOG...    structure, checksums, order; status 1 if something is wrong
       reprise replay-log stats LOG...     events and bytes by kind, bytes for a second of virtual time
       reprise replay-log diff LOG LOG     the first event that differs; status 1 if one does
LOG is a file, or the directory of a flight recorder.
";

type Output = BufWriter<StdoutLock<'static>>;

/// What an inspection found, apart from what it printed.
enum Found {
    Fine,
    Wrong,
}

/// Runs the command.
///
/// # Errors
/// One line: wrong arguments, or a file that is no log.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let found = dispatch(args, &mut out).and_then(|found| {
        out.flush().context("replay-log")?;
        Ok(found)
    });
    match found {
        Ok(Found::Fine) => Ok(ExitCode::SUCCESS),
        Ok(Found::Wrong) => Ok(ExitCode::FAILURE),
        Err(error) if is_closed_pipe(&error) => {
            // What is buffered has no reader; dropping the writer would try again.
            let _ = out.into_parts();
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // What was found before it belongs before the message.
            let _ = out.flush();
            Err(error)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn dispatch(args: &[OsString], out: &mut Output) -> Result<Found> {
    let (verb, rest) = match args.split_first() {
        Some((verb, rest)) => (verb.to_string_lossy(), rest),
        None => bail!("replay-log: one of info, dump, verify, stats, diff, and a log"),
    };
    if matches!(&*verb, "help" | "-h" | "-help" | "--help") {
        out.write_all(USAGE.as_bytes())?;
        return Ok(Found::Fine);
    }
    let each = |out: &mut Output, show: fn(&Path, &mut Output) -> Result<Found>| {
        let mut all = Found::Fine;
        if rest.is_empty() {
            bail!("replay-log {verb}: which log?");
        }
        for (index, name) in rest.iter().enumerate() {
            if rest.len() > 1 {
                let gap = if index == 0 { "" } else { "\n" };
                writeln!(out, "{gap}{}:", Path::new(name).display())?;
            }
            if let Found::Wrong = show(Path::new(name), out)? {
                all = Found::Wrong;
            }
        }
        Ok(all)
    };
    match &*verb {
        "info" => each(out, info),
        "verify" => each(out, verify),
        "stats" => each(out, stats),
        "dump" => dump(rest, out),
        "diff" => diff(rest, out),
        _ => bail!("replay-log {verb}: not one of info, dump, verify, stats, diff"),
    }
}

fn named<T>(path: &Path, result: Result<T, LogError>) -> Result<T> {
    result.map_err(|error| anyhow!("replay-log {}: {error}", path.display()))
}

fn open(path: &Path) -> Result<LogReader> {
    named(path, LogReader::open(path))
}

fn info(path: &Path, out: &mut Output) -> Result<Found> {
    let log = open(path)?;
    let (header, facts) = (log.header(), &log.header().facts);
    writeln!(
        out,
        "format           {}, machine version {}",
        replay::FORMAT,
        header.machine_version
    )?;
    writeln!(out, "recorded by      {}", header.build.escape_debug())?;
    writeln!(out, "configuration    {} bytes", header.machine.len())?;
    writeln!(
        out,
        "instruction      {} ns",
        1u64.checked_shl(facts.shift).unwrap_or(0)
    )?;
    writeln!(out, "rtc base         {} s after 1970", facts.rtc_base_s)?;
    writeln!(out, "tsc              {} Hz", facts.tsc_hz)?;
    writeln!(out, "random seed      {:#018x}", facts.random_seed)?;
    writeln!(
        out,
        "strict           {}",
        if facts.strict { "yes" } else { "no" }
    )?;
    for disk in &facts.disks {
        writeln!(
            out,
            "disk             {} {} bytes, digest {:016x}",
            disk.name.escape_debug(),
            disk.len,
            disk.digest
        )?;
    }
    if log.segment_count() > 1 || log.events().start > 0 {
        writeln!(out, "segments         {}", log.segment_count())?;
    }
    writeln!(
        out,
        "size             {} bytes, {} frames",
        log.sizes().0,
        log.frames().len()
    )?;
    let events = log.events();
    writeln!(
        out,
        "events           {} (#{} to #{})",
        events.end - events.start,
        events.start,
        events.end.saturating_sub(1).max(events.start)
    )?;
    writeln!(out, "instants         {} to {}", log.from(), log.until())?;
    let span = log
        .until()
        .virtual_ns(facts.shift)
        .saturating_sub(log.from().virtual_ns(facts.shift));
    writeln!(out, "virtual time     {:.3} s", span as f64 / 1e9)?;
    writeln!(out, "ending           {}", log.ending())?;
    Ok(Found::Fine)
}

fn dump(args: &[OsString], out: &mut Output) -> Result<Found> {
    let number = |at: usize| -> Result<Option<u64>> {
        let Some(word) = args.get(at) else { return Ok(None) };
        let word = word.to_string_lossy();
        match word.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => bail!("replay-log dump {word}: not a number"),
        }
    };
    let Some(path) = args.first().map(Path::new) else {
        bail!("replay-log dump: which log?");
    };
    let (first, count) = (number(1)?, number(2)?);
    if args.len() > 3 {
        bail!("replay-log dump: one log, the first event and how many");
    }
    let mut events = Events::from(open(path)?, first.unwrap_or(0));
    let count = usize::try_from(count.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    for stamped in events.by_ref().take(count) {
        writeln!(out, "{stamped}")?;
    }
    if count == usize::MAX && *events.ending() != Ending::End {
        writeln!(out, "{}", events.ending())?;
    }
    Ok(Found::Fine)
}

fn verify(path: &Path, out: &mut Output) -> Result<Found> {
    let verdict = named(path, inspect::verify(path))?;
    for problem in &verdict.problems {
        writeln!(out, "wrong: {problem}")?;
    }
    let word = if verdict.problems.is_empty() {
        "good"
    } else {
        "readable"
    };
    writeln!(
        out,
        "{word}: {} events in {} frames; {}",
        verdict.events, verdict.frames, verdict.ending
    )?;
    Ok(if verdict.problems.is_empty() {
        Found::Fine
    } else {
        Found::Wrong
    })
}

fn stats(path: &Path, out: &mut Output) -> Result<Found> {
    let stats = inspect::stats(open(path)?);
    writeln!(
        out,
        "{:20} {:>12} {:>14} {:>8}",
        "kind", "events", "bytes", "each"
    )?;
    for (kind, events, bytes) in stats.counts.by_kind() {
        let each = bytes as f64 / events as f64;
        writeln!(out, "{:20} {events:>12} {bytes:>14} {each:>8.1}", kind.name())?;
    }
    let (events, bytes) = (stats.counts.total_events(), stats.counts.total_bytes());
    writeln!(out, "{:20} {events:>12} {bytes:>14}", "all")?;
    let (raw, stored) = stats.payload;
    writeln!(
        out,
        "\n{} bytes: {raw} of events, {stored} compressed, and {} around them",
        stats.file_bytes, stats.overhead
    )?;
    write!(
        out,
        "instants {} to {}, {:.3} s of virtual time",
        stats.from,
        stats.until,
        stats.virtual_ns as f64 / 1e9
    )?;
    match stats.bytes_per_second() {
        Some(rate) => writeln!(out, ": {rate:.0} bytes a second")?,
        None => writeln!(out)?,
    }
    writeln!(out, "{}", stats.ending)?;
    Ok(Found::Fine)
}

fn diff(args: &[OsString], out: &mut Output) -> Result<Found> {
    let [left, right] = args else {
        bail!("replay-log diff: two logs");
    };
    let difference = inspect::diff(open(Path::new(left))?, open(Path::new(right))?);
    for line in &difference.facts {
        writeln!(out, "facts: {line}")?;
    }
    if let Some((left, right)) = &difference.event {
        for stamped in &difference.context {
            writeln!(out, "  {stamped}")?;
        }
        for (sign, event) in [('-', left), ('+', right)] {
            match event {
                Some(stamped) => writeln!(out, "{sign} {stamped}")?,
                None => writeln!(out, "{sign} nothing more")?,
            }
        }
    }
    if let Some((left, right)) = &difference.endings {
        writeln!(out, "- {left}\n+ {right}")?;
    }
    writeln!(out, "{} equal events", difference.equal)?;
    Ok(if difference.is_empty() {
        Found::Fine
    } else {
        Found::Wrong
    })
}
