//! Programs in C for guests, from sources in the tree, by the host's compiler.
//!
//! They are static: a guest's initramfs needs nothing else.

use crate::progress;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// gcc over all sources in a directory into one static program, with `libraries`.
///
/// # Errors
/// No C compiler, or a source that does not compile.
pub fn compile(sources: &Path, program: &Path, libraries: &[&str]) -> Result<()> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(sources)
        .with_context(|| format!("looking into {}", sources.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    let step = progress::spinner("compiling programs for the guest");
    let output = Command::new("gcc")
        .args(["-O2", "-Wall", "-Wextra", "-static", "-std=gnu11", "-o"])
        .arg(program)
        .args(files)
        .args(libraries)
        .output();
    step.finish_and_clear();
    match output {
        Err(_) => bail!("no C compiler for the guest's programs: apt install gcc libc6-dev"),
        Ok(output) if !output.status.success() => bail!(
            "{} does not compile (gcc and libc6-dev are needed):\n{}",
            sources.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        Ok(_) => Ok(()),
    }
}
