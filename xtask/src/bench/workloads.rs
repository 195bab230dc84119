//! The table of what is measured: families with their floors and aims, workloads with their counts.
//!
//! Data flows from the command line through [`select`] to the rest of the bench. Counts are chosen so that a workload
//! takes one to two seconds in QEMU's TCG on a server CPU; `--scale` multiplies them all.

use crate::guests::Flavour;
use anyhow::{Result, bail};

/// Workloads that are judged together, by the geometric mean of their ratios.
pub struct Family {
    /// As typed after `--family`.
    pub name: &'static str,
    /// What is measured, for the report.
    pub title: &'static str,
    /// The ratio (time of the other emulator / time of Reprise) that must be reached; none: shown only.
    pub floor: Option<f64>,
    /// The ratio that is aimed at.
    pub aim: Option<f64>,
}

/// How a workload is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// A function of the static program `workloads`, with its iteration count.
    Program(u64),
    /// `work.py` in Debian's python, with its iteration count.
    Python(u64),
    /// Debian's tcc over a generated source of so many functions.
    Tcc(u64),
    /// From the start of the emulator to the first program of userspace.
    Boot(Flavour),
    /// The same boot, to the end of the emulator.
    PowerOff(Flavour),
}

/// One row of the table.
#[derive(Debug)]
pub struct Workload {
    /// As typed after `--only`.
    pub name: &'static str,
    /// Name of its [`Family`].
    pub family: &'static str,
    /// How it is run.
    pub what: What,
}

use Flavour::{Cloud, Generic};
use What::{Boot, PowerOff, Program, Python, Tcc};

/// Floors and aims of all families, in the order of the report.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    family("boot",     "boot to userspace",           Some(1.5), Some(2.5)),
    family("integer",  "integer",                     Some(1.7), Some(2.5)),
    family("calls",    "calls and indirect jumps",    Some(1.3), Some(2.0)),
    family("float",    "scalar floating point",       Some(6.0), Some(10.0)),
    family("x87",      "x87",                         Some(1.5), None),
    family("vector",   "SSE and AVX integer kernels", Some(3.0), Some(6.0)),
    family("memory",   "memory",                      Some(1.7), Some(3.0)),
    family("chase",    "pointer chase",               Some(1.2), None),
    family("syscall",  "system calls",                Some(2.0), Some(4.0)),
    family("process",  "fork, exec and mmap",         Some(1.7), Some(3.0)),
    family("pipe",     "pipe ping-pong",              Some(2.5), Some(5.0)),
    family("programs", "python and compilers",        Some(1.5), Some(2.5)),
    family("code",     "code patching, generation",   Some(1.0), Some(2.0)),
    family("poweroff", "boot to power-off",           None,      None),
];

/// All workloads.
#[rustfmt::skip]
pub const WORKLOADS: &[Workload] = &[
    row("boot-cloud",   "boot",     Boot(Cloud)),
    row("boot-generic", "boot",     Boot(Generic)),
    row("lz",           "integer",  Program(450)),
    row("sort",         "integer",  Program(220)),
    row("bytecode",     "integer",  Program(200_000)),
    row("queens",       "integer",  Program(2_200)),
    row("mix",          "integer",  Program(12_000)),
    row("calls",        "calls",    Program(3_500)),
    row("indirect",     "calls",    Program(12_000_000)),
    row("nbody",        "float",    Program(400_000)),
    row("linpack",      "float",    Program(160)),
    row("libm",         "float",    Program(500_000)),
    row("x87",          "x87",      Program(600_000)),
    row("sse2",         "vector",   Program(16_000)),
    row("avx2",         "vector",   Program(5_000)),
    row("memcpy",       "memory",   Program(1_500)),
    row("store64",      "memory",   Program(3_000)),
    row("chase",        "chase",    Program(4_000)),
    row("getpid",       "syscall",  Program(1_500_000)),
    row("forkexec",     "process",  Program(300)),
    row("mmap",         "process",  Program(600)),
    row("pipe",         "pipe",     Program(10_000)),
    row("python",       "programs", Python(150)),
    row("tcc",          "programs", Tcc(5_000)),
    row("codegen",      "code",     Program(12_000)),
    row("patch",        "code",     Program(50_000)),
    row("off-cloud",    "poweroff", PowerOff(Cloud)),
    row("off-generic",  "poweroff", PowerOff(Generic)),
];

