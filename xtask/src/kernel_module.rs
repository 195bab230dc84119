//! Kernel modules for guests, from a source in the tree, by the host's compiler and without the kernel's headers.
//!
//! What only the headers would tell (the size of `struct module`, and where its pointer to `init_module` is) is read off a
//! module of the same kernel's package. Debian's kernels take modules that tell no versions (`MODULE_FORCE_LOAD`).

use crate::guests::{Flavour, Guests};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

const THIS_MODULE: &str = ".gnu.linkonce.this_module";

/// The module made of `source`, to be loaded into the kernel of that flavour.
///
/// # Errors
/// No compiler, a source that does not compile, or a kernel without modules.
pub fn build(guests: &Guests, flavour: Flavour, source: &Path) -> Result<Vec<u8>> {
    let kernel = guests.kernel(flavour)?;
    let package = kernel
        .parent()
        .and_then(Path::parent)
        .context("a kernel's package")?;
    let model = first_module(&package.join("lib/modules"))?.context("the kernel's package has no modules")?;
    let (size, init_at) = layout(&model)?;
    let object = guests.file("module.o");
    let output = Command::new("gcc")
        .args(["-c", "-O1", "-Wall", "-Wextra", "-std=gnu11", "-ffreestanding"])
        .args([
            "-mcmodel=kernel",
            "-mno-red-zone",
            "-mgeneral-regs-only",
            "-fno-pic",
        ])
        .args([
            "-fno-stack-protector",
            "-fno-asynchronous-unwind-tables",
            "-fcf-protection=none",
        ])
        .arg(format!("-DMODULE_SIZE=\"{size}\""))
        .arg(format!("-DINIT_AT=\"{init_at}\""))
        .arg(source)
        .arg("-o")
        .arg(&object)
        .output()
        .context("no C compiler for a module: apt install gcc")?;
    ensure!(
        output.status.success(),
        "{} does not compile:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let module = std::fs::read(&object)?;
    std::fs::remove_file(&object)?;
    Ok(module)
}

/// A module somewhere below `dir`.
fn first_module(dir: &Path) -> Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        // Packages link to headers, which are not unpacked.
        if path.is_dir() && !path.is_symlink() {
            if let Some(found) = first_module(&path)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Bytes of `struct module`, and the offset of `init` in it, as numbers for C.
fn layout(module: &Path) -> Result<(String, String)> {
    let readelf = |what: &str| -> Result<String> {
        let output = Command::new("readelf")
            .args(["-W", what])
            .arg(module)
            .output()
            .context("no readelf: apt install binutils")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // `[38] NAME TYPE ADDRESS OFFSET SIZE ...`
    let sections = readelf("-S")?;
    let size = sections
        .lines()
        .filter_map(|line| line.split_once("] ")?.1.strip_prefix(THIS_MODULE))
        .find_map(|rest| rest.split_whitespace().nth(3));
    // Below the section's heading: `OFFSET INFO TYPE VALUE init_module + 0`
    let relocations = readelf("-r")?;
    let init = relocations
        .split_once(&format!("'.rela{THIS_MODULE}'"))
        .and_then(|(_, rest)| rest.lines().find(|line| line.contains("init_module")))
        .and_then(|line| line.split_whitespace().next());
    let number = |hex: Option<&str>| -> Result<String> {
        let hex = hex.with_context(|| format!("{} is no kernel module", module.display()))?;
        Ok(u64::from_str_radix(hex, 16)?.to_string())
    };
    Ok((number(size)?, number(init)?))
}
