//! One run of one emulator (or of the programs on the host), timed by the host at marker lines on its output.
//!
//! Output flows from the emulator's stdout through a thread that notes when each line came, to [`run`]. Nothing waits
//! for ever: a guest that reaches no marker within the time limit is given up, with the last it said.
#![allow(clippy::disallowed_methods)] // a bench measures host time

use super::clock::{Clock, Stamp};
use super::guest::{Mark, RAM_MIB, mark};
use super::memory;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// One workload, once.
pub struct Lap {
    /// Its name.
    pub name: String,
    /// Seconds between its markers.
    pub seconds: f64,
    /// Seconds by its own measurement (wall, CPU): exact on the host, and not to be believed in a guest.
    pub took: Option<(f64, f64)>,
    /// What it computed; none if it printed nothing.
    pub checksum: Option<String>,
    /// Its exit status.
    pub status: i32,
}

/// What one boot showed.
#[derive(Default)]
pub struct Boot {
    /// Seconds from the start of the emulator to userspace.
    pub up: Option<f64>,
    /// Seconds from the start of the emulator to its end; of CPU time, to the last marker.
    pub off: Option<f64>,
    /// The workloads that came to their end.
    pub laps: Vec<Lap>,
    /// CPU flags that the guest's kernel sees.
    pub flags: Option<String>,
    /// Peak memory beyond guest RAM in KiB.
    pub memory: Option<u64>,
    /// Why the boot did not come to its end, and in which workload.
    pub trouble: Option<Trouble>,
}

/// An end that was not meant.
pub struct Trouble {
    /// The workload that ran; none before the first and after the last.
    pub during: Option<String>,
    /// What happened, in one line, and then the last lines of the console.
    pub what: String,
}

/// Runs `command` to its end. `limit` is the longest time between two markers; `progress` is called when a workload
/// begins.
///
/// # Errors
/// The command cannot be started. Everything that goes wrong later is in [`Boot::trouble`].
pub fn run(
    command: &[String],
    clock: Clock,
    limit: Duration,
    mut progress: impl FnMut(&str),
) -> Result<Boot> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let start = Instant::now();
    let mut running = Running(
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {program}"))?,
    );
    let pid = running.0.id();
    // A process starts with no CPU time.
    let origin = Stamp::start(start);
    let lines = lines(pid, running.0.stdout.take().context("a pipe")?);
    let mut errors = running.0.stderr.take().context("a pipe")?;
    let (sender, complaints) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = errors.read_to_end(&mut text);
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
    });

    let mut boot = Boot::default();
    let mut current: Option<Begun> = None;
    let mut done = false;
    let mut deadline = start + limit;
    let mut last: Vec<String> = Vec::new();
    let what = loop {
        let (at, line) = match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {
                break Some(format!("no progress for {} s", limit.as_secs()));
            }
        };
        let mark = mark(&line);
        if mark.is_some() {
            // Not at any line: a kernel that complains for ever makes no progress.
            deadline = at.wall + limit;
        }
        match mark {
            Some(Mark::Up) => boot.up = Some(at.since(origin, clock)),
            Some(Mark::Flags(flags)) => boot.flags = Some(flags.to_owned()),
            Some(Mark::Begin(name)) => {
                progress(name);
                current = Some(Begun::new(name, at));
            }
            Some(Mark::Checksum(sum)) => {
                if let Some(begun) = &mut current {
                    begun.checksum = Some(sum.to_owned());
                }
            }
            Some(Mark::Took(wall, cpu)) => {
                if let Some(begun) = &mut current {
                    let seconds = |nanoseconds| Duration::from_nanos(nanoseconds).as_secs_f64();
                    begun.took = Some((seconds(wall), seconds(cpu)));
                }
            }
            Some(Mark::End(name, status)) => {
                // A program that cannot even start never began.
                let begun = current.take().unwrap_or_else(|| Begun::new(name, at));
                boot.laps.push(Lap {
                    name: begun.name,
                    seconds: at.since(begun.at, clock),
                    took: begun.took,
                    checksum: begun.checksum,
                    status,
                });
            }
            Some(Mark::Done) => {
                done = true;
                boot.off = Some(at.since(origin, clock));
                boot.memory = memory::beyond_guest(pid, RAM_MIB * 1024);
            }
            None => {
                if last.len() == 8 {
                    last.remove(0);
                }
                last.push(printable(&line));
            }
        }
    };
    let what = match what {
        Some(what) => Some(what),
        None => {
            let status = running.wait(deadline)?;
            if clock == Clock::Wall && boot.off.is_some() {
                boot.off = Some(start.elapsed().as_secs_f64());
            }
            match status {
                None => Some(format!(
                    "does not end, {} s after its output did",
                    limit.as_secs()
                )),
                Some(status) if !status.success() => Some(format!("the emulator ended with {status}")),
                Some(_) if !done => Some("the emulator ended early".into()),
                Some(_) => None,
            }
        }
    };
    if let Some(mut what) = what {
        drop(running); // kills it, so that its stderr ends
        // Not for ever: a child of its own may hold the pipe.
        if let Ok(errors) = complaints.recv_timeout(Duration::from_secs(1)) {
            let errors: Vec<_> = errors
                .lines()
                .map(printable)
                .filter(|line| !line.is_empty())
                .collect();
            // The beginning says what happened; what follows may be a backtrace.
            last.extend_from_slice(&errors[..errors.len().min(6)]);
        }
        for line in last.iter().filter(|line| !line.is_empty()) {
            what.push_str("\n    ");
            what.push_str(line);
        }
        boot.trouble = Some(Trouble {
            during: current.map(|begun| begun.name),
            what,
        });
    }
    Ok(boot)
}

