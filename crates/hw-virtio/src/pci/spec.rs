//! VIRTIO 1.2, 4.1: identification, capabilities and windows of a virtio device on PCI.
//!
//! Offsets in the modern window are those of QEMU, which some guests' tools know.

use crate::spec::kind;

/// Vendor of all virtio devices.
pub const VENDOR: u16 = 0x1af4;
/// A device that only modern drivers know has this device id plus its type (4.1.2.1).
pub const MODERN_DEVICE: u16 = 0x1040;
/// Revision of modern-only devices.
pub const MODERN_REVISION: u8 = 1;

/// Device id of a transitional device (4.1.2.1); of types without one, the modern id.
pub fn transitional_device(of: u16) -> u16 {
    match of {
        kind::NET => 0x1000,
        kind::BLOCK => 0x1001,
        kind::BALLOON => 0x1002,
        kind::CONSOLE => 0x1003,
        kind::SCSI => 0x1004,
        kind::ENTROPY => 0x1005,
        kind::NINE_P => 0x1009,
        other => MODERN_DEVICE + other,
    }
}

/// Class code that fits a type.
pub fn class(of: u16) -> u32 {
    match of {
        kind::NET => 0x02_0000,
        kind::BLOCK | kind::SCSI => 0x01_0000,
        kind::CONSOLE => 0x07_8000,
        kind::NINE_P => 0x00_0200,
        _ => 0x00_ff00,
    }
}

/// Types of the vendor capabilities (4.1.4).
pub mod structure {
    /// Common configuration.
    pub const COMMON: u8 = 1;
    /// Notifications.
    pub const NOTIFY: u8 = 2;
    /// Interrupt status.
    pub const ISR: u8 = 3;
    /// The device's configuration.
    pub const DEVICE: u8 = 4;
    /// Access by configuration space.
    pub const PCI: u8 = 5;
}

/// BAR of the legacy interface.
pub const LEGACY_BAR: usize = 0;
/// BAR of the MSI-X tables.
pub const MSIX_BAR: usize = 1;
/// BAR of the modern interface.
pub const MODERN_BAR: usize = 4;
/// Bytes of the modern window.
pub const MODERN_SIZE: u64 = 0x4000;
/// Common configuration in it.
pub const COMMON: u64 = 0x0000;
/// Interrupt status.
pub const ISR: u64 = 0x1000;
/// The device's configuration.
pub const DEVICE: u64 = 0x2000;
/// Notifications.
pub const NOTIFY: u64 = 0x3000;
/// Bytes from one queue's notification address to the next.
pub const NOTIFY_MULTIPLIER: u32 = 4;
/// Bytes of each part.
pub const PART: u64 = 0x1000;
