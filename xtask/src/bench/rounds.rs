//! Runs everything once per round: the host, Reprise and the other emulator in turn, so that what slows the machine
//! down for a while slows them all down.
//!
//! A guest that hangs or dies in a workload costs that workload, not the round: it is booted again for the rest.

use super::emulators;
use super::guest::{Guest, lines};
use super::measure::{Boot, Emulator, boot, time};
use super::programs::Programs;
use super::results::{Results, Row, Side};
use super::workloads::{What, Workload};
use crate::guests::{Flavour, Guests};
use crate::progress;
use anyhow::Result;
use indicatif::ProgressBar;
use std::time::Duration;

/// What a bench runs, and with what.
pub struct Rounds<'a> {
    /// Kernels and busybox.
    pub guests: &'a Guests,
    /// The tree of programs.
    pub programs: &'a Programs,
    /// What runs in every round.
    pub workloads: &'a [&'static Workload],
    /// Factor for iteration counts.
    pub scale: f64,
    /// Longest time between two signs of life.
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
        let inside = lines(self.workloads, self.scale).len();
        let steps = inside + emulators.len() * (inside + flavours.len());
        let bar = progress::bar((runs * steps) as u64);
        let mut flags: [Option<String>; 3] = Default::default();
        for round in 1..=runs {
            let say = |who: &str, what: &str| bar.set_message(format!("run {round}: {who} {what}"));
            self.host(results, &bar, &say);
            for flavour in &flavours {
                for &(side, emulator) in emulators {
                    say(&emulator.name, "boots");
                    self.boot_only(*flavour, side, emulator, results)?;
                    bar.inc(1);
                }
            }
            for &(side, emulator) in emulators {
                if let Some(seen) = self.inside(side, emulator, results, &bar, &say)? {
                    flags[side as usize] = Some(seen);
                }
            }
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

    /// Every program on the host.
    fn host(&self, results: &mut Results, bar: &ProgressBar, say: &dyn Fn(&str, &str)) {
        for workload in self.workloads.iter().filter(|w| w.boots().is_none()) {
            bar.inc(1);
            say("host", workload.name);
            let (seconds, output) = time(|| self.programs.run(workload, self.scale));
            let sum = output.map(|text| text.trim().strip_prefix("checksum ").map(str::to_owned));
            match sum {
                Ok(Some(sum)) => results.sample(workload.name, Side::Host, seconds, &sum),
                // A host without AVX2 is no reason not to measure guests.
                Ok(None) => results.note(format!("{}: no checksum on the host", workload.name)),
                Err(error) => results.note(format!("{} does not run on the host: {error:#}", workload.name)),
            }
        }
    }

    fn boot_only(
        &self,
        flavour: Flavour,
        side: Side,
        emulator: &Emulator,
        results: &mut Results,
    ) -> Result<()> {
        let guest = Guest::empty(self.guests, flavour)?;
        let boot = boot(emulator, &guest, self.limit, |_| {})?;
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

    /// Every program in a guest; returns the CPU flags that the guest saw.
    fn inside(
        &self,
        side: Side,
        emulator: &Emulator,
        results: &mut Results,
        bar: &ProgressBar,
        say: &dyn Fn(&str, &str),
    ) -> Result<Option<String>> {
        let all = lines(self.workloads, self.scale);
        let mut rest = &all[..];
        let mut flags = None;
        while !rest.is_empty() {
            say(&emulator.name, "boots");
            let guest = Guest::with_programs(self.guests, &self.programs.root, rest)?;
            let boot = boot(emulator, &guest, self.limit, |name| {
                bar.inc(1);
                say(&emulator.name, name);
            })?;
            flags = boot.flags.clone().or(flags);
            let trouble = take(boot, side, emulator, results);
            let Some(during) = trouble else { break };
            let after = rest.iter().position(|(name, _)| *name == during);
            rest = &rest[after.map_or(rest.len(), |at| at + 1)..];
        }
        Ok(flags)
    }
}

/// Enters what a boot showed; returns the workload that it died in.
fn take(boot: Boot, side: Side, emulator: &Emulator, results: &mut Results) -> Option<String> {
    for lap in boot.laps {
        match (lap.status, lap.checksum) {
            (0, Some(sum)) => results.sample(&lap.name, side, lap.seconds, &sum),
            (0, None) => results.fail(format!("{} in {}: no checksum", lap.name, emulator.name)),
            (status, _) => results.fail(format!("{} in {}: exit status {status}", lap.name, emulator.name)),
        }
    }
    if let Some(kib) = boot.memory {
        results.memory[side as usize].push(kib as f64 / 1024.0);
    }
    let trouble = boot.trouble?;
    let place = match &trouble.during {
        Some(name) => format!("running {name}"),
        None => "between workloads".into(),
    };
    results.fail(format!("{}, {place}: {}", emulator.name, trouble.what));
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

    fn note(&mut self, line: String) {
        if !self.notes.contains(&line) {
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
        let emulator = Emulator {
            name: "reprise".into(),
            command: vec![],
        };
        let lap = |name: &str, status, checksum: Option<&str>| Lap {
            name: name.into(),
            seconds: 1.0,
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
            let died = take(boot, Side::Ours, &emulator, &mut results);
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
