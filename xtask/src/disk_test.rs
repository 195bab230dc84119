//! `cargo xtask disk-test`: guests from disks, CDs, floppies and firmware; networks; disks that outlive a killed emulator.
//!
//! Each of the [`rows`] becomes a command line in QEMU's language, so that the same row proves the guest under QEMU
//! (`--qemu`) and the emulator under Reprise. Guests and test talk over the serial console, a web server on loopback
//! ([`server`]) and ssh; images are looked at from outside afterwards.

mod busybox;
mod debian;
mod firmware;
mod kill;
mod rows;
mod scratch;
mod server;

use crate::console::Console;
use crate::guests::Guests;
use crate::progress;
use anyhow::{Context, Result, bail, ensure};
use rows::{Guest, Row};
use scratch::Scratch;
use server::Server;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Host time after which a row counts as hung.
const LIMIT: Duration = Duration::from_secs(900);

/// What all machines have in common.
const COMMON: &str = "-nographic -monitor none -no-reboot -m 512";

/// Which rows, and under what.
#[derive(Default)]
pub struct Options {
    /// Rows whose name contains one of these; all when there are none.
    pub filters: Vec<String>,
    /// All combinations of disk, image format, architecture and boot.
    pub long: bool,
    /// A built emulator, instead of building this tree's.
    pub reprise: Option<PathBuf>,
    /// QEMU instead.
    pub qemu: bool,
    /// Only make the images of the rows.
    pub make: bool,
    /// Show what the guest prints.
    pub verbose: bool,
}

/// What the rows of a run share.
pub struct Test<'a> {
    pub emulator: &'a Path,
    pub guests: Guests,
    pub server: Server,
    /// For images that a row may write to.
    pub place: PathBuf,
    pub verbose: bool,
    /// Whether the emulator is ours.
    pub is_ours: bool,
}

/// Runs the rows that `options` ask for, one after the other.
///
/// # Errors
/// A row fails, or no row has that name.
pub fn run(workspace: &Path, emulator: &Path, options: &Options) -> Result<()> {
    let rows = chosen(options);
    ensure!(
        !rows.is_empty(),
        "no row's name contains '{}'",
        options.filters.join("' or '")
    );
    let place = workspace.join("target/disk-test");
    std::fs::create_dir_all(&place).context("making target/disk-test")?;
    let test = Test {
        emulator,
        guests: Guests::open(workspace)?,
        server: Server::start(&place)?,
        place,
        verbose: options.verbose,
        is_ours: !options.qemu,
    };
    let bar = progress::bar(rows.len() as u64);
    let mut failed = 0;
    for row in &rows {
        bar.set_message(row.name.clone());
        #[allow(clippy::disallowed_methods)] // xtask watches over processes on the host's clock.
        let start = Instant::now();
        let result = if options.make {
            test.make(row.guest)
        } else {
            test.row(row)
        };
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => bar.suspend(|| println!("disk test {} ... ok ({seconds:.1} s)", row.name)),
            Err(error) => {
                failed += 1;
                bar.suspend(|| println!("disk test {} ... FAILED ({seconds:.1} s)\n{error:#}", row.name));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{} passed, {failed} failed", rows.len() - failed);
    if failed > 0 {
        bail!("{failed} disk tests failed");
    }
    Ok(())
}

/// A row named in full runs without `--long`, too.
fn chosen(options: &Options) -> Vec<Row> {
    rows::rows()
        .into_iter()
        .filter(|row| {
            let named = options.filters.iter().any(|filter| row.name.contains(filter));
            let exactly = options.filters.contains(&row.name);
            (named || options.filters.is_empty()) && (options.long || exactly || !row.long)
        })
        .collect()
}

impl Test<'_> {
    /// Runs a row; its images are gone afterwards, if it went well.
    fn row(&self, row: &Row) -> Result<()> {
        let scratch = Scratch::new(&self.place, &row.name)?;
        match row.guest {
            Guest::Busybox(guest) => busybox::run(self, guest, &scratch),
            Guest::Recorded(guest) => busybox::recorded(self, guest, &scratch),
            Guest::Debian(guest) => debian::run(self, guest, &scratch),
            Guest::Kill(format) => kill::run(self, format, &scratch),
            Guest::Prints(guest) => firmware::run(self, guest, &scratch),
        }
        .with_context(|| format!("images are in {}", scratch.dir().display()))?;
        scratch.remove()
    }

    /// Makes what a row boots.
    fn make(&self, guest: Guest) -> Result<()> {
        match guest {
            Guest::Busybox(guest) | Guest::Recorded(guest) => busybox::boot(&self.guests, guest).map(drop),
            Guest::Debian(guest) => crate::images::debian::debian(&self.guests, guest.arch).map(drop),
            Guest::Kill(_) => {
                crate::images::debian::debian(&self.guests, crate::images::debian::Arch::Amd64).map(drop)
            }
            Guest::Prints(guest) => {
                let scratch = Scratch::new(&self.place, "make")?;
                firmware::machine(self, guest, &scratch)?;
                scratch.remove()
            }
        }
    }

    /// Starts the emulator with what all rows have in common: a serial console, no window, an end instead of a reset.
    fn start(&self, args: &[String]) -> Result<Console> {
        let mut all = words(COMMON);
        all.extend(args.iter().cloned());
        self.console(&all)
    }

    /// Starts the emulator.
    fn console(&self, all: &[String]) -> Result<Console> {
        if self.verbose {
            println!("{} {}", self.emulator.display(), all.join(" "));
        }
        let mut console = Console::start(self.emulator, all, LIMIT)?;
        console.show(self.verbose);
        Ok(console)
    }
}

/// Options as a command line has them.
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
