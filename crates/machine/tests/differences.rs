//! What a replay says that is not what was recorded: a bit that turns over in one engine is found to the instruction,
//! one that turned over in the recording to the interval of the trail.

mod place;

use accel_tcg::{Engine, ExecutionConfig, Fault, InstructionTime, Sleep};
use chardev::Ringbuf;
use machine::{Backend, BootFiles, Config, Log, Recording, Replaying, Symbols, Time};
use parking_lot::Mutex;
use place::Place;
use std::path::Path;
use std::sync::Arc;

/// Instructions between digests, of which every eighth covers memory, and marks of the trail.
const DIGESTS: u64 = 1 << 16;
const TRAIL: u64 = DIGESTS / 16;
/// RSP: whatever runs needs it soon.
const STACK: usize = 4;
/// R13: what runs keeps it for whoever called, so a bit of it stays wrong, and a guest that is recorded comes to its end all
/// the same. With a wrong stack it may wait for ever.
const KEPT: usize = 13;

fn config(engine: Engine, fault: Option<Fault>) -> Config {
    let mut boot = BootFiles::embedded();
    boot.append = "console=ttyS0 run=mem,pci,cpu,mem,args,pci,poweroff".into();
    Config {
        memory: 32 << 20,
        boot: Some(boot),
        serials: vec![Backend::Opened(Arc::new(Ringbuf::new(1 << 16)) as _)],
        time: Time::Counted(InstructionTime::from_shift(0).expect("a shift"), Sleep::Off),
        execution: ExecutionConfig {
            engine,
            fault,
            ..ExecutionConfig::default()
        },
        ..Config::default()
    }
}

fn record(log: &Path, engine: Engine, fault: Option<Fault>) -> u64 {
    let mut config = config(engine, fault);
    config.log = Log::Record(Recording {
        digest_every: DIGESTS,
        ..Recording::to(log)
    });
    machine::run_and_digest(config)
        .expect("it records")
        .1
        .instructions
}

/// Status and report of a replay.
fn replay(log: &Path, engine: Engine, fault: Option<Fault>) -> (u8, String) {
    let report = Arc::new(Mutex::new(String::new()));
    let mut config = config(engine, fault);
    config.log = Log::Replay(Box::new(Replaying::open(log).expect("a log")));
    config.report = Some(Arc::clone(&report));
    // Where the guest's code is: it has no names of its own.
    config.symbols = Some(Arc::new(Symbols::parse("0 t low\n100000 T guest\n")));
    let status = machine::run(config).expect("it replays");
    let report = report.lock().clone();
    (status, report)
}

fn fault(engine: Engine, count: u64, register: usize) -> Option<Fault> {
    Some(Fault {
        engine,
        count,
        register,
        bit: 4,
    })
}

/// What follows `words` as a number.
fn number_after(text: &str, words: &str) -> u64 {
    let (_, rest) = text
        .split_once(words)
        .unwrap_or_else(|| panic!("no '{words}' in:\n{text}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[test]
fn a_fault_of_an_engine_is_found_to_the_instruction() {
    let place = Place::new();
    let length = record(&place.file("log"), Engine::Interpreter, None);
    assert_eq!(
        replay(&place.file("log"), Engine::default(), None),
        (0, String::new())
    );
    for (at, register) in [
        (length / 3, STACK),
        (length / 2 + 77, STACK),
        // Behind the first digest that covers memory.
        (8 * DIGESTS + 1234, STACK),
        (TRAIL * 5 + 1, 3),
    ] {
        let (status, report) = replay(
            &place.file("log"),
            Engine::default(),
            fault(Engine::default(), at, register),
        );
        assert_eq!(status, 1, "{report}");
        let found = number_after(&report, "\ninstruction ");
        assert_eq!(found, at, "{report}");
        for words in [
            "interp, which does what was recorded",
            "CPU#0 at 0x",
            " <guest",
            "registers, baseline",
            "registers, interp",
        ] {
            assert!(report.contains(words), "no '{words}' in:\n{report}");
        }
    }
}

#[test]
fn a_fault_of_the_recording_is_found_to_the_interval() {
    let place = Place::new();
    let length = record(&place.file("log"), Engine::default(), None);
    let at = length / 2;
    record(
        &place.file("log"),
        Engine::default(),
        fault(Engine::default(), at, KEPT),
    );
    let (status, report) = replay(&place.file("log"), Engine::default(), None);
    assert_eq!(status, 1, "{report}");
    assert!(report.contains("every engine does the same"), "{report}");
    let from = number_after(&report, "it shows between instruction ");
    let to = number_after(&report, "where it was last compared, and ");
    assert!(
        from < at && at <= to && to - from <= TRAIL,
        "{at} is in {from}..{to}\n{report}"
    );
}

/// The search follows a log in its own way: a whole one, resets included, is what it goes along with.
#[test]
fn a_stepper_follows_a_log() {
    let place = Place::new();
    let mut recorded = config(Engine::default(), None);
    let with_reset = |config: &mut Config| {
        if let Some(boot) = &mut config.boot {
            boot.append = "console=ttyS0 run=mem,bench,poweroff".into();
        }
    };
    with_reset(&mut recorded);
    recorded.log = Log::Record(Recording {
        digest_every: DIGESTS,
        ..Recording::to(place.file("log"))
    });
    let (_, digest) = machine::run_and_digest(recorded).expect("it records");
    let mut stepped = config(Engine::Interpreter, None);
    with_reset(&mut stepped);
    stepped.log = Log::Replay(Box::new(Replaying::open(place.file("log")).expect("a log")));
    let mut stepper = machine::Stepper::new(stepped).expect("a machine");
    assert_eq!(stepper.run_to(u64::MAX), Some(machine::StepperEnd::Off));
    assert_eq!(stepper.instructions(), digest.instructions);
    assert_eq!(stepper.moment().digest, digest);
}
