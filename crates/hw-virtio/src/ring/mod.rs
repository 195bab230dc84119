//! Virtqueues: how a driver hands buffers to a device and gets them back.
//!
//! Chains of buffers flow from the driver's ring in guest memory through [`Queue::pop`] to the device, and back through
//! [`Queue::push`]; [`Queue::publish`] says whether the driver wants to hear of it. All access is by [`Dma`]. What
//! lies in guest memory is trusted in nothing: whatever a ring holds gives chains of bounded length or a [`RingError`].
//! A queue is plain data that is copied in and out of a device's state, so that nothing is locked while memory is
//! accessed. Mirrors QEMU's `hw/virtio/virtio.c`; VIRTIO 1.2, sections 2.6 to 2.8.

mod chain;
mod packed;
pub mod spec;
mod split;
mod table;

pub use chain::{Chain, Segment, Token};

use crate::spec::{QUEUE_MAX, feature};
use hw_core::{Dma, DmaError};
use serde::{Deserialize, Serialize};

/// What makes a ring unusable until the device is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// The ring or a table lies where no memory answers.
    #[error(transparent)]
    Memory(#[from] DmaError),
    /// The driver claims to have made more available than the queue holds.
    #[error("available index moved by {0}, more than the queue holds")]
    Index(u16),
    /// A descriptor number past the end of its table.
    #[error("descriptor {0} is past the end of its table")]
    Descriptor(u16),
    /// A chain with more buffers than allowed, or a loop.
    #[error("descriptor chain is too long")]
    TooLong,
    /// An indirect table of impossible size.
    #[error("indirect table of {0} bytes")]
    TableSize(u32),
    /// An indirect descriptor where none may be.
    #[error("misplaced indirect descriptor")]
    Indirect,
    /// A buffer to read behind one to write.
    #[error("readable buffer behind writable ones")]
    Order,
    /// A buffer that wraps around the end of memory.
    #[error("buffer at {0:#x} passes the end of memory")]
    Wraps(u64),
}

/// What was negotiated about rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mode {
    /// Notifications are suppressed by index, not by flag.
    pub event_idx: bool,
    /// Indirect tables may be used.
    pub indirect: bool,
    /// The packed layout.
    pub packed: bool,
}

impl Mode {
    /// As these feature bits say.
    pub fn of(features: u64) -> Self {
        Self {
            event_idx: features & feature::EVENT_IDX != 0,
            indirect: features & feature::INDIRECT_DESC != 0,
            packed: features & feature::RING_PACKED != 0,
        }
    }
}

/// A place in a ring: a running index (split), or an index below the size with its wrap counter (packed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    index: u16,
    wrap: bool,
}

impl Place {
    /// Moves on in a packed ring of `size`; whether it passed the end.
    fn advance(&mut self, by: u16, size: u16) -> bool {
        let next = u32::from(self.index) + u32::from(by);
        let passed = next >= u32::from(size);
        self.index = (next % u32::from(size.max(1))) as u16;
        self.wrap ^= passed;
        passed
    }
}

/// One virtqueue. Addresses are guest-physical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Entries; at most what the device offers.
    pub size: u16,
    /// The descriptor area: descriptors, or all of a packed ring.
    pub descriptors: u64,
    /// The driver area: available ring, or the driver's event suppression.
    pub driver: u64,
    /// The device area: used ring, or the device's event suppression.
    pub device: u64,
    /// The driver has set it up.
    pub enabled: bool,
    mode: Mode,
    /// Next entry to take.
    next: Place,
    /// Next entry to give back.
    used: Place,
    /// Split: how far entries are known to be available.
    seen: u16,
    /// [`used`](Self::used) when the driver was last told, if ever.
    signalled: Option<u16>,
    /// Entries given back that the driver cannot see yet, or has not been told of.
    unsaid: bool,
    /// The device has asked for no notifications.
    quiet: bool,
}

impl Queue {
    /// A queue of `size` entries that is not set up.
    pub fn new(size: u16) -> Self {
        let start = Place { index: 0, wrap: true };
        Self {
            size,
            descriptors: 0,
            driver: 0,
            device: 0,
            enabled: false,
            mode: Mode::default(),
            next: start,
            used: start,
            seen: 0,
            signalled: None,
            unsaid: false,
            quiet: false,
        }
    }

