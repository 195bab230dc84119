//! The PC: devices, tables, direct boot and the pc machine

pub mod a20;
pub mod apic;
pub mod board_spec;
pub mod boot;
pub mod debug_ports;
pub mod i440fx;
pub mod i8042;
pub mod pc_memory;
pub mod pci;
pub mod pic;
pub mod piix3;
pub mod port92;
pub mod ram_layout;
mod requests;
pub mod reset_control;
pub mod serial;
pub mod tables;

pub use requests::MachineRequests;
