//! Assembles a PC and runs it.
//!
//! Data flows: a [`Config`] -> [`assemble`] (board, CPU, backends) -> [`running`] (main loop, requests, resets) -> an
//! exit status. Knows every crate below it; nothing below knows it.

mod assemble;
mod backends;
mod config;
mod console;
mod digest;
mod files;
mod mappings;
mod registers;
mod requests;
mod running;
mod serial;
mod signals;
mod silence;
mod target;
mod virtual_time;

pub use config::{Config, DebugConsole, DebugExit, Time};
pub use files::BootFiles;

use anyhow::Result;

/// Makes the machine that `config` describes and runs it to its end; returns the exit status.
///
/// # Errors
/// What is wrong with the configuration, in words that fit behind `reprise: `; then nothing has run. Or the host
/// failed while it ran.
pub fn run(config: Config) -> Result<u8> {
    let mut assembled = assemble::assemble(config)?;
    let status = assembled.machine.run(&mut assembled.main_loop, &mut assembled.monitors);
    for chardev in &assembled.chardevs {
        chardev.flush();
    }
    chardev::restore_terminal();
    status
}
