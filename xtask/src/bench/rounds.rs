//! Runs everything once per round: the host, Reprise and the other emulator in turn, so that what slows the machine
//! down for a while slows them all down.
//!
//! A guest that hangs or dies in a workload costs that workload, not the round: it is booted again for the rest.

use super::clock::Clock;
use super::emulators;
use super::emulators::Emulator;
use super::guest::{Guest, on_host};
use super::measure::{self, Boot};
use super::programs::{Line, lines};
use super::results::{Results, Row, Side};
use super::workloads::{What, Workload};
use crate::guests::{Flavour, Guests};
use crate::progress;
use anyhow::Result;
use indicatif::ProgressBar;
use std::path::Path;
use std::time::Duration;

/// What a bench runs, and with what.
pub struct Rounds<'a> {
    /// Kernels and busybox.
    pub guests: &'a Guests,
    /// The tree of programs.
    pub tree: &'a Path,
    /// What runs in every round.
    pub workloads: &'a [&'static Workload],
    /// Factor for iteration counts.
    pub scale: f64,
    /// Which time is compared.
    pub clock: Clock,
    /// Longest time between two markers.
    pub limit: Duration,
}

impl Rounds<'_> {
    /// Runs `runs` rounds and fills `results`.
    ///
    /// # Errors
    /// A guest cannot be built or an emulator not started. What goes wrong inside of guests is in the results.
    pub fn run(&self, runs: usize, emulators: &[(Side, &Emulator)], results: &mut Results) -> Result<()> {
        results.rows = self.workloads.iter().copied().map(Row::new).collect();
        let flavours: Vec<Flavour> = [Flavour::Cloud, Flavour::Generic]
            .into_iter()
            .filter(|&flavour| self.workloads.iter().any(|w| w.boots() == Some(flavour)))
            .collect();
        let lines = lines(self.workloads, self.scale);
        let steps = lines.len() + emulators.len() * (lines.len() + flavours.len());
        let bar = progress::bar((runs * steps) as u64);
        let mut order = emulators.to_vec();
        let mut flags: [Option<String>; 3] = Default::default();
        for round in 1..=runs {
            let say = |who: &str, what: &str| bar.set_message(format!("run {round}: {who} {what}"));
            self.programs(Side::Host, None, &lines, results, &bar, &say)?;
            for flavour in &flavours {
                for &(side, emulator) in &order {
                    say(&emulator.name, "boots");
                    self.boot_only(*flavour, side, emulator, results)?;
                    bar.inc(1);
                }
            }
            for &(side, emulator) in &order {
                let seen = self.programs(side, Some(emulator), &lines, results, &bar, &say)?;
                flags[side as usize] = seen.or(flags[side as usize].take());
            }
            // What gets slower while it goes on must not always hit the same one.
            order.reverse();
        }
        bar.finish_and_clear();
        if let [_, Some(ours), Some(theirs)] = &flags {
            let (a, b) = (&results.names[1], &results.names[2]);
            results
                .notes
                .extend(emulators::differences((a, ours), (b, theirs)));
        }
        Ok(())
    }

    fn boot_only(
        &self,
        flavour: Flavour,
        side: Side,
        emulator: &Emulator,
        results: &mut Results,
    ) -> Result<()> {
        let guest = Guest::empty(self.guests, flavour)?;
        let boot = measure::run(&emulator.with(&guest), self.clock, self.limit, |_| {})?;
        if let Some(trouble) = boot.trouble {
            results.fail(format!(
                "{}, booting {flavour:?}: {}",
                emulator.name, trouble.what
            ));
            return Ok(());
        }
        for row in results
            .rows
            .iter_mut()
            .filter(|row| row.workload.boots() == Some(flavour))
        {
            let seconds = match row.workload.what {
                What::PowerOff(_) => boot.off,
                _ => boot.up,
            };
            row.seconds[side as usize].extend(seconds);
        }
        Ok(())
    }

    /// Every program in a guest of `emulator`, or on the host without one; returns the CPU flags that a guest saw.
    fn programs(
        &self,
        side: Side,
        emulator: Option<&Emulator>,
        lines: &[Line<'_>],
        results: &mut Results,
        bar: &ProgressBar,
        say: &dyn Fn(&str, &str),
    ) -> Result<Option<String>> {
        let name = emulator.map_or("host", |emulator| emulator.name.as_str());
        let mut rest = lines;
        let mut flags = None;
        while !rest.is_empty() {
            say(name, "boots");
            let command = match emulator {
                None => on_host(self.tree, rest),
                Some(emulator) => emulator.with(&Guest::with_programs(self.guests, self.tree, rest)?),
            };
            // The shell that starts programs on the host uses no time of its own.
            let clock = emulator.map_or(Clock::Wall, |_| self.clock);
            let boot = measure::run(&command, clock, self.limit, |workload| {
                bar.inc(1);
                say(name, workload);
            })?;
            flags = boot.flags.clone().or(flags);
            let Some(during) = take(boot, side, self.clock, results) else {
                break;
            };
            let after = rest.iter().position(|line| line.name == during);
            rest = &rest[after.map_or(rest.len(), |at| at + 1)..];
        }
        Ok(flags)
    }
}

