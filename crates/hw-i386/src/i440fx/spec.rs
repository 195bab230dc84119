//! Intel 440FX PCIset (82441FX PMC) data sheet, 290549: registers we look at.

/// Vendor, device, class of the host bridge.
pub const IDS: hw_pci::Ids = hw_pci::Ids {
    vendor: 0x8086,
    device: 0x1237,
    class: 0x06_0000,
    revision: 2,
};
/// First of the seven programmable attribute map registers.
pub const PAM0: usize = 0x59;
/// Attribute: reads go to RAM.
pub const READ_RAM: u8 = 1;
/// Attribute: writes go to RAM.
pub const WRITE_RAM: u8 = 2;
/// SMRAM control.
pub const SMRAM: usize = 0x72;
/// Bits of [`SMRAM`] that can be written while it is not locked.
pub const SMRAM_WRITABLE: u8 = 0x78;
/// [`SMRAM`] after reset.
pub const SMRAM_RESET: u8 = 0x02;

/// A part of C0000h..FFFFFh with attributes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PamSegment {
    /// First address.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Which of the seven registers.
    pub register: usize,
    /// Position of the attributes in it.
    pub shift: u32,
}

/// All thirteen: PAM0's high half is the F segment, then two of 16 KiB in each register.
pub const SEGMENTS: [PamSegment; 13] = {
    let mut all = [PamSegment {
        start: 0xf_0000,
        size: 0x1_0000,
        register: 0,
        shift: 4,
    }; 13];
    let mut i = 1;
    while i < 13 {
        let n = i - 1;
        all[i] = PamSegment {
            start: 0xc_0000 + n as u64 * 0x4000,
            size: 0x4000,
            register: 1 + n / 2,
            shift: if n.is_multiple_of(2) { 0 } else { 4 },
        };
        i += 1;
    }
    all
};
