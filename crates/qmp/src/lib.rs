//! The QEMU machine protocol (QMP): bytes in, bytes out, no I/O.
//!
//! Mirrors in behaviour QEMU's `monitor/qmp.c` and the schemas of the commands it has. Data flows:
//!
//! ```text
//! bytes -> Splitter (bounded) -> JSON -> capabilities, then a command of the table -> Machine -> {"return"} or {"error"}
//! event of the machine + time -> Session::event -> {"event", "timestamp"}
//! ```
//!
//! See the README for an example.

mod commands;
mod error;
mod event;
mod machine;
mod session;
mod splitter;

pub use error::{Class, Error};
pub use event::{Cause, Event, Timestamp};
pub use machine::{Cpu, Machine, ReplayInfo, ReplayMode, Status};
pub use session::{Session, wants_end};
pub use splitter::MAX_MESSAGE;

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
