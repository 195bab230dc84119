//! `cargo xtask replay-bench`: what recording costs, beside QEMU's own record and replay.
//!
//! One boot, run by each emulator in four ways: as it is, with counted time, recorded, and replayed. The runs alternate,
//! and the ratios of their medians count: machines are shared and noisy. Then the logs: of the boot, and of guests that
//! sleep for long and for short, whose difference is what an idle second costs.

use crate::bench::{emulators, statistics};
use crate::console::Console;
use crate::guests::{Flavour, Guests};
use crate::progress;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Host time after which a run counts as hung. QEMU's replays do hang.
const LIMIT: Duration = Duration::from_secs(120);
/// `-icount` of Reprise's runs but the plain ones.
const OURS: &str = "shift=1,sleep=off";
/// And of QEMU's, whose recordings hang with `sleep=off`.
const THEIRS: &str = "shift=1";
/// Guest seconds that the two idle guests sleep: QEMU sleeps them on the host, too.
const IDLE: [u64; 2] = [1, 41];
/// What runs in the guest; `sleep=` on its command line is for how long it does nothing.
const INIT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
cat /proc/uptime
seq 1 2000 | md5sum
sleep $(sed 's/.*sleep=//' /proc/cmdline)
poweroff -f
sleep 1000
";

/// What to measure.
#[derive(Default)]
pub struct Options {
    /// Rounds; five if not given.
    pub runs: Option<usize>,
    /// A built emulator, instead of building this tree's.
    pub reprise: Option<PathBuf>,
    /// Compare CPU time, not time on the wall.
    pub cpu_time: bool,
}

/// A way to run the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    Counted,
    Recorded,
    Replayed,
}

impl Way {
    const ALL: [Self; 4] = [Self::Plain, Self::Counted, Self::Recorded, Self::Replayed];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Counted => "counted",
            Self::Recorded => "recorded",
            Self::Replayed => "replayed",
        }
    }
}

/// One of the emulators, and where its log goes.
struct Rival {
    name: String,
    command: Vec<String>,
    /// Whether `record` and `replay` are commands; otherwise they are parts of `-icount`.
    has_commands: bool,
    log: PathBuf,
}

impl Rival {
    fn arguments(&self, way: Way, guest: &[String]) -> Vec<String> {
        let log = self.log.to_string_lossy().into_owned();
        let icount = if self.has_commands { OURS } else { THEIRS };
        let machine = |icount: Option<String>| {
            let icount = icount.map(|text| ["-icount".to_owned(), text]);
            let fixed = self.command[1..].iter().chain(guest).cloned();
            fixed.chain(icount.into_iter().flatten()).collect::<Vec<_>>()
        };
        let counted = || machine(Some(icount.into()));
        let logged = |how: &str| machine(Some(format!("{icount},rr={how},rrfile={log}")));
        match (way, self.has_commands) {
            (Way::Plain, _) => machine(None),
            (Way::Counted, _) => counted(),
            (Way::Recorded, true) => [vec!["record".into(), log.clone(), "--".into()], counted()].concat(),
            (Way::Replayed, true) => vec!["replay".into(), log.clone()],
            (Way::Recorded, false) => logged("record"),
            (Way::Replayed, false) => logged("replay"),
        }
    }

    /// Seconds of one run to power-off.
    fn run(&self, way: Way, guest: &[String], cpu_time: bool) -> Result<f64> {
        let arguments = self.arguments(way, guest);
        let before = (wall(), children_cpu_time()?);
        let (status, output) = Console::start(Path::new(&self.command[0]), &arguments, LIMIT)?.finish()?;
        ensure!(status == 0, "{} ended with {status}\n{output}", self.name);
        Ok(match cpu_time {
            true => children_cpu_time()? - before.1,
            false => before.0.elapsed().as_secs_f64(),
        })
    }

    fn log_bytes(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.log).context("the log")?.len())
    }
}

