//! The PC: devices, tables, direct boot and the pc machine

pub mod a20;
pub mod apic;
pub mod board_spec;
pub mod boot;
pub mod debug_ports;
pub mod i440fx;
pub mod pc_memory;
pub mod pci;
pub mod pic;
pub mod piix3;
pub mod port92;
pub mod ram_layout;
pub mod reset_control;
pub mod serial;
pub mod tables;
mod requests;

pub use requests::MachineRequests;
