//! `cargo xtask bench smp`: two virtual CPUs on threads of their own, in Reprise and in QEMU (`thread=multi`), and two CPUs
//! of the host, alternately.
//!
//! In every round each of them runs all of [`WORKLOADS`], [`LAPS`] times; one job alone and two at once come after each other, so that
//! what else the host does falls on both. Scaling is what two CPUs do in the time of one (2 at best); it is compared with
//! that of the host's own processes in the same round, the rest with QEMU's times. Data flows from boots
//! ([`super::measure`]) into medians and a text, which is also written to `target/bench/smp.txt`.

use super::clock::Clock;
use super::emulators::{self, Emulator};
use super::guest::{Guest, on_host};
use super::measure::{self, Lap};
use super::programs;
use super::statistics::{median, spread};
use super::workloads::{What, Workload};
use super::{Options, boot};
use crate::guests::Guests;
use crate::progress;
use anyhow::{Result, bail};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// Least part of the host's scaling.
const SCALING_FLOOR: f64 = 0.95;
/// QEMU's time over ours must be more.
const CONTENTION_FLOOR: f64 = 1.0;

/// How often all of it is run in one boot: many short laps, so that the middle one says what a quiet moment is like.
const LAPS: usize = 5;

/// Work for one CPU alone, and for two at once.
const ALONE: &str = "one-job";
const AT_ONCE: &str = "two-jobs";

/// What is run, in this order; what counts in pairs stands next to each other.
#[rustfmt::skip]
const WORKLOADS: &[Workload] = &[
    row(ALONE,   3_000),
    row(AT_ONCE, 3_000),
    row("spin",  500_000),
    row("add",   1_500_000),
    row("mutex", 250_000),
    row("futex", 3_000),
];

const fn row(name: &'static str, count: u64) -> Workload {
    Workload {
        name,
        family: "smp",
        what: What::Program(count),
    }
}

/// One of those who take turns, and its seconds in each lap of each round.
struct Side<'a> {
    name: &'a str,
    emulator: Option<&'a Emulator>,
    seconds: Vec<Vec<f64>>,
}

/// Measures and prints the table.
///
/// # Errors
/// A guest cannot be had, an emulator does not start, or a workload failed.
pub fn bench(workspace: &Path, options: &Options) -> Result<()> {
    if options.runs == 0 || options.limit == 0 || !(options.scale > 0.0 && options.scale.is_finite()) {
        bail!("--runs, --limit and --scale want numbers above 0");
    }
    let selected = |w: &&Workload| options.only.is_empty() || options.only.iter().any(|name| name == w.name);
    let workloads: Vec<&Workload> = WORKLOADS.iter().filter(selected).collect();
    if workloads.is_empty() {
        bail!(
            "no such workload: {}",
            WORKLOADS.iter().map(|w| w.name).collect::<Vec<_>>().join(" ")
        );
    }
    let guests = Guests::open(workspace)?;
    let tree = std::path::absolute(workspace.join("target/bench/smp"))?;
    programs::prepare(workspace, &tree, guests.packages(), &workloads, options.scale)?;
    let program = match &options.reprise {
        Some(program) => program.clone(),
        None => boot::build(workspace, true)?,
    };
    let two = |mut emulator: Emulator| {
        for word in emulator.command.iter_mut().filter(|word| *word == "tcg") {
            "tcg,thread=multi".clone_into(word);
        }
        emulator.command.extend(["-smp", "2"].map(String::from));
        emulator
    };
    let multi = ["-accel", "tcg,thread=multi"].map(String::from);
    let ours = two(emulators::reprise(
        &program,
        &[&multi[..], &options.reprise_args].concat(),
    ));
    let theirs = emulators::rival(options.against.as_deref())?.map(two);
    let mut sides = vec![Side::of("host", None), Side::of("reprise", Some(&ours))];
    sides.extend(
        theirs
            .as_ref()
            .map(|emulator| Side::of(&emulator.name, Some(emulator))),
    );

    let lines = programs::lines(&workloads, options.scale);
    let once: Vec<&programs::Line<'_>> = lines.iter().collect();
    let lines = once.repeat(LAPS);
    for round in 1..=options.runs {
        for side in &mut sides {
            let command = match side.emulator {
                None => on_host(&tree, &lines),
                Some(emulator) => emulator.with(&Guest::with_programs(&guests, &tree, &lines)?),
            };
            let step = progress::spinner(&format!("round {round}: {}", side.name));
            let limit = Duration::from_secs(options.limit);
            let boot = measure::run(&command, Clock::Wall, limit, |_| {})?;
            step.finish_and_clear();
            if let Some(trouble) = boot.trouble {
                bail!("{}, running {:?}: {}", side.name, trouble.during, trouble.what);
            }
            side.enter(&workloads, &boot.laps)?;
        }
    }
    let emulators: Vec<&Emulator> = sides.iter().filter_map(|side| side.emulator).collect();
    let mut text = emulators::about(&emulators, options.runs, options.scale).join("\n");
    text.push_str(&table(&workloads, &sides));
    std::fs::write(workspace.join("target/bench/smp.txt"), &text)?;
    print!("{text}");
    Ok(())
}

impl<'a> Side<'a> {
    fn of(name: &'a str, emulator: Option<&'a Emulator>) -> Self {
        Self {
            name,
            emulator,
            seconds: Vec::new(),
        }
    }

