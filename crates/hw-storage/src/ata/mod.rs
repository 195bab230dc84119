//! ATA as every controller speaks it: registers of a command, what drives say of themselves, what reads and writes mean.

pub mod identify;
pub mod spec;

use serde::{Deserialize, Serialize};
use spec::*;

/// The registers with which a command comes: two bytes deep, for 48-bit addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFile {
    /// Features, and what was written there before.
    pub feature: [u8; 2],
    /// Sector count.
    pub count: [u8; 2],
    /// Sector number, or address bits 7 to 0.
    pub low: [u8; 2],
    /// Cylinder low, or address bits 15 to 8.
    pub mid: [u8; 2],
    /// Cylinder high, or address bits 23 to 16.
    pub high: [u8; 2],
    /// Device and head.
    pub device: u8,
}

/// Cylinders, heads and sectors of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// At most 16383 or 65535.
    pub cylinders: u16,
    /// At most 16.
    pub heads: u8,
    /// At most 63 or 255.
    pub sectors: u8,
}

impl Geometry {
    /// What a drive of so many sectors says by default.
    pub fn of(sectors: u64) -> Self {
        let cylinders = (sectors / (16 * 63)).clamp(2, 16383);
        Self {
            cylinders: cylinders as u16,
            heads: 16,
            sectors: 63,
        }
    }

    /// Sectors that have such an address.
    pub fn total(&self) -> u64 {
        u64::from(self.cylinders) * u64::from(self.heads) * u64::from(self.sectors)
    }
}

impl TaskFile {
    /// The first sector that the command means, by the geometry that software has set; `None` if the numbers make no
    /// sense.
    pub fn address(&self, ext: bool, geometry: &Geometry) -> Option<u64> {
        let byte = |value: u8, shift: u32| u64::from(value) << shift;
        let low = byte(self.low[0], 0) | byte(self.mid[0], 8) | byte(self.high[0], 16);
        if ext {
            return Some(low | byte(self.low[1], 24) | byte(self.mid[1], 32) | byte(self.high[1], 40));
        }
        if self.device & LBA != 0 {
            return Some(low | byte(self.device & 0xf, 24));
        }
        let cylinder = byte(self.mid[0], 0) | byte(self.high[0], 8);
        let head = u64::from(self.device & 0xf);
        let sector = u64::from(self.low[0]).checked_sub(1)?;
        if sector >= u64::from(geometry.sectors) || head >= u64::from(geometry.heads) {
            return None;
        }
        Some((cylinder * u64::from(geometry.heads) + head) * u64::from(geometry.sectors) + sector)
    }

    /// Puts a sector's address into the registers, as a command left it.
    pub fn set_address(&mut self, address: u64, ext: bool, geometry: &Geometry) {
        if ext || self.device & LBA != 0 {
            [self.low[0], self.mid[0], self.high[0]] =
                [address as u8, (address >> 8) as u8, (address >> 16) as u8];
            if ext {
                [self.low[1], self.mid[1], self.high[1]] = [
                    (address >> 24) as u8,
                    (address >> 32) as u8,
                    (address >> 40) as u8,
                ];
            } else {
                self.device = self.device & 0xf0 | (address >> 24) as u8 & 0xf;
            }
            return;
        }
        let (sectors, heads) = (
            u64::from(geometry.sectors.max(1)),
            u64::from(geometry.heads.max(1)),
        );
        let (track, cylinder) = (address / sectors, address / sectors / heads);
        self.low[0] = (address % sectors) as u8 + 1;
        self.device = self.device & 0xf0 | (track % heads) as u8 & 0xf;
        [self.mid[0], self.high[0]] = [cylinder as u8, (cylinder >> 8) as u8];
    }

    /// How many sectors the command means.
    pub fn sectors(&self, ext: bool) -> u32 {
        match (ext, self.count) {
            (true, [0, 0]) => 0x1_0000,
            (true, [low, high]) => u32::from(low) | u32::from(high) << 8,
            (false, [0, _]) => 0x100,
            (false, [low, _]) => low.into(),
        }
    }
}

/// How a command moves data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// A sector at a time, by the CPU.
    Pio,
    /// As many as SET MULTIPLE MODE said, by the CPU.
    Multiple,
    /// By the controller.
    Dma,
}

/// What READ and WRITE commands are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// To the medium.
    pub write: bool,
    /// How.
    pub way: Way,
    /// 48-bit addresses.
    pub ext: bool,
    /// On stable storage when it ends.
    pub durable: bool,
}

impl Access {
    /// What `code` is, if it reads or writes sectors.
    pub fn of(code: u8) -> Option<Self> {
        use Way::{Dma, Multiple, Pio};
        use command::*;
        let (write, way, ext, durable) = match code {
            0x20 | 0x21 => (false, Pio, false, false),
            READ_EXT => (false, Pio, true, false),
            READ_MULTIPLE => (false, Multiple, false, false),
            READ_MULTIPLE_EXT => (false, Multiple, true, false),
            0xc8 | 0xc9 => (false, Dma, false, false),
            READ_DMA_EXT => (false, Dma, true, false),
            0x30 | 0x31 => (true, Pio, false, false),
            WRITE_VERIFY => (true, Pio, false, true),
            WRITE_EXT => (true, Pio, true, false),
            WRITE_MULTIPLE => (true, Multiple, false, false),
            WRITE_MULTIPLE_EXT => (true, Multiple, true, false),
            WRITE_MULTIPLE_FUA_EXT => (true, Multiple, true, true),
            0xca | 0xcb => (true, Dma, false, false),
            WRITE_DMA_EXT => (true, Dma, true, false),
            WRITE_DMA_FUA_EXT => (true, Dma, true, true),
            _ => return None,
        };
        Some(Self {
            write,
            way,
            ext,
            durable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let geometry = Geometry::of(1 << 20);
        assert_eq!(
            (geometry.cylinders, geometry.heads, geometry.sectors),
            (1040, 16, 63)
        );
        for (device, ext, address) in [
            (LBA, false, 0x0abc_def1),
            (0, true, 0xabc0_1234_5678),
            (0, false, 0),
            (0, false, 63),
            (0, false, 1_048_000),
        ] {
            let mut task = TaskFile {
                device,
                ..TaskFile::default()
            };
            task.set_address(address, ext, &geometry);
            assert_eq!(task.address(ext, &geometry), Some(address));
        }
        let none = TaskFile::default();
        assert_eq!(none.address(false, &geometry), None);
        assert_eq!((none.sectors(false), none.sectors(true)), (256, 65536));
    }
}
