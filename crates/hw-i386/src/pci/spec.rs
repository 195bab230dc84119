//! PCI Local Bus Specification 3.0, chapter 6 and 3.2.2.3.2: configuration space and mechanism #1.

/// Vendor id (u16).
pub const VENDOR: usize = 0x00;
/// Device id (u16).
pub const DEVICE: usize = 0x02;
/// Command (u16).
pub const COMMAND: usize = 0x04;
/// Status (u16).
pub const STATUS: usize = 0x06;
/// Revision.
pub const REVISION: usize = 0x08;
/// Programming interface, sub-class, class.
pub const CLASS: usize = 0x09;
/// Cache line size.
pub const CACHE_LINE: usize = 0x0c;
/// Latency timer.
pub const LATENCY: usize = 0x0d;
/// Header type; bit 7: several functions.
pub const HEADER_TYPE: usize = 0x0e;
/// First base address register of six.
pub const BAR0: usize = 0x10;
/// Subsystem vendor id (u16).
pub const SUBSYSTEM_VENDOR: usize = 0x2c;
/// Subsystem id (u16).
pub const SUBSYSTEM: usize = 0x2e;
/// Interrupt line, for software.
pub const INTERRUPT_LINE: usize = 0x3c;
/// Interrupt pin: 0 none, 1 INTA.
pub const INTERRUPT_PIN: usize = 0x3d;

/// Command: answer in the port space.
pub const COMMAND_IO: u16 = 1;
/// Command: answer in memory.
pub const COMMAND_MEMORY: u16 = 2;
/// Command: bus master.
pub const COMMAND_MASTER: u16 = 4;
/// Command bits that software may set: the three above, parity, SERR, INTx disable.
pub const COMMAND_WRITABLE: u16 = 0x0547;
/// Status bits that a write of one clears.
pub const STATUS_CLEARABLE: u16 = 0xf900;

/// Several functions in one device.
pub const MULTIFUNCTION: u8 = 0x80;

/// CONFIG_ADDRESS and CONFIG_DATA.
pub const CONFIG_ADDRESS: u64 = 0xcf8;
/// Bit 31 of CONFIG_ADDRESS: accesses of CONFIG_DATA go to configuration space.
pub const CONFIG_ENABLE: u32 = 1 << 31;
