#![doc = include_str!("../README.md")]

pub mod balloon;
pub mod blk;
pub mod console;
pub mod core;
mod device;
mod model;
pub mod net;
pub mod pci;
pub mod ring;
pub mod rng;
pub mod scsi;
pub mod spec;
#[cfg(test)]
mod testing;

pub use core::{Core, Effect, Interrupts};
pub use device::VirtioDevice;

use hw_core::model::Model;
use hw_pci::{PciCard, PciSlot};

/// All cards that need nothing of a machine but drives, networks and character devices. [`rng::MODELS`] want a source of
/// randomness, too ([`hw_core::model::Backends::entropy`]).
pub fn models() -> impl Iterator<Item = &'static Model<PciSlot, PciCard>> {
    blk::MODELS.iter().chain(&net::MODELS).chain(&balloon::MODELS)
}
