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
/// Expansion ROM base address; bit 0: open.
pub const ROM: usize = 0x30;
/// First capability.
pub const CAPABILITIES: usize = 0x34;
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
/// Command: the interrupt pin is silent.
pub const COMMAND_INTX_OFF: u16 = 0x400;
/// Command bits that software may set: the three above, parity, SERR, INTx disable.
pub const COMMAND_WRITABLE: u16 = 0x0547;
/// Status bits that a write of one clears.
pub const STATUS_CLEARABLE: u16 = 0xf900;

/// Status: the interrupt pin is asserted.
pub const STATUS_INTERRUPT: u16 = 0x08;
/// Status: there is a list of capabilities.
pub const STATUS_CAPABILITIES: u16 = 0x10;

/// Where capabilities begin.
pub const FIRST_CAPABILITY: u8 = 0x40;
/// Capability: message-signalled interrupts (PCI 3.0, 6.8.1).
pub const CAP_MSI: u8 = 0x05;
/// Capability: vendor specific.
pub const CAP_VENDOR: u8 = 0x09;
/// Capability: MSI-X (PCI 3.0, 6.8.2).
pub const CAP_MSIX: u8 = 0x11;
/// Message control of MSI: enabled.
pub const MSI_ENABLE: u16 = 1;
/// Message control of MSI: 64-bit addresses.
pub const MSI_64: u16 = 0x80;
/// Message control of MSI: how many vectors software granted.
pub const MSI_GRANTED: u16 = 0x70;
/// Message control of MSI-X: enabled.
pub const MSIX_ENABLE: u16 = 0x8000;
/// Message control of MSI-X: all vectors masked.
pub const MSIX_MASK_ALL: u16 = 0x4000;

/// Several functions in one device.
pub const MULTIFUNCTION: u8 = 0x80;

/// CONFIG_ADDRESS and CONFIG_DATA.
pub const CONFIG_ADDRESS: u64 = 0xcf8;
/// Bit 31 of CONFIG_ADDRESS: accesses of CONFIG_DATA go to configuration space.
pub const CONFIG_ENABLE: u32 = 1 << 31;
