#![doc = include_str!("../README.md")]

pub mod edid;
pub mod extension;
pub mod font;
mod mode3;
mod pci;
mod registers;
mod render;
pub mod spec;
mod state;
mod timing;
mod vga;
mod window;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;

pub use pci::{MODELS, config, vga_card};
pub use state::{Dac, VgaState};
pub use vga::{Vga, VgaConfig};
