//! Boot tests: real guests, what is typed at them, and what must come back.
//!
//! Each of the [`rows`] becomes a command line for the emulator, which runs with its console on pipes; the row's steps
//! talk to it, and watch its memory.

mod rows;

use crate::bench::memory;
use crate::console::Console;
use crate::guests::Guests;
use crate::{c_program, multiboot, progress};
use anyhow::{Context, Result, bail};
use rows::{Guest, KILLED, Part, RAM_MIB, ROWS, Row, Step, Time};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Host time after which a row counts as hung.
const LIMIT: Duration = Duration::from_secs(900);

/// Which rows, and how much of them.
#[derive(Default)]
pub struct Options {
    /// Rows whose name contains this.
    pub filter: String,
    /// Long counts, and rows that take long.
    pub long: bool,
    /// A built emulator, instead of building this tree's.
    pub reprise: Option<PathBuf>,
}

/// Runs the rows that `options` ask for, two at a time.
///
/// # Errors
/// A guest cannot be had, or a row fails.
pub fn run(workspace: &Path, reprise: &Path, options: &Options) -> Result<()> {
    let wanted = |row: &&Row| row.name.contains(&options.filter) && (options.long || !row.long);
    let rows: Vec<&Row> = ROWS.iter().filter(wanted).collect();
    let guests = Guests::open(workspace)?;
    let tests = guests.file("guest-tests");
    if rows.iter().any(|row| matches!(row.guest, Guest::Tests(..))) {
        c_program::compile(&workspace.join("xtask/guest-tests"), &tests, &[])?;
    }
    let commands = rows
        .iter()
        .map(|row| command(&guests, &tests, row, options.long))
        .collect::<Result<Vec<_>>>()?;
    let bar = progress::bar(rows.len() as u64);
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(index) else { break };
                    let result = if row.time == Time::CountedTwice {
                        repeat(reprise, &commands[index], row)
                    } else {
                        converse(reprise, &commands[index], row).map(drop)
                    };
                    match result {
                        Ok(()) => bar.suspend(|| println!("boot test {} ... ok", row.name)),
                        Err(error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            bar.suspend(|| println!("boot test {} ... FAILED\n{error:#}", row.name));
                        }
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed", rows.len() - failed);
    if failed > 0 {
        bail!("{failed} boot tests failed");
    }
    Ok(())
}

fn command(guests: &Guests, tests: &Path, row: &Row, long: bool) -> Result<Vec<String>> {
    let mut args: Vec<String> = vec!["-nographic".into(), "-monitor".into(), "none".into()];
    if row.time != Time::Host {
        args.extend(["-icount".into(), "shift=1,sleep=off".into()]);
    }
    let mut append = row.append.to_owned();
    let mut kernel = None;
    match row.guest {
        Guest::Linux(flavour, init) | Guest::Pvh(flavour, init) => {
            let image = guests.kernel(flavour)?;
            kernel = Some(match row.guest {
                Guest::Pvh(..) => guests.vmlinux(&image)?,
                _ => image,
            });
            let initrd = guests.initramfs(flavour, "report", init)?;
            args.extend(["-initrd".into(), initrd.to_string_lossy().into_owned()]);
            append = format!("console=ttyS0 panic=-1 {append}");
        }
        Guest::Tests(flavour, parts) => {
            kernel = Some(guests.kernel(flavour)?);
            let initrd = guests.bare_initramfs("guest-tests", &std::fs::read(tests)?)?;
            args.extend(["-initrd".into(), initrd.to_string_lossy().into_owned()]);
            // What is behind `--` goes to process 1. Messages would come between its lines.
            append = format!("console=ttyS0 panic=-1 loglevel=4 {append} --");
            for Part(name, count, long_count) in parts {
                append.push_str(&format!(" {name} {}", if long { long_count } else { count }));
            }
        }
        Guest::Multiboot => kernel = Some(guests.write("exit.elf", &multiboot::exit_kernel(0xf4, 0x21))?),
        Guest::Memtest(arch) => kernel = Some(guests.memtest(arch)?),
        Guest::Embedded => {}
        Guest::Seabios => {
            let bios = guests.seabios()?;
            args.extend(["-bios".into(), bios.to_string_lossy().into_owned()]);
        }
        Guest::Ovmf => {
            let (code, vars) = guests.ovmf()?;
            for (unit, file, readonly) in [(0, code, "on"), (1, vars, "off")] {
                let file = file.to_string_lossy();
                args.push("-drive".into());
                args.push(format!(
                    "if=pflash,format=raw,unit={unit},readonly={readonly},file={file}"
                ));
            }
        }
    }
    if let Some(kernel) = kernel {
        args.extend([
            "-kernel".into(),
            kernel.to_string_lossy().into_owned(),
            "-append".into(),
            append,
        ]);
    }
    args.extend(row.options.iter().map(|&o| o.to_owned()));
    Ok(args)
}

/// One run; everything printed, if the row runs to its end.
fn converse(reprise: &Path, args: &[String], row: &Row) -> Result<String> {
    let mut console = Console::start(reprise, args, LIMIT)?;
    let mut weight = None;
    for step in row.steps {
        match step {
            Step::Expect(text) => console.expect(text)?,
            Step::Send(text) => console.send(text)?,
            Step::Weigh => weight = Some(weigh(&console)?),
            Step::Flat(most) => {
                let (before, after) = (weight.context("nothing was weighed")?, weigh(&console)?);
                let grown = after.saturating_sub(before);
                if grown > *most {
                    bail!("memory grew by {grown} KiB, from {before} to {after}; {most} were allowed");
                }
            }
        }
    }
    if row.status == KILLED {
        return Ok(String::new());
    }
    let (status, output) = console.finish().context("after the last step")?;
    if status != row.status {
        bail!("exit status {status}, not {}\n{output}", row.status);
    }
    Ok(output)
}

/// The most memory that the emulator has had, without guest RAM, in KiB.
fn weigh(console: &Console) -> Result<u64> {
    memory::beyond_guest(console.pid(), RAM_MIB << 10).context("no guest RAM found in /proc")
}

/// Runs a row twice and compares every byte printed and the digests of CPU, memory and devices at the end.
fn repeat(reprise: &Path, args: &[String], row: &Row) -> Result<()> {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut args = args.to_vec();
        args.extend(["-d".into(), "digest".into()]);
        runs.push(converse(reprise, &args, row)?);
    }
    if !runs[0].contains("digest") {
        bail!("no digest was printed\n{}", runs[0]);
    }
    if let Some((a, b)) = runs[0].lines().zip(runs[1].lines()).find(|(a, b)| a != b) {
        bail!("two runs differ:\n{a}\n{b}");
    }
    Ok(())
}
