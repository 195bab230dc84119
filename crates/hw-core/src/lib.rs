#![doc = include_str!("../README.md")]

mod cell;
mod chars;
mod clock;
mod device;
mod irq;
mod state;
pub mod testing;
mod window;

pub use cell::{DeviceCell, DeviceGuard};
pub use chars::{CharInput, CharSink, NullSink};
pub use clock::{Frequency, Timer, VirtualClock, schedule};
pub use device::{Device, ResetPhase, reset_all};
pub use irq::{IrqLine, IrqSink};
pub use state::{SavedState, StateError, digest};
pub use window::{IoWindow, ReadFn, WriteFn};
