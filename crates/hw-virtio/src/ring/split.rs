//! The split layout: a table of descriptors, a ring of what is available, a ring of what was used (VIRTIO 1.2, 2.7).
//!
//! The driver writes the first two, the device the third. Indexes run freely modulo 2^16. Entries that are known to be
//! available are taken without looking at the index again; used entries are shown all at once, when published.

use super::spec::*;
use super::table::{Descriptor, Table};
use super::{Chain, Queue, RingError, Token, le16, passes};
use hw_core::Dma;
use std::sync::atomic::{Ordering, fence};

impl Queue {
    fn slot(&self, index: u16) -> u64 {
        u64::from(index % self.size)
    }

    /// Where the driver says at which used entry it wants an interrupt (`used_event`, 2.7.6).
    fn used_event(&self) -> u64 {
        self.driver.wrapping_add(4 + 2 * u64::from(self.size))
    }

    /// Where the device says at which available entry it wants a notification (`avail_event`, 2.7.8).
    fn avail_event(&self) -> u64 {
        self.device.wrapping_add(4 + 8 * u64::from(self.size))
    }

    /// Reads the driver's index if nothing is known to be available.
    pub(super) fn available_split(&mut self, dma: &Dma) -> Result<bool, RingError> {
        if self.seen != self.next.index {
            return Ok(true);
        }
        let index = u16::from_le_bytes(dma.load::<2>(self.driver.wrapping_add(2))?);
        let new = index.wrapping_sub(self.next.index);
        if new > self.size {
            return Err(RingError::Index(new));
        }
        // Entries are read after the index that covers them (2.7.13.3).
        fence(Ordering::Acquire);
        self.seen = index;
        Ok(new != 0)
    }

    pub(super) fn pop_split(&mut self, dma: &Dma, chain: &mut Chain) -> Result<bool, RingError> {
        let entry = self.driver.wrapping_add(4 + 2 * self.slot(self.next.index));
        let head = u16::from_le_bytes(dma.load::<2>(entry)?);
        if head >= self.size {
            return Err(RingError::Descriptor(head));
        }
        self.read_split(dma, head, chain)?;
        chain.token = Token { id: head, slots: 1 };
        self.next.index = self.next.index.wrapping_add(1);
        Ok(true)
    }

    /// Follows a chain from `head` (2.7.5), through its indirect table if it has one (2.7.5.3).
    fn read_split(&self, dma: &Dma, head: u16, chain: &mut Chain) -> Result<(), RingError> {
        let mut table = Table::new(self.descriptors, self.size, 1);
        let mut at = head;
        // As many steps as there are descriptors; more is a loop.
        for _ in 0..self.size {
            let descriptor = table.get(dma, at)?;
            if descriptor.flags & flag::INDIRECT != 0 {
                if descriptor.flags & flag::NEXT != 0 || !self.mode.indirect {
                    return Err(RingError::Indirect);
                }
                return read_indirect(dma, descriptor, chain);
            }
            chain.add(&descriptor)?;
            if descriptor.flags & flag::NEXT == 0 {
                return Ok(());
            }
            at = descriptor.next;
        }
        Err(RingError::TooLong)
    }

    pub(super) fn push_split(&mut self, dma: &Dma, token: Token, written: u32) -> Result<(), RingError> {
        let mut element = [0; 8];
        element[..4].copy_from_slice(&u32::from(token.id).to_le_bytes());
        element[4..].copy_from_slice(&written.to_le_bytes());
        let at = self.device.wrapping_add(4 + 8 * self.slot(self.used.index));
        dma.store(at, element)?;
        self.used.index = self.used.index.wrapping_add(1);
        Ok(())
    }

    pub(super) fn publish_split(&mut self, dma: &Dma, new: u16) -> Result<bool, RingError> {
        // Elements before the index (2.7.8), the index before the look at what the driver wants (2.7.7).
        fence(Ordering::Release);
        dma.store(self.device.wrapping_add(2), new.to_le_bytes())?;
        fence(Ordering::SeqCst);
        let old = self.signalled.replace(new);
        if self.mode.event_idx {
            let event = u16::from_le_bytes(dma.load::<2>(self.used_event())?);
            return Ok(old.is_none_or(|old| passes(event, new, old)));
        }
        let flags = u16::from_le_bytes(dma.load::<2>(self.driver)?);
        Ok(flags & AVAIL_NO_INTERRUPT == 0)
    }

    /// Tells the driver when to notify (2.7.10).
    pub(super) fn ask_split(&mut self, dma: &Dma) -> Result<(), RingError> {
        if self.mode.event_idx {
            // What lies behind is never reached again but after 2^16 entries: that is silence.
            let event = self.next.index.wrapping_sub(u16::from(self.quiet));
            dma.store(self.avail_event(), event.to_le_bytes())?;
        } else {
            let flags = if self.quiet { USED_NO_NOTIFY } else { 0 };
            dma.store(self.device, flags.to_le_bytes())?;
        }
        fence(Ordering::SeqCst);
        Ok(())
    }
}

fn read_indirect(dma: &Dma, descriptor: Descriptor, chain: &mut Chain) -> Result<(), RingError> {
    let size = descriptor.table_size()?;
    let mut table = Table::new(descriptor.address, size, size);
    let mut at = 0;
    for _ in 0..size {
        let descriptor = table.get(dma, at)?;
        if descriptor.flags & flag::INDIRECT != 0 {
            return Err(RingError::Indirect);
        }
        chain.add(&descriptor)?;
        if descriptor.flags & flag::NEXT == 0 {
            return Ok(());
        }
        at = descriptor.next;
    }
    Err(RingError::TooLong)
}

impl Descriptor {
    /// As it lies in a split queue's table (2.7.5).
    pub(super) fn split(bytes: &[u8]) -> Self {
        let mut address = [0; 8];
        address.copy_from_slice(&bytes[..8]);
        let mut length = [0; 4];
        length.copy_from_slice(&bytes[8..12]);
        Self {
            address: u64::from_le_bytes(address),
            length: u32::from_le_bytes(length),
            flags: le16(&bytes[12..]),
            next: le16(&bytes[14..]),
        }
    }
}
