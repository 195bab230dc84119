//! The PC: devices, tables, direct boot and the pc machine

pub mod apic;
pub mod pic;
