//! Virtual I/O Device (VIRTIO) Version 1.2: numbers that all devices share.
//!
//! Device types, status bits and feature bits; the numbers of one device are in the `spec.rs` beside it.

/// Device status (2.1).
pub mod status {
    /// The guest has noticed the device.
    pub const ACKNOWLEDGE: u8 = 1;
    /// The guest has a driver for it.
    pub const DRIVER: u8 = 2;
    /// The driver is set up: buffers may be used.
    pub const DRIVER_OK: u8 = 4;
    /// Negotiation of features is over.
    pub const FEATURES_OK: u8 = 8;
    /// The device met something that it cannot go on from.
    pub const DEVICE_NEEDS_RESET: u8 = 64;
    /// The driver gave up.
    pub const FAILED: u8 = 128;
}

/// Feature bits that are not one device's (6), as masks.
pub mod feature {
    /// Legacy: buffers may be cut anywhere, not only where the old drivers did (6.3).
    pub const ANY_LAYOUT: u64 = 1 << 27;
    /// Indirect descriptors.
    pub const INDIRECT_DESC: u64 = 1 << 28;
    /// `used_event` and `avail_event`.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// The driver follows version 1 of the specification or later.
    pub const VERSION_1: u64 = 1 << 32;
    /// Addresses in the ring may need translation by the platform.
    pub const ACCESS_PLATFORM: u64 = 1 << 33;
    /// Packed virtqueues.
    pub const RING_PACKED: u64 = 1 << 34;
    /// One queue can be reset by itself.
    pub const RING_RESET: u64 = 1 << 40;
}

/// Types of devices (5).
pub mod kind {
    /// Network card.
    pub const NET: u16 = 1;
    /// Block device.
    pub const BLOCK: u16 = 2;
    /// Console.
    pub const CONSOLE: u16 = 3;
    /// Entropy source.
    pub const ENTROPY: u16 = 4;
    /// Traditional memory balloon.
    pub const BALLOON: u16 = 5;
    /// SCSI host.
    pub const SCSI: u16 = 8;
    /// 9P transport.
    pub const NINE_P: u16 = 9;
}

/// Most entries of a queue (2.6: 32768 by the specification; as QEMU, 1024), and most buffers in one chain.
pub const QUEUE_MAX: u16 = 1024;
/// Bits of the interrupt status register (4.1.4.5): a queue wants attention.
pub const ISR_QUEUE: u8 = 1;
/// The configuration changed.
pub const ISR_CONFIG: u8 = 2;
/// No MSI-X vector (4.1.5.1.2).
pub const NO_VECTOR: u16 = 0xffff;
