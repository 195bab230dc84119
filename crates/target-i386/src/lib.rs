//! The x86 guest CPU: architectural state, decoding, address translation, faults and the interpreter.
//!
//! Data flows: guest bytes -> [`decode`] (iced-x86) -> [`Insn`] with a handler -> the handler changes
//! [`Vcpu::state`] and guest memory ([`mem`]) or returns a [`Fault`], which [`interrupt`] delivers. What the CPU
//! asks of its board goes through [`Platform`]; what the board tells the CPU arrives in [`CpuSignals`].
//! Mirrors the role of QEMU's `target/i386`. References are to Intel's SDM unless they say APM (AMD).

mod address_map;
mod blocks;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub mod clif;
pub mod control;
pub mod cpuid;
pub mod debug;
pub mod debugger;
pub mod decode;
pub mod exec;
pub mod fault;
pub mod features;
pub mod flags;
mod image;
pub mod insn;
pub mod interrupt;
mod io;
pub mod jit;
pub mod mem;
pub mod mode;
pub mod msr;
pub mod paging;
pub mod platform;
mod privileged;
pub mod registers;
pub mod reset;
mod run;
mod segment;
pub mod signals;
pub mod simd;
pub mod state;
mod syscall;
pub mod system;
mod task;
pub mod testbench;
mod transfer;
pub mod tsc;
pub mod vcpu;
pub mod x87;
mod xsave;

pub use address_map::AddressMap;
pub use fault::{Exec, Fault, Vector};
pub use features::Features;
pub use image::{BadImage, VcpuImage};
pub use insn::{Handler, Insn, InsnFlags};
pub use platform::Platform;
pub use run::{Boundary, CodeHolder, Interpreter};
pub use signals::CpuSignals;
pub use state::CpuState;
pub use vcpu::{InstructionCount, Others, StopReason, Vcpu, VcpuParts};
