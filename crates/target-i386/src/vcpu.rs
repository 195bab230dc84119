//! One virtual CPU: architectural state, TLB, buses, and the lines that reach it from outside.

use crate::{CpuSignals, CpuState, Platform};
use softmmu::AddressSpace;
use std::sync::Arc;

/// Why [`Vcpu`]'s run loop returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The instruction budget is used up, to the instruction.
    Budget,
    /// HLT (or wait-for-SIPI) with nothing to deliver.
    Halted,
    /// [`CpuSignals::kick`].
    ExitRequest,
    /// Triple fault.
    Shutdown,
}

/// One virtual CPU.
pub struct Vcpu {
    /// Architectural state.
    pub state: CpuState,
    /// Instructions completed since the machine was made (architecture: "The instruction count").
    pub icount: u64,
    /// Guest physical memory.
    pub memory: Arc<AddressSpace>,
    /// Port I/O space, 64 KiB.
    pub io: Arc<AddressSpace>,
    /// Requests from outside.
    pub signals: Arc<CpuSignals>,
    /// The board.
    pub platform: Arc<dyn Platform>,
}