    /// A round.
    fn enter(&mut self, workloads: &[&Workload], laps: &[Lap]) -> Result<()> {
        let mut of_each = Vec::new();
        for workload in workloads {
            let laps = laps
                .iter()
                .filter(|lap| lap.name == workload.name && lap.status == 0);
            let seconds: Vec<f64> = laps
                .map(|lap| match (lap.took, self.emulator) {
                    // The host's clock is right for itself.
                    (Some((wall, _)), None) => wall,
                    _ => lap.seconds,
                })
                .collect();
            if seconds.len() != LAPS {
                bail!("{} failed in {}", workload.name, self.name);
            }
            of_each.push(seconds);
        }
        let lap = |n: usize| of_each.iter().map(|seconds| seconds[n]).collect();
        self.seconds.extend((0..LAPS).map(lap));
        Ok(())
    }

    fn column(&self, n: usize) -> Vec<f64> {
        self.seconds.iter().map(|round| round[n]).collect()
    }

    /// Of two columns, lap by lap.
    fn ratios(&self, n: usize, other: &Self, m: usize) -> Vec<f64> {
        let rounds = self.seconds.iter().zip(&other.seconds);
        rounds.map(|(own, others)| own[n] / others[m]).collect()
    }
}

fn middle(samples: &[f64]) -> f64 {
    median(samples).unwrap_or(f64::NAN)
}

fn verdict(value: f64, floor: f64) -> &'static str {
    if value >= floor { "" } else { "  BELOW" }
}

/// Medians with their spread, and what they are compared by: always ratios of laps of one round.
fn table(workloads: &[&Workload], sides: &[Side<'_>]) -> String {
    let [host, ours, theirs @ ..] = sides else {
        return String::new();
    };
    let mut text = format!("\n\n{:<10}", "seconds");
    for side in sides {
        let _ = write!(text, "{:>20}", side.name);
    }
    text.push_str("   others / reprise\n");
    for (n, workload) in workloads.iter().enumerate() {
        let _ = write!(text, "{:<10}", workload.name);
        for side in sides {
            let column = side.column(n);
            let noise = spread(&column).unwrap_or(0.0) * 100.0;
            let _ = write!(text, "{:>13.3} ±{noise:>3.0} %", middle(&column));
        }
        for other in theirs {
            let ratio = middle(&other.ratios(n, ours, n));
            let floor = match workload.name {
                ALONE | AT_ONCE => 0.0,
                _ => CONTENTION_FLOOR,
            };
            let _ = write!(text, "   {ratio:.2}{}", verdict(ratio, floor));
        }
        text.push('\n');
    }
    let place = |name| workloads.iter().position(|w| w.name == name);
    if let (Some(alone), Some(at_once)) = (place(ALONE), place(AT_ONCE)) {
        let scaling = |side: &Side<'_>| -> Vec<f64> {
            let ratios = side.ratios(alone, side, at_once);
            ratios.iter().map(|ratio| 2.0 * ratio).collect()
        };
        let native = scaling(host);
        text.push_str("\nscaling on two CPUs (2 at best), and as a part of the host's\n");
        for side in sides {
            let own = scaling(side);
            let parts: Vec<f64> = own.iter().zip(&native).map(|(own, host)| own / host).collect();
            let part = middle(&parts);
            let floor = if std::ptr::eq(side, ours) {
                SCALING_FLOOR
            } else {
                0.0
            };
            let _ = writeln!(
                text,
                "{:<10}{:>8.2}{part:>8.2}{}",
                side.name,
                middle(&own),
                verdict(part, floor)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(name: &'static str, seconds: &[[f64; 3]]) -> Side<'static> {
        Side {
            name,
            emulator: None,
            seconds: seconds.iter().map(|round| round.to_vec()).collect(),
        }
    }

    /// Ratios are taken within rounds: a slow round of all changes nothing.
    #[test]
    fn tables() {
        let workloads: Vec<&Workload> = WORKLOADS.iter().take(3).collect();
        let host = side("host", &[[1.0, 1.0, 1.0], [5.0, 5.0, 1.0], [1.0, 1.0, 1.0]]);
        let ours = side("reprise", &[[2.0, 2.5, 3.0], [9.0, 11.25, 3.0], [2.0, 2.5, 3.0]]);
        let theirs = side("qemu", &[[4.0, 4.0, 2.0], [4.0, 4.0, 2.0], [4.0, 4.0, 2.0]]);
        let text = table(&workloads, &[host, ours, theirs]);
        let line = |start: &str| text.lines().rfind(|line| line.starts_with(start)).unwrap();
        assert!(line("spin").ends_with("0.67  BELOW"), "{text}");
        assert!(line("two-jobs").ends_with("1.60"), "{text}");
        assert!(line("reprise").ends_with("1.60    0.80  BELOW"), "{text}");
        assert!(line("host").ends_with("2.00    1.00"), "{text}");
    }

    #[test]
    fn every_workload_has_its_row_in_main() {
        let main = include_str!("../../workloads/main.c");
        for workload in WORKLOADS {
            assert!(
                main.contains(&format!("{{ \"{}\",", workload.name)),
                "{}",
                workload.name
            );
        }
    }
}
