//! A command in memory: its header in the list, and the regions its data is scattered over (AHCI, 4.2.2 and 4.2.3).
//!
//! Everything is read at the moment it is needed, and a transfer remembers how far it came, so that it goes on after a
//! restore. A table is at most 65535 regions long, each of at least one byte.

use super::spec::*;
use hw_core::{Dma, DmaError};
use serde::{Deserialize, Serialize};

/// A command header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Dwords of the frame.
    pub length: u8,
    /// Regions.
    pub regions: u16,
    /// The command table.
    pub table: u64,
}

impl Header {
    /// Reads the header of `slot`.
    pub fn read(dma: &Dma, list: u64, slot: u8) -> Result<Self, DmaError> {
        let mut bytes = [0; 16];
        dma.read(list.wrapping_add(u64::from(slot) * HEADER), &mut bytes)?;
        let [f0, _, r0, r1, _, _, _, _, table @ ..] = bytes;
        Ok(Self {
            length: f0 & 0x1f,
            regions: u16::from_le_bytes([r0, r1]),
            table: u64::from_le_bytes(table) & !0x7f,
        })
    }
}

/// How far a command's data came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The command table.
    table: u64,
    /// Its regions.
    regions: u16,
    /// The next region, and what of it is used.
    next: u16,
    used: u32,
    /// Bytes moved altogether.
    pub moved: u32,
    /// A region with the interrupt bit was used up.
    pub told: bool,
}

impl Cursor {
    /// At the beginning.
    pub fn new(header: &Header) -> Self {
        Self {
            table: header.table,
            regions: header.regions,
            next: 0,
            used: 0,
            moved: 0,
            told: false,
        }
    }

    /// Address and length of the next part, of at most `wanted` bytes; none if there is no region left.
    fn part(&mut self, dma: &Dma, wanted: usize) -> Result<Option<(u64, usize)>, DmaError> {
        while self.next < self.regions {
            let at = self
                .table
                .wrapping_add(REGIONS)
                .wrapping_add(u64::from(self.next) * 16);
            let mut entry = [0; 16];
            dma.read(at, &mut entry)?;
            let entry = u128::from_le_bytes(entry);
            let (base, count) = (entry as u64 & !1, (entry >> 96) as u32);
            let size = (count & 0x3f_ffff) + 1;
            let length = wanted.min(size.saturating_sub(self.used) as usize);
            let begin = base.wrapping_add(self.used.into());
            self.used = self.used.saturating_add(length as u32);
            if self.used >= size {
                (self.next, self.used) = (self.next + 1, 0);
                self.told |= count >> 31 != 0;
            }
            if length > 0 {
                self.moved = self.moved.wrapping_add(length as u32);
                return Ok(Some((begin, length)));
            }
        }
        Ok(None)
    }

    /// Moves `data` to memory; whether all of it had room.
    pub fn store(&mut self, dma: &Dma, data: &[u8]) -> Result<bool, DmaError> {
        let mut done = 0;
        while done < data.len() {
            let Some((at, length)) = self.part(dma, data.len() - done)? else {
                return Ok(false);
            };
            dma.write(at, &data[done..done + length])?;
            done += length;
        }
        Ok(true)
    }

    /// Fills `data` from memory; whether there was as much.
    pub fn load(&mut self, dma: &Dma, data: &mut [u8]) -> Result<bool, DmaError> {
        let mut done = 0;
        while done < data.len() {
            let Some((at, length)) = self.part(dma, data.len() - done)? else {
                return Ok(false);
            };
            dma.read(at, &mut data[done..done + length])?;
            done += length;
        }
        Ok(true)
    }
}
