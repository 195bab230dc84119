//! `cargo xtask boot`: a Debian kernel to an interactive busybox shell, in one command.

use crate::guests::{Flavour, Guests, SHELL_INIT};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the command line asked for.
#[derive(Default)]
pub struct Options {
    /// Debian flavour; the cloud kernel when not given.
    pub flavour: Option<String>,
    /// A kernel file instead of Debian's.
    pub kernel: Option<PathBuf>,
    /// An initrd file instead of the busybox initramfs.
    pub initrd: Option<PathBuf>,
    /// Added to the kernel command line.
    pub append: String,
    /// Passed on to the emulator, after `--`.
    pub rest: Vec<String>,
}

/// Fetches what is missing, builds the emulator and boots.
///
/// # Errors
/// Something cannot be fetched or built, or the emulator ends with a failure.
pub fn boot(workspace: &Path, options: Options) -> Result<()> {
    let flavour = match &options.flavour {
        None => Flavour::Cloud,
        Some(name) => {
            Flavour::parse(name).with_context(|| format!("no flavour '{name}': cloud, generic or 686-pae"))?
        }
    };
    let guests = || {
        Guests::open(workspace).context(
            "Debian packages cannot be had here; pass two files yourself \
             (cargo xtask boot --kernel BZIMAGE --initrd INITRD)",
        )
    };
    let kernel = match options.kernel {
        Some(file) => file,
        None => guests()?.kernel(flavour)?,
    };
    let initrd = match options.initrd {
        Some(file) => file,
        None => guests()?.initramfs(flavour, "shell", SHELL_INIT)?,
    };
    let reprise = build(workspace, true)?;
    let append = format!("console=ttyS0 {}", options.append);
    let status = Command::new(reprise)
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", append.trim()])
        .args(options.rest)
        .status()?;
    if !status.success() {
        bail!("reprise ended with {status}");
    }
    Ok(())
}

/// Builds the emulator and returns its path.
///
/// # Errors
/// It does not build.
pub fn build(workspace: &Path, release: bool) -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace).args(["build", "--package", "cli"]);
    if release {
        cargo.arg("--release");
    }
    if !cargo.status()?.success() {
        bail!("the emulator does not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    Ok(target
        .join(if release { "release" } else { "debug" })
        .join("reprise"))
}
