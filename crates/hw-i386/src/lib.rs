//! The PC: devices, tables, direct boot and the pc machine

pub mod acpi_pm;
pub mod apic;
pub mod ferr;
pub mod gsi;
pub mod hpet;
pub mod ioapic;
pub mod pic;
pub mod pit;
pub mod platform;
pub mod rtc;

#[cfg(test)]
mod proptests;
