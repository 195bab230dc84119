//! Intel 82371SB (PIIX3) and 82371AB (PIIX4, power management) data sheets: ids and registers.

use hw_pci::Ids;

/// ISA bridge.
pub const ISA_IDS: Ids = Ids {
    vendor: 0x8086,
    device: 0x7000,
    class: 0x06_0100,
    revision: 0,
};
/// IDE controller.
pub const IDE_IDS: Ids = Ids {
    vendor: 0x8086,
    device: 0x7010,
    class: 0x01_0180,
    revision: 0,
};
/// Power management.
pub const PM_IDS: Ids = Ids {
    vendor: 0x8086,
    device: 0x7113,
    class: 0x06_8000,
    revision: 3,
};

/// First of the four PIRQ route control registers of the ISA bridge.
pub const PIRQRC: usize = 0x60;
/// [`PIRQRC`]: not routed. Bits 3..=0 are the ISA interrupt.
pub const PIRQ_OFF: u8 = 0x80;

/// IDE: timing registers of both channels (u16 each); bit 15 decodes the channel's ports.
pub const IDETIM: usize = 0x40;
/// IDE: bus master registers.
pub const BMDMA_SIZE: u64 = 16;

/// PM: base of the PM registers (u32; bit 0 reads 1, bits 15..=6 are the address).
pub const PMBASE: usize = 0x40;
/// PM: device resource register whose value 02000000h says that SMM is not to be set up.
pub const DEVACTB: usize = 0x58;
/// PM: bit 0 opens the PM registers.
pub const PMREGMISC: usize = 0x80;
/// PM: base of the SMBus registers (u32; bit 0 reads 1, bits 15..=4 are the address).
pub const SMBBASE: usize = 0x90;
/// PM: SMBus host configuration; bit 0 opens its registers.
pub const SMBHSTCFG: usize = 0xd2;
