//! `cargo xtask bench`: the same guests in Reprise and in QEMU's TCG, alternately, and the same programs on the host.
//!
//! Machines are shared and noisy: what counts is the ratio within one run, never an absolute time. Data flows from the
//! table in [`workloads`] through [`programs`] and [`guest`] into [`rounds`] of [`measure`]d boots, and from
//! [`results`] into a text and a page below `target/bench/`. Adding a workload: a C file and its row in
//! `xtask/workloads/main.c`, and a row in [`workloads::WORKLOADS`].

mod chart;
mod clock;
pub mod emulators;
mod guest;
mod measure;
pub mod memory;
mod page;
mod programs;
mod report;
mod results;
mod rounds;
pub mod statistics;
mod workloads;

use crate::boot;
use crate::guests::Guests;
use anyhow::{Result, bail};
use clock::Clock;
use results::{Results, Side};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the command line asked for.
pub struct Options {
    /// Rounds.
    pub runs: usize,
    /// Names of workloads; all, if empty.
    pub only: Vec<String>,
    /// Names of families; all, if empty.
    pub families: Vec<String>,
    /// Options for Reprise.
    pub reprise_args: Vec<String>,
    /// A built emulator, instead of building this tree's.
    pub reprise: Option<PathBuf>,
    /// Another command to compare with, or `none`.
    pub against: Option<String>,
    /// Factor for all iteration counts.
    pub scale: f64,
    /// Compare CPU time, not time on the wall.
    pub cpu_time: bool,
    /// Seconds after which a guest that makes no progress is given up.
    pub limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            runs: 5,
            only: vec![],
            families: vec![],
            reprise_args: vec![],
            reprise: None,
            against: None,
            scale: 1.0,
            cpu_time: false,
            limit: 300,
        }
    }
}

/// Measures, prints the table and writes the report.
///
/// # Errors
/// A guest cannot be had, an emulator does not start, or a workload failed in a guest (after the report).
pub fn bench(workspace: &Path, options: &Options) -> Result<()> {
    if options.runs == 0 || options.limit == 0 || !(options.scale > 0.0 && options.scale.is_finite()) {
        bail!("--runs, --limit and --scale want numbers above 0");
    }
    let mut workloads = workloads::select(&options.only, &options.families)?;
    let rival = emulators::rival(options.against.as_deref())?;
    let guests = Guests::open(workspace)?;
    let tree = std::path::absolute(workspace.join("target/bench/root"))?;
    let missing = programs::prepare(workspace, &tree, guests.packages(), &workloads, options.scale)?;
    if missing.is_some() {
        workloads.retain(|workload| !workload.is_packaged());
    }
    let program = match &options.reprise {
        Some(program) => program.clone(),
        None => boot::build(workspace, true)?,
    };
    let reprise = emulators::reprise(&program, &options.reprise_args);
    let mut sides = vec![(Side::Ours, &reprise)];
    sides.extend(rival.as_ref().map(|rival| (Side::Theirs, rival)));

    let both: Vec<_> = sides.iter().map(|(_, emulator)| *emulator).collect();
    let theirs = rival.as_ref().map_or("nothing", |rival| rival.name.as_str());
    let mut results = Results {
        rows: vec![],
        names: ["host", &reprise.name, theirs].map(String::from),
        about: emulators::about(&both, options.runs, options.scale),
        memory: Default::default(),
        notes: missing
            .map(|why| format!("python and tcc are left out: {why}"))
            .into_iter()
            .collect(),
        failures: vec![],
    };
    if rival.is_none() && options.against.is_none() {
        results
            .notes
            .push("QEMU is not installed: nothing to compare with".into());
    }
    if options.cpu_time {
        let what = "times are CPU time of the process, all threads; the yardstick is time on the wall";
        results.notes.push(what.into());
    }
    let rounds = rounds::Rounds {
        guests: &guests,
        tree: &tree,
        workloads: &workloads,
        scale: options.scale,
        clock: if options.cpu_time { Clock::Cpu } else { Clock::Wall },
        limit: Duration::from_secs(options.limit),
    };
    rounds.run(options.runs, &sides, &mut results)?;

    let dir = workspace.join("target/bench");
    let text = report::text(&results);
    std::fs::write(dir.join("report.txt"), &text)?;
    std::fs::write(dir.join("report.html"), page::html(&results))?;
    print!("{text}");
    println!("written: target/bench/report.txt, target/bench/report.html");
    if !results.failures.is_empty() {
        bail!("{} failures in guests, see above", results.failures.len());
    }
    Ok(())
}
