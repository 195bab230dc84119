//! The bus master of a channel: a table of memory regions, walked as data comes.

use super::spec::*;
use hw_core::{Dma, DmaError};
use serde::{Deserialize, Serialize};

/// Registers, and the place in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusMaster {
    command: u8,
    status: u8,
    table: u32,
    /// The next entry.
    next: u32,
    /// What is left of the present region.
    at: u32,
    left: u32,
    /// The present region is the last.
    last: bool,
}

/// Why fewer bytes were moved than there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The table is at its end.
    Table,
    /// Memory does not answer, or the function may not be a bus master.
    Memory,
}

impl From<DmaError> for Short {
    fn from(_: DmaError) -> Self {
        Self::Memory
    }
}

impl BusMaster {
    /// Reads a register.
    pub fn read(&self, offset: u64) -> u8 {
        match offset {
            0 => self.command,
            2 => self.status,
            4..=7 => self.table.to_le_bytes()[offset as usize - 4],
            // Not there.
            _ => 0xff,
        }
    }

    /// Writes a register; whether the transfer begins now.
    pub fn write(&mut self, offset: u64, value: u8) -> bool {
        match offset {
            0 => {
                let before = std::mem::replace(&mut self.command, value & (BM_START | BM_TO_MEMORY));
                if value & BM_START == 0 {
                    self.status &= !BM_ACTIVE;
                } else if before & BM_START == 0 {
                    self.status |= BM_ACTIVE;
                    (self.next, self.left, self.last) = (self.table, 0, false);
                    return true;
                }
            }
            2 => {
                let cleared = self.status & !value & (BM_ERROR | BM_INTERRUPT);
                self.status = value & BM_CAPABLE | self.status & BM_ACTIVE | cleared;
            }
            4..=7 => {
                let mut bytes = self.table.to_le_bytes();
                bytes[offset as usize - 4] = value;
                self.table = u32::from_le_bytes(bytes) & !3;
            }
            _ => {}
        }
        false
    }

    /// Whether a transfer may go on.
    pub fn is_active(&self) -> bool {
        self.status & BM_ACTIVE != 0
    }

    /// The drive's interrupt rose.
    pub fn interrupted(&mut self) {
        self.status |= BM_INTERRUPT;
    }

    /// The drive has moved all it has. The table may have had room for more; then the engine stays active.
    pub fn finished(&mut self) {
        if self.left == 0 && self.last {
            self.status &= !BM_ACTIVE;
        }
    }

    /// The transfer cannot go on.
    pub fn stopped(&mut self, short: Short) {
        self.status &= !BM_ACTIVE;
        if short == Short::Memory {
            self.status |= BM_ERROR;
        }
    }

    /// The next part of a region, of at most `wanted` bytes.
    fn part(&mut self, dma: &Dma, wanted: usize) -> Result<(u64, usize), Short> {
        if self.left == 0 {
            if self.last {
                return Err(Short::Table);
            }
            let entry = u64::from_le_bytes({
                let mut bytes = [0; 8];
                dma.read(self.next.into(), &mut bytes)?;
                bytes
            });
            self.next = self.next.wrapping_add(8);
            self.at = entry as u32 & !1;
            self.left = match (entry >> 32) as u32 & 0xfffe {
                0 => 0x1_0000,
                count => count,
            };
            self.last = entry >> 63 != 0;
        }
        let length = wanted.min(self.left as usize);
        let at = self.at;
        self.at = at.wrapping_add(length as u32);
        self.left -= length as u32;
        Ok((at.into(), length))
    }

    /// Moves `data` to memory.
    ///
    /// # Errors
    /// Not all of it fits, or memory does not answer.
    pub fn store(&mut self, dma: &Dma, data: &[u8]) -> Result<(), Short> {
        let mut done = 0;
        while done < data.len() {
            let (at, length) = self.part(dma, data.len() - done)?;
            dma.write(at, &data[done..done + length])?;
            done += length;
        }
        Ok(())
    }

    /// Fills `data` from memory.
    ///
    /// # Errors
    /// As of [`store`](Self::store).
    pub fn load(&mut self, dma: &Dma, data: &mut [u8]) -> Result<(), Short> {
        let mut done = 0;
        while done < data.len() {
            let (at, length) = self.part(dma, data.len() - done)?;
            dma.read(at, &mut data[done..done + length])?;
            done += length;
        }
        Ok(())
    }
}
