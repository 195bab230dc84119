//! What an I/O region answers with, and how an access of any size becomes the sizes its device knows.
//!
//! Mirrors `access_with_adjusted_size` and `memory_region_access_valid` in QEMU's `system/memory.c`, with one
//! difference: the adjusted access is defined by bytes. A device register file is a row of bytes in the
//! device's endianness; a load collects the bytes it asked for, a store replaces them. So impl sizes larger
//! than the access read the aligned unit and, for stores, write it back merged.

/// Why an access failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IoError {
    /// Nothing answers at this address, or not with this size.
    #[error("no device decodes this access")]
    Decode,
    /// The device refused.
    #[error("the device reported an error")]
    Device,
}

/// The result of an I/O callback.
pub type IoResult<T> = Result<T, IoError>;

/// The callbacks of an I/O region. Offsets are relative to the region; sizes are 1, 2, 4 or 8 bytes, as its
/// [`AccessRules`] allow. Values occupy the low `size` bytes; the rest of a written value is zero and the rest
/// of a read value is ignored.
pub trait IoOps: Send + Sync {
    /// Reads `size` bytes at `offset`.
    fn read(&self, offset: u64, size: u32) -> IoResult<u64>;
    /// Writes the low `size` bytes of `value` at `offset`.
    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()>;
}

/// Byte order of a device's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Endian {
    /// Least significant byte first, as the CPU.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

/// Which accesses a device accepts, and which its callbacks implement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRules {
    /// Smallest and largest size in bytes the guest may use. Larger ones are split; smaller ones answer
    /// [`IoError::Decode`].
    pub valid: (u32, u32),
    /// Smallest and largest size in bytes the callbacks are called with.
    pub impl_: (u32, u32),
    /// Whether callbacks may be called with an offset that is not a multiple of the size. If not, an
    /// unaligned access is split into aligned ones.
    pub unaligned: bool,
    /// Byte order of the registers.
    pub endian: Endian,
}

impl AccessRules {
    /// Little-endian registers of every size up to 8 bytes.
    pub const ANY: Self = Self {
        valid: (1, 8),
        impl_: (1, 8),
        unaligned: false,
        endian: Endian::Little,
    };
    /// The guest uses 1, 2 or 4 bytes, the device implements bytes: the ISA habit.
    pub const BYTES: Self = Self {
        valid: (1, 4),
        impl_: (1, 1),
        unaligned: true,
        endian: Endian::Little,
    };
    /// Sizes 1, 2 and 4, implemented as they come: QEMU's default and the PCI habit.
    pub const UP_TO_4: Self = Self {
        valid: (1, 4),
        impl_: (1, 4),
        unaligned: false,
        endian: Endian::Little,
    };
    /// 32-bit registers that the guest reads and writes whole: local APIC, IO-APIC.
    pub const ONLY_4: Self = Self {
        valid: (4, 4),
        impl_: (4, 4),
        unaligned: false,
        endian: Endian::Little,
    };
}

impl Default for AccessRules {
    fn default() -> Self {
        Self::UP_TO_4
    }
}
