//! The PC: devices, tables, direct boot and the pc machine

pub mod boot;
pub mod ram_layout;