/// Measures and prints the table.
///
/// # Errors
/// A guest cannot be had, or an emulator does not do what it should.
pub fn run(workspace: &Path, reprise: &Path, options: &Options) -> Result<()> {
    let guests = Guests::open(workspace)?;
    let place = workspace.join("target/replay-bench");
    std::fs::create_dir_all(&place).context("making target/replay-bench")?;
    let guest = |sleep: u64| -> Result<Vec<String>> {
        let kernel = guests.kernel(Flavour::Cloud)?.to_string_lossy().into_owned();
        let initrd = guests.initramfs(Flavour::Cloud, "replay-bench", INIT)?;
        Ok([
            ["-m", "256", "-nographic", "-monitor", "none", "-no-reboot"]
                .map(String::from)
                .to_vec(),
            vec![
                "-kernel".into(),
                kernel,
                "-initrd".into(),
                initrd.to_string_lossy().into_owned(),
            ],
            vec!["-append".into(), format!("console=ttyS0 panic=-1 sleep={sleep}")],
        ]
        .concat())
    };
    let boot = guest(0)?;
    let ours = emulators::reprise(reprise, &[]);
    let rivals: Vec<Rival> = std::iter::once((ours, true))
        .chain(emulators::rival(None)?.map(|qemu| (qemu, false)))
        .map(|(emulator, has_commands)| Rival {
            log: place.join(&emulator.name),
            name: emulator.name,
            command: emulator.command,
            has_commands,
        })
        .collect();

    let rounds = options.runs.unwrap_or(5);
    let each = rivals.len() as u64 * Way::ALL.len() as u64;
    let bar = progress::bar(rounds as u64 * each + rivals.len() as u64);
    // Seconds by rival and way; none once a run of that way failed.
    let mut seconds = vec![vec![Some(Vec::new()); Way::ALL.len()]; rivals.len()];
    let mut failures = Vec::new();
    for _ in 0..rounds {
        for (n, way) in Way::ALL.into_iter().enumerate() {
            for (rival, seconds) in rivals.iter().zip(&mut seconds) {
                if let Some(samples) = &mut seconds[n] {
                    match rival.run(way, &boot, options.cpu_time) {
                        Ok(sample) => samples.push(sample),
                        // A rival that cannot is told of; we have to be able to.
                        Err(error) if rival.has_commands => return Err(error.context(way.name())),
                        Err(error) => {
                            failures.push(format!("{} {}: {error:#}", rival.name, way.name()));
                            seconds[n] = None;
                        }
                    }
                }
                bar.inc(1);
            }
        }
    }
    let mut text = String::new();
    for (rival, seconds) in rivals.iter().zip(&seconds) {
        let medians: Vec<Option<f64>> = seconds
            .iter()
            .map(|samples| samples.as_deref().and_then(statistics::median))
            .collect();
        let boot_bytes = rival.log_bytes().ok();
        let log_of = |sleep: u64| {
            rival.run(Way::Recorded, &guest(sleep)?, false)?;
            rival.log_bytes()
        };
        let idle_bytes = match (log_of(IDLE[0]), log_of(IDLE[1])) {
            (Ok(short), Ok(long)) => Some((long as f64 - short as f64) / (IDLE[1] - IDLE[0]) as f64),
            (Err(error), _) | (_, Err(error)) if rival.has_commands => return Err(error.context("idle")),
            (Err(error), _) | (_, Err(error)) => {
                failures.push(format!("{} idle: {error:#}", rival.name));
                None
            }
        };
        bar.inc(1);
        line(&mut text, &rival.name, &medians, boot_bytes, idle_bytes);
    }
    bar.finish_and_clear();
    let clock = if options.cpu_time {
        "CPU time"
    } else {
        "time on the wall"
    };
    println!("medians of {rounds} runs of a boot to power-off, seconds of {clock}");
    println!(
        "{:<8} {:>8} {:>8} {:>8} {:>8} {:>12} {:>12} {:>12} {:>10} {:>12}",
        "",
        "plain",
        "counted",
        "recorded",
        "replayed",
        "rec/counted",
        "rec/plain",
        "replay speed",
        "log bytes",
        "bytes/idle s"
    );
    print!("{text}");
    failures.iter().for_each(|failure| println!("{failure}"));
    Ok(())
}

fn line(text: &mut String, name: &str, medians: &[Option<f64>], boot: Option<u64>, idle: Option<f64>) {
    let [plain, counted, recorded, replayed] = [0, 1, 2, 3].map(|n| medians[n]);
    let shown = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
    let whole = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
    let ratio = |a: Option<f64>, b: Option<f64>| shown(a.zip(b).map(|(a, b)| a / b));
    let _ = writeln!(
        text,
        "{name:<8} {:>8} {:>8} {:>8} {:>8} {:>12} {:>12} {:>12} {:>10} {:>12}",
        shown(plain),
        shown(counted),
        shown(recorded),
        shown(replayed),
        ratio(recorded, counted),
        ratio(recorded, plain),
        ratio(recorded, replayed),
        whole(boot.map(|bytes| bytes as f64)),
        whole(idle),
    );
}

#[allow(clippy::disallowed_methods)] // a bench measures host time
fn wall() -> Instant {
    Instant::now()
}

/// Seconds of CPU time of all processes that were started here and have ended (proc(5): `cutime` and `cstime`, hundredths
/// of a second).
fn children_cpu_time() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    parse_children(&text).context("/proc/self/stat is not as it was")
}

fn parse_children(stat: &str) -> Option<f64> {
    // The name in brackets may hold blanks; what follows begins with field 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let field = |number: usize| rest.split_whitespace().nth(number - 3)?.parse::<f64>().ok();
    Some((field(16)? + field(17)?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_children() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 100 200 0 0 5 6 150 25 20 0 1 0 1000";
        assert_eq!(parse_children(stat), Some(1.75));
        assert_eq!(parse_children("7 (x) S 1"), None);
    }

    #[test]
    fn ways_of_running() {
        let rival = |has_commands| Rival {
            name: "x".into(),
            command: vec!["x".into(), "-a".into()],
            has_commands,
            log: "log".into(),
        };
        let guest = ["-m".to_owned(), "1".to_owned()];
        #[rustfmt::skip]
        let cases = [
            (true, Way::Plain, "-a -m 1"),
            (true, Way::Recorded, "record log -- -a -m 1 -icount shift=1,sleep=off"),
            (true, Way::Replayed, "replay log"),
            (false, Way::Counted, "-a -m 1 -icount shift=1"),
            (false, Way::Replayed, "-a -m 1 -icount shift=1,rr=replay,rrfile=log"),
        ];
        for (has_commands, way, expected) in cases {
            assert_eq!(rival(has_commands).arguments(way, &guest).join(" "), expected);
        }
    }
}