/// A workload between its markers.
struct Begun {
    name: String,
    at: Stamp,
    took: Option<(f64, f64)>,
    checksum: Option<String>,
}

impl Begun {
    fn new(name: &str, at: Stamp) -> Self {
        Self {
            name: name.to_owned(),
            at,
            took: None,
            checksum: None,
        }
    }
}

/// Ends the emulator with the measurement, however that ended.
struct Running(Child);

impl Running {
    /// Waits for the end; none if it does not come until `deadline`.
    fn wait(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            match self.0.try_wait()? {
                None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                status => return Ok(status),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines of the console with the time of their arrival.
fn lines(pid: u32, stdout: ChildStdout) -> Receiver<(Stamp, String)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let at = Stamp::now(pid);
            let text = String::from_utf8_lossy(&line).into_owned();
            if sender.send((at, text)).is_err() {
                break;
            }
            line.clear();
        }
    });
    receiver
}

/// Without line ends and the control characters of firmware screens.
fn printable(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell script in the place of an emulator.
    fn run(script: &str, limit: u64) -> Boot {
        let command = ["sh", "-c", script].map(String::from);
        super::run(&command, Clock::Wall, Duration::from_secs(limit), |_| {}).unwrap()
    }

    #[test]
    fn laps() {
        let boot = run(
            "echo @bench up; echo @bench flags a b; echo @bench begin x; sleep 0.2; echo checksum 1f; \
             echo @bench took 3000000000 500000000; echo @bench end x 0; echo @bench begin y; echo @bench end y 139; echo @bench end z 127; echo @bench done",
            10,
        );
        assert!(boot.trouble.is_none() && boot.up.is_some() && boot.off.is_some());
        assert_eq!(boot.flags.as_deref(), Some("a b"));
        let [x, y, z] = &boot.laps[..] else {
            panic!("{}", boot.laps.len())
        };
        assert!(x.seconds >= 0.2 && x.seconds < 5.0, "{}", x.seconds);
        assert_eq!(
            (x.name.as_str(), x.checksum.as_deref(), x.status),
            ("x", Some("1f"), 0)
        );
        assert_eq!(
            (y.name.as_str(), y.checksum.as_deref(), y.status),
            ("y", None, 139)
        );
        assert_eq!((x.took, y.took), (Some((3.0, 0.5)), None));
        assert_eq!((z.name.as_str(), z.seconds, z.status), ("z", 0.0, 127));
    }

    #[test]
    fn a_guest_that_hangs_is_given_up() {
        let boot = run(
            "echo @bench up; echo @bench begin x; echo oops; exec sleep 100",
            1,
        );
        let trouble = boot.trouble.unwrap();
        assert_eq!(trouble.during.as_deref(), Some("x"));
        assert_eq!(trouble.what, "no progress for 1 s\n    oops");
    }

    #[test]
    fn an_emulator_that_stays_is_given_up() {
        let boot = run("echo @bench up; echo @bench done; exec >/dev/null sleep 100", 1);
        let trouble = boot.trouble.unwrap();
        assert_eq!(trouble.what, "does not end, 1 s after its output did");
    }

    #[test]
    fn an_emulator_that_fails_is_shown() {
        let trouble = run("echo no such option >&2; exit 3", 10).trouble.unwrap();
        assert_eq!(trouble.during, None);
        assert_eq!(
            trouble.what,
            "the emulator ended with exit status: 3\n    no such option"
        );
    }

    #[test]
    fn an_early_end_is_not_success() {
        let trouble = run("echo @bench up; echo @bench begin x", 10).trouble.unwrap();
        assert_eq!(trouble.during.as_deref(), Some("x"));
        assert!(
            trouble.what.starts_with("the emulator ended early"),
            "{}",
            trouble.what
        );
    }
}
