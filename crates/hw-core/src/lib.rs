//! What every device model is built from.
//!
//! A device sees handles and nothing else: interrupt lines ([`IrqLine`]), a clock with timers
//! ([`VirtualClock`]), guest memory (`softmmu::AddressSpace`) and backends. It cannot reach host time, threads
//! or files, so a run is a function of its inputs. Mirrors the role of QEMU's `hw/core` and `include/hw`.

mod cell;
mod clock;
mod device;
mod irq;
mod state;

pub use cell::{DeviceCell, DeviceGuard};
pub use clock::{Timer, VirtualClock};
pub use device::{Device, ResetPhase, reset_all};
pub use irq::{IrqLine, IrqSink};
pub use state::{SavedState, StateError, digest};
