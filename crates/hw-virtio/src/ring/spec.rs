//! VIRTIO 1.2, sections 2.7 (split) and 2.8 (packed): layouts of descriptors and rings.

/// Bytes of a descriptor in either layout (2.7.5, 2.8.13).
pub const DESCRIPTOR: u64 = 16;

/// Flags of a descriptor.
pub mod flag {
    /// The chain goes on.
    pub const NEXT: u16 = 1;
    /// The device writes the buffer, else reads it.
    pub const WRITE: u16 = 2;
    /// The buffer is a table of descriptors.
    pub const INDIRECT: u16 = 4;
    /// Packed: equal to the driver's wrap counter when available (2.8.1).
    pub const AVAIL: u16 = 1 << 7;
    /// Packed: equal to the device's wrap counter when used.
    pub const USED: u16 = 1 << 15;
}

/// Split: in the available ring's flags, the driver wants no interrupts (2.7.6).
pub const AVAIL_NO_INTERRUPT: u16 = 1;
/// Split: in the used ring's flags, the device wants no notifications (2.7.8).
pub const USED_NO_NOTIFY: u16 = 1;
/// Split: the legacy interface's alignment of the used ring (2.7.2).
pub const LEGACY_ALIGN: u64 = 4096;

/// Packed: flags of an event suppression structure (2.8.14).
pub mod event {
    /// Tell of everything.
    pub const ENABLE: u16 = 0;
    /// Tell of nothing.
    pub const DISABLE: u16 = 1;
    /// Tell when the descriptor at the offset is reached.
    pub const DESCRIPTOR: u16 = 2;
}
