//! `cargo xtask replay-test`: guests recorded and replayed, on one engine or two, and recorders and logs that come to harm.
//!
//! Each of the [`rows`] becomes three runs of the emulator: alone (what recording costs is measured by it), recorded,
//! replayed. The replay checks digests by itself; here every byte on the console is compared. Then recorders are killed,
//! and logs cut and changed: what is left replays, or is refused in one line.

mod rows;

use crate::console::Console;
use crate::guests::Guests;
use crate::{c_program, progress};
use anyhow::{Context, Result, bail, ensure};
use rows::{ENGINES, Guest, INIT, ROWS, Row, Step};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Host time after which a run counts as hung.
const LIMIT: Duration = Duration::from_secs(300);
/// Pairs of a usual run: each row once.
const USUAL: usize = 5;
/// Places at which a log is cut and changed.
const PLACES: usize = 12;
/// `-icount` of all runs: nanoseconds of an instruction, as a power of two.
const SHIFT: u32 = 1;

/// What to do.
#[derive(Default)]
pub struct Options {
    /// Recordings with their replays; each row once when not given.
    pub pairs: Option<usize>,
    /// Rows whose name contains this.
    pub filter: String,
    /// A built emulator, instead of building this tree's.
    pub reprise: Option<PathBuf>,
}

/// What a pair showed.
struct Measured {
    name: String,
    alone: f64,
    recorded: f64,
    replayed: f64,
    log_bytes: u64,
    instructions: u64,
}

/// Runs it.
///
/// # Errors
/// A guest cannot be had, or something was not as recorded.
pub fn run(workspace: &Path, reprise: &Path, options: &Options) -> Result<()> {
    let guests = Guests::open(workspace)?;
    let place = workspace.join("target/replay-test");
    std::fs::create_dir_all(&place).context("making target/replay-test")?;
    let test = Test {
        reprise,
        guests: &guests,
        workspace,
        place: &place,
    };
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|row| row.name.contains(&options.filter))
        .collect();
    ensure!(!rows.is_empty(), "no row's name contains '{}'", options.filter);
    let pairs = options.pairs.unwrap_or(USUAL.min(rows.len()));
    let bar = progress::bar(pairs as u64 + 2);
    let mut results = Vec::new();
    for pair in 0..pairs {
        let row = rows[pair % rows.len()];
        // Every row meets every combination of engines when there are enough pairs.
        let engines = ENGINES[(pair / rows.len() + pair) % ENGINES.len()];
        let result = test.pair(row, engines);
        match result {
            Ok(measured) => {
                bar.suspend(|| println!("pair {} ... ok", measured.name));
                results.push(measured);
            }
            Err(error) => bail!("pair {} ({engines:?}) differs: {error:#}", row.name),
        }
        bar.inc(1);
    }
    test.killed(rows::WAITING).context("a recorder that was killed")?;
    bar.inc(1);
    test.damaged().context("logs that came to harm")?;
    bar.finish_and_clear();
    print!("{}", table(&results));
    println!(
        "{pairs} pairs, a killed recorder, {PLACES} cut and {PLACES} changed logs: all as they should be"
    );
    Ok(())
}

struct Test<'a> {
    reprise: &'a Path,
    guests: &'a Guests,
    workspace: &'a Path,
    place: &'a Path,
}

