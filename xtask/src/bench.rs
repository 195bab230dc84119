//! `cargo xtask bench`: the same Debian boot in Reprise and in QEMU's TCG, alternately, medians and ratio.
//!
//! Machines are shared and noisy: what counts is the ratio within one run, never an absolute time. Both emulators
//! get the same kernel, initramfs, memory size and a CPU called `max`.

use crate::guests::{Flavour, Guests};
use crate::{boot, progress};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Switches off as soon as userspace runs.
const INIT: &str = "\
#!/bin/sh
/bin/busybox poweroff -f
";

const QEMU: &str = "qemu-system-x86_64";

/// Runs `runs` boots of each emulator and prints the table.
///
/// # Errors
/// A guest cannot be had, or an emulator fails.
pub fn bench(workspace: &Path, runs: usize) -> Result<()> {
    let guests = Guests::open(workspace)?;
    let kernel = guests.kernel(Flavour::Cloud)?;
    let initrd = guests.initramfs(Flavour::Cloud, "poweroff", INIT)?;
    let reprise = boot::build(workspace, true)?;
    let guest = |command: &mut Command| {
        command.arg("-kernel").arg(&kernel).arg("-initrd").arg(&initrd);
        command.args([
            "-append",
            "console=ttyS0 panic=-1",
            "-m",
            "512",
            "-nographic",
            "-no-reboot",
            "-cpu",
            "max",
        ]);
    };
    let has_qemu = Command::new(QEMU)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let bar = progress::bar(runs as u64 * if has_qemu { 2 } else { 1 });
    for _ in 0..runs {
        let mut command = Command::new(&reprise);
        guest(&mut command);
        ours.push(time(&mut command).context("reprise")?);
        bar.inc(1);
        if has_qemu {
            let mut command = Command::new(QEMU);
            guest(command.args(["-accel", "tcg", "-nic", "none"]));
            theirs.push(time(&mut command).context(QEMU)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    println!(
        "{:<28} {:>8} {:>8} {:>8}",
        "cloud kernel to power-off", "median", "fastest", "slowest"
    );
    row("reprise (interpreter)", &mut ours);
    if has_qemu {
        row("qemu, tcg", &mut theirs);
        let ratio = median(&ours).as_secs_f64() / median(&theirs).as_secs_f64();
        println!("reprise takes {ratio:.2} times as long");
    } else {
        println!("{QEMU} is not installed: nothing to compare with");
    }
    Ok(())
}

#[allow(clippy::disallowed_methods)] // a bench measures host time
fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let elapsed = start.elapsed();
    if !output.status.success() || !String::from_utf8_lossy(&output.stdout).contains("Power down") {
        bail!(
            "the guest did not power off: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(elapsed)
}

/// The middle of sorted times.
fn median(times: &[Duration]) -> Duration {
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn row(name: &str, times: &mut [Duration]) {
    times.sort();
    let seconds = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64);
    println!(
        "{name:<28} {:>7.2}s {:>7.2}s {:>7.2}s",
        median(times).as_secs_f64(),
        seconds(times.first()),
        seconds(times.last())
    );
}
