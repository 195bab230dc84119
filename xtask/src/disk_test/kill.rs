//! Crash safety: a guest writes records, the emulator is killed as nothing else is; what the guest was told to be on the
//! disk is on it.

use super::rows::{Bus, Format};
use super::{Scratch, Test, debian::direct};
use crate::guests::Flavour;
use crate::images::debian::{Arch, debian};
use crate::images::tool;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

/// Records after which the emulator is killed, once each.
const KILLED_AFTER: [u32; 2] = [40, 150];
/// Distance of records on the disk.
const APART: u64 = 64 << 10;
const RECORD: usize = 512;

/// Runs it.
///
/// # Errors
/// The guest does not write, the image is damaged, or a record is missing.
pub fn run(test: &Test, format: Format, scratch: &Scratch) -> Result<()> {
    let debian = debian(&test.guests, Arch::Amd64)?;
    let root = debian.raw();
    for records in KILLED_AFTER {
        let image = scratch.empty("records", format.name(), "1G")?;
        let mut args = Bus::Virtio.drive(0, &root, "raw");
        // The system is only read: its image is the one that all rows copy.
        args[1].push_str(",readonly=on");
        args.extend(Bus::Virtio.drive(1, &image, format.name()));
        let mut boot = direct(&debian, Flavour::Cloud, "vda");
        boot.last_mut()
            .context("a command line")?
            .push_str(" init=/usr/local/bin/write-records records=/dev/vdb");
        args.extend(boot);
        args.extend(["-nic".into(), "none".into()]);
        let mut console = test.start(&args)?;
        console.expect(&format!("on disk: {records}\r\n"))?;
        let transcript = console.kill()?;
        let last = acknowledged(&transcript).context("no record was written")?;
        ensure!(last >= records, "the guest said {records}, then {last} at most");
        check(&image, format, last, scratch)
            .with_context(|| format!("killed after record {last} was on the disk"))?;
    }
    Ok(())
}

/// The last record that the guest printed the whole line of.
fn acknowledged(transcript: &str) -> Option<u32> {
    transcript
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| line.trim().strip_prefix("on disk: ")?.parse().ok())
        .next_back()
}

fn check(image: &Path, format: Format, last: u32, scratch: &Scratch) -> Result<()> {
    let mut raw = image.to_owned();
    if format != Format::Raw {
        image_is_sound(image)?;
        raw = scratch.file("records.raw");
        tool(
            Command::new("qemu-img")
                .args(["convert", "-f", "qcow2", "-O", "raw"])
                .arg(image)
                .arg(&raw),
        )?;
    }
    let disk = File::open(raw)?;
    for number in 0..=last {
        let mut found = [0; RECORD];
        disk.read_exact_at(&mut found, u64::from(number) * APART)?;
        ensure!(found[..] == *record(number), "record {number} is not there");
    }
    Ok(())
}

/// Clusters that nothing refers to are space lost, not data: a killed writer may leave them.
fn image_is_sound(image: &Path) -> Result<()> {
    const ONLY_LEAKS: i32 = 3;
    let output = Command::new("qemu-img").arg("check").arg(image).output()?;
    ensure!(
        output.status.success() || output.status.code() == Some(ONLY_LEAKS),
        "qemu-img check: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// As `write-records` writes it.
fn record(number: u32) -> Vec<u8> {
    format!("rec {number:011}\n").repeat(RECORD / 16).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_acknowledged() {
        assert_eq!(acknowledged("on disk: 1\r\non disk: 2\r\non disk: 34"), Some(2));
        assert_eq!(acknowledged("on disk:"), None);
    }

    #[test]
    fn a_record_is_a_sector() {
        assert_eq!(record(7).len(), RECORD);
        assert!(record(7).starts_with(b"rec 00000000007\nrec"));
    }
}
