//! From a parsed option to a device.

use crate::{Chardev, File, Kind, Null, OpenError, Pty, Ringbuf, Socket, Spec, Stdio};
use std::sync::Arc;
use util_mainloop::LoopHandle;
use util_mainloop::timer::TimerList;

/// What backends need of the process they run in.
#[derive(Clone, Debug)]
pub struct Context {
    /// Input and late output happen on this loop.
    pub main_loop: LoopHandle,
    /// Timers on host time, run by that loop: for looking after ptys and for timestamps.
    pub realtime: Arc<TimerList>,
}

/// Opens what `spec` describes, without the multiplexer it may ask for: the caller knows what else is to share it,
/// and makes a [`Mux`](crate::Mux) over the result if [`Spec::mux`] is set. [`Kind::None`] gives a null device; a
/// caller that can do without a device looks for it first.
///
/// # Errors
/// The host refuses, standard input is in use, or the spec refers to another chardev by name.
pub fn open(spec: &Spec, context: &Context) -> Result<Arc<dyn Chardev>, OpenError> {
    Ok(match &spec.kind {
        Kind::None | Kind::Null => Arc::new(Null::new()),
        // Behind a multiplexer there is a key to leave by, so Ctrl-C can belong to the guest.
        Kind::Stdio { signals } => Arc::new(Stdio::open(signals.unwrap_or(!spec.mux), context)?),
        Kind::File { path, append } => Arc::new(File::open(path, *append, context)?),
        Kind::Pty => Arc::new(Pty::open(context)?),
        Kind::Ringbuf { size } => Arc::new(Ringbuf::new(*size)),
        Kind::Socket {
            address,
            server: true,
            wait,
        } => Arc::new(Socket::listen(address, *wait, context)?),
        Kind::Socket {
            address,
            server: false,
            ..
        } => Arc::new(Socket::connect(address, context)?),
        Kind::Chardev { id } => return Err(OpenError::NoSuchChardev(id.clone())),
    })
}
