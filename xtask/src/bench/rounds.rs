//! Runs everything once per round: the host, Reprise and the other emulator in turn, so that what slows the machine
//! down for a while slows them all down.
//!
//! A guest that hangs or dies in a workload costs that workload, not the round: it is booted again for the rest.

use super::clock::Clock;
use super::emulators;
use super::emulators::Emulator;
use super::guest::{Guest, on_host};
use super::measure::{self, Boot, Trouble};
use super::programs::{Line, lines};
use super::results::{Results, Row, Side};
use super::workloads::{What, Workload};
use crate::guests::{Flavour, Guests};
use crate::progress;
use anyhow::Result;
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

/// One of those who take turns.
struct Turn<'a> {
    side: Side,
    /// None: the host itself.
    emulator: Option<&'a Emulator>,
    name: String,
    /// What it hung or died in: not tried again, or each round would wait for the time limit.
    given_up: Vec<String>,
    /// CPU flags that its guest saw.
    flags: Option<String>,
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
        let host = (Side::Host, None);
        let mut turns: Vec<Turn<'_>> = std::iter::once(host)
            .chain(emulators.iter().map(|&(side, emulator)| (side, Some(emulator))))
            .map(|(side, emulator)| Turn {
                side,
                emulator,
                name: results.names[side as usize].clone(),
                given_up: vec![],
                flags: None,
            })
            .collect();
        let steps = turns.len() * lines.len() + emulators.len() * flavours.len();
        let bar = progress::bar((runs * steps) as u64);
        for round in 1..=runs {
            let say = |who: &str, what: &str| bar.set_message(format!("run {round}: {who} {what}"));
            for flavour in &flavours {
                for turn in &mut turns {
                    say(&turn.name, "boots");
                    self.boot(*flavour, turn, results)?;
                    bar.inc(u64::from(turn.emulator.is_some()));
                }
            }
            for turn in &mut turns {
                self.programs(turn, &lines, results, |who, what| {
                    bar.inc(1);
                    say(who, what);
                })?;
            }
            // What gets slower while it goes on must not always hit the same one.
            turns.reverse();
        }
        bar.finish_and_clear();
        let saw = |side| {
            let turn = turns.iter().find(|turn| turn.side == side)?;
            Some((turn.name.as_str(), turn.flags.as_deref()?))
        };
        if let (Some(ours), Some(theirs)) = (saw(Side::Ours), saw(Side::Theirs)) {
            results.notes.extend(emulators::differences(ours, theirs));
        }
        Ok(())
    }

    /// A kernel that starts and powers off.
    fn boot(&self, flavour: Flavour, turn: &mut Turn<'_>, results: &mut Results) -> Result<()> {
        let (Some(emulator), what) = (turn.emulator, format!("booting {flavour:?}")) else {
            return Ok(());
        };
        if turn.given_up.contains(&what) {
            return Ok(());
        }
        let guest = Guest::empty(self.guests, flavour)?;
        let boot = measure::run(&emulator.with(&guest), self.clock, self.limit, |_| {})?;
        if let Some(trouble) = boot.trouble {
            results.fail(format!("{}, {what}: {}", turn.name, trouble.what));
            turn.given_up.push(what);
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
            row.seconds[turn.side as usize].extend(seconds);
        }
        Ok(())
    }

    /// Every program, in a guest or on the host.
    fn programs(
        &self,
        turn: &mut Turn<'_>,
        lines: &[Line<'_>],
        results: &mut Results,
        progress: impl Fn(&str, &str),
    ) -> Result<()> {
        let mut rest: Vec<&Line<'_>> = lines
            .iter()
            .filter(|line| !turn.given_up.iter().any(|name| name == line.name))
            .collect();
        while !rest.is_empty() {
            let command = match turn.emulator {
                None => on_host(self.tree, &rest),
                Some(emulator) => emulator.with(&Guest::with_programs(self.guests, self.tree, &rest)?),
            };
            // The shell that starts programs on the host uses no time of its own.
            let clock = turn.emulator.map_or(Clock::Wall, |_| self.clock);
            let boot = measure::run(&command, clock, self.limit, |workload| {
                progress(&turn.name, workload);
            })?;
            turn.flags = boot.flags.clone().or(turn.flags.take());
            let began = !boot.laps.is_empty();
            let Some(trouble) = take(boot, turn.side, self.clock, results) else {
                break;
            };
            match trouble.during {
                Some(during) => {
                    let after = rest.iter().position(|line| line.name == during);
                    rest.drain(..after.map_or(rest.len(), |at| at + 1));
                    turn.given_up.push(during);
                }
                None if began => break,
                // Not even the first workload: it will not get further the next time.
                None => turn
                    .given_up
                    .extend(rest.drain(..).map(|line| line.name.to_owned())),
            }
        }
        Ok(())
    }
}

/// Enters what a run showed; returns how it ended, if not well.
fn take(boot: Boot, side: Side, clock: Clock, results: &mut Results) -> Option<Trouble> {
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
        Some(name) => format!("running {name} (not tried again)"),
        None => "outside of workloads".into(),
    };
    results.wrong(side, format!("{who}, {place}: {}", trouble.what));
    Some(trouble)
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
    use super::super::measure::Lap;
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
            assert_eq!(died.unwrap().during.as_deref(), Some("calls"));
        }
        results.sample("lz", Side::Theirs, 1.0, "2f");
        let expected = [
            "sort in reprise: exit status 139",
            "pipe in reprise: no checksum",
            "reprise, running calls (not tried again): no progress for 9 s",
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
