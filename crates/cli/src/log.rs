//! `-d` and `-D`: which of the emulator's events are written, and where.
//!
//! Events flow from `tracing` macros all over the workspace; items name them by origin, as QEMU's do.

use anyhow::Result;
use std::fs::File;
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
    Item { name: "cpu_reset", help: "CPU state at each reset", targets: &["cpu_reset"], level: LevelFilter::TRACE },
    Item { name: "msr", help: "unknown model-specific registers", targets: &["msr"], level: LevelFilter::TRACE },
    Item { name: "digest", help: "at the end: instructions executed, and digests of CPU, memory and devices", targets: &["machine::digest"], level: LevelFilter::TRACE },
    Item { name: "device", help: "everything that device models report", targets: &["hw_i386", "hw_core"], level: LevelFilter::TRACE },
];

/// Starts logging. Without items nothing is logged, but a file that cannot be written is still refused.
///
/// # Errors
/// The log file cannot be created.
pub fn start(config: &LogConfig) -> Result<()> {
    let file = match &config.file {
        Some(path) => Some(File::create(path).map_err(|error| {
            let text = error.to_string();
            // "Permission denied (os error 13)": the number helps nobody.
            anyhow::anyhow!("-D {path}: {}", text.split(" (os error").next().unwrap_or(&text))
        })?),
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
