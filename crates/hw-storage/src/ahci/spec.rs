//! Serial ATA AHCI 1.3.1 and Serial ATA 3.0: register numbers, their bits, frames (FIS) and where they lie in memory.

/// Ports of the controller.
pub const PORTS: usize = 6;
/// Slots of a port.
pub const SLOTS: u32 = 32;
/// Bytes of the register window.
pub const WINDOW: u64 = 0x1000;

/// Registers of the controller (AHCI, 3.1).
pub mod host {
    /// Capabilities.
    pub const CAP: u64 = 0x00;
    /// Global control.
    pub const GHC: u64 = 0x04;
    /// Interrupt status, a bit for each port.
    pub const IS: u64 = 0x08;
    /// Ports implemented.
    pub const PI: u64 = 0x0c;
    /// Version.
    pub const VS: u64 = 0x10;
}

/// What CAP says: 6 ports, 32 slots, multiple-block PIO, AHCI only, 3 Gb/s, command list override, queues, 64 bits.
pub const CAPABILITIES: u32 =
    (PORTS as u32 - 1) | (SLOTS - 1) << 8 | 1 << 15 | 1 << 18 | 2 << 20 | 1 << 24 | 1 << 30 | 1 << 31;
/// What VS says: 1.0.
pub const VERSION: u32 = 0x0001_0000;
/// GHC: reset.
pub const GHC_RESET: u32 = 1;
/// GHC: interrupts.
pub const GHC_INTERRUPTS: u32 = 2;
/// GHC: AHCI; always on.
pub const GHC_AHCI: u32 = 1 << 31;

/// Where the registers of the first port are.
pub const PORT_BASE: u64 = 0x100;
/// How far those of the next one are.
pub const PORT_SIZE: u64 = 0x80;

/// Registers of a port (AHCI, 3.3).
pub mod port {
    /// Command list, and its upper half.
    pub const CLB: u64 = 0x00;
    /// Upper half of [`CLB`].
    pub const CLBU: u64 = 0x04;
    /// Where received frames go.
    pub const FB: u64 = 0x08;
    /// Upper half of [`FB`].
    pub const FBU: u64 = 0x0c;
    /// Interrupt status.
    pub const IS: u64 = 0x10;
    /// Interrupts that are passed on.
    pub const IE: u64 = 0x14;
    /// Command and status.
    pub const CMD: u64 = 0x18;
    /// Status and error registers of the drive.
    pub const TFD: u64 = 0x20;
    /// Signature of the drive.
    pub const SIG: u64 = 0x24;
    /// Serial ATA status.
    pub const SSTS: u64 = 0x28;
    /// Serial ATA control.
    pub const SCTL: u64 = 0x2c;
    /// Serial ATA error.
    pub const SERR: u64 = 0x30;
    /// Queued commands that have not ended.
    pub const SACT: u64 = 0x34;
    /// Commands to be issued, or that have not ended.
    pub const CI: u64 = 0x38;
}

/// PxIS.
pub mod interrupt {
    /// Register frame from the drive.
    pub const DHRS: u32 = 1 << 0;
    /// PIO setup frame.
    pub const PSS: u32 = 1 << 1;
    /// Set device bits frame.
    pub const SDBS: u32 = 1 << 3;
    /// A region that asks for an interrupt is done.
    pub const DPS: u32 = 1 << 5;
    /// Follows SERR.DIAG.X.
    pub const PCS: u32 = 1 << 6;
    /// Follows SERR.DIAG.N.
    pub const PRCS: u32 = 1 << 22;
    /// More data than regions.
    pub const OFS: u32 = 1 << 24;
    /// The link cannot go on.
    pub const IFS: u32 = 1 << 27;
    /// Memory does not answer.
    pub const HBFS: u32 = 1 << 29;
    /// The drive says error.
    pub const TFES: u32 = 1 << 30;
    /// Bits that exist.
    pub const ALL: u32 = 0xfdc0_00ff;
}

/// PxCMD.
pub mod cmd {
    /// Start.
    pub const ST: u32 = 1 << 0;
    /// Spin up.
    pub const SUD: u32 = 1 << 1;
    /// Power on.
    pub const POD: u32 = 1 << 2;
    /// Command list override: drop the drive's BSY and DRQ.
    pub const CLO: u32 = 1 << 3;
    /// Receive frames.
    pub const FRE: u32 = 1 << 4;
    /// Frames are received.
    pub const FR: u32 = 1 << 14;
    /// The list runs.
    pub const CR: u32 = 1 << 15;
    /// Bits that keep what software writes: ST, FRE, ATAPI, DLAE.
    pub const WRITABLE: u32 = ST | FRE | 1 << 24 | 1 << 25;
}

/// SSTS: a drive, 3 Gb/s, active.
pub const LINK_UP: u32 = 0x123;
/// SSTS: switched off.
pub const LINK_OFF: u32 = 4;
/// SERR: the drive said that it is there (DIAG.X).
pub const SERR_EXCHANGED: u32 = 1 << 26;
/// SERR: the link went up or down (DIAG.N).
pub const SERR_CHANGED: u32 = 1 << 16;
/// TFD without a drive.
pub const TFD_NONE: u32 = 0x7f;

/// Frames.
pub mod fis {
    /// Register, to the drive.
    pub const TO_DRIVE: u8 = 0x27;
    /// Register, from the drive.
    pub const REGISTER: u8 = 0x34;
    /// PIO setup.
    pub const PIO_SETUP: u8 = 0x5f;
    /// Set device bits.
    pub const SET_BITS: u8 = 0xa1;
    /// Second byte: a command, not the control register.
    pub const COMMAND: u8 = 0x80;
    /// Second byte: interrupt.
    pub const INTERRUPT: u8 = 0x40;
    /// Second byte: from the drive.
    pub const TO_HOST: u8 = 0x20;
    /// Control register: software reset.
    pub const SRST: u8 = 4;
}

/// Where received frames lie (AHCI, 4.2.1).
pub mod received {
    /// PIO setup.
    pub const PIO_SETUP: u64 = 0x20;
    /// Register.
    pub const REGISTER: u64 = 0x40;
    /// Set device bits.
    pub const SET_BITS: u64 = 0x58;
}

/// Bytes of a command header.
pub const HEADER: u64 = 32;
/// Offset of the packet in a command table.
pub const PACKET: u64 = 0x40;
/// Offset of the regions in a command table.
pub const REGIONS: u64 = 0x80;

/// READ LOG EXT, by PIO and DMA.
pub const READ_LOG: [u8; 2] = [0x2f, 0x47];
/// Log of logs.
pub const LOG_DIRECTORY: u8 = 0x00;
/// Log of the queue's error.
pub const LOG_QUEUE_ERROR: u8 = 0x10;