const fn family(name: &'static str, title: &'static str, floor: Option<f64>, aim: Option<f64>) -> Family {
    Family {
        name,
        title,
        floor,
        aim,
    }
}

const fn row(name: &'static str, family: &'static str, what: What) -> Workload {
    Workload { name, family, what }
}

impl Workload {
    /// Its iteration count times `scale`, at least 1; 0 for what has no count.
    pub fn count(&self, scale: f64) -> u64 {
        match self.what {
            Program(count) | Python(count) | Tcc(count) => ((count as f64 * scale) as u64).max(1),
            Boot(_) | PowerOff(_) => 0,
        }
    }

    /// It needs programs from Debian packages.
    pub fn is_packaged(&self) -> bool {
        matches!(self.what, Python(_) | Tcc(_))
    }

    /// The kernel whose start this workload is, if it is one.
    pub fn boots(&self) -> Option<Flavour> {
        match self.what {
            Boot(flavour) | PowerOff(flavour) => Some(flavour),
            Program(_) | Python(_) | Tcc(_) => None,
        }
    }
}

/// The workloads named in `only` (all, if empty) that belong to `families` (any, if empty).
///
/// # Errors
/// A name is in neither table, or nothing is left.
pub fn select(only: &[String], families: &[String]) -> Result<Vec<&'static Workload>> {
    let known = |name: &String| WORKLOADS.iter().any(|w| w.name == name);
    if let Some(name) = only.iter().find(|name| !known(name)) {
        let all: Vec<_> = WORKLOADS.iter().map(|w| w.name).collect();
        bail!("no workload '{name}': {}", all.join(" "));
    }
    let known = |name: &String| FAMILIES.iter().any(|f| f.name == name);
    if let Some(name) = families.iter().find(|name| !known(name)) {
        let all: Vec<_> = FAMILIES.iter().map(|f| f.name).collect();
        bail!("no family '{name}': {}", all.join(" "));
    }
    let chosen = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let selected: Vec<_> = WORKLOADS
        .iter()
        .filter(|w| chosen(only, w.name) && chosen(families, w.family))
        .collect();
    if selected.is_empty() {
        bail!("no workload is in both --only and --family");
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str], families: &[&str]) -> Result<Vec<&'static str>> {
        let own = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        Ok(select(&own(only), &own(families))?
            .iter()
            .map(|w| w.name)
            .collect())
    }

    #[test]
    fn selection() {
        assert_eq!(names(&[], &[]).unwrap().len(), WORKLOADS.len());
        assert_eq!(names(&["sort", "lz"], &[]).unwrap(), ["lz", "sort"]);
        assert_eq!(names(&[], &["calls"]).unwrap(), ["calls", "indirect"]);
        assert_eq!(names(&["lz", "pipe"], &["pipe"]).unwrap(), ["pipe"]);
        assert!(names(&["lz"], &["pipe"]).is_err());
        let error = names(&["lzz"], &[]).unwrap_err().to_string();
        assert!(error.starts_with("no workload 'lzz': boot-cloud"), "{error}");
        let error = names(&[], &["int"]).unwrap_err().to_string();
        assert!(error.starts_with("no family 'int': boot integer"), "{error}");
    }

    #[test]
    fn tables_fit_together() {
        for workload in WORKLOADS {
            assert!(
                FAMILIES.iter().any(|f| f.name == workload.family),
                "{}",
                workload.name
            );
            let same = WORKLOADS.iter().filter(|w| w.name == workload.name).count();
            assert_eq!(same, 1, "{}", workload.name);
        }
        for family in FAMILIES {
            assert!(
                WORKLOADS.iter().any(|w| w.family == family.name),
                "{}",
                family.name
            );
            assert!(
                family.aim.unwrap_or(f64::MAX) > family.floor.unwrap_or(0.0),
                "{}",
                family.name
            );
        }
    }

    #[test]
    fn counts_are_scaled_but_never_nothing() {
        let lz = &WORKLOADS[2];
        assert_eq!((lz.name, lz.count(1.0), lz.count(0.1)), ("lz", 450, 45));
        assert_eq!(lz.count(1e-9), 1);
    }
}
