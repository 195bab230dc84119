//! Assembles a PC and runs it.
//!
//! Data flows: a [`Config`] -> `assemble` (board, CPU, backends) -> `running` (main loop, requests, resets) -> an
//! exit status. Knows every crate below it; nothing below knows it.
//!
//! ```
//! use machine::{Backend, BootFiles, Config};
//! use std::sync::Arc;
//!
//! let screen = Arc::new(chardev::Ringbuf::new(1 << 16));
//! let mut boot = BootFiles::embedded();
//! boot.append = "run=poweroff".into();
//! let status = machine::run(Config {
//!     memory: 64 << 20,
//!     boot: Some(boot),
//!     serials: vec![Backend::Opened(Arc::clone(&screen) as _)],
//!     ..Config::default()
//! })?;
//! assert_eq!(status, 0);
//! assert!(String::from_utf8_lossy(&screen.read(1 << 16)).contains("reprise> poweroff"));
//! # Ok::<(), anyhow::Error>(())
//! ```

mod assemble;
mod backends;
mod cards;
mod config;
mod console;
mod debug;
mod digest;
mod drives;
mod files;
mod firmware;
mod hints;
mod input;
mod lockstep;
mod mappings;
mod media;
mod nets;
mod peripherals;
mod qmp_server;
mod requests;
mod rng;
mod rr;
mod running;
mod screen;
mod serial;
mod signals;
mod snapshot;
mod symbols;
mod target;
mod time_of_day;
mod virtual_time;

pub use block::Format;
pub use cards::DeviceConfig;
pub use config::{Backend, Config, DebugConsole, DebugExit, Time};
pub use digest::Digest;
pub use drives::{DriveConfig, Interface, Media, OnError};
pub use files::BootFiles;
pub use firmware::{Firmware, WantedFirmware};
pub use hw_i386::firmware::BootSettings;
pub use hw_i386::models;
pub use hw_i386::rtc::RtcTime;
pub use hw_i386::tables::smbios::{SmbiosField, parse_uuid};
pub use lockstep::{Moment, Next, Stepper, StepperEnd};
pub use net::{Kind as NetKind, Spec as NetSpec};
pub use nets::DumpConfig;
pub use rr::{Log, MACHINE_VERSION, Recording, Replaying};
pub use snapshot::{Mark, MemoryDigest, PageLog};
pub use symbols::Symbols;
pub use time_of_day::{RealTimeClock, RtcBase};
pub use ui::keys::Layout as KeyboardLayout;
pub use ui::vnc::VncOptions;

use anyhow::Result;
use rr::search::Search;

/// Makes the machine that `config` describes and runs it to its end; returns the exit status.
///
/// # Errors
/// What is wrong with the configuration, in words that fit behind `reprise: `; then nothing has run. Or the host
/// failed while it ran.
pub fn run(config: Config) -> Result<u8> {
    Ok(run_machine(config, false)?.0)
}

/// Like [`run`], and looks at what the machine has become: under counted time two runs of the same guest end in
/// the same digest.
///
/// # Errors
/// As [`run`].
pub fn run_and_digest(config: Config) -> Result<(u8, Digest)> {
    let (status, digest) = run_machine(config, true)?;
    Ok((status, digest.expect("it was asked for")))
}

fn run_machine(config: Config, digest: bool) -> Result<(u8, Option<Digest>)> {
    if matches!(&config.log, Log::Record(recording) if recording.verify) {
        let other = rr::twin::twin(&config);
        return Ok((rr::verify::record_beside(config, other)?, None));
    }
    let search = Search::prepare(&config);
    let report = config.report.clone();
    let mut assembled = assemble::assemble(config)?;
    let ended = run_assembled(&mut assembled, digest);
    let differed = assembled.machine.take_difference();
    // From here on signals end the process as they do any other, and the memory is free for those that are compared.
    drop(assembled);
    if let (Some(search), Some(count)) = (search, differed) {
        let mut say = |line: &str| hints::report(line, report.as_deref());
        if let Err(error) = search.run(count, &mut say) {
            say(&format!("the search ends: {error:#}"));
        }
    }
    ended
}

fn run_assembled(assembled: &mut assemble::Assembled, digest: bool) -> Result<(u8, Option<Digest>)> {
    let ended = assembled
        .machine
        .run(&mut assembled.main_loop, &mut assembled.monitors, digest);
    for chardev in &assembled.chardevs {
        chardev.flush();
    }
    for monitor in &assembled.monitors {
        monitor.flush();
    }
    if assembled.on_stdio {
        chardev::restore_terminal();
    }
    ended
}
