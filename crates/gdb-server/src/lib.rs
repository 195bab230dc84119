//! The gdb remote protocol for a machine: bytes in, bytes and orders out, no I/O and no thread.
//!
//! Mirrors in behaviour QEMU's `gdbstub/`. The protocol's details are the [`gdbstub`] crate's; ours are registers of all
//! modes, physical memory, monitor commands, and what a machine with several CPUs and a past means to gdb:
//!
//! ```text
//! bytes from gdb -> packets -> gdbstub -> Debuggee: registers, memory         (at once; the CPUs stand still)
//!                      |           `----> Order: resume, step, back, detach   (the caller carries out)
//!                      `- physical-memory mode, monitor commands
//! Session::stopped (breakpoint, watchpoint, step, end of history) -> bytes to gdb
//! ```
//!
//! The machine implements [`Debuggee`], feeds a [`Session`] what arrives, and does what the [`Order`]s say. See the
//! README for an example.

mod adapter;
mod debuggee;
mod description;
mod packets;
mod registers;
mod session;

pub use debuggee::{Debuggee, Points, Refused, Space, Watch, WatchKind};
pub use registers::{Register, Registers};
pub use session::{Motion, Order, Session, Stop};

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
