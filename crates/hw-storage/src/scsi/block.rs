//! Reading and writing blocks: SBC-3.

use super::spec::{op, sense};
use super::{Plan, Sense, Unit, be, cut};
use hw_core::DiskOp;

/// Ranges in one UNMAP, at most: told in the block limits page.
pub(super) const UNMAP_RANGES: usize = 256;
/// Bytes that a WRITE SAME repeats in one request.
const SAME: u64 = 1 << 20;
/// Blocks of one WRITE SAME that are not zeros, at most: told in the block limits page.
pub(super) const SAME_BLOCKS: u64 = 1 << 16;

/// Where a READ, WRITE and their kind begins, and how many blocks it has.
fn blocks(opcode: u8, command: &[u8; 16]) -> (u64, u64) {
    match opcode >> 5 {
        0 => {
            let count = u64::from(command[4]);
            (
                be(command, 1, 3) & 0x1f_ffff,
                if count == 0 { 256 } else { count },
            )
        }
        1 | 2 => (be(command, 2, 4), be(command, 7, 2)),
        4 => (be(command, 2, 8), be(command, 10, 4)),
        _ => (be(command, 2, 4), be(command, 6, 4)),
    }
}

impl Unit {
    /// The bytes of `count` blocks from `first`, if the medium has them.
    pub(super) fn bytes(&self, first: u64, count: u64) -> Result<(u64, u64), Sense> {
        let medium = self.medium()?;
        let size = u64::from(medium.block_size.max(1));
        let blocks = medium.size / size;
        match first.checked_add(count) {
            Some(end) if end <= blocks => Ok((first * size, count * size)),
            _ => Err(sense::OUT_OF_RANGE),
        }
    }

    /// Read commands, of disks and of CDs.
    pub(super) fn read(&self, opcode: u8, command: &[u8; 16]) -> Result<Plan, Sense> {
        let (first, count) = blocks(opcode, command);
        let (offset, length) = self.bytes(first, count)?;
        Ok(if length == 0 {
            Plan::Done(Vec::new())
        } else {
            Plan::Read { offset, length }
        })
    }

    fn writable(&self) -> Result<(), Sense> {
        if self.medium()?.read_only {
            return Err(sense::WRITE_PROTECTED);
        }
        Ok(())
    }

    pub(super) fn disk_command(&mut self, opcode: u8, command: &[u8; 16]) -> Result<Plan, Sense> {
        let done = Ok(Plan::Done(Vec::new()));
        match opcode {
            op::READ_6 | op::READ_10 | op::READ_12 | op::READ_16 => {
                // Protection information is not kept.
                if opcode != op::READ_6 && command[1] >> 5 != 0 {
                    return Err(sense::INVALID_FIELD);
                }
                self.read(opcode, command)
            }
            op::WRITE_6
            | op::WRITE_10
            | op::WRITE_12
            | op::WRITE_16
            | op::WRITE_VERIFY_10
            | op::WRITE_VERIFY_16 => {
                self.writable()?;
                if opcode != op::WRITE_6 && command[1] >> 5 != 0 {
                    return Err(sense::INVALID_FIELD);
                }
                let (first, count) = blocks(opcode, command);
                let (offset, length) = self.bytes(first, count)?;
                if length == 0 {
                    return done;
                }
                let verify = matches!(opcode, op::WRITE_VERIFY_10 | op::WRITE_VERIFY_16);
                let force = opcode != op::WRITE_6 && command[1] & 8 != 0;
                Ok(Plan::Write {
                    offset,
                    length,
                    durable: verify || force || self.state.write_cache_off,
                })
            }
            op::VERIFY_10 | op::VERIFY_16 => {
                // Comparing with bytes of the initiator's is not supported.
                if command[1] & 6 != 0 {
                    return Err(sense::INVALID_FIELD);
                }
                let (first, count) = blocks(opcode, command);
                self.bytes(first, count)?;
                done
            }
            op::SEEK_10 => {
                self.bytes(be(command, 2, 4), 1)?;
                done
            }
            op::REZERO_UNIT => done,
            op::SYNCHRONIZE_CACHE_10 | op::SYNCHRONIZE_CACHE_16 => {
                self.medium()?;
                Ok(Plan::Requests(vec![DiskOp::Flush]))
            }
            op::READ_CAPACITY_10 => {
                let (last, size) = self.capacity()?;
                let mut data = u32::try_from(last).unwrap_or(u32::MAX).to_be_bytes().to_vec();
                data.extend(size.to_be_bytes());
                Ok(Plan::Done(data))
            }
            op::SERVICE_ACTION_IN_16 if command[1] & 0x1f == 0x10 => {
                let (last, size) = self.capacity()?;
                let mut data = vec![0; 32];
                data[..8].copy_from_slice(&last.to_be_bytes());
                data[8..12].copy_from_slice(&size.to_be_bytes());
                // Blocks may have no storage; what is read there are zeros for WRITE SAME only.
                if self.medium()?.can_discard {
                    data[14] = 0x80;
                }
                Ok(cut(data, be(command, 10, 4)))
            }
            op::UNMAP => {
                self.writable()?;
                // No anchors.
                if command[1] & 1 != 0 {
                    return Err(sense::INVALID_FIELD);
                }
                Ok(super::parameters(be(command, 7, 2)))
            }
            op::WRITE_SAME_10 | op::WRITE_SAME_16 => self.start_write_same(opcode, command),
            _ => Err(sense::INVALID_OPCODE),
        }
    }

