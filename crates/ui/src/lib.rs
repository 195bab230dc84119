#![doc = include_str!("../README.md")]

mod console;
pub mod keys;
pub mod picture;
pub mod terminal;
pub mod vnc;

pub use console::Console;
