//! Whole machines recorded and replayed: whatever was typed and whenever, the second run is the first.
//!
//! Property P1 of record and replay on a guest that answers: output, exit status and final digest are the same, on every
//! engine, and what is left of a log that was cut replays as far as it goes.

mod beginnings;
mod flight;
#[path = "../place/mod.rs"]
mod place;
mod strict;

use accel_tcg::{Engine, InstructionTime, Sleep};
use chardev::Ringbuf;
use machine::{Backend, BootFiles, Config, Digest, Log, Recording, Replaying, Time};
use place::Place;
use replay::inspect::Events;
use replay::{Event, LogReader, Recorder, Replay, Shutdown, Stamped};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use util_mainloop::BigLock;

const SCREEN: usize = 1 << 16;
/// Instructions between digests: a run of these guests has dozens.
const DIGESTS: u64 = 1 << 18;

/// How a run went.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: u8,
    output: String,
    digest: Digest,
}

fn config(shift: u32, sleep: Sleep) -> Config {
    let mut boot = BootFiles::embedded();
    boot.append = "console=ttyS0".into();
    Config {
        memory: 32 << 20,
        boot: Some(boot),
        time: Time::Counted(InstructionTime::from_shift(shift).expect("at most 10"), sleep),
        ..Config::default()
    }
}

/// A person at a socket who waits for each prompt, then types a line at a pace of their own; and what they saw.
fn typist(socket: PathBuf, lines: &[&str], seed: u64) -> JoinHandle<String> {
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\r")).collect();
    std::thread::spawn(move || {
        let mut stream = (0..500)
            .find_map(|_| {
                std::thread::sleep(Duration::from_millis(10));
                UnixStream::connect(&socket).ok()
            })
            .expect("the machine listens");
        let mut seen = Vec::new();
        let mut byte = [0];
        let mut random = seed | 1;
        for line in &lines {
            while !seen.ends_with(b"> ") {
                if stream.read(&mut byte).expect("the guest speaks") == 0 {
                    return String::from_utf8_lossy(&seen).into_owned();
                }
                seen.push(byte[0]);
            }
            seen.push(b' ');
            for key in line.bytes() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                std::thread::sleep(Duration::from_micros(random >> 50));
                // The guest may have gone.
                if stream.write_all(&[key]).is_err() {
                    break;
                }
            }
        }
        let _ = stream.read_to_end(&mut seen);
        String::from_utf8_lossy(&seen).into_owned()
    })
}

/// Records the embedded guest while somebody types `lines`.
fn record(place: &Place, config: Config, lines: &[&str], seed: u64) -> (Outcome, String) {
    let recording = Recording {
        digest_every: DIGESTS,
        ..Recording::to(place.file("log"))
    };
    record_as(place, config, lines, seed, recording)
}

/// The same, in the way of `recording`.
fn record_as(
    place: &Place,
    mut config: Config,
    lines: &[&str],
    seed: u64,
    recording: Recording,
) -> (Outcome, String) {
    let socket = place.file("serial");
    let typist = typist(socket.clone(), lines, seed);
    config.serials = vec![Backend::Described(format!(
        "unix:{},server=on,wait=on",
        socket.display()
    ))];
    config.log = Log::Record(recording);
    let (status, digest) = machine::run_and_digest(config).expect("it records");
    let seen = typist.join().expect("nothing unexpected at the terminal");
    let outcome = Outcome {
        status,
        output: String::new(),
        digest,
    };
    (outcome, seen)
}

/// Replays a log on an engine.
fn replay(log: &Path, mut config: Config, engine: Engine) -> anyhow::Result<Outcome> {
    let screen = Arc::new(Ringbuf::new(SCREEN));
    config.serials = vec![Backend::Opened(Arc::clone(&screen) as _)];
    config.log = Log::Replay(Box::new(Replaying::open(log)?));
    config.execution.engine = engine;
    let (status, digest) = machine::run_and_digest(config)?;
    let output = String::from_utf8_lossy(&screen.read(SCREEN)).into_owned();
    Ok(Outcome {
        status,
        output,
        digest,
    })
}

/// Without what the typist adds to tell prompts apart.
fn plain(seen: &str) -> String {
    seen.replace(">  ", "> ")
}

#[test]
fn typed_at_any_time() {
    const LINES: &[&[&str]] = &[
        &["help", "cpu", "poweroff"],
        &["bench", "echo some words", "mem", "poweroff"],
        &["cpu", "reboot", "pci", "reboot", "args", "poweroff"],
    ];
    for (n, lines) in LINES.iter().enumerate() {
        for (shift, sleep) in [(0, Sleep::Off), (3, Sleep::On)] {
            let place = Place::new();
            let (recorded, seen) = record(&place, config(shift, sleep), lines, n as u64);
            assert_eq!(recorded.status, 0);
            for engine in [Engine::default(), Engine::Interpreter] {
                let replayed =
                    replay(&place.file("log"), config(shift, Sleep::Off), engine).expect("it replays");
                assert_eq!(replayed.output, plain(&seen), "{lines:?}, {engine:?}");
                assert_eq!(replayed.status, 0, "{lines:?}, {engine:?}");
                assert_eq!(replayed.digest, recorded.digest, "{lines:?}, {engine:?}");
            }
        }
    }
}

