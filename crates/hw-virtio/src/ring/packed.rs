//! The packed layout: one ring of descriptors that both sides write (VIRTIO 1.2, 2.8).
//!
//! A descriptor is available while its AVAIL bit equals the driver's wrap counter and its USED bit does not; the device
//! gives a chain back by overwriting one descriptor. Length, number and flags of that are its last 8 bytes, so one store
//! shows all of it.

use super::spec::*;
use super::table::{Descriptor, Table};
use super::{Chain, Place, Queue, RingError, Token, passes};
use hw_core::Dma;
use std::sync::atomic::{Ordering, fence};

impl Queue {
    fn descriptor_at(&self, index: u16) -> u64 {
        self.descriptors.wrapping_add(u64::from(index) * DESCRIPTOR)
    }

    pub(super) fn available_packed(&self, dma: &Dma) -> Result<bool, RingError> {
        let flags = u16::from_le_bytes(dma.load::<2>(self.descriptor_at(self.next.index).wrapping_add(14))?);
        // The rest of the descriptor, and of its chain, is read after its flags (2.8.6).
        fence(Ordering::Acquire);
        let (avail, used) = (flags & flag::AVAIL != 0, flags & flag::USED != 0);
        Ok(avail == self.next.wrap && used != self.next.wrap)
    }

    pub(super) fn pop_packed(&mut self, dma: &Dma, chain: &mut Chain) -> Result<bool, RingError> {
        let mut table = Table::new(self.descriptors, self.size, 1);
        let mut at = self.next;
        for slots in 1..=self.size {
            let descriptor = Descriptor::packed(table.bytes(dma, at.index)?);
            at.advance(1, self.size);
            let last = descriptor.flags & flag::NEXT == 0;
            if descriptor.flags & flag::INDIRECT != 0 {
                // An indirect descriptor is a chain by itself (2.8.7).
                if !last || slots != 1 || !self.mode.indirect {
                    return Err(RingError::Indirect);
                }
                read_indirect(dma, descriptor, chain)?;
            } else {
                chain.add(&descriptor)?;
            }
            if last {
                // The number is in the last descriptor of the chain (2.8.6).
                let id = descriptor.next;
                chain.token = Token { id, slots };
                self.next = at;
                return Ok(true);
            }
        }
        Err(RingError::TooLong)
    }

    pub(super) fn push_packed(&mut self, dma: &Dma, token: Token, written: u32) -> Result<(), RingError> {
        let mut flags = if written != 0 { flag::WRITE } else { 0 };
        if self.used.wrap {
            flags |= flag::AVAIL | flag::USED;
        }
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&written.to_le_bytes());
        bytes[4..6].copy_from_slice(&token.id.to_le_bytes());
        bytes[6..].copy_from_slice(&flags.to_le_bytes());
        fence(Ordering::Release);
        dma.store(self.descriptor_at(self.used.index).wrapping_add(8), bytes)?;
        let slots = token.slots.clamp(1, self.size);
        if self.used.advance(slots, self.size) {
            // Compare further on as if the ring had not begun anew.
            self.signalled = self.signalled.map(|at| at.wrapping_sub(self.size));
        }
        Ok(())
    }

    /// What the driver's event suppression structure says (2.8.10).
    pub(super) fn interrupt_due_packed(&mut self, dma: &Dma, new: u16) -> Result<bool, RingError> {
        fence(Ordering::SeqCst);
        let old = self.signalled.replace(new);
        let [offset_low, offset_high, flags, _] = dma.load::<4>(self.driver)?;
        match u16::from(flags) & 3 {
            event::DISABLE => Ok(false),
            event::DESCRIPTOR if self.mode.event_idx => {
                let word = u16::from_le_bytes([offset_low, offset_high]);
                let wrap = word & 0x8000 != 0;
                let mut event = word & 0x7fff;
                if wrap != self.used.wrap {
                    event = event.wrapping_sub(self.size);
                }
                Ok(old.is_none_or(|old| passes(event, new, old)))
            }
            _ => Ok(true),
        }
    }

    /// Writes the device's event suppression structure (2.8.10).
    pub(super) fn ask_packed(&mut self, dma: &Dma) -> Result<(), RingError> {
        let Place { index, wrap } = self.next;
        let flags = match (self.quiet, self.mode.event_idx) {
            (true, _) => event::DISABLE,
            (false, true) => event::DESCRIPTOR,
            (false, false) => event::ENABLE,
        };
        let [low, high] = (index | u16::from(wrap) << 15).to_le_bytes();
        let [flags_low, flags_high] = flags.to_le_bytes();
        dma.store(self.device, [low, high, flags_low, flags_high])?;
        fence(Ordering::SeqCst);
        Ok(())
    }
}

/// A packed queue's indirect table is used in order, whatever its NEXT bits say (2.8.7).
fn read_indirect(dma: &Dma, descriptor: Descriptor, chain: &mut Chain) -> Result<(), RingError> {
    let size = descriptor.table_size()?;
    let mut table = Table::new(descriptor.address, size, size);
    for at in 0..size {
        let descriptor = Descriptor::packed(table.bytes(dma, at)?);
        if descriptor.flags & flag::INDIRECT != 0 {
            return Err(RingError::Indirect);
        }
        chain.add(&descriptor)?;
    }
    Ok(())
}

impl Descriptor {
    /// As it lies in a packed ring (2.8.13): the number comes before the flags.
    fn packed(bytes: &[u8]) -> Self {
        let split = Self::split(bytes);
        Self {
            flags: split.next,
            next: split.flags,
            ..split
        }
    }
}
