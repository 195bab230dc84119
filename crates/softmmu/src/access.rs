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

impl AccessRules {
    /// # Panics
    /// If the sizes are not powers of two from 1 to 8, minimum first.
    pub(crate) fn check(&self) {
        for (min, max) in [self.valid, self.impl_] {
            let good = |size: u32| size.is_power_of_two() && size <= 8;
            assert!(good(min) && good(max) && min <= max, "bad access rules {self:?}");
        }
    }

    /// The size of the next access of a run of `len` bytes at `offset`: the largest the device accepts.
    fn piece(&self, offset: u64, len: usize) -> u32 {
        let mut size = self.valid.1.min(1 << len.min(8).ilog2());
        if !self.unaligned && offset != 0 {
            size = size.min(1 << offset.trailing_zeros().min(3));
        }
        size
    }

    /// The callback size for an access of `size`, and the offset of the first call.
    fn unit(&self, offset: u64, size: u32) -> (u32, u64) {
        let unit = size.clamp(self.impl_.0, self.impl_.1);
        let first = if self.unaligned && unit <= size {
            offset
        } else {
            offset & !u64::from(unit - 1)
        };
        (unit, first)
    }
}

/// The bytes of a register value, lowest address first.
fn to_bytes(value: u64, size: u32, endian: Endian) -> [u8; 8] {
    match endian {
        Endian::Little => value.to_le_bytes(),
        Endian::Big => (value << (64 - 8 * size)).to_be_bytes(),
    }
}

/// The register value of `size` bytes, lowest address first.
fn from_bytes(bytes: [u8; 8], size: u32, endian: Endian) -> u64 {
    match endian {
        Endian::Little => u64::from_le_bytes(bytes) & (u64::MAX >> (64 - 8 * size)),
        Endian::Big => u64::from_be_bytes(bytes) >> (64 - 8 * size),
    }
}

/// What is remembered of two errors.
pub(crate) fn worse(a: Result<(), IoError>, b: Result<(), IoError>) -> Result<(), IoError> {
    match (a, b) {
        (Err(IoError::Device), _) | (_, Err(IoError::Device)) => Err(IoError::Device),
        (Err(e), _) | (_, Err(e)) => Err(e),
        _ => Ok(()),
    }
}

/// Fills `to` from `offset` on. Bytes whose access failed are left as they were.
pub(crate) fn read(ops: &dyn IoOps, rules: &AccessRules, offset: u64, to: &mut [u8]) -> Result<(), IoError> {
    let (mut at, mut rest, mut result) = (offset, to, Ok(()));
    while !rest.is_empty() {
        let size = rules.piece(at, rest.len());
        let (piece, tail) = rest.split_at_mut(size as usize);
        result = worse(result, read_piece(ops, rules, at, piece));
        at = at.wrapping_add(u64::from(size));
        rest = tail;
    }
    result
}

fn read_piece(ops: &dyn IoOps, rules: &AccessRules, offset: u64, to: &mut [u8]) -> Result<(), IoError> {
    let size = to.len() as u32;
    if size < rules.valid.0 {
        return Err(IoError::Decode);
    }
    let (unit, mut at) = rules.unit(offset, size);
    let mut result = Ok(());
    while at < offset.saturating_add(u64::from(size)) {
        match ops.read(at, unit) {
            Ok(value) => overlay(
                &to_bytes(value, unit, rules.endian)[..unit as usize],
                at,
                to,
                offset,
            ),
            Err(e) => result = worse(result, Err(e)),
        }
        let Some(next) = at.checked_add(u64::from(unit)) else {
            break;
        };
        at = next;
    }
    result
}

/// Stores `from` at `offset` on.
pub(crate) fn write(ops: &dyn IoOps, rules: &AccessRules, offset: u64, from: &[u8]) -> Result<(), IoError> {
    let (mut at, mut rest, mut result) = (offset, from, Ok(()));
    while !rest.is_empty() {
        let size = rules.piece(at, rest.len());
        let (piece, tail) = rest.split_at(size as usize);
        result = worse(result, write_piece(ops, rules, at, piece));
        at = at.wrapping_add(u64::from(size));
        rest = tail;
    }
    result
}

fn write_piece(ops: &dyn IoOps, rules: &AccessRules, offset: u64, from: &[u8]) -> Result<(), IoError> {
    let size = from.len() as u32;
    if size < rules.valid.0 {
        return Err(IoError::Decode);
    }
    let (unit, mut at) = rules.unit(offset, size);
    let end = offset.saturating_add(u64::from(size));
    let mut result = Ok(());
    while at < end {
        let whole = at >= offset && at.checked_add(u64::from(unit)).is_some_and(|last| last <= end);
        // A device that implements only larger registers than this access gets the register merged.
        let old = if whole { Ok(0) } else { ops.read(at, unit) };
        let merged = old.and_then(|old| {
            let mut bytes = to_bytes(old, unit, rules.endian);
            overlay(from, offset, &mut bytes[..unit as usize], at);
            ops.write(at, unit, from_bytes(bytes, unit, rules.endian))
        });
        result = worse(result, merged);
        let Some(next) = at.checked_add(u64::from(unit)) else {
            break;
        };
        at = next;
    }
    result
}

/// Copies the bytes of `from` (first at `from_at`) over those of `to` (first at `to_at`) where they coincide.
fn overlay(from: &[u8], from_at: u64, to: &mut [u8], to_at: u64) {
    for (i, byte) in to.iter_mut().enumerate() {
        if let Some(&new) = from.get(to_at.wrapping_add(i as u64).wrapping_sub(from_at) as usize) {
            *byte = new;
        }
    }
}

#[cfg(test)]
mod tests;
