//! Property P3 by brute force, on a recording in which somebody typed: whichever way the machine went through it, a
//! count is one moment; a step back and one forward is none; backwards finds what forwards passed last.

use super::*;
use crate::assemble::{Assembled, assemble};
use crate::{Backend, BootFiles, Config, Digest, Log, Recording, Replaying, Time};
use accel_tcg::{Engine, InstructionTime, Sleep};
use chardev::Ringbuf;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use target_i386::cpuid::Layout;
use util_mainloop::BigLock;

fn config(cpus: usize) -> Config {
    let mut boot = BootFiles::embedded();
    boot.append = "console=ttyS0".into();
    Config {
        memory: 32 << 20,
        boot: Some(boot),
        layout: Layout {
            cpus: cpus as u32,
            ..Layout::default()
        },
        time: Time::Counted(InstructionTime::from_shift(3).expect("a shift"), Sleep::Off),
        ..Config::default()
    }
}

/// A recording of somebody who types `lines`; the directory is left to the caller.
fn record(cpus: usize, lines: &'static [&'static str]) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let place = std::env::temp_dir().join(format!("reprise-travel-{}-{n}", std::process::id()));
    std::fs::create_dir_all(&place).expect("a directory for temporary files");
    let socket = place.join("serial");
    let at = socket.clone();
    let typist = std::thread::spawn(move || {
        let connect = || {
            std::thread::sleep(Duration::from_millis(10));
            UnixStream::connect(&at).ok()
        };
        let mut stream = (0..500).find_map(|_| connect()).expect("the machine listens");
        let (mut seen, mut byte) = (Vec::new(), [0]);
        for line in lines {
            while !seen.ends_with(b"> ") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                seen.push(byte[0]);
            }
            seen.push(b' ');
            let _ = stream.write_all(format!("{line}\r").as_bytes());
        }
        let _ = stream.read_to_end(&mut seen);
    });
    let log = place.join("log");
    let mut config = config(cpus);
    config.serials = vec![Backend::Described(format!(
        "unix:{},server=on,wait=on",
        socket.display()
    ))];
    config.log = Log::Record(Recording {
        digest_every: 1 << 18,
        ..Recording::to(&log)
    });
    assert_eq!(crate::run(config).expect("it records"), 0);
    typist.join().expect("nothing unexpected at the terminal");
    log
}

struct Traveller {
    assembled: Assembled,
    lock: Arc<BigLock>,
}

impl Traveller {
    fn new(log: &PathBuf, cpus: usize, engine: Engine) -> Self {
        let mut config = config(cpus);
        config.serials = vec![Backend::Opened(Arc::new(Ringbuf::new(1 << 16)))];
        config.log = Log::Replay(Box::new(Replaying::open(log).expect("a log")));
        config.execution.engine = engine;
        let mut assembled = assemble(config).expect("a machine");
        let lock = Arc::clone(&assembled.machine.lock);
        let mut period = lock.period();
        let machine = &mut assembled.machine;
        machine.reset(&mut period);
        machine.history_bytes = 64 << 20;
        // Dense, so that a run of seconds has many.
        machine.begin_history(&mut period);
        machine.history = Some(Box::new(History::new(64 << 20, 1 << 19)));
        machine.remember(&mut period);
        drop(period);
        Self { assembled, lock }
    }

    fn with<R>(&mut self, work: impl FnOnce(&mut Machine, &mut Trip<'_, '_>) -> R) -> R {
        let lock = Arc::clone(&self.lock);
        let mut period = lock.period();
        let mut trip = Trip {
            period: &mut period,
            main_loop: &mut self.assembled.main_loop,
            interrupted: &|| false,
        };
        work(&mut self.assembled.machine, &mut trip)
    }

    fn seek(&mut self, count: u64) -> (Outcome, Digest) {
        self.with(|machine, trip| {
            let outcome = machine.seek(trip, count).expect("it can go there");
            (outcome, machine.digest(trip.period))
        })
    }

    fn place(&mut self) -> Place {
        self.assembled.machine.place()
    }

    fn moment(&mut self) -> (Place, Digest) {
        self.with(|machine, trip| (machine.place(), machine.digest(trip.period)))
    }

