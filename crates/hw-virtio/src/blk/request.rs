//! One request: what its header and buffers ask for, and how its end is told (VIRTIO 1.2, 5.2.6).
//!
//! The header is the first 16 bytes the device can read, the status the last byte it can write; data is all that lies
//! between, wherever the driver cut it.

use super::Blk;
use super::spec::*;
use crate::ring::Chain;
use hw_core::{DiskError, DiskOp, DiskResult};
use serde::{Deserialize, Serialize};

/// A request at the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub queue: u16,
    pub chain: Chain,
    /// Bytes that it moves.
    pub bytes: u64,
}

/// What came of looking at a chain.
pub(super) enum Begun {
    /// It has ended already; `written` bytes of data were written.
    Ended { status: u8, written: u32 },
    /// The disk is to do it.
    Submit { op: DiskOp, bytes: u64 },
    /// It is no request at all.
    Broken(&'static str),
}

fn ended(status: u8) -> Begun {
    Begun::Ended { status, written: 0 }
}

impl Blk {
    /// Looks at a chain.
    pub(super) fn begin(&self, chain: &Chain) -> Begun {
        let Some(header) = chain.header::<{ HEADER as usize }>(self.dma(), 0) else {
            return Begun::Broken("a request without a header");
        };
        let (writable, readable) = (chain.writable_len(), chain.readable_len());
        if writable == 0 {
            return Begun::Broken("a request without room for its status");
        }
        let [t0, t1, t2, t3, _, _, _, _, sector @ ..] = header;
        let kind = u32::from_le_bytes([t0, t1, t2, t3]) & !request::LEGACY_BARRIER;
        let sector = u64::from_le_bytes(sector);
        match kind {
            request::IN => self.begin_read(sector, writable - 1),
            request::OUT => self.begin_write(sector, readable - HEADER, chain),
            request::FLUSH => Begun::Submit {
                op: DiskOp::Flush,
                bytes: 0,
            },
            request::GET_ID => {
                let mut id = self.config.id(&*self.disk);
                // Shorter ones end in a zero (5.2.6.1).
                id.resize(ID_BYTES, 0);
                id.truncate(usize::try_from(writable - 1).unwrap_or(ID_BYTES));
                match chain.write(self.dma(), 0, &id) {
                    Ok(written) => Begun::Ended {
                        status: outcome::OK,
                        written: written as u32,
                    },
                    Err(_) => ended(outcome::IOERR),
                }
            }
            request::DISCARD | request::WRITE_ZEROES => self.begin_erase(kind, readable - HEADER, chain),
            _ => ended(outcome::UNSUPP),
        }
    }

    /// The place in bytes, if the range is whole blocks inside the medium.
    fn place(&self, sector: u64, length: u64) -> Option<u64> {
        let medium = self.disk.medium()?;
        let block = u64::from(self.config.block(&*self.disk));
        let offset = sector.checked_mul(SECTOR)?;
        let inside = offset.checked_add(length)? <= medium.size;
        (inside && offset.is_multiple_of(block) && length.is_multiple_of(block)).then_some(offset)
    }

    fn begin_read(&self, sector: u64, length: u64) -> Begun {
        match self.place(sector, length) {
            Some(offset) if length <= MAX_DATA => Begun::Submit {
                op: DiskOp::Read {
                    offset,
                    length: length as u32,
                },
                bytes: length,
            },
            _ => ended(outcome::IOERR),
        }
    }

    fn begin_write(&self, sector: u64, length: u64, chain: &Chain) -> Begun {
        let read_only = self.disk.medium().is_none_or(|medium| medium.read_only);
        let Some(offset) = self
            .place(sector, length)
            .filter(|_| !read_only && length <= MAX_DATA)
        else {
            return ended(outcome::IOERR);
        };
        let mut data = vec![0; length as usize];
        match chain.read(self.dma(), HEADER, &mut data) {
            Ok(_) => Begun::Submit {
                op: DiskOp::Write {
                    offset,
                    data,
                    durable: false,
                },
                bytes: length,
            },
            Err(_) => ended(outcome::IOERR),
        }
    }

    /// Discard and write-zeroes (5.2.6.2): one segment.
    fn begin_erase(&self, kind: u32, length: u64, chain: &Chain) -> Begun {
        let wanted = if kind == request::DISCARD {
            feature::DISCARD
        } else {
            feature::WRITE_ZEROES
        };
        if self.core.offered() & wanted == 0 || length != SEGMENT {
            return ended(outcome::UNSUPP);
        }
        let Some(segment) = chain.header::<{ SEGMENT as usize }>(self.dma(), HEADER) else {
            return ended(outcome::IOERR);
        };
        let [s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3, flags @ ..] = segment;
        let sector = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let count = u32::from_le_bytes([c0, c1, c2, c3]);
        let flags = u32::from_le_bytes(flags);
        // A discard says nothing of unmapping, and nobody sets what is reserved.
        let known = if kind == request::DISCARD {
            0
        } else {
            SEGMENT_UNMAP
        };
        if flags & !known != 0 {
            return ended(outcome::UNSUPP);
        }
        let length = u64::from(count) * SECTOR;
        let Some(offset) = self
            .place(sector, length)
            .filter(|_| count <= MAX_DISCARD_SECTORS)
        else {
            return ended(outcome::IOERR);
        };
        let op = if kind == request::DISCARD {
            // A hint: where nothing can be given back, it is heeded by doing nothing.
            if !self.disk.medium().is_some_and(|medium| medium.can_discard) {
                return ended(outcome::OK);
            }
            DiskOp::Discard { offset, length }
        } else {
            DiskOp::WriteZeroes {
                offset,
                length,
                may_unmap: flags & SEGMENT_UNMAP != 0,
            }
        };
        Begun::Submit { op, bytes: 0 }
    }

    /// Writes what the disk gave, and the status.
    pub(super) fn finish(&self, request: &Request, result: &DiskResult) {
        let chain = &request.chain;
        let room = chain.writable_len().saturating_sub(1);
        let (status, written) = match result {
            Ok(data) => {
                let len = data.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                match chain.write(self.dma(), 0, &data[..len]) {
                    Ok(_) => (outcome::OK, len as u32),
                    Err(_) => (outcome::IOERR, 0),
                }
            }
            Err(DiskError::Unsupported) => (outcome::UNSUPP, 0),
            Err(_) => (outcome::IOERR, 0),
        };
        self.end(request.queue.into(), chain, status, written);
    }

    /// Writes the status and gives the chain back.
    pub(super) fn end(&self, queue: usize, chain: &Chain, status: u8, written: u32) {
        let at = chain.writable_len().saturating_sub(1);
        // Nobody hears of a status that is written nowhere but the driver that put it there.
        let _ = chain.write(self.dma(), at, &[status]);
        // "Written" means from the start without a gap (2.7.8.2), and the status comes last.
        let all = u64::from(written) == at;
        self.core
            .push(queue, chain.token, if all { written + 1 } else { written });
    }
}