    /// Sets what was negotiated; before anything is popped.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Whether a driver could have set it up like this: a saved state is data, too.
    pub fn is_plausible(&self) -> bool {
        let in_ring = |place: Place| !self.mode.packed || place.index < self.size.max(1);
        self.size <= QUEUE_MAX && in_ring(self.next) && in_ring(self.used)
    }

    /// Takes the next chain into `chain`; false if there is none. The driver is then asked to tell of the next.
    ///
    /// # Errors
    /// What is in memory is no ring.
    pub fn pop(&mut self, dma: &Dma, chain: &mut Chain) -> Result<bool, RingError> {
        chain.clear();
        if self.is_empty(dma)? {
            return Ok(false);
        }
        if self.mode.packed {
            self.pop_packed(dma, chain)
        } else {
            self.pop_split(dma, chain)
        }
    }

    /// Takes back the last [`pop`](Self::pop), for a device that finds it cannot use the chain now.
    pub fn unpop(&mut self, token: Token) {
        if self.mode.packed {
            // Back by `slots` is forward by the rest of the ring, with the other wrap counter.
            let size = self.size.max(1);
            let slots = token.slots.min(size);
            self.next.wrap = !self.next.wrap;
            self.next.advance(size - slots, size);
        } else {
            self.next.index = self.next.index.wrapping_sub(1);
        }
    }

    /// Gives a chain back, `written` bytes of whose writable buffers were filled. The driver sees it at the next
    /// [`publish`](Self::publish), or earlier.
    ///
    /// # Errors
    /// No memory answers where the ring is.
    pub fn push(&mut self, dma: &Dma, token: Token, written: u32) -> Result<(), RingError> {
        if !self.enabled || self.size == 0 {
            return Ok(());
        }
        self.unsaid = true;
        if self.mode.packed {
            self.push_packed(dma, token, written)
        } else {
            self.push_split(dma, token, written)
        }
    }

    /// Shows the driver everything that was pushed; whether it wants an interrupt for it.
    ///
    /// # Errors
    /// No memory answers where the ring is.
    pub fn publish(&mut self, dma: &Dma) -> Result<bool, RingError> {
        if !self.enabled || !std::mem::take(&mut self.unsaid) {
            return Ok(false);
        }
        let new = self.used.index;
        if self.mode.packed {
            self.interrupt_due_packed(dma, new)
        } else {
            self.publish_split(dma, new)
        }
    }

    /// Asks the driver to tell of new chains, or not to; a hint that it may ignore.
    ///
    /// # Errors
    /// No memory answers where the ring is.
    pub fn set_notification(&mut self, dma: &Dma, wanted: bool) -> Result<(), RingError> {
        if !self.enabled || self.quiet != wanted {
            return Ok(());
        }
        self.quiet = !wanted;
        if self.mode.packed {
            self.ask_packed(dma)
        } else {
            self.ask_split(dma)
        }
    }

    /// Whether the ring holds nothing that could be popped now. The driver is then asked to tell of the next chain,
    /// unless the device wants no notifications.
    ///
    /// # Errors
    /// No memory answers where the ring is.
    pub fn is_empty(&mut self, dma: &Dma) -> Result<bool, RingError> {
        if !self.enabled || self.size == 0 {
            return Ok(true);
        }
        if self.available(dma)? {
            return Ok(false);
        }
        if !self.mode.event_idx || self.quiet {
            return Ok(true);
        }
        if self.mode.packed {
            self.ask_packed(dma)?;
        } else {
            self.ask_split(dma)?;
        }
        // The driver may have added something between the look and the request to be told.
        Ok(!self.available(dma)?)
    }

    fn available(&mut self, dma: &Dma) -> Result<bool, RingError> {
        if self.mode.packed {
            self.available_packed(dma)
        } else {
            self.available_split(dma)
        }
    }
}

/// Whether moving from `old` to `new` passes `event` (2.7.7.2: `vring_need_event`).
fn passes(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

fn le16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests;
