//! Guests and replays that do not get on: they can be stopped, and a replay says so and ends.

mod place;

use accel_tcg::{Engine, ExecutionConfig, InstructionTime, Sleep};
use chardev::Ringbuf;
use machine::{Backend, BootFiles, Config, Log, Recording, Replaying, Stepper, StepperEnd, Time};
use parking_lot::Mutex;
use place::Place;
use replay::inspect::Events;
use replay::{Event, LogReader, Recorder, Replay, Shutdown, Stamped};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use util_mainloop::BigLock;

/// Host time after which something counts as hung.
const LIMIT: Duration = Duration::from_secs(120);
const ENGINES: [&str; 3] = ["interp", "baseline", "optimizing"];

/// A multiboot kernel whose handler of #UD is UD2, on a stack segment of 64 KiB that never ends:
/// lgdt, ss, esp, lidt, ud2; ud2; places of GDT and IDT; GDT; IDT.
#[rustfmt::skip]
const STORM: &[u8] = &[
    0x0f, 0x01, 0x15, 0x84, 0x00, 0x10, 0x00, 0xea, 0x6e, 0x00, 0x10, 0x00, 0x08, 0x00, 0x66, 0xb8,
    0x10, 0x00, 0x8e, 0xd0, 0xbc, 0x00, 0x80, 0x00, 0x00, 0x0f, 0x01, 0x1d, 0x8a, 0x00, 0x10, 0x00,
    0x0f, 0x0b, 0x0f, 0x0b, 0x17, 0x00, 0x90, 0x00, 0x10, 0x00, 0x37, 0x00, 0xa8, 0x00, 0x10, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xcf, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x20, 0x93, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x82, 0x00, 0x08, 0x00, 0x00, 0x8e, 0x10, 0x00,
];

fn multiboot(code: &[u8]) -> Vec<u8> {
    const FLAGS: u32 = 1 << 16;
    const LOAD: u32 = 0x10_0000;
    let checksum = 0x1bad_b002_u32.wrapping_add(FLAGS).wrapping_neg();
    let words = [0x1bad_b002, FLAGS, checksum, LOAD, LOAD, 0, 0, LOAD + 0x60];
    let mut image: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    image.resize(0x60, 0);
    image.extend(code);
    image
}

fn counted() -> Time {
    Time::Counted(InstructionTime::from_shift(0).expect("a shift"), Sleep::Off)
}

fn storm(engine: &str, time: Time) -> Config {
    let mut boot = BootFiles::embedded();
    boot.kernel = multiboot(STORM).into();
    Config {
        memory: 32 << 20,
        boot: Some(boot),
        time,
        execution: ExecutionConfig {
            engine: engine.parse::<Engine>().expect("an engine"),
            ..ExecutionConfig::default()
        },
        ..Config::default()
    }
}

/// Runs a machine on a thread; its status comes in time or not at all.
fn start(config: Config) -> mpsc::Receiver<u8> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let status = machine::run(config).expect("it runs");
        // Nobody waits any more if the test has failed.
        let _ = sender.send(status);
    });
    receiver
}

/// A QMP client that has negotiated.
struct Client(BufReader<UnixStream>);

impl Client {
    fn new(socket: &Path) -> Self {
        let stream = (0..1000)
            .find_map(|_| {
                std::thread::sleep(Duration::from_millis(10));
                UnixStream::connect(socket).ok()
            })
            .expect("the machine listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let mut client = Self(BufReader::new(stream));
        client.line();
        client.ask("qmp_capabilities");
        client
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer in time");
        line
    }

    /// The answer to a command, without the events before it.
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.0.get_mut(), r#"{{"execute":"{command}"}}"#).expect("the machine reads");
        loop {
            let line = self.line();
            if !line.contains(r#""event""#) {
                return line;
            }
        }
    }
}

fn server(socket: &Path) -> String {
    format!("unix:{},server=on,wait=off", socket.display())
}

