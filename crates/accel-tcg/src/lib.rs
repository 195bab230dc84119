//! Execution: which engine runs the guest's instructions, on which thread, and what time it is meanwhile.
//!
//! Mirrors in behaviour QEMU's `accel/tcg` (`tcg-accel-ops-rr.c`, `icount-common.c`). Data flows: the machine
//! hands over [`target_i386::Vcpu`]s; [`Cpus`] runs them in turns whose length the virtual clock's next
//! deadline decides ([`CountedClock`]), sleeps while all are halted, and does work that other threads queue.

#[cfg(target_arch = "x86_64")]
pub mod baseline;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod code_buffer;
mod counted;
mod cpu_thread;
mod dfilter;
mod engine;
mod interpreter;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod listing;
mod look;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod optimizing;
mod pace;
pub mod perf;
mod round;
mod schedule;
pub mod stats;
mod throttle;
mod timeline;
mod trace;
mod turns;

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use counted::{CountedClock, InstructionTime, Sleep};
pub use cpu_thread::{CpuEvents, Cpus, Threads, TimeBase};
pub use dfilter::{AddressFilter, BadRange};
pub use engine::{Engine, Execution, ExecutionConfig, Fault, UnknownEngine};
pub use look::Look;
pub use pace::{Drift, FIRST_SHIFT, Pace};
pub use round::{SLICE, Seat};
pub use schedule::Schedule;
pub use stats::Report;
pub use throttle::Throttle;
pub use timeline::{Journal, Outside};
pub use turns::{Turn, Turns};
