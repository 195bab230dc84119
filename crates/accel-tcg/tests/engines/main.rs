//! Random programs in the interpreter and in generated code: registers, flags, memory, counts and TLB are the same,
//! however the run is cut into pieces and wherever an interrupt falls.
//!
//! Programs loop, call, change their own code, run over page ends and through two mappings; handlers skip what
//! faults. `REPRISE_DIFF_SCALE=10 cargo test -p accel-tcg --test engines` runs ten times as many, and
//! `REPRISE_DIFF_SEED` other ones; `REPRISE_DIFF_SEED=N REPRISE_DIFF_SCALE=0` one; `REPRISE_DIFF_ONLY=LongUser` is a
//! part of the name of a mode. With `REPRISE_DIFF_SHOW=1` and `--nocapture`, programs are
//! listed, and what the interpreter executes of them.

mod compare;
mod instructions;
mod loops;
mod pages;
mod program;
mod world;

use accel_tcg::Engine;
use compare::{Slicing, Subject, bisect, compare};
use host_oracle::Rng;
use world::Kind;

/// Instructions that a program executes at most.
const TOTAL: u64 = 3000;
/// Programs per kind unless the environment says otherwise.
const PROGRAMS: u64 = 45;
/// Differences reported.
const SHOWN: usize = 5;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Seeds of programs to run.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let first = setting("REPRISE_DIFF_SEED").unwrap_or(1);
    let scale = setting("REPRISE_DIFF_SCALE").unwrap_or(1);
    first..first + (count * scale).max(1)
}

/// Runs `check` on every kind and seed; it gives the slicing that showed a difference.
fn all(count: u64, check: impl Fn(Kind, u64) -> Option<String>) {
    let mut failures: Vec<String> = Vec::new();
    let only = std::env::var("REPRISE_DIFF_ONLY").unwrap_or_default();
    for kind in Kind::ALL {
        if !format!("{kind:?}").contains(&only) {
            continue;
        }
        for seed in seeds(count) {
            // Shown if the process dies and output is not captured.
            println!("{kind:?} seed {seed}");
            if let Some(report) = check(kind, seed) {
                let report = format!("seed {seed}, {report}");
                println!("{report}");
                failures.push(report);
                if failures.len() >= SHOWN {
                    panic!("{}", failures.join("\n"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A generator for a seed that differs between kinds.
fn generator(kind: Kind, seed: u64) -> Rng {
    let place = Kind::ALL.iter().position(|&k| k == kind).unwrap_or(0);
    Rng::new(seed * 16 + place as u64)
}

fn subject(rng: &mut Rng) -> Subject {
    Subject {
        engine: Engine::Baseline,
        straight: false,
        code_size: rng.pick(&[256 << 10, 1 << 20, 8 << 20]),
    }
}

#[test]
fn programs_agree() {
    all(PROGRAMS, |kind, seed| {
        let mut rng = generator(kind, seed);
        let length = 4 + rng.below(80) as usize;
        let program = program::program(kind, length, &mut rng);
        let subject = subject(&mut rng);
        if std::env::var_os("REPRISE_DIFF_SHOW").is_some() {
            println!("{}", program.listing());
            compare::show(&program, TOTAL);
        }
        [Slicing::Whole, Slicing::Random(rng.bits()), Slicing::Single]
            .into_iter()
            .find(|&slicing| !compare(&program, subject, slicing, TOTAL, seed % 16 == 0).is_empty())
            .map(|slicing| bisect(&program, subject, slicing, TOTAL))
    });
}

#[test]
fn interrupts_arrive_at_every_boundary() {
    const LENGTH: u64 = 60;
    all(PROGRAMS / 15, |kind, seed| {
        let mut rng = generator(kind, seed ^ 0x1_0000);
        let program = program::program(kind, 12, &mut rng);
        let subject = subject(&mut rng);
        (0..LENGTH)
            .flat_map(|after| [false, true].map(|nmi| Slicing::Interrupted(after, nmi)))
            .find(|&slicing| !compare(&program, subject, slicing, LENGTH + 40, false).is_empty())
            .map(|slicing| bisect(&program, subject, slicing, LENGTH + 40))
    });
}

/// Engines that compile loops.
const WITH_REGIONS: [Engine; 2] = [Engine::Optimizing, Engine::InterpreterOptimizing];

#[test]
fn loops_agree() {
    all(PROGRAMS / 4, |kind, seed| {
        if kind.bits() == 16 {
            return None;
        }
        let mut rng = generator(kind, seed ^ 0x2_0000);
        let length = 3 + rng.below(30) as usize;
        let program = loops::program(kind, length, &mut rng);
        let subject = Subject {
            engine: rng.pick(&WITH_REGIONS),
            straight: false,
            code_size: rng.pick(&[128 << 10, 1 << 20, 1 << 20, 1 << 20]),
        };
        if std::env::var_os("REPRISE_DIFF_SHOW").is_some() {
            println!("{}", program.listing());
            compare::show(&program, TOTAL);
        }
        [Slicing::Whole, Slicing::Random(rng.bits()), Slicing::Single]
            .into_iter()
            .find(|&slicing| !compare(&program, subject, slicing, TOTAL / 2, seed % 16 == 0).is_empty())
            .map(|slicing| bisect(&program, subject, slicing, TOTAL / 2))
    });
}

#[test]
fn programs_agree_with_regions() {
    all(PROGRAMS / 6, |kind, seed| {
        let mut rng = generator(kind, seed ^ 0x3_0000);
        let length = 4 + rng.below(80) as usize;
        let program = program::program(kind, length, &mut rng);
        let subject = Subject {
            engine: rng.pick(&WITH_REGIONS),
            straight: rng.one_in(2),
            ..subject(&mut rng)
        };
        [Slicing::Whole, Slicing::Random(rng.bits())]
            .into_iter()
            .find(|&slicing| !compare(&program, subject, slicing, TOTAL, seed % 16 == 0).is_empty())
            .map(|slicing| bisect(&program, subject, slicing, TOTAL))
    });
}

#[test]
fn interrupts_arrive_in_loops() {
    const LENGTH: u64 = 60;
    all(PROGRAMS / 15, |kind, seed| {
        if kind.bits() == 16 {
            return None;
        }
        let mut rng = generator(kind, seed ^ 0x4_0000);
        let program = loops::program(kind, 12, &mut rng);
        let subject = Subject {
            engine: rng.pick(&WITH_REGIONS),
            straight: false,
            code_size: rng.pick(&[128 << 10, 1 << 20, 1 << 20, 1 << 20]),
        };
        (0..LENGTH)
            .map(|after| Slicing::Interrupted(after, false))
            .find(|&slicing| !compare(&program, subject, slicing, LENGTH + 40, false).is_empty())
            .map(|slicing| bisect(&program, subject, slicing, LENGTH + 40))
    });
}