impl Test<'_> {
    /// The machine's options for a row.
    fn machine(&self, row: &Row, engine: &str) -> Result<Vec<String>> {
        let mut args: Vec<String> = ["-nographic", "-monitor", "none", "-m", "256", "-smp", row.cpus]
            .map(str::to_owned)
            .to_vec();
        args.extend(["-icount".into(), format!("shift={SHIFT},sleep=off")]);
        args.extend(["-accel".into(), format!("tcg,engine={engine}")]);
        let (initrd, append) = match row.guest {
            Guest::Work(work) => (
                self.guests.initramfs(row.flavour, "replay", INIT)?,
                format!("console=ttyS0 panic=-1 work={work}"),
            ),
            Guest::Tests(parts) => {
                let program = self.guests.file("guest-tests");
                let sources = self.workspace.join("xtask/guest-tests");
                c_program::compile(&sources, &program, &[])?;
                (
                    self.guests
                        .bare_initramfs("guest-tests", &std::fs::read(&program)?)?,
                    format!("console=ttyS0 panic=-1 loglevel=4 -- {parts}"),
                )
            }
        };
        let kernel = self.guests.kernel(row.flavour)?;
        for (option, value) in [
            ("-kernel", kernel.to_string_lossy().into_owned()),
            ("-initrd", initrd.to_string_lossy().into_owned()),
            ("-append", append),
        ] {
            args.extend([option.to_owned(), value]);
        }
        Ok(args)
    }

    fn record(&self, log: &Path, machine: &[String]) -> Vec<String> {
        let mut args = vec![
            "record".to_owned(),
            log.to_string_lossy().into_owned(),
            "--".into(),
        ];
        args.extend_from_slice(machine);
        args
    }

    fn replay(&self, log: &Path, engine: &str) -> Result<(f64, i32, String)> {
        let args = [
            "replay".to_owned(),
            log.to_string_lossy().into_owned(),
            "-accel".into(),
            format!("tcg,engine={engine}"),
        ];
        self.timed(&args, &[])
    }

    /// One run: seconds, exit status, everything printed.
    #[allow(clippy::disallowed_methods)] // xtask measures processes on the host's clock.
    fn timed(&self, args: &[String], steps: &[Step]) -> Result<(f64, i32, String)> {
        let start = Instant::now();
        let mut console = Console::start(self.reprise, args, LIMIT)?;
        for step in steps {
            match step {
                Step::Expect(text) => console.expect(text)?,
                Step::Send(text) => console.send(text)?,
            }
        }
        let (status, output) = console.finish()?;
        Ok((start.elapsed().as_secs_f64(), status, output))
    }

    /// A row recorded on one engine and replayed on another.
    fn pair(&self, row: &Row, (first, second): (&str, &str)) -> Result<Measured> {
        let log = self.place.join("log");
        let machine = self.machine(row, first)?;
        let (alone, ..) = self.timed(&machine, row.steps).context("without a log")?;
        let (recorded, status, seen) = self
            .timed(&self.record(&log, &machine), row.steps)
            .context("recording")?;
        ensure!(status == 0, "the recording ended with {status}\n{seen}");
        let (replayed, status, again) = self.replay(&log, second).context("replaying")?;
        ensure!(status == 0, "the replay ended with {status}\n{again}");
        same(&seen, &again)?;
        Ok(Measured {
            name: format!("{}, {first} -> {second}", row.name),
            alone,
            recorded,
            replayed,
            log_bytes: std::fs::metadata(&log)?.len(),
            instructions: instructions(&again).context("the replay does not say how far it came")?,
        })
    }

    /// A recorder that is killed leaves a log that replays to its last whole block.
    fn killed(&self, row: &Row) -> Result<()> {
        let log = self.place.join("killed");
        let machine = self.machine(row, "baseline")?;
        let mut console = Console::start(self.reprise, &self.record(&log, &machine), LIMIT)?;
        console.expect("# ")?;
        // Blocks are written about once a second; some of the second is to be lost.
        std::thread::sleep(Duration::from_millis(1700));
        let seen = console.kill()?;
        let (_, status, again) = self.replay(&log, "baseline")?;
        ensure!(status == 0, "the replay ended with {status}\n{again}");
        ensure!(
            again.contains("the log ends here"),
            "no word about the end\n{again}"
        );
        let (seen, again) = (guest_lines(&seen), guest_lines(&again));
        for (n, (a, b)) in seen.iter().zip(&again).enumerate() {
            // The last line of either may be cut.
            ensure!(
                a == b || n + 1 >= seen.len().min(again.len()),
                "{a:?} became {b:?}"
            );
        }
        Ok(())
    }

    /// Logs that are cut or changed anywhere replay as far as they are sound, or are refused in one line.
    fn damaged(&self) -> Result<()> {
        let whole = std::fs::read(self.place.join("log"))?;
        let log = self.place.join("damaged");
        for n in 0..PLACES {
            let at = whole.len() * (2 * n + 1) / (2 * PLACES);
            let mut changed = whole.clone();
            changed[at] ^= 1 << (n % 8);
            for (how, bytes) in [("cut", &whole[..at]), ("changed", &changed)] {
                std::fs::write(&log, bytes)?;
                let (_, status, text) = self.replay(&log, "baseline")?;
                let refused = status == 1 && text.lines().count() == 1 && text.contains("replay");
                let partial = status == 0 && text.contains("as recorded");
                ensure!(refused || partial, "{how} at {at}: status {status}\n{text}");
                ensure!(
                    std::fs::read(&log)? == bytes,
                    "{how} at {at}: the log was touched"
                );
            }
        }
        Ok(())
    }
}

/// What the guest printed, without the emulator's own words.
fn guest_lines(output: &str) -> Vec<&str> {
    output
        .lines()
        .filter(|line| !line.starts_with("reprise: "))
        .collect()
}

/// Whether two runs of a guest printed the same.
///
/// # Errors
/// The first line that is another one.
pub fn same(first: &str, second: &str) -> Result<()> {
    let (first, second) = (guest_lines(first), guest_lines(second));
    for (n, (a, b)) in first.iter().zip(&second).enumerate() {
        ensure!(a == b, "line {n} differs:\n{a}\n{b}");
    }
    ensure!(
        first.len() == second.len(),
        "{} lines became {}",
        first.len(),
        second.len()
    );
    Ok(())
}

/// From `replayed N instructions`.
fn instructions(output: &str) -> Option<u64> {
    let (_, rest) = output.split_once("reprise: replayed ")?;
    rest.split(' ').next()?.parse().ok()
}

/// What recording and replaying cost.
fn table(results: &[Measured]) -> String {
    let mut text = format!(
        "\n{:<52} {:>8} {:>8} {:>8} {:>7} {:>7} {:>9} {:>10}\n",
        "pair", "alone s", "record s", "replay s", "cost", "speed", "log bytes", "bytes/s"
    );
    for row in results {
        let guest_seconds = (row.instructions << SHIFT) as f64 / 1e9;
        text.push_str(&format!(
            "{:<52} {:>8.2} {:>8.2} {:>8.2} {:>6.0}% {:>7.2} {:>9} {:>10.0}\n",
            row.name,
            row.alone,
            row.recorded,
            row.replayed,
            (row.recorded / row.alone - 1.0) * 100.0,
            row.recorded / row.replayed,
            row.log_bytes,
            row.log_bytes as f64 / guest_seconds,
        ));
    }
    text.push_str(
        "cost: of recording; speed: of the replay against the recording; bytes per second of guest time\n\n",
    );
    text
}
