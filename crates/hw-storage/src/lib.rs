#![doc = include_str!("../README.md")]

pub mod ahci;
pub mod ata;
pub mod dma8237;
pub mod fdc;
pub mod ide;
pub mod scsi;
#[cfg(test)]
mod testing;
