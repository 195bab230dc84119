//! Segment registers with their hidden parts, and descriptor-table registers.
//! SDM vol. 3A, 3.4 and 3.5.

use serde::{Deserialize, Serialize};

/// A segment register: selector and descriptor cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Visible part.
    pub selector: u16,
    /// Base address.
    pub base: u64,
    /// Limit in bytes, granularity applied: highest valid offset (expand-up).
    pub limit: u32,
    /// Bits 8..=23 of the descriptor's second word, in place: type 8..=11, S 12, DPL 13..=14, P 15, AVL 20,
    /// L 21, D/B 22, G 23. An unusable (null) segment has P clear.
    pub attr: u32,
}

impl Segment {
    /// Attribute bits.
    pub const ACCESSED: u32 = 1 << 8;
    /// Code: readable. Data: writable.
    pub const RW: u32 = 1 << 9;
    /// Code: conforming. Data: expand-down.
    pub const DC: u32 = 1 << 10;
    /// Code segment.
    pub const CODE: u32 = 1 << 11;
    /// Code or data (not a system descriptor).
    pub const S: u32 = 1 << 12;
    /// Present.
    pub const P: u32 = 1 << 15;
    /// 64-bit code.
    pub const L: u32 = 1 << 21;
    /// 32-bit code or stack.
    pub const DB: u32 = 1 << 22;
    /// Limit counts pages.
    pub const G: u32 = 1 << 23;

    /// Descriptor privilege level.
    pub fn dpl(&self) -> u8 {
        (self.attr >> 13 & 3) as u8
    }

    /// Type field, 0..=15.
    pub fn kind(&self) -> u8 {
        (self.attr >> 8 & 15) as u8
    }

    /// Whether P is set.
    pub fn present(&self) -> bool {
        self.attr & Self::P != 0
    }
}

/// GDTR or IDTR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorTable {
    /// Linear base address.
    pub base: u64,
    /// Highest valid offset.
    pub limit: u16,
}
