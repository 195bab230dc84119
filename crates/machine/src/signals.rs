//! Signals: SIGTERM, SIGINT and SIGHUP end the emulator in an orderly way; SIGCONT makes the terminal raw again.

use crate::hints::say;
use crate::requests::Requests;
use anyhow::{Context, Result};
use replay::Shutdown;
use std::sync::Arc;
use util_mainloop::os::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SignalFd};
use util_mainloop::{FdToken, Interest, LoopHandle};

/// Watches the signals on `main_loop`. Call before any thread is started: threads inherit the blocked signals.
///
/// # Errors
/// The host has no descriptor left.
pub fn watch(main_loop: &LoopHandle, requests: &Arc<Requests>) -> Result<FdToken> {
    let signals = SignalFd::new(&[SIGTERM, SIGINT, SIGHUP, SIGCONT]).context("watching signals")?;
    let signals = Arc::new(signals);
    let source = Arc::clone(&signals);
    let requests = Arc::clone(requests);
    let token = main_loop.add_fd(signals, Interest::READ, move |_| {
        while let Ok(Some(signal)) = source.read() {
            // The shell has set its own mode while the process was stopped.
            if signal.number == SIGCONT {
                chardev::resume_terminal();
                continue;
            }
            let name = std::fs::read_to_string(format!("/proc/{}/comm", signal.pid)).unwrap_or_default();
            say(&format!(
                "terminating on signal {} from pid {} ({})",
                signal.number,
                signal.pid,
                name.trim()
            ));
            requests.leave(0, Shutdown::HostSignal);
        }
    });
    Ok(token)
}
