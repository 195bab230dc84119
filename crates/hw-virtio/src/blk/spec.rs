//! VIRTIO 1.2, 5.2: numbers of the block device.

/// Feature bits (5.2.3), as masks.
pub mod feature {
    /// `seg_max` in the configuration.
    pub const SEG_MAX: u64 = 1 << 2;
    /// Geometry in the configuration.
    pub const GEOMETRY: u64 = 1 << 4;
    /// Read-only.
    pub const RO: u64 = 1 << 5;
    /// `blk_size` in the configuration.
    pub const BLK_SIZE: u64 = 1 << 6;
    /// Flush requests.
    pub const FLUSH: u64 = 1 << 9;
    /// Topology in the configuration.
    pub const TOPOLOGY: u64 = 1 << 10;
    /// The driver can switch the write cache.
    pub const CONFIG_WCE: u64 = 1 << 11;
    /// Several queues.
    pub const MQ: u64 = 1 << 12;
    /// Discard requests.
    pub const DISCARD: u64 = 1 << 13;
    /// Write-zeroes requests.
    pub const WRITE_ZEROES: u64 = 1 << 14;
}

/// Types of requests (5.2.6).
pub mod request {
    /// Read.
    pub const IN: u32 = 0;
    /// Write.
    pub const OUT: u32 = 1;
    /// Flush.
    pub const FLUSH: u32 = 4;
    /// Serial number.
    pub const GET_ID: u32 = 8;
    /// Discard.
    pub const DISCARD: u32 = 11;
    /// Write zeroes.
    pub const WRITE_ZEROES: u32 = 13;
    /// Legacy: the driver wants requests before it done before; flushes do that.
    pub const LEGACY_BARRIER: u32 = 1 << 31;
}

/// How a request ended (5.2.6).
pub mod outcome {
    /// Well.
    pub const OK: u8 = 0;
    /// Not well.
    pub const IOERR: u8 = 1;
    /// Not understood.
    pub const UNSUPP: u8 = 2;
}

/// Bytes of a request's header: type, reserved, sector.
pub const HEADER: u64 = 16;
/// Bytes of a segment of discard and write-zeroes requests: sector, count, flags.
pub const SEGMENT: u64 = 16;
/// Flag of a segment: storage may be given back.
pub const SEGMENT_UNMAP: u32 = 1;
/// Bytes of a sector, the unit of all numbers.
pub const SECTOR: u64 = 512;
/// Most bytes of a serial number.
pub const ID_BYTES: usize = 20;
/// Bytes of the configuration.
pub const CONFIG: usize = 60;
/// Offset of `writeback` in it.
pub const CONFIG_WRITEBACK: u64 = 32;
/// Most sectors of a discard or write-zeroes request: as many as the limit of a request of QEMU's.
pub const MAX_DISCARD_SECTORS: u32 = (1 << 31) / 512 - 1;
/// Most bytes that one request reads or writes.
pub const MAX_DATA: u64 = 64 << 20;
/// Bytes in flight above which no more requests are taken until some end.
pub const MAX_IN_FLIGHT: u64 = 128 << 20;
