//! `-d` and `-D`: which of the emulator's events are written, and where.
//!
//! Events flow from `tracing` macros all over the workspace; items name them by origin, as QEMU's do. What an engine
//! shows of itself costs something where it happens, so those items also tell the engine beforehand
//! ([`accel_tcg::Look`]), as do `-perfmap` and `-jitdump`.

use accel_tcg::Look;
use accel_tcg::perf::{JitDump, PerfMap};
use anyhow::Result;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What to log.
#[derive(Debug, Default)]
pub struct LogConfig {
    /// Items of `-d`, valid names.
    pub items: Vec<&'static str>,
    /// `-D FILE`; standard error when not given.
    pub file: Option<String>,
    /// `-perfmap`.
    pub perf_map: bool,
    /// `-jitdump`.
    pub jit_dump: bool,
}

/// An item of `-d`: name, help, and the event origins and level that it stands for.
pub struct Item {
    /// As typed.
    pub name: &'static str,
    /// One line for `-d help`.
    pub help: &'static str,
    targets: &'static [&'static str],
    level: LevelFilter,
}

const EVERYTHING: &[&str] = &[
    "target_i386",
    "hw_i386",
    "hw_core",
    "softmmu",
    "accel_tcg",
    "machine",
    "chardev",
];

#[rustfmt::skip]
pub const ITEMS: &[Item] = &[
    Item { name: "guest_errors", help: "guests that use devices or MSRs in ways nobody defined", targets: EVERYTHING, level: LevelFilter::WARN },
    Item { name: "unimp", help: "uses of what is not implemented", targets: EVERYTHING, level: LevelFilter::WARN },
    Item { name: "int", help: "interrupts and exceptions as they are delivered", targets: &["int"], level: LevelFilter::TRACE },
    Item { name: "in_asm", help: "guest code of each block as it is translated", targets: &["in_asm"], level: LevelFilter::TRACE },
    Item { name: "out_asm", help: "host code of each block, with the guest's addresses", targets: &["out_asm"], level: LevelFilter::TRACE },
    Item { name: "clif", help: "intermediate code of each region that the optimizing engine compiles", targets: &["clif"], level: LevelFilter::TRACE },
    Item { name: "exec", help: "a line before each block that is executed (links no blocks: slow)", targets: &["exec"], level: LevelFilter::TRACE },
    Item { name: "cpu", help: "CPU registers before each block that is executed (links no blocks: slow)", targets: &["cpu"], level: LevelFilter::TRACE },
    Item { name: "nochain", help: "logs nothing, but links no blocks: each is entered by the run loop", targets: &[], level: LevelFilter::TRACE },
    Item { name: "mmu", help: "TLB fills and flushes, and page faults", targets: &["mmu"], level: LevelFilter::TRACE },
    Item { name: "stats", help: "at the end: what the engine did and where its time went ('info jit')", targets: &["stats"], level: LevelFilter::TRACE },
    Item { name: "cpu_reset", help: "CPU state at each reset", targets: &["cpu_reset"], level: LevelFilter::TRACE },
    Item { name: "msr", help: "unknown model-specific registers", targets: &["msr"], level: LevelFilter::TRACE },
    Item { name: "digest", help: "at the end: instructions executed, and digests of CPU, memory and devices", targets: &["machine::digest"], level: LevelFilter::TRACE },
    Item { name: "device", help: "everything that device models report", targets: &["hw_i386", "hw_core"], level: LevelFilter::TRACE },
];

/// "Permission denied (os error 13)": the number helps nobody.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Tells the engine what to show, and opens the files for `perf`.
///
/// # Errors
/// One of them cannot be created.
pub fn look(config: &LogConfig, look: &mut Look) -> Result<()> {
    for item in &config.items {
        match *item {
            "in_asm" => look.in_asm = true,
            "out_asm" => look.out_asm = true,
            "clif" => look.clif = true,
            "exec" => look.exec = true,
            "cpu" => look.cpu = true,
            "nochain" => look.nochain = true,
            "stats" => look.stats = true,
            _ => {}
        }
    }
    if config.perf_map {
        let map = PerfMap::create().map_err(|error| anyhow::anyhow!("-perfmap: {}", reason(&error)))?;
        look.perf_map = Some(Arc::new(map));
    }
    if config.jit_dump {
        let dump = JitDump::create_in(Path::new("."))
            .map_err(|error| anyhow::anyhow!("-jitdump: {}", reason(&error)))?;
        look.jit_dump = Some(Arc::new(dump));
    }
    Ok(())
}

/// Starts logging. Without items nothing is logged, but a file that cannot be written is still refused.
///
/// # Errors
/// The log file cannot be created.
pub fn start(config: &LogConfig) -> Result<()> {
    let file = match &config.file {
        Some(path) => {
            Some(File::create(path).map_err(|error| anyhow::anyhow!("-D {path}: {}", reason(&error)))?)
        }
        None => None,
    };
    if config.items.is_empty() {
        return Ok(());
    }
    let wanted = ITEMS.iter().filter(|item| config.items.contains(&item.name));
    let targets = wanted.flat_map(|item| item.targets.iter().map(|&target| (target, item.level)));
    let filter = Targets::new().with_targets(targets);
    let layer = tracing_subscriber::fmt::layer().without_time().with_level(false);
    let registry = tracing_subscriber::registry().with(filter);
    match file {
        Some(file) => registry.with(layer.with_ansi(false).with_writer(file)).init(),
        None => registry.with(layer.with_writer(std::io::stderr)).init(),
    }
    Ok(())
}
