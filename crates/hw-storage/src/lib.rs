#![doc = include_str!("../README.md")]

pub mod ata;
pub mod ide;
pub mod scsi;
#[cfg(test)]
mod testing;
