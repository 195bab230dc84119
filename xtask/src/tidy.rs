//! `cargo xtask tidy`: what a person forgets. Each rule is one function over the tree.
//!
//! Rules: layers point downward, every source file starts with a `//!` header, `unsafe` stays in the crates that
//! may use it and each module that does says why, nothing is called "manager" or "utils".

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Crates from the bottom up; a crate may depend on those of lower rank only (same rank: not at all).
const LAYERS: &[(&str, u32)] = &[
    ("util-mainloop", 0),
    ("softfloat", 0),
    ("host-oracle", 0),
    ("embedded-guest", 0),
    ("migration", 0),
    ("softmmu", 1),
    ("replay", 1),
    ("target-i386", 2),
    ("chardev", 2),
    ("monitor", 2),
    ("gdb-server", 2),
    ("qmp", 2),
    ("hw-core", 2),
    ("block", 2),
    ("net", 2),
    ("ui", 3),
    ("accel-tcg", 3),
    ("hw-pci", 3),
    ("hw-storage", 4),
    ("hw-net", 4),
    ("hw-display", 4),
    ("hw-virtio", 5),
    ("hw-i386", 6),
    ("machine", 7),
    ("cli", 8),
];

/// Source directories where `unsafe` may appear, in modules that allow it with a reason.
const UNSAFE_ALLOWED: &[&str] = &[
    "crates/softmmu/",
    "crates/accel-tcg/",
    "crates/target-i386/src/clif/",
    "crates/target-i386/src/jit/",
    "crates/host-oracle/",
    "crates/util-mainloop/src/",
    "crates/embedded-guest/guest/",
];

/// File stems that name no responsibility.
const VAGUE_NAMES: &[&str] = &["manager", "utils", "util", "misc", "helpers", "common"];

/// Checks the whole tree and lists every finding.
///
/// # Errors
/// There are findings.
pub fn tidy(workspace: &Path) -> Result<()> {
    let mut findings = layering(workspace)?;
    for file in sources(workspace)? {
        let text = std::fs::read_to_string(&file)?;
        let name = file.strip_prefix(workspace)?.to_string_lossy().into_owned();
        findings.extend(header(&name, &text));
        findings.extend(unsafe_places(&name, &text));
        findings.extend(vague_name(&file, &name));
    }
    if findings.is_empty() {
        println!("tidy: ok");
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("{} findings", findings.len());
}

fn layering(workspace: &Path) -> Result<Vec<String>> {
    let rank = |name: &str| LAYERS.iter().find(|(n, _)| *n == name).map(|(_, rank)| *rank);
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(workspace.join("crates"))? {
        let dir = entry?.path();
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(own) = rank(&name) else {
            findings.push(format!("{name}: give the crate a rank in xtask/src/tidy.rs"));
            continue;
        };
        if !dir.join("README.md").exists() {
            findings.push(format!("{name}: no README.md"));
        }
        let manifest = std::fs::read_to_string(dir.join("Cargo.toml"))?;
        let mut dependencies = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                dependencies = line.contains("dependencies]") && !line.contains("dev-");
            } else if let (true, Some((dep, _))) = (dependencies, line.split_once(['.', ' ', '=']))
                && rank(dep).is_some_and(|other| other >= own)
            {
                findings.push(format!("{name}: depends upward on {dep}"));
            }
        }
    }
    Ok(findings)
}

fn header(name: &str, text: &str) -> Option<String> {
    // A crate may take its README for a header.
    if text.starts_with("#![doc = include_str!(") {
        return None;
    }
    let first = text
        .lines()
        .find(|l| !l.trim().is_empty() && !l.starts_with("#!["))?;
    (!first.starts_with("//!")).then(|| format!("{name}: starts without a `//!` header"))
}

fn unsafe_places(name: &str, text: &str) -> Option<String> {
    let keyword = concat!("un", "safe");
    let uses = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .any(|code| {
            [" {", " fn ", " impl ", " extern "]
                .iter()
                .any(|after| code.contains(&format!("{keyword}{after}")))
        });
    if !uses || UNSAFE_ALLOWED.iter().any(|dir| name.starts_with(dir)) || name.contains("/tests/") {
        return None;
    }
    Some(format!("{name}: {keyword} outside the crates that may use it"))
}

fn vague_name(file: &Path, name: &str) -> Option<String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    VAGUE_NAMES
        .contains(&stem.as_ref())
        .then(|| format!("{name}: a name that states no responsibility"))
}

fn sources(workspace: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut dirs = vec![workspace.join("crates"), workspace.join("xtask")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|n| n != "target") {
                    dirs.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_can_fail() {
        assert!(header("a.rs", "fn main() {}\n").is_some());
        assert!(header("a.rs", "//! Says what it is.\n").is_none());
        let code = concat!("let x = un", "safe { f() };");
        assert!(unsafe_places("crates/hw-i386/src/a.rs", code).is_some());
        assert!(unsafe_places("crates/softmmu/src/a.rs", code).is_none());
        assert!(vague_name(Path::new("x/utils.rs"), "x/utils.rs").is_some());
    }
}
