#![doc = include_str!("../README.md")]

mod cell;
mod chars;
mod clock;
mod device;
mod disk;
mod display;
mod dma;
mod entropy;
mod input;
mod irq;
pub mod model;
pub mod net;
mod state;
pub mod testing;
mod window;

pub use cell::{DeviceCell, DeviceGuard};
pub use chars::{CharInput, CharSink, NullSink};
pub use clock::{Frequency, Timer, VirtualClock, schedule};
pub use device::{Device, ResetPhase, reset_all};
pub use disk::{Disk, DiskClient, DiskError, DiskOp, DiskResult, Medium};
pub use display::{Display, Surface, TextCell, TextScreen};
pub use dma::{Dma, DmaError};
pub use entropy::{Entropy, EntropyClient};
pub use input::{ABSOLUTE_MAX, Axis, Button, InputEvent, InputSink};
pub use irq::{IrqLine, IrqSink};
pub use net::{NetClient, NetPort, Offload, OffloadAbilities};
pub use state::{SavedState, StateError, digest};
pub use window::{IoWindow, ReadFn, WriteFn};
