//! SIGTERM, SIGINT and SIGHUP end the emulator in an orderly way.

use crate::requests::Requests;
use anyhow::{Context, Result};
use std::sync::Arc;
use util_mainloop::os::{SIGHUP, SIGINT, SIGTERM, SignalFd};
use util_mainloop::{FdToken, Interest, LoopHandle};

/// Watches the signals on `main_loop`. Call before any thread is started: threads inherit the blocked signals.
///
/// # Errors
/// The host has no descriptor left.
pub fn watch(main_loop: &LoopHandle, requests: &Arc<Requests>) -> Result<FdToken> {
    let signals = Arc::new(SignalFd::new(&[SIGTERM, SIGINT, SIGHUP]).context("watching signals")?);
    let source = Arc::clone(&signals);
    let requests = Arc::clone(requests);
    let token = main_loop.add_fd(signals, Interest::READ, move |_| {
        while let Ok(Some(signal)) = source.read() {
            let name = std::fs::read_to_string(format!("/proc/{}/comm", signal.pid)).unwrap_or_default();
            eprint!("reprise: terminating on signal {} from pid {} ({})\r\n", signal.number, signal.pid, name.trim());
            requests.exit(0);
        }
    });
    Ok(token)
}
