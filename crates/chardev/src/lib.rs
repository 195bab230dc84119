//! Character devices: the terminal, sockets, files and the multiplexer.
//!
//! A backend ([`Chardev`]) moves bytes between the host and one frontend ([`Frontend`]): a serial port, a monitor.
//! Mirrors QEMU's `chardev/` in behaviour. Output flows from any thread, under no lock of ours for longer than a
//! write that does not block, and what the host does not take at once waits in order and is written by the main
//! loop. Input flows only on the main loop's thread, and only as much as the frontend has room for, so that no byte
//! is lost: what is not taken stays in the host's pipe, socket or terminal.
//!
//! ```
//! use chardev::{Context, Spec, open};
//! use std::sync::Arc;
//! use util_mainloop::{MainLoop, clock::MonotonicClock, timer::TimerList};
//!
//! let main_loop = MainLoop::new().unwrap();
//! let realtime = TimerList::new(Arc::new(MonotonicClock));
//! let context = Context { main_loop: main_loop.handle(), realtime };
//!
//! let spec = Spec::parse("-serial", "ringbuf").unwrap();
//! let serial = open(&spec, &context).unwrap();
//! serial.write(b"hello");
//! assert_eq!(serial.describe(), "ringbuf");
//!
//! let error = Spec::parse("-serial", "sdtio").unwrap_err();
//! assert_eq!(error.to_string(), "-serial sdtio: unknown character device, did you mean 'stdio'?");
//! ```

mod error;
mod file;
mod mux;
mod null;
mod open;
mod port;
mod pty;
mod reader;
mod ringbuf;
mod socket;
mod spec;
mod stdio;
mod terminal;
mod writer;

#[cfg(test)]
mod testing;

pub use error::{InUse, OpenError};
pub use file::File;
pub use mux::{Mux, MuxPort};
pub use null::Null;
pub use open::{Context, open};
pub use pty::Pty;
pub use ringbuf::Ringbuf;
pub use socket::Socket;
pub use spec::{Address, Kind, Spec, SpecError};
pub use stdio::Stdio;
pub use terminal::{restore as restore_terminal, resume as resume_terminal};

use std::sync::Weak;

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What happens to a character device besides bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody is on the other side: at once for most backends, a connection for sockets and ptys.
    Opened,
    /// Nobody is on the other side any more; no input will come until the next [`Opened`](Self::Opened).
    Closed,
    /// The line is held in the break state for a moment.
    Break,
    /// Input goes to this frontend of a multiplexer from now on.
    FocusIn,
    /// Input goes to another frontend from now on.
    FocusOut,
}

/// The user of a character device. All calls come on the main loop's thread with its locks held, except the events
/// that [`Chardev::attach`] sends before it returns.
pub trait Frontend: Send + Sync {
    /// How many bytes [`receive`](Self::receive) would take now. At 0 the backend leaves them with the host until
    /// [`Chardev::accept_input`].
    fn can_receive(&self) -> usize;

    /// Takes input: never more than the last [`can_receive`](Self::can_receive) allowed, never nothing.
    fn receive(&self, data: &[u8]);

    /// Something else happened. Ignored unless overridden.
    fn event(&self, event: Event) {
        let _ = event;
    }
}

/// One end of a character device, as its frontend sees it. Shared by [`Arc`](std::sync::Arc).
pub trait Chardev: Send + Sync {
    /// Sends `data`, in order with everything written before, from any thread. Does not wait for the host unless
    /// megabytes are waiting already. Without anybody on the other side (a socket or pty) the data is dropped.
    fn write(&self, data: &[u8]);

    /// Names the frontend, which gets [`Event::Opened`] at once if the device is open. It is held weakly.
    ///
    /// # Errors
    /// Another frontend is attached and alive.
    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse>;

    /// The frontend has room again. Callable from any thread and from inside the frontend: input comes later, from
    /// the main loop.
    fn accept_input(&self);

    /// Writes what waits, for as long as the host takes some at least every second. For the end of the process.
    fn flush(&self);

    /// Bytes written that the host has not taken yet: a server with a peer that does not read works no further.
    fn waiting(&self) -> usize {
        0
    }

    /// What the monitor calls it, such as `stdio` or `pty:/dev/pts/3`.
    fn describe(&self) -> String;
}