#[test]
fn a_guest_that_only_faults_can_be_stopped_and_left() {
    for engine in ENGINES {
        for time in [Time::Host, counted()] {
            let place = Place::new();
            let mut config = storm(engine, time);
            config.qmp = vec![server(&place.file("qmp"))];
            // Kept: only a person ends it.
            config.stay_after_shutdown = true;
            let ended = start(config);
            let mut client = Client::new(&place.file("qmp"));
            for (command, status) in [
                ("query-status", "running"),
                ("stop", ""),
                ("query-status", "paused"),
                ("cont", ""),
            ] {
                let answer = client.ask(command);
                assert!(
                    answer.contains(r#"{"return""#) && answer.contains(status),
                    "{engine}: {answer}"
                );
            }
            client.ask("quit");
            assert_eq!(ended.recv_timeout(LIMIT), Ok(0), "{engine}");
        }
    }
}

/// There is no instant at which its log could say that somebody left.
#[test]
fn a_recording_of_it_can_be_left_and_replays() {
    let place = Place::new();
    let mut config = storm("baseline", counted());
    config.qmp = vec![server(&place.file("qmp"))];
    config.log = Log::Record(Recording::to(place.file("log")));
    let ended = start(config);
    Client::new(&place.file("qmp")).ask("quit");
    assert_eq!(ended.recv_timeout(LIMIT), Ok(0));
    let mut config = storm("interp", counted());
    config.log = Log::Replay(Box::new(Replaying::open(place.file("log")).expect("a log")));
    assert_eq!(start(config).recv_timeout(LIMIT), Ok(0));
}

#[test]
fn a_machine_in_hand_says_so() {
    for engine in ENGINES {
        let mut stepper = Stepper::new(storm(engine, counted())).expect("a machine");
        assert_eq!(stepper.run_to(1_000_000), Some(StepperEnd::Endless), "{engine}");
        assert_eq!(
            stepper.run_to(1_000_000),
            Some(StepperEnd::Endless),
            "{engine}, again"
        );
        let count = stepper.instructions();
        assert!((4..1000).contains(&count), "{engine}: {count}");
    }
}

fn embedded() -> Config {
    let mut boot = BootFiles::embedded();
    boot.append = "console=ttyS0 run=mem,cpu,poweroff".into();
    Config {
        memory: 32 << 20,
        boot: Some(boot),
        serials: vec![Backend::Opened(Arc::new(Ringbuf::new(1 << 16)) as _)],
        time: counted(),
        ..Config::default()
    }
}

/// A replay that waits for what never comes ends, and says for what it waited.
#[test]
fn a_replay_that_waits_for_ever_ends() {
    let place = Place::new();
    let mut config = embedded();
    config.log = Log::Record(Recording {
        digest_every: 1 << 18,
        ..Recording::to(place.file("whole"))
    });
    assert_eq!(machine::run(config).expect("it records"), 0);
    // The completion of a request that no device makes.
    let reader = LogReader::open(&place.file("whole")).expect("a log");
    let lock = BigLock::new();
    let recorder = Recorder::file(&place.file("log"), reader.header().clone(), None).expect("room");
    let session = Replay::recorder(&lock, recorder);
    let held = session.lock();
    for Stamped { index, at, event } in Events::new(reader) {
        match event {
            Event::Shutdown { .. } => {}
            Event::End { digest } => session
                .finish(at, Shutdown::GuestShutdown, digest)
                .expect("recorded"),
            event => session.note(at, event).expect("recorded"),
        }
        if index == 3 {
            assert!(session.submit(Event::BottomHalf { id: 7 }).is_none());
            assert!(session.due(at).expect("recorded").is_some());
        }
    }
    drop(held);
    let report = Arc::new(Mutex::new(String::new()));
    let mut config = embedded();
    config.patience = 2;
    config.report = Some(Arc::clone(&report));
    config.log = Log::Replay(Box::new(Replaying::open(place.file("log")).expect("a log")));
    assert_eq!(start(config).recv_timeout(LIMIT), Ok(1));
    let report = report.lock().clone();
    for words in [
        "recorded bottom-half id=7",
        "the machine makes no progress",
        "CPU#0",
    ] {
        assert!(report.contains(words), "no '{words}' in:\n{report}");
    }
}
