//! The controlling terminal in raw mode, and back, on every way out.
//!
//! The terminal belongs to the process, not to a machine, so what it was like is kept in one static: the panic hook
//! and the code that ends the process on a signal reach it without any handle.

use parking_lot::Mutex;
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, isatty,
    tcgetattr, tcsetattr,
};
use std::os::fd::OwnedFd;
use std::sync::Once;

struct Changed {
    fd: OwnedFd,
    before: Termios,
    raw: Termios,
}

/// The terminal we changed, if any.
static CHANGED: Mutex<Option<Changed>> = Mutex::new(None);

/// Gives the terminal its former mode back, if it was changed. Safe to call at any time, any number of times; to be
/// called before leaving by `std::process::exit`, which drops nothing.
pub fn restore() {
    // Not waiting: a panic inside `enter` on this very thread must not turn into a hang.
    if let Some(mut changed) = CHANGED.try_lock()
        && let Some(Changed { fd, before, .. }) = changed.take()
    {
        let _ = tcsetattr(&fd, OptionalActions::Now, &before);
    }
}

/// Makes the terminal raw again, if it was: for `SIGCONT`, because the shell has set its own mode while the process
/// was stopped.
pub fn resume() {
    if let Some(Changed { fd, raw, .. }) = &*CHANGED.lock() {
        let _ = tcsetattr(fd, OptionalActions::Now, raw);
    }
}

/// The terminal in raw mode. Dropping it restores.
#[derive(Debug)]
pub(crate) struct RawTerminal(());

impl RawTerminal {
    /// Raw mode on `fd`; none if that is no terminal. With `signals`, Ctrl-C and its like still end the process;
    /// without, they are bytes like any other.
    pub(crate) fn enter(fd: OwnedFd, signals: bool) -> rustix::io::Result<Option<Self>> {
        if !isatty(&fd) {
            return Ok(None);
        }
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let next = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                next(info);
            }));
        });
        let before = tcgetattr(&fd)?;
        let raw = raw(&before, signals);
        let mut changed = CHANGED.lock();
        tcsetattr(&fd, OptionalActions::Now, &raw)?;
        *changed = Some(Changed { fd, before, raw });
        Ok(Some(Self(())))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Bytes as they are typed. Output processing stays: our own messages end in a plain line feed.
pub(crate) fn raw(before: &Termios, signals: bool) -> Termios {
    let mut raw = before.clone();
    raw.input_modes -= InputModes::IGNBRK
        | InputModes::BRKINT
        | InputModes::PARMRK
        | InputModes::ISTRIP
        | InputModes::INLCR
        | InputModes::IGNCR
        | InputModes::ICRNL
        | InputModes::IXON;
    raw.output_modes |= OutputModes::OPOST;
    raw.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::IEXTEN;
    raw.local_modes.set(LocalModes::ISIG, signals);
    raw.control_modes -= ControlModes::CSIZE | ControlModes::PARENB;
    raw.control_modes |= ControlModes::CS8;
    raw.special_codes[SpecialCodeIndex::VMIN] = 1;
    raw.special_codes[SpecialCodeIndex::VTIME] = 0;
    raw
}
