//! Registers of an IDE channel, and of the bus master (Programming Interface for Bus Master IDE Controller 1.0).

/// Command block: data.
pub const DATA: u64 = 0;
/// Error; features when written.
pub const ERROR: u64 = 1;
/// Sector count; interrupt reason of packet devices.
pub const COUNT: u64 = 2;
/// Sector number.
pub const LOW: u64 = 3;
/// Cylinder low; byte count of packet devices.
pub const MID: u64 = 4;
/// Cylinder high.
pub const HIGH: u64 = 5;
/// Device and head.
pub const DEVICE: u64 = 6;
/// Status; command when written.
pub const STATUS: u64 = 7;

/// Device control: no interrupts.
pub const CONTROL_NIEN: u8 = 0x02;
/// Device control: reset.
pub const CONTROL_SRST: u8 = 0x04;
/// Device control: what was written before is read.
pub const CONTROL_HOB: u8 = 0x80;

/// Command and control ports of the channels.
pub const PORTS: [(u64, u64); 2] = [(0x1f0, 0x3f6), (0x170, 0x376)];

/// Bus master registers of both channels.
pub const BMDMA_SIZE: u64 = 16;
/// Bus master command: start.
pub const BM_START: u8 = 0x01;
/// Bus master command: to memory.
pub const BM_TO_MEMORY: u8 = 0x08;
/// Bus master status: active.
pub const BM_ACTIVE: u8 = 0x01;
/// Bus master status: a transfer failed.
pub const BM_ERROR: u8 = 0x02;
/// Bus master status: the drive has interrupted.
pub const BM_INTERRUPT: u8 = 0x04;
/// Bus master status: what drives can do, as software says.
pub const BM_CAPABLE: u8 = 0x60;