    /// Number of the last block, and bytes of a block.
    pub(super) fn capacity(&self) -> Result<(u64, u32), Sense> {
        let medium = self.medium()?;
        let size = medium.block_size.max(1);
        Ok(((medium.size / u64::from(size)).saturating_sub(1), size))
    }

    pub(super) fn unmap(&mut self, list: &[u8]) -> Result<Plan, Sense> {
        if list.len() < 8 {
            return Err(sense::PARAMETER_LENGTH);
        }
        let length = be(list, 2, 2) as usize;
        if list.len() < 8 + length {
            return Err(sense::PARAMETER_LENGTH);
        }
        let ranges = list[8..8 + length].chunks_exact(16);
        if ranges.len() > UNMAP_RANGES {
            return Err(sense::INVALID_PARAMETER);
        }
        // All or nothing.
        let requests = ranges.map(|range| {
            let (offset, length) = self.bytes(be(range, 0, 8), be(range, 8, 4))?;
            Ok(DiskOp::Discard { offset, length })
        });
        let requests: Vec<_> = requests.collect::<Result<_, Sense>>()?;
        let some = |op: &DiskOp| !matches!(op, DiskOp::Discard { length: 0, .. });
        Ok(requests_or_done(requests.into_iter().filter(some).collect()))
    }

    fn same_range(&self, opcode: u8, command: &[u8; 16]) -> Result<(u64, u64), Sense> {
        let (first, count) = blocks(opcode, command);
        // None means all to the end.
        let count = match count {
            0 => self.capacity()?.0.saturating_add(1).saturating_sub(first),
            count => count,
        };
        self.bytes(first, count)
    }

    fn start_write_same(&mut self, opcode: u8, command: &[u8; 16]) -> Result<Plan, Sense> {
        self.writable()?;
        let (offset, length) = self.same_range(opcode, command)?;
        let (unmap, no_data) = (
            command[1] & 8 != 0,
            opcode == op::WRITE_SAME_16 && command[1] & 1 != 0,
        );
        if no_data {
            let zeros = DiskOp::WriteZeroes {
                offset,
                length,
                may_unmap: unmap,
            };
            return Ok(requests_or_done(if length == 0 { vec![] } else { vec![zeros] }));
        }
        Ok(super::parameters(self.medium()?.block_size.into()))
    }

    pub(super) fn write_same(&mut self, command: &[u8; 16], block: &[u8]) -> Result<Plan, Sense> {
        let (offset, length) = self.same_range(command[0], command)?;
        let size = self.medium()?.block_size as usize;
        if block.len() < size || size == 0 {
            return Err(sense::PARAMETER_LENGTH);
        }
        let block = &block[..size];
        if length == 0 {
            return Ok(Plan::Done(Vec::new()));
        }
        if block.iter().all(|&byte| byte == 0) {
            return Ok(Plan::Requests(vec![DiskOp::WriteZeroes {
                offset,
                length,
                may_unmap: command[1] & 8 != 0,
            }]));
        }
        if length / size as u64 > SAME_BLOCKS {
            return Err(sense::INVALID_FIELD);
        }
        let portion = (SAME / size as u64).max(1) * size as u64;
        let requests = (0..length.div_ceil(portion)).map(|index| {
            let start = index * portion;
            let count = (length - start).min(portion) as usize / size;
            DiskOp::Write {
                offset: offset + start,
                data: block.repeat(count),
                durable: self.state.write_cache_off,
            }
        });
        Ok(Plan::Requests(requests.collect()))
    }
}

fn requests_or_done(requests: Vec<DiskOp>) -> Plan {
    if requests.is_empty() {
        Plan::Done(Vec::new())
    } else {
        Plan::Requests(requests)
    }
}
