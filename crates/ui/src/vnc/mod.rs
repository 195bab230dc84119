//! A VNC server: RFB 3.8 for any number of viewers, on TCP or local sockets, plain or in a WebSocket.
//!
//! [`Session`] is the protocol for one client without any socket; `websocket` wraps its bytes; [`Server`] is sockets, a
//! timer and the [`Console`](crate::Console) in between. Mirrors QEMU's `ui/vnc.c` in behaviour.

mod cursor;
mod damage;
mod des;
mod encode;
mod options;
mod pixel;
mod pointer;
mod server;
mod session;
mod sha1;
pub mod spec;
mod typist;
mod websocket;

pub use options::{Listen, OptionError, Share, VncOptions};
pub use server::{ClientInfo, Server, VncError};
pub use session::{Auth, Session, SessionConfig, SessionEvent};

/// What a peer did that the protocol does not allow; the answer is to hang up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Its first line is no version.
    #[error("not a VNC client")]
    Version,
    /// It chose a security type that was not offered.
    #[error("unknown security type")]
    Security,
    /// It wants pixels that nobody can send.
    #[error("impossible pixel format")]
    PixelFormat,
    /// A message nobody knows.
    #[error("unknown message {0}")]
    Message(u8),
    /// More than anybody sends.
    #[error("message too long")]
    TooLong,
    /// What came is no WebSocket's handshake or frame.
    #[error("not a WebSocket client: {0}")]
    WebSocket(&'static str),
}
