//! The x86 guest CPU: architectural state, decoding, address translation, faults and the interpreter.
//!
//! Data flows: guest bytes -> [`decode`] (iced-x86) -> [`Insn`] with a handler -> the handler changes
//! [`Vcpu::state`] and guest memory ([`mem`]) or returns a [`Fault`], which [`interrupt`] delivers. What the CPU
//! asks of its board goes through [`Platform`]; what the board tells the CPU arrives in [`CpuSignals`].
//! Mirrors the role of QEMU's `target/i386`. References are to Intel's SDM unless they say APM (AMD).

pub mod fault;
pub mod flags;
pub mod insn;
pub mod mem;
pub mod platform;
pub mod signals;
pub mod state;
pub mod vcpu;

pub use fault::{Exec, Fault, Vector};
pub use insn::{Handler, Insn};
pub use platform::Platform;
pub use signals::CpuSignals;
pub use state::CpuState;
pub use vcpu::{StopReason, Vcpu};
