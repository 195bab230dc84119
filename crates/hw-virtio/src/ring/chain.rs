//! A chain of buffers: what the driver gives the device to read, then what it may write.
//!
//! Bytes flow between guest memory and the device by offset in the chain, wherever the driver cut it: no device depends
//! on how a request is laid out (VIRTIO 1.2, 2.7.4.1).

use hw_core::{Dma, DmaError};
use serde::{Deserialize, Serialize};

/// A buffer in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Guest-physical.
    pub address: u64,
    /// Bytes; `address + length` does not wrap.
    pub length: u32,
}

/// What names a chain when it is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The head descriptor (split) or the driver's number (packed).
    pub id: u16,
    /// Places it takes in the ring.
    pub slots: u16,
}

/// A chain. Made once and filled again by each [`Queue::pop`](super::Queue::pop), so that popping need not allocate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its name.
    pub token: Token,
    /// What the device reads.
    pub readable: Vec<Segment>,
    /// What the device writes.
    pub writable: Vec<Segment>,
}

fn total(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| u64::from(segment.length)).sum()
}

/// Calls `f` with address, place in `0..len` and length of each piece of `len` bytes at `offset`; how many there were.
fn pieces(
    segments: &[Segment],
    mut offset: u64,
    len: usize,
    mut f: impl FnMut(u64, usize, usize) -> Result<(), DmaError>,
) -> Result<usize, DmaError> {
    let mut done = 0;
    for segment in segments {
        if done == len {
            break;
        }
        let length = u64::from(segment.length);
        if offset >= length {
            offset -= length;
            continue;
        }
        let now = (length - offset).min((len - done) as u64) as usize;
        f(segment.address.wrapping_add(offset), done, now)?;
        done += now;
        offset = 0;
    }
    Ok(done)
}

impl Chain {
    /// Forgets everything but its room.
    pub fn clear(&mut self) {
        self.token = Token::default();
        self.readable.clear();
        self.writable.clear();
    }

    /// Bytes the device can read.
    pub fn readable_len(&self) -> u64 {
        total(&self.readable)
    }

    /// Bytes the device can write.
    pub fn writable_len(&self) -> u64 {
        total(&self.writable)
    }

    /// Reads from `offset` of the readable part; how many bytes there were.
    ///
    /// # Errors
    /// No memory answers.
    pub fn read(&self, dma: &Dma, offset: u64, to: &mut [u8]) -> Result<usize, DmaError> {
        pieces(&self.readable, offset, to.len(), |address, at, len| {
            dma.read(address, &mut to[at..at + len])
        })
    }

    /// Writes from `offset` of the writable part; how many bytes there was room for.
    ///
    /// # Errors
    /// No memory answers.
    pub fn write(&self, dma: &Dma, offset: u64, from: &[u8]) -> Result<usize, DmaError> {
        pieces(&self.writable, offset, from.len(), |address, at, len| {
            dma.write(address, &from[at..at + len])
        })
    }

    /// Reads a structure of `N` bytes at `offset`; none if the readable part is too short or no memory answers.
    pub fn header<const N: usize>(&self, dma: &Dma, offset: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.read(dma, offset, &mut bytes) == Ok(N)).then_some(bytes)
    }
}
