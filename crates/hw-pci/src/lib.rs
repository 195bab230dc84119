#![doc = include_str!("../README.md")]

mod bus;
mod config;
mod function;
mod msix;
mod port;
mod slot;
pub mod spec;

pub use bus::{PciBus, ResetRegister, devfn};
pub use config::{Bar, BarKind, ConfigSpace, Ids};
pub use function::{Behaviour, Function, PciFunction, PciSpaces};
pub use msix::{MAX_VECTORS, Msix};
pub use port::PciPort;
pub use slot::{PciCard, PciSlot, Plain};

#[cfg(test)]
mod tests;
