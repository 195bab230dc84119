//! ATA8-ACS and ATA/ATAPI-6: commands, status and error bits.

/// Commands.
pub mod command {
    /// NOP.
    pub const NOP: u8 = 0x00;
    /// DATA SET MANAGEMENT; trims.
    pub const DATA_SET_MANAGEMENT: u8 = 0x06;
    /// DEVICE RESET, of packet devices.
    pub const DEVICE_RESET: u8 = 0x08;
    /// RECALIBRATE, 10h to 1Fh.
    pub const RECALIBRATE: u8 = 0x10;
    /// READ SECTORS, and without retries.
    pub const READ: [u8; 2] = [0x20, 0x21];
    /// READ SECTORS EXT.
    pub const READ_EXT: u8 = 0x24;
    /// READ DMA EXT.
    pub const READ_DMA_EXT: u8 = 0x25;
    /// READ NATIVE MAX ADDRESS EXT.
    pub const READ_NATIVE_MAX_EXT: u8 = 0x27;
    /// READ MULTIPLE EXT.
    pub const READ_MULTIPLE_EXT: u8 = 0x29;
    /// WRITE SECTORS, and without retries.
    pub const WRITE: [u8; 2] = [0x30, 0x31];
    /// WRITE SECTORS EXT.
    pub const WRITE_EXT: u8 = 0x34;
    /// WRITE DMA EXT.
    pub const WRITE_DMA_EXT: u8 = 0x35;
    /// WRITE MULTIPLE EXT.
    pub const WRITE_MULTIPLE_EXT: u8 = 0x39;
    /// WRITE VERIFY.
    pub const WRITE_VERIFY: u8 = 0x3c;
    /// WRITE DMA FUA EXT.
    pub const WRITE_DMA_FUA_EXT: u8 = 0x3d;
    /// READ VERIFY SECTORS, and without retries.
    pub const VERIFY: [u8; 2] = [0x40, 0x41];
    /// READ VERIFY SECTORS EXT.
    pub const VERIFY_EXT: u8 = 0x42;
    /// READ FPDMA QUEUED.
    pub const READ_QUEUED: u8 = 0x60;
    /// WRITE FPDMA QUEUED.
    pub const WRITE_QUEUED: u8 = 0x61;
    /// SEEK, 70h to 7Fh.
    pub const SEEK: u8 = 0x70;
    /// EXECUTE DEVICE DIAGNOSTIC.
    pub const DIAGNOSTIC: u8 = 0x90;
    /// INITIALIZE DEVICE PARAMETERS.
    pub const INITIALIZE_PARAMETERS: u8 = 0x91;
    /// PACKET.
    pub const PACKET: u8 = 0xa0;
    /// IDENTIFY PACKET DEVICE.
    pub const IDENTIFY_PACKET: u8 = 0xa1;
    /// READ MULTIPLE.
    pub const READ_MULTIPLE: u8 = 0xc4;
    /// WRITE MULTIPLE.
    pub const WRITE_MULTIPLE: u8 = 0xc5;
    /// SET MULTIPLE MODE.
    pub const SET_MULTIPLE: u8 = 0xc6;
    /// READ DMA, and without retries.
    pub const READ_DMA: [u8; 2] = [0xc8, 0xc9];
    /// WRITE DMA, and without retries.
    pub const WRITE_DMA: [u8; 2] = [0xca, 0xcb];
    /// WRITE MULTIPLE FUA EXT.
    pub const WRITE_MULTIPLE_FUA_EXT: u8 = 0xce;
    /// STANDBY IMMEDIATE, and its old number.
    pub const STANDBY_IMMEDIATE: [u8; 2] = [0xe0, 0x94];
    /// IDLE IMMEDIATE, and its old number.
    pub const IDLE_IMMEDIATE: [u8; 2] = [0xe1, 0x95];
    /// STANDBY, and its old number.
    pub const STANDBY: [u8; 2] = [0xe2, 0x96];
    /// IDLE, and its old number.
    pub const IDLE: [u8; 2] = [0xe3, 0x97];
    /// CHECK POWER MODE, and its old number.
    pub const CHECK_POWER: [u8; 2] = [0xe5, 0x98];
    /// SLEEP, and its old number.
    pub const SLEEP: [u8; 2] = [0xe6, 0x99];
    /// FLUSH CACHE.
    pub const FLUSH: u8 = 0xe7;
    /// FLUSH CACHE EXT.
    pub const FLUSH_EXT: u8 = 0xea;
    /// IDENTIFY DEVICE.
    pub const IDENTIFY: u8 = 0xec;
    /// SET FEATURES.
    pub const SET_FEATURES: u8 = 0xef;
    /// READ NATIVE MAX ADDRESS.
    pub const READ_NATIVE_MAX: u8 = 0xf8;
}

/// Status register.
pub mod status {
    /// Error; the packet devices' CHK.
    pub const ERR: u8 = 0x01;
    /// Data is wanted, or there.
    pub const DRQ: u8 = 0x08;
    /// Seek complete.
    pub const DSC: u8 = 0x10;
    /// Device fault.
    pub const DF: u8 = 0x20;
    /// Ready.
    pub const DRDY: u8 = 0x40;
    /// Busy.
    pub const BSY: u8 = 0x80;
}

/// Error register.
pub mod error {
    /// Command aborted.
    pub const ABRT: u8 = 0x04;
    /// No such sector.
    pub const IDNF: u8 = 0x10;
    /// The data cannot be read.
    pub const UNC: u8 = 0x40;
}

/// Device register: sectors are numbered, not by cylinder, head and sector.
pub const LBA: u8 = 0x40;
/// Device register: the second drive.
pub const SLAVE: u8 = 0x10;

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Sectors that READ MULTIPLE moves at a time, at most.
pub const MAX_MULTIPLE: u8 = 16;

/// Cylinder registers of a packet device after reset.
pub const PACKET_SIGNATURE: [u8; 2] = [0x14, 0xeb];

/// Interrupt reason of packet devices: a command is wanted, or the end.
pub const COMMAND_OR_END: u8 = 1;
/// Interrupt reason: to the host.
pub const TO_HOST: u8 = 2;
