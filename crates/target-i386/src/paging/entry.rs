//! Paging-structure entries: bits and the three formats.
//! SDM vol. 3A, tables 5-3 to 5-20.

/// Present.
pub const P: u64 = 1 << 0;
/// Writable.
pub const W: u64 = 1 << 1;
/// User.
pub const U: u64 = 1 << 2;
/// Accessed.
pub const A: u64 = 1 << 5;
/// Dirty.
pub const D: u64 = 1 << 6;
/// Large page.
pub const PS: u64 = 1 << 7;
/// Global.
pub const G: u64 = 1 << 8;
/// No execute.
pub const NX: u64 = 1 << 63;

/// Entry format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 32-bit paging: two levels of 32-bit entries.
    Legacy,
    /// PAE paging: four pointers in registers, two levels of 64-bit entries.
    Pae,
    /// Four levels of 64-bit entries.
    Long,
}

impl Format {
    /// Index of the entry for `linear` in a table of `level` (1: page table).
    pub fn index(self, linear: u64, level: u32) -> u64 {
        match self {
            Self::Legacy => linear >> (12 + 10 * (level - 1)) & 0x3ff,
            _ => linear >> (12 + 9 * (level - 1)) & 0x1ff,
        }
    }

    /// Bytes of an entry.
    pub fn entry_size(self) -> u64 {
        if self == Self::Legacy { 4 } else { 8 }
    }

    /// Where an entry keeps the address of a table or 4 KiB page.
    pub fn address_mask(self) -> u64 {
        if self == Self::Legacy {
            0xffff_f000
        } else {
            0x000f_ffff_ffff_f000
        }
    }

    /// Bytes that an entry of `level` maps as a page.
    pub fn page_size(self, level: u32) -> u64 {
        match self {
            Self::Legacy => 1 << (12 + 10 * (level - 1)),
            _ => 1 << (12 + 9 * (level - 1)),
        }
    }
}
