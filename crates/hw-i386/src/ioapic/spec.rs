//! Intel 82093AA I/O APIC (order number 290566) with the EOI register of its successors (version 20h).

/// Physical address of the registers.
pub const BASE: u64 = 0xfec0_0000;
/// Bytes of the window.
pub const SIZE: u64 = 0x1000;
/// Input pins.
pub const PINS: usize = 24;
/// Offset of the index register.
pub const INDEX: u64 = 0x00;
/// Offset of the data register.
pub const DATA: u64 = 0x10;
/// Offset of the EOI register.
pub const EOI: u64 = 0x40;
/// Version register: version 20h, last redirection entry.
pub const VERSION: u32 = 0x20 | ((PINS as u32 - 1) << 16);

/// Indirect register numbers.
pub mod reg {
    /// ID, bits 27:24.
    pub const ID: u8 = 0;
    /// Version.
    pub const VERSION: u8 = 1;
    /// Arbitration ID.
    pub const ARBITRATION: u8 = 2;
    /// First redirection entry, two registers each.
    pub const REDIRECTION: u8 = 0x10;
}

/// Redirection entry: destination is logical.
pub const LOGICAL: u64 = 1 << 11;
/// Redirection entry: level accepted by a local APIC, not yet ended.
pub const REMOTE_IRR: u64 = 1 << 14;
/// Redirection entry: level-triggered.
pub const LEVEL: u64 = 1 << 15;
/// Redirection entry: masked.
pub const MASKED: u64 = 1 << 16;
/// Redirection entry: what software may write. Delivery status (12) and remote IRR (14) are read-only.
pub const WRITABLE: u64 = 0xff00_0000_0001_afff;
