//! Why a character device could not be opened or attached.

use std::io;

/// A character device could not be opened. The text fits behind `-option value: `.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The terminal can serve one device, or several through a multiplexer.
    #[error("cannot use stdio by multiple character devices")]
    StdioInUse,
    /// A file, socket or pty of the host.
    #[error("Could not open '{name}': {}", reason(source))]
    Host {
        /// Path or address.
        name: String,
        /// What the host said.
        source: io::Error,
    },
    /// The name of another `-chardev`, which is for the caller to look up.
    #[error("chardev '{0}' not found")]
    NoSuchChardev(String),
}

/// The host's words without Rust's `(os error 2)`.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl OpenError {
    pub(crate) fn host(name: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let name = name.into();
        move |source| Self::Host { name, source }
    }
}

/// The character device has a frontend already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character device is in use")]
pub struct InUse;
