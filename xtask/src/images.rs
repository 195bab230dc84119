//! Disks, CDs and floppies that guests boot from, made here from Debian's packages and kept below `guests/`.
//!
//! A recipe is the text of everything that decides what an image holds. It is written beside the image; an image whose
//! recipe reads otherwise is made anew. What exists under its name is complete: images are made beside, then renamed.

pub mod boot_sector;
pub mod debian;
pub mod efi;
pub mod grub;
pub mod modules;

use crate::progress;
use crate::test::install;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes in a sector of a disk.
pub const SECTOR: usize = 512;

/// Makes `guests/NAME` (a file or a directory) unless it is there and was made by the same recipe.
///
/// # Errors
/// It cannot be made.
pub fn made(
    path: &Path,
    recipe: &str,
    make: impl FnOnce(&Path, &progress::Step) -> Result<()>,
) -> Result<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        path.with_file_name(name)
    };
    let (stamp, partial) = (beside(".recipe"), beside(".partial"));
    if path.exists() && std::fs::read_to_string(&stamp).is_ok_and(|text| text == recipe) {
        return Ok(path.to_owned());
    }
    remove(&partial)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let step = progress::step(&name);
    make(&partial, &step).with_context(|| format!("making {name}"))?;
    remove(path)?;
    std::fs::rename(&partial, path)?;
    std::fs::write(&stamp, recipe)?;
    Ok(path.to_owned())
}

/// Removes a file or a tree, if it is there.
fn remove(path: &Path) -> Result<()> {
    let done = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    done.with_context(|| format!("removing {}", path.display()))
}

/// Runs a tool; its words are shown only when it fails. Returns what it printed.
///
/// # Errors
/// It cannot be started, or fails.
pub fn tool(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("LC_ALL", "C")
        .output()
        .with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed: {}\n{}{}",
            output.status,
            last_lines(&output.stdout),
            last_lines(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As much of a tool's words as a person wants to read.
fn last_lines(bytes: &[u8]) -> String {
    const SHOWN: usize = 15;
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..]
        .iter()
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Installs those of `packages` that are missing; each comes with a file by which it is known to be there.
///
/// # Errors
/// One of them cannot be installed.
pub fn need(packages: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|&(package, _)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing).with_context(|| format!("installing {}", missing.join(", ")))
}

/// Packages that make images of disks, and check them.
pub const DISK_TOOLS: &[(&str, &str)] = &[("qemu-utils", "/usr/bin/qemu-img"), ("e2fsprogs", "/sbin/mke2fs")];
