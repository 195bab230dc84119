#![doc = include_str!("../README.md")]

pub mod a20;
pub mod acpi_pm;
pub mod apic;
pub mod board_spec;
pub mod boot;
pub mod debug_ports;
pub mod ferr;
pub mod firmware;
pub mod flash;
pub mod fw_cfg;
pub mod gsi;
pub mod hpet;
pub mod i440fx;
pub mod i8042;
pub mod ioapic;
mod mini_post;
pub mod models;
pub mod pc;
pub mod pc_memory;

pub mod pic;
pub mod piix3;
pub mod pit;
pub mod platform;
pub mod port92;
pub mod ram_layout;
mod requests;
pub mod reset_control;
pub mod rtc;
pub mod serial;
pub mod tables;

pub use hw_display::VgaConfig;
pub use hw_storage::ide;
pub use pc::{Pc, PcConfig, PcCpus, PcError};
pub use requests::MachineRequests;

#[cfg(test)]
mod proptests;