    fn set_points(&mut self, stops: &[u64], watches: &[Watch]) {
        self.with(|machine, trip| machine.set_points(trip.period, &(stops.to_vec(), watches.to_vec())));
    }

    fn go_back(&mut self, motion: &Motion) -> Stop {
        self.with(|machine, trip| machine.go_back(trip, motion))
    }

    /// One step forward, as a debugger makes it: without its points.
    fn step(&mut self) -> Outcome {
        self.with(|machine, trip| machine.step(trip))
    }

    fn rip(&mut self) -> u64 {
        self.with(|machine, trip| machine.on_cpu(trip.period, 0, |vcpu| vcpu.code_address()))
    }

    /// Runs forward to the next stop.
    fn forward(&mut self) -> Option<Halt> {
        self.with(|machine, trip| machine.stretch(trip, None))
    }
}

impl Drop for Traveller {
    fn drop(&mut self) {
        self.assembled.machine.cpus.join();
    }
}

fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

const LINES: &[&str] = &["cpu", "echo some words", "bench", "mem", "poweroff"];

#[test]
fn p3_any_way_to_a_moment() {
    for (cpus, engine) in [
        (1, Engine::default()),
        (2, Engine::default()),
        (1, Engine::Interpreter),
    ] {
        let log = record(cpus, LINES);
        let mut straight = Traveller::new(&log, cpus, engine);
        let (outcome, last) = straight.seek(u64::MAX);
        assert_eq!(outcome, Outcome::End);
        let mut number = numbers(cpus as u64);
        let mut counts: Vec<u64> = (0..12).map(|_| number(last.instructions)).collect();
        // Straight: a machine of its own for the ascending order, which never goes back.
        counts.sort_unstable();
        let mut straight = Traveller::new(&log, cpus, engine);
        let moments: Vec<_> = counts.iter().map(|&count| straight.seek(count)).collect();
        let mut traveller = Traveller::new(&log, cpus, engine);
        for round in 0..30 {
            let n = number(counts.len() as u64) as usize;
            assert_eq!(
                traveller.seek(counts[n]),
                moments[n],
                "{cpus} CPUs, {engine:?}, round {round}: to {}",
                counts[n]
            );
        }
        // And from there to the end, where everything is compared.
        assert_eq!(traveller.seek(u64::MAX), (Outcome::End, last));
        std::fs::remove_dir_all(log.parent().expect("a directory")).expect("it can go");
    }
}

#[test]
fn p3_back_and_forth_is_nothing() {
    for cpus in [1, 2] {
        let log = record(cpus, LINES);
        let mut traveller = Traveller::new(&log, cpus, Engine::default());
        let (_, last) = traveller.seek(u64::MAX);
        let mut number = numbers(5);
        let mut between = 0;
        for _ in 0..12 {
            traveller.seek(number(last.instructions - 10));
            // Some places are between two instructions' counts: behind the delivery of an event.
            let mut way = vec![(traveller.moment(), traveller.rip())];
            for _ in 0..6 {
                assert_eq!(traveller.step(), Outcome::Arrived);
                way.push((traveller.moment(), traveller.rip()));
            }
            between += way.iter().filter(|(moment, _)| moment.0.deliveries > 0).count();
            for expected in way.iter().rev().skip(1) {
                assert_eq!(
                    traveller.go_back(&Motion::StepBack { cpu: 0 }),
                    Stop::Step { cpu: 0 }
                );
                let there = (traveller.moment(), traveller.rip());
                assert_eq!(there.0.0, expected.0.0, "place");
                assert_eq!(
                    (there.0.1.cpu, there.1),
                    (expected.0.1.cpu, expected.1),
                    "state at {:?}",
                    expected.0.0
                );
            }
        }
        let _ = between;
        traveller.seek(0);
        assert_eq!(
            traveller.go_back(&Motion::StepBack { cpu: 0 }),
            Stop::Begin { cpu: 0 }
        );
        std::fs::remove_dir_all(log.parent().expect("a directory")).expect("it can go");
    }
}

/// An address that is executed once in a while.
fn seldom(traveller: &mut Traveller) -> u64 {
    let mut times = std::collections::BTreeMap::new();
    for _ in 0..1000 {
        traveller.step();
        *times.entry(traveller.rip()).or_insert(0) += 1;
    }
    let (&address, _) = times
        .iter()
        .min_by_key(|(_, times)| **times)
        .expect("it was somewhere");
    address
}