/// A log that was cut anywhere is refused in words, or replays what it has.
#[test]
fn cut_and_damaged_logs() {
    let place = Place::new();
    let (_, seen) = record(&place, config(0, Sleep::Off), &["help", "bench", "poweroff"], 1);
    let whole = std::fs::read(place.file("log")).expect("a log");
    let broken = place.file("broken");
    let parts = 8;
    for n in 0..parts {
        let cut = whole.len() * n / parts;
        let mut flipped = whole.clone();
        flipped[cut] ^= 0x10;
        for bytes in [&whole[..cut], &flipped] {
            std::fs::write(&broken, bytes).expect("room for a log");
            match replay(&broken, config(0, Sleep::Off), Engine::default()) {
                Ok(outcome) => {
                    assert_eq!(outcome.status, 0, "cut at {cut}: what is there is right");
                    assert!(plain(&seen).starts_with(&outcome.output), "cut at {cut}");
                }
                Err(error) => {
                    let line = format!("{error:#}");
                    assert!(
                        line.starts_with(&format!("replay {}: ", broken.display())),
                        "{line}"
                    );
                    assert!(!line.contains('\n'), "{line}");
                }
            }
        }
    }
}

#[test]
fn other_machines_are_refused() {
    let place = Place::new();
    record(&place, config(0, Sleep::Off), &["poweroff"], 1);
    let refused = |change: fn(&mut Config)| {
        let mut other = config(0, Sleep::Off);
        change(&mut other);
        let error = replay(&place.file("log"), other, Engine::default()).expect_err("another machine");
        format!("{error:#}")
    };
    for (change, reason) in [
        (
            (|config| config.memory *= 2) as fn(&mut Config),
            "32 MiB of memory, not 64",
        ),
        (|config| config.acpi = false, "-machine"),
        (|config| config.time = Time::Host, "-icount"),
        (
            |config| {
                config.time = Time::Counted(InstructionTime::from_shift(1).expect("a shift"), Sleep::Off)
            },
            "shift=0, not 1",
        ),
        (
            |config| {
                if let Some(boot) = &mut config.boot {
                    boot.append.push('x');
                }
            },
            "-append has changed since the recording",
        ),
        (|config| config.stay_after_shutdown = true, "-no-shutdown"),
    ] {
        let line = refused(change);
        assert!(line.contains(reason), "{line}");
    }
}

/// The log with each event changed by `change`.
fn rewritten(log: &Path, to: &Path, change: impl Fn(Event) -> Event) {
    let reader = LogReader::open(log).expect("a log");
    let lock = BigLock::new();
    let recorder = Recorder::file(to, reader.header().clone(), None).expect("room for a log");
    let session = Replay::recorder(&lock, recorder);
    let _held = session.lock();
    for Stamped { at, event, .. } in Events::new(reader) {
        match change(event) {
            // Written by `finish`.
            Event::Shutdown { .. } => {}
            Event::End { digest } => session
                .finish(at, Shutdown::GuestShutdown, digest)
                .expect("recorded"),
            event if event.is_asynchronous() => {
                assert!(session.submit(event).is_none());
                assert!(session.due(at).expect("recorded").is_some());
            }
            event => session.note(at, event).expect("recorded"),
        }
    }
}

/// Whatever of a log is changed, the replay finds out, says so and ends with status 1.
#[test]
fn changed_logs_are_found_out() {
    let place = Place::new();
    record(
        &place,
        config(0, Sleep::Off),
        &["help", "echo abc", "poweroff"],
        3,
    );
    let log = place.file("log");
    let changed = place.file("changed");
    let status = |change: fn(Event) -> Event| {
        rewritten(&log, &changed, change);
        let outcome = replay(&changed, config(0, Sleep::Off), Engine::default());
        outcome.expect("the log is sound").status
    };
    assert_eq!(status(|event| event), 0, "copied as it is");
    assert_eq!(
        status(|event| match event {
            Event::CharInput { driver, bytes } => Event::CharInput {
                driver,
                bytes: bytes
                    .into_iter()
                    .map(|byte| if byte == b'c' { b'd' } else { byte })
                    .collect(),
            },
            other => other,
        }),
        1,
        "another key"
    );
    assert_eq!(
        status(|event| match event {
            Event::Digest {
                vcpus,
                devices,
                memory,
            } => Event::Digest {
                vcpus,
                devices: devices ^ 1,
                memory,
            },
            other => other,
        }),
        1,
        "devices"
    );
    assert_eq!(
        status(|event| match event {
            Event::End { digest } => Event::End { digest: digest ^ 1 },
            other => other,
        }),
        1,
        "the end"
    );
}
