//! Descriptors, and tables of them read from guest memory a window at a time.
//!
//! Drivers lay chains out in a row nearly always, so what follows a descriptor has usually been read with it.

use super::spec::*;
use super::{Chain, RingError, Segment};
use crate::spec::QUEUE_MAX;
use hw_core::Dma;

/// A descriptor of either layout, in host order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub address: u64,
    pub length: u32,
    pub flags: u16,
    /// Split: the next one of the chain. Packed: the flags are before it, this is the buffer's number.
    pub next: u16,
}

impl Descriptor {
    /// Entries of the indirect table that this describes.
    pub fn table_size(&self) -> Result<u16, RingError> {
        let entries = u64::from(self.length) / DESCRIPTOR;
        let whole = u64::from(self.length) % DESCRIPTOR == 0;
        match u16::try_from(entries) {
            Ok(entries @ 1..) if whole => Ok(entries),
            _ => Err(RingError::TableSize(self.length)),
        }
    }
}

/// Descriptors that one read fetches.
const WINDOW: usize = 32;

/// A table in guest memory.
pub(super) struct Table {
    base: u64,
    size: u16,
    /// At most so many are read at once.
    ahead: u16,
    window: [u8; WINDOW * DESCRIPTOR as usize],
    first: u16,
    filled: u16,
}

impl Table {
    /// `size` descriptors at `base`, `ahead` of which are worth reading in one go.
    pub fn new(base: u64, size: u16, ahead: u16) -> Self {
        Self {
            base,
            size,
            ahead: ahead.clamp(1, WINDOW as u16),
            window: [0; WINDOW * DESCRIPTOR as usize],
            first: 0,
            filled: 0,
        }
    }

    /// The bytes of descriptor `index`.
    pub fn bytes(&mut self, dma: &Dma, index: u16) -> Result<&[u8], RingError> {
        if index >= self.size {
            return Err(RingError::Descriptor(index));
        }
        let known = index >= self.first && index - self.first < self.filled;
        if !known {
            let count = self.ahead.min(self.size - index);
            let bytes = &mut self.window[..usize::from(count) * DESCRIPTOR as usize];
            self.filled = 0;
            dma.read(self.base.wrapping_add(u64::from(index) * DESCRIPTOR), bytes)?;
            (self.first, self.filled) = (index, count);
        }
        let at = usize::from(index - self.first) * DESCRIPTOR as usize;
        Ok(&self.window[at..at + DESCRIPTOR as usize])
    }

    /// Descriptor `index` of a split table.
    pub fn get(&mut self, dma: &Dma, index: u16) -> Result<Descriptor, RingError> {
        self.bytes(dma, index).map(Descriptor::split)
    }
}

impl Chain {
    /// Adds what a descriptor describes: readable buffers first, then writable ones (2.7.4.2).
    pub(super) fn add(&mut self, descriptor: &Descriptor) -> Result<(), RingError> {
        let Descriptor { address, length, .. } = *descriptor;
        if self.readable.len() + self.writable.len() >= usize::from(QUEUE_MAX) {
            return Err(RingError::TooLong);
        }
        if address.checked_add(u64::from(length)).is_none() {
            return Err(RingError::Wraps(address));
        }
        let segment = Segment { address, length };
        if descriptor.flags & flag::WRITE != 0 {
            self.writable.push(segment);
        } else if self.writable.is_empty() {
            self.readable.push(segment);
        } else {
            return Err(RingError::Order);
        }
        Ok(())
    }
}
