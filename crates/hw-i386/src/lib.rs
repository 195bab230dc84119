//! The PC: devices, tables, direct boot and the pc machine

pub mod board_spec;
pub mod boot;
pub mod ram_layout;
pub mod serial;
pub mod tables;