/// Forwards, every stop is noted; backwards from anywhere they come in the opposite order.
#[test]
fn p3_backwards_is_the_last_hit() {
    for cpus in [1, 2] {
        let log = record(cpus, LINES);
        let mut traveller = Traveller::new(&log, cpus, Engine::default());
        let (_, last) = traveller.seek(u64::MAX);
        let mut number = numbers(9);
        for round in 0..8 {
            let address = if round % 2 == 0 {
                traveller.seek(number(last.instructions));
                traveller.rip()
            } else {
                traveller.seek(last.instructions - number(20_000) - 1500);
                seldom(&mut traveller)
            };
            traveller.seek(number(last.instructions));
            traveller.set_points(&[address], &[]);
            let mut hits = Vec::new();
            while hits.len() < 30
                && let Some(Halt::Debug(..)) = traveller.forward()
            {
                hits.push(traveller.place());
            }
            // On the last of them stands the machine, unless it is at the end.
            if hits.last() == Some(&traveller.place()) {
                hits.pop();
            }
            for expected in hits.iter().rev() {
                let told = traveller.go_back(&Motion::Back);
                assert!(
                    matches!(told, Stop::Breakpoint { .. }),
                    "round {round}: {told:?} before {expected:?}"
                );
                assert_eq!(traveller.place(), *expected, "round {round}");
            }
            traveller.set_points(&[], &[]);
        }
        // From the end over all snapshots: what is executed once, and first of all.
        traveller.seek(last.instructions - 1);
        let end = traveller.rip();
        traveller.seek(0);
        let start = traveller.rip();
        traveller.seek(u64::MAX);
        traveller.set_points(&[start, end], &[]);
        let mut count = last.instructions;
        while count > 0 {
            let told = traveller.go_back(&Motion::Back);
            assert!(matches!(told, Stop::Breakpoint { .. }), "{told:?}");
            let there = traveller.place().count;
            assert!(there < count && (count < last.instructions || there == count - 1));
            count = there;
        }
        traveller.set_points(&[], &[]);
        assert_eq!(traveller.go_back(&Motion::Back), Stop::Begin { cpu: 0 });
        assert_eq!(traveller.place().count, 0);
        std::fs::remove_dir_all(log.parent().expect("a directory")).expect("it can go");
    }
}

/// Back over the last store to a watched word: before it the word is what it was, one step later it is not.
#[test]
fn p3_back_over_a_store() {
    let log = record(1, LINES);
    let mut traveller = Traveller::new(&log, 1, Engine::default());
    let (_, last) = traveller.seek(u64::MAX);
    traveller.seek(last.instructions / 2);
    let stack = traveller.with(|machine, trip| {
        machine.on_cpu(trip.period, 0, |vcpu| {
            vcpu.state.gpr[target_i386::state::gpr::RSP]
        })
    });
    let watch = Watch {
        addr: stack - 8,
        len: 8,
        kind: CpuWatchKind::Write,
    };
    traveller.seek(last.instructions / 4);
    traveller.set_points(&[], &[watch]);
    let mut hits = Vec::new();
    while hits.len() < 10
        && let Some(Halt::Debug(..)) = traveller.forward()
    {
        hits.push(traveller.moment().0);
    }
    assert!(!hits.is_empty(), "nobody pushes");
    for hit in hits.iter().rev() {
        let told = traveller.go_back(&Motion::Back);
        assert!(matches!(told, Stop::Watch { .. }), "{told:?}");
        let (there, _) = traveller.moment();
        assert!(
            there < *hit && there.count + 1 >= hit.count,
            "{there:?} before {hit:?}"
        );
        // The next thing is the store again, in every mode.
        assert!(matches!(
            traveller.forward(),
            Some(Halt::Debug(_, DebugStop::Watch(..), _))
        ));
        assert_eq!(traveller.moment().0, *hit);
        let told = traveller.go_back(&Motion::Back);
        assert!(matches!(told, Stop::Watch { .. }), "{told:?}");
    }
    std::fs::remove_dir_all(log.parent().expect("a directory")).expect("it can go");
}
