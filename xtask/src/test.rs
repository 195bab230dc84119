//! `cargo xtask test`: everything CI checks, in the order in which mistakes are cheapest to find.

use crate::{boot, boot_tests, disk_test, gdb_test, lockstep, progress, replay_test, snapshots, tidy};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Crates with loom models of their lock-free protocols (`tests/loom.rs`).
const LOOM_CRATES: &[&str] = &["util-mainloop", "softmmu"];

/// Rows of `disk-test` that need no Debian of their own: each kind of disk, card and firmware once.
const DISK_ROWS: &[&str] = &[
    "busybox cloud raw virtio virtio-net-pci",
    "busybox 686-pae qcow2 virtio e1000",
    "busybox generic qcow2 scsi rtl8139",
    "recorded ide",
    "rescue cd",
    "floppy",
];

/// Runs all checks.
///
/// # Errors
/// The first check that fails.
pub fn test(workspace: &Path) -> Result<()> {
    install_linker()?;
    step("format", cargo(workspace, &["fmt", "--all", "--check"]))?;
    step("tidy", || tidy::tidy(workspace))?;
    step(
        "clippy",
        cargo(
            workspace,
            &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        ),
    )?;
    step(
        "unit and integration tests",
        cargo(workspace, &["test", "--workspace", "--all-targets"]),
    )?;
    step("doc tests", cargo(workspace, &["test", "--workspace", "--doc"]))?;
    step("documentation", document(workspace))?;
    for name in LOOM_CRATES {
        step(&format!("loom models of {name}"), loom(workspace, name))?;
    }
    step("engines in lockstep", || lockstep::short(workspace))?;
    step("snapshots along a boot", || snapshots::short(workspace))?;
    step("boot tests", || {
        let reprise = boot::build(workspace, true)?;
        boot_tests::run(workspace, &reprise, &boot_tests::Options::default())
    })?;
    step("recordings and their replays", || {
        let reprise = boot::build(workspace, true)?;
        replay_test::run(workspace, &reprise, &replay_test::Options::default())
    })?;
    step("disks, networks and firmware", || {
        let reprise = boot::build(workspace, true)?;
        let options = disk_test::Options {
            filters: DISK_ROWS.iter().map(|row| (*row).to_owned()).collect(),
            ..disk_test::Options::default()
        };
        disk_test::run(workspace, &reprise, &options)
    })?;
    step("gdb", || {
        let reprise = boot::build(workspace, true)?;
        gdb_test::run(workspace, &reprise, &boot_tests::Options::default())
    })?;
    println!("all checks passed");
    Ok(())
}

fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    progress::heading(name);
    run().with_context(|| format!("{name} failed"))
}

fn cargo<'a>(workspace: &'a Path, args: &'a [&'a str]) -> impl FnOnce() -> Result<()> + 'a {
    move || check(Command::new(env!("CARGO")).current_dir(workspace).args(args))
}

fn document(workspace: &Path) -> impl FnOnce() -> Result<()> + '_ {
    move || {
        check(
            Command::new(env!("CARGO"))
                .current_dir(workspace)
                .env("RUSTDOCFLAGS", "-D warnings")
                .args(["doc", "--workspace", "--no-deps"]),
        )
    }
}

fn loom<'a>(workspace: &'a Path, name: &'a str) -> impl FnOnce() -> Result<()> + 'a {
    move || {
        check(
            Command::new(env!("CARGO"))
                .current_dir(workspace)
                .env("RUSTFLAGS", "--cfg loom")
                .env("LOOM_MAX_PREEMPTIONS", "2")
                .args([
                    "test",
                    "--release",
                    "--target-dir",
                    "target/loom",
                    "--package",
                    name,
                    "--test",
                    "loom",
                ]),
        )
    }
}

/// Runs a command.
///
/// # Errors
/// It cannot be started, or fails.
pub fn check(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(())
}

/// Rust links through `cc`; a bare Debian has none.
fn install_linker() -> Result<()> {
    if Command::new("cc").arg("--version").output().is_ok() {
        return Ok(());
    }
    install(&["gcc", "libc6-dev"]).context("installing a linker")
}

/// Installs Debian packages. A machine that was just made has no lists of them yet.
///
/// # Errors
/// No permission, or no network.
pub fn install(packages: &[&str]) -> Result<()> {
    // A mirror may be mid-sync for one index of many: what came may do.
    if let Err(error) = check(Command::new("apt-get").arg("update")) {
        eprintln!("warning: apt-get update: {error:#}");
    }
    check(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

/// How much `fuzz-cpu` and `fuzz-readers` do.
pub struct FuzzOptions {
    /// How many times as many cases as in `test`.
    pub times: u64,
    /// First seed; the suite's own when not given.
    pub seed: Option<u64>,
}

/// Runs the differential suites against the host CPU with more cases than CI does, on every engine.
///
/// # Errors
/// A difference, or a host that cannot run the oracle.
pub fn fuzz_cpu(workspace: &Path, options: FuzzOptions) -> Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(workspace)
        .env("REPRISE_DIFF_SCALE", options.times.to_string());
    if let Some(seed) = options.seed {
        command.env("REPRISE_DIFF_SEED", seed.to_string());
    }
    let suites = ["diff_int", "diff_simd", "x87_host", "host_diff"];
    command.args([
        "test",
        "--release",
        "--package",
        "target-i386",
        "--package",
        "accel-tcg",
    ]);
    command.args(suites.into_iter().flat_map(|name| ["--test", name]));
    check(command.args(["--", "--nocapture"]))
}

/// Feeds made-up logs and snapshots to their readers, and states to a machine: more of them than CI does.
///
/// # Errors
/// A panic, or something that was read and makes no sense.
pub fn fuzz_readers(workspace: &Path, options: FuzzOptions) -> Result<()> {
    let run = |packages: &[&str], test: &str| {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(workspace)
            .env("REPRISE_FUZZ_TIMES", options.times.to_string())
            .args(["test", "--release", "--test", test]);
        if let Some(seed) = options.seed {
            command.env("REPRISE_FUZZ_SEED", seed.to_string());
        }
        command.args(packages.iter().flat_map(|name| ["--package", name]));
        check(command.args(["--", "--nocapture", "made_up"]))
    };
    run(&["replay", "migration"], "fuzz")?;
    run(&["machine"], "snapshots")
}
