#![doc = include_str!("../README.md")]

pub mod core;
pub mod ring;
pub mod spec;
#[cfg(test)]
mod testing;

pub use core::{Core, Interrupts};
