#![doc = include_str!("../README.md")]

pub mod blk;
pub mod core;
mod device;
mod model;
pub mod net;
pub mod pci;
pub mod ring;
pub mod spec;
#[cfg(test)]
mod testing;

pub use core::{Core, Effect, Interrupts};
pub use device::VirtioDevice;

use hw_core::model::Model;
use hw_pci::{PciCard, PciSlot};

/// All cards that there are.
pub fn models() -> impl Iterator<Item = &'static Model<PciSlot, PciCard>> {
    blk::MODELS.iter().chain(&net::MODELS)
}
