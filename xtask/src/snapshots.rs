//! `cargo xtask snapshots`: a series of snapshots along a Debian boot and a workload; what they cost, and whether the
//! guest goes on from each of them as it did the first time.
//!
//! This fetches the guest; the rest is the example `snapshots` of crate `machine`. The checks of every day run [`short`].

use crate::guests::{Flavour, Guests};
use crate::lockstep;
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// Along a whole life of the guest, every 50 million instructions; `options` go to the example.
///
/// # Errors
/// Something cannot be fetched or built, or a restored guest is another one.
pub fn snapshots(workspace: &Path, options: Vec<String>) -> Result<()> {
    run(workspace, &["--release"], &["--number", "24"], options)
}

/// Along the first part of a boot, with the program that the other tests have built.
///
/// # Errors
/// As [`snapshots`].
pub fn short(workspace: &Path) -> Result<()> {
    run(
        workspace,
        &[],
        &["--number", "5", "--every", "40000000"],
        Vec::new(),
    )
}

fn run(workspace: &Path, profile: &[&str], defaults: &[&str], options: Vec<String>) -> Result<()> {
    let guests = Guests::open(workspace)?;
    let kernel = guests.kernel(Flavour::Cloud)?;
    let initrd = lockstep::initrd(&guests, Flavour::Cloud, lockstep::WORKLOAD)?;
    let status = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .arg("run")
        .args(profile)
        .args(["--package", "machine", "--example", "snapshots", "--"])
        .args(["--append", "console=ttyS0 panic=-1", "--kernel"])
        .arg(kernel)
        .arg("--initrd")
        .arg(initrd)
        .args(defaults)
        .args(options)
        .status()?;
    if !status.success() {
        bail!("a restored guest is another one ({status})");
    }
    Ok(())
}
