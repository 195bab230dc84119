//! PCI: configuration mechanism #1, functions with relocatable windows, interrupt pins.
//!
//! Mirrors QEMU's `hw/pci`. Which function sits where is the board's business.

mod bus;
mod config;
mod function;
pub mod spec;

pub use bus::{PciBus, devfn};
pub use config::{Bar, BarKind, ConfigSpace, Ids};
pub use function::{Behaviour, Function, PciFunction, PciSpaces};
