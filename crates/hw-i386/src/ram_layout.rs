//! Where RAM and the PCI hole lie in guest physical memory.
//!
//! Mirrors the split of QEMU's `hw/i386/pc_piix.c`: everything below 3.5 GiB stays in one piece; from there on
//! 3 GiB lie below the hole and the rest starts at 4 GiB. The direct boot, the tables and the memory map all
//! take their numbers from here.

use softmmu::GuestPhys;

/// One MiB.
pub const MIB: u64 = 1 << 20;
/// One GiB.
pub const GIB: u64 = 1 << 30;
/// Above 4 GiB.
pub const HIGH_START: u64 = 4 * GIB;
/// First byte of the extended BIOS data area, below 640 KiB.
pub const EBDA_START: u64 = 0x9_fc00;
/// End of conventional memory.
pub const CONVENTIONAL_END: u64 = 0xa_0000;
/// The segment that holds the tables that old software searches for.
pub const F_SEGMENT: u64 = 0xf_0000;
/// Bytes at the top of low RAM that hold the ACPI tables (what QEMU keeps there).
pub const TABLES_SIZE: u64 = 0x2_0000;
/// End of the memory window of PCI: the I/O APIC comes next.
pub const PCI_HOLE_END: u64 = 0xfec0_0000;
/// The BIOS region below 4 GiB.
pub const BIOS_SIZE: u64 = 0x4_0000;

/// Sizes of the two parts of RAM, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamLayout {
    low: u64,
    high: u64,
}

impl RamLayout {
    /// Splits `size` bytes of RAM.
    pub fn new(size: u64) -> Self {
        if size < 3 * GIB + GIB / 2 {
            Self { low: size, high: 0 }
        } else {
            Self {
                low: 3 * GIB,
                high: size - 3 * GIB,
            }
        }
    }

    /// RAM from address 0.
    pub fn low(&self) -> u64 {
        self.low
    }

    /// RAM from 4 GiB.
    pub fn high(&self) -> u64 {
        self.high
    }

    /// All RAM.
    pub fn size(&self) -> u64 {
        self.low + self.high
    }

    /// First byte of the ACPI tables: what kernel and initrd must stay below.
    pub fn tables_start(&self) -> u64 {
        (self.low & !0xfff).saturating_sub(TABLES_SIZE)
    }

    /// First byte of the memory window of PCI: a power of two below 4 GiB, so one MTRR covers the hole.
    pub fn pci_hole_start(&self) -> u64 {
        match self.low {
            low if low <= 2 * GIB => 2 * GIB,
            low if low <= 3 * GIB => 3 * GIB,
            _ => 0xe000_0000,
        }
    }

    /// Offset in RAM of the `len` bytes at `addr`, if all of them are RAM of one part. PAM is not looked at.
    pub fn ram_offset(&self, addr: GuestPhys, len: u64) -> Option<u64> {
        let end = addr.0.checked_add(len)?;
        if end <= self.low {
            Some(addr.0)
        } else if addr.0 >= HIGH_START && end <= HIGH_START + self.high {
            Some(addr.0 - HIGH_START + self.low)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split() {
        for (size, low, high, hole) in [
            (16 * MIB, 16 * MIB, 0, 2 * GIB),
            (512 * MIB, 512 * MIB, 0, 2 * GIB),
            (3 * GIB, 3 * GIB, 0, 3 * GIB),
            (3 * GIB + 511 * MIB, 3 * GIB + 511 * MIB, 0, 0xe000_0000),
            (3 * GIB + 512 * MIB, 3 * GIB, 512 * MIB, 3 * GIB),
            (4 * GIB, 3 * GIB, GIB, 3 * GIB),
        ] {
            let layout = RamLayout::new(size);
            assert_eq!(
                (layout.low(), layout.high(), layout.pci_hole_start()),
                (low, high, hole),
                "{size:#x}"
            );
        }
    }

    #[test]
    fn offsets() {
        let layout = RamLayout::new(4 * GIB);
        assert_eq!(layout.ram_offset(GuestPhys(0x1000), 16), Some(0x1000));
        assert_eq!(layout.ram_offset(GuestPhys(HIGH_START), GIB), Some(3 * GIB));
        assert_eq!(layout.ram_offset(GuestPhys(3 * GIB - 1), 2), None);
        assert_eq!(layout.ram_offset(GuestPhys(u64::MAX), 2), None);
    }
}
