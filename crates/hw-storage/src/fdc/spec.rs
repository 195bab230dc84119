//! Intel 82077AA data sheet: registers, commands, status bits; and the formats of diskettes.

/// Ports, but for 3F6h, which is the IDE channel's.
pub const PORT: u64 = 0x3f0;
/// Channel of the DMA controller.
pub const DMA_CHANNEL: usize = 2;

/// Register numbers.
pub mod reg {
    /// Status register A.
    pub const SRA: u64 = 0;
    /// Status register B.
    pub const SRB: u64 = 1;
    /// Digital output register.
    pub const DOR: u64 = 2;
    /// Tape drive register.
    pub const TDR: u64 = 3;
    /// Main status; data rate select when written.
    pub const MSR: u64 = 4;
    /// Commands, data and results.
    pub const FIFO: u64 = 5;
    /// Digital input; configuration control when written.
    pub const DIR: u64 = 7;
}

/// Digital output: not in reset.
pub const DOR_RUN: u8 = 0x04;
/// Digital output: interrupts and DMA pass.
pub const DOR_GATE: u8 = 0x08;
/// Data rate select: reset, which ends by itself.
pub const DSR_RESET: u8 = 0x80;

/// Main status: the CPU may move a byte.
pub const RQM: u8 = 0x80;
/// Main status: to the CPU.
pub const DIO: u8 = 0x40;
/// Main status: data by the CPU.
pub const NDMA: u8 = 0x20;
/// Main status: a command is in the works.
pub const CB: u8 = 0x10;

/// ST0: ended by something wrong.
pub const ABNORMAL: u8 = 0x40;
/// ST0: not a command.
pub const INVALID: u8 = 0x80;
/// ST0: a seek has ended.
pub const SEEK_END: u8 = 0x20;
/// ST0: track 0 was not found.
pub const EQUIPMENT: u8 = 0x10;
/// ST1: more was asked for than the track has.
pub const END_OF_CYLINDER: u8 = 0x80;
/// ST1: data is damaged.
pub const DATA_ERROR: u8 = 0x20;
/// ST1: no such sector.
pub const NO_DATA: u8 = 0x04;
/// ST1: write-protected.
pub const NOT_WRITABLE: u8 = 0x02;
/// ST1: nothing to be read at this rate.
pub const MISSING_MARK: u8 = 0x01;
/// ST2: the head is on another cylinder.
pub const WRONG_CYLINDER: u8 = 0x10;

/// Virtual nanoseconds that a reset takes.
pub const RESET_NS: i64 = 250_000;
/// Virtual nanoseconds of a step from track to track.
pub const STEP_NS: i64 = 100_000;
/// Virtual nanoseconds until a sector comes by.
pub const SECTOR_NS: i64 = 200_000;

/// Bytes of a sector.
pub const SECTOR: u64 = 512;

/// How a diskette is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Sectors of a track.
    pub sectors: u8,
    /// Tracks of a side.
    pub tracks: u8,
    /// Sides.
    pub heads: u8,
    /// Data rates at which it is read: a bit for 500, 300, 250 and 1000 kbit/s each.
    pub rates: u8,
    /// The drive for it, as CMOS byte 10h says: 1 360 K, 2 1.2 M, 3 720 K, 4 1.44 M, 5 2.88 M.
    pub drive: u8,
}

const HIGH: u8 = 1;
const LOW: u8 = 2 | 4;
const EXTRA: u8 = 8;

#[rustfmt::skip]
const LAYOUTS: [Layout; 10] = [
    Layout { sectors: 36, tracks: 80, heads: 2, rates: EXTRA, drive: 5 },
    Layout { sectors: 21, tracks: 80, heads: 2, rates: HIGH,  drive: 4 },
    Layout { sectors: 18, tracks: 80, heads: 2, rates: HIGH,  drive: 4 },
    Layout { sectors: 15, tracks: 80, heads: 2, rates: HIGH,  drive: 2 },
    Layout { sectors:  9, tracks: 80, heads: 2, rates: LOW,   drive: 3 },
    Layout { sectors: 10, tracks: 80, heads: 2, rates: LOW,   drive: 3 },
    Layout { sectors:  9, tracks: 40, heads: 2, rates: LOW,   drive: 1 },
    Layout { sectors:  8, tracks: 40, heads: 2, rates: LOW,   drive: 1 },
    Layout { sectors:  9, tracks: 40, heads: 1, rates: LOW,   drive: 1 },
    Layout { sectors:  8, tracks: 40, heads: 1, rates: LOW,   drive: 1 },
];

impl Layout {
    /// That of 1.44 MB.
    pub const USUAL: Self = LAYOUTS[2];

    /// The layout of an image of so many bytes; the usual if no format is of that size.
    pub fn of(bytes: u64) -> Self {
        let fits = |layout: &&Self| layout.blocks() * SECTOR == bytes;
        LAYOUTS.iter().find(fits).copied().unwrap_or(Self::USUAL)
    }

    /// Sectors.
    pub fn blocks(&self) -> u64 {
        u64::from(self.sectors) * u64::from(self.tracks) * u64::from(self.heads)
    }
}