/// Enters what a run showed; returns the workload that it died in.
fn take(boot: Boot, side: Side, clock: Clock, results: &mut Results) -> Option<String> {
    let who = results.names[side as usize].clone();
    for lap in boot.laps {
        let seconds = match (lap.took, clock) {
            (Some((wall, _)), Clock::Wall) if side == Side::Host => wall,
            (Some((_, cpu)), Clock::Cpu) if side == Side::Host => cpu,
            _ => lap.seconds,
        };
        match (lap.status, lap.checksum) {
            (0, Some(sum)) => results.sample(&lap.name, side, seconds, &sum),
            (0, None) => results.wrong(side, format!("{} in {who}: no checksum", lap.name)),
            (status, _) => results.wrong(side, format!("{} in {who}: exit status {status}", lap.name)),
        }
    }
    if let (Some(kib), true) = (boot.memory, side != Side::Host) {
        results.memory[side as usize].push(kib as f64 / 1024.0);
    }
    let trouble = boot.trouble?;
    let place = match &trouble.during {
        Some(name) => format!("running {name}"),
        None => "outside of workloads".into(),
    };
    results.wrong(side, format!("{who}, {place}: {}", trouble.what));
    trouble.during
}

impl Results {
    /// Enters a time, if what was computed is right.
    fn sample(&mut self, name: &str, side: Side, seconds: f64, sum: &str) {
        let Some(row) = self.rows.iter_mut().find(|row| row.workload.name == name) else {
            return;
        };
        match row.check(side, sum, &self.names) {
            Ok(()) => row.seconds[side as usize].push(seconds),
            Err(error) => self.fail(error),
        }
    }

    /// Rounds repeat what goes wrong: once is enough.
    fn fail(&mut self, line: String) {
        if !self.failures.contains(&line) {
            self.failures.push(line);
        }
    }

    /// A host that cannot run a program (one without AVX2) is no reason not to measure guests.
    fn wrong(&mut self, side: Side, line: String) {
        if side != Side::Host {
            self.fail(line);
        } else if !self.notes.contains(&line) {
            self.notes.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::{Lap, Trouble};
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn what_goes_wrong_in_a_guest_is_told_once() {
        let mut results = example();
        let lap = |name: &str, status, checksum: Option<&str>| Lap {
            name: name.into(),
            seconds: 1.0,
            took: None,
            checksum: checksum.map(String::from),
            status,
        };
        for _ in 0..2 {
            let boot = Boot {
                laps: vec![
                    lap("lz", 0, Some("1f")),
                    lap("sort", 139, None),
                    lap("pipe", 0, None),
                ],
                memory: Some(2048),
                trouble: Some(Trouble {
                    during: Some("calls".into()),
                    what: "no progress for 9 s".into(),
                }),
                ..Boot::default()
            };
            let died = take(boot, Side::Ours, Clock::Wall, &mut results);
            assert_eq!(died.as_deref(), Some("calls"));
        }
        results.sample("lz", Side::Theirs, 1.0, "2f");
        let expected = [
            "sort in reprise: exit status 139",
            "pipe in reprise: no checksum",
            "reprise, running calls: no progress for 9 s",
            "lz: qemu computes 2f, reprise 1f",
        ];
        assert_eq!(results.failures, expected);
        assert_eq!(
            results.rows[1].of(Side::Ours).len(),
            3,
            "one of the example and two"
        );
        assert_eq!(
            results.rows[1].of(Side::Theirs).len(),
            1,
            "a wrong result is no time"
        );
        assert_eq!(results.memory[1], [30.0, 2.0, 2.0]);
    }
}
