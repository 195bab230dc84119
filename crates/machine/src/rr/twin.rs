//! A second machine for the same log: what replays beside a recording, or looks for a difference.

use super::Log;
use crate::{Backend, Config};
use accel_tcg::Look;

/// The machine of `config` without an outside, and with no say in the process.
pub(crate) fn twin(config: &Config) -> Config {
    let serials = config.serials.iter().map(|backend| match backend {
        Backend::Described(text) if text == "none" => Backend::Described("none".into()),
        _ => Backend::Described("null".into()),
    });
    let mut debug_console = config.debug_console.clone();
    if let Some(console) = &mut debug_console {
        console.backend = "null".into();
    }
    Config {
        name: config.name.clone(),
        memory: config.memory,
        cpu: config.cpu.clone(),
        layout: config.layout,
        boot: config.boot.clone(),
        firmware: config.firmware.clone(),
        serials: serials.collect(),
        monitor: None,
        vga: config.vga,
        vnc: None,
        keyboard: config.keyboard,
        drives: config.drives.clone(),
        networks: config.networks.clone(),
        // One file for one run.
        dumps: Vec::new(),
        devices: config.devices.clone(),
        debug_console,
        log: Log::None,
        log_snapshot: None,
        look: Look::default(),
        gdb: None,
        history: None,
        qmp: Vec::new(),
        start_stopped: false,
        signals: false,
        time: config.time,
        pace: config.pace,
        rtc: config.rtc,
        patience: config.patience,
        symbols: None,
        report: None,
        debug_exit: config.debug_exit,
        threads: config.threads,
        execution: config.execution,
        hpet: config.hpet,
        acpi: config.acpi,
        exit_on_reset: config.exit_on_reset,
        stay_after_shutdown: config.stay_after_shutdown,
        snapshots: config.snapshots.clone(),
        load_snapshot: config.load_snapshot.clone(),
        strict_log: config.strict_log,
    }
}
