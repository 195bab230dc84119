//! The legacy interface's header in port space (VIRTIO 1.2, 4.1.4.10).
//!
//! A transitional device shows the same state as in [`registers`](super::registers): 32 bits of features, rings in one
//! piece at a page number, and two vector registers that are there only while MSI-X is on.

use super::{Core, Effect};
use crate::ring::spec::{DESCRIPTOR, LEGACY_ALIGN};
use crate::spec::{NO_VECTOR, feature};

/// Bytes before the device's configuration without MSI-X.
const SHORT: u64 = 0x14;
/// And with it.
const LONG: u64 = 0x18;

/// Offsets.
mod at {
    pub const DEVICE_FEATURES: u64 = 0x00;
    pub const DRIVER_FEATURES: u64 = 0x04;
    pub const QUEUE_ADDRESS: u64 = 0x08;
    pub const QUEUE_SIZE: u64 = 0x0c;
    pub const QUEUE_SELECT: u64 = 0x0e;
    pub const QUEUE_NOTIFY: u64 = 0x10;
    pub const STATUS: u64 = 0x12;
    pub const ISR: u64 = 0x13;
    pub const CONFIG_VECTOR: u64 = 0x14;
    pub const QUEUE_VECTOR: u64 = 0x16;
}

/// Where the device's configuration begins.
pub fn header_size(msix: bool) -> u64 {
    if msix { LONG } else { SHORT }
}

/// Features that a legacy driver can see.
const VISIBLE: u64 = 0xffff_ffff;

impl Core {
    /// Reads a register of the header.
    pub fn read_legacy(&self, offset: u64) -> u64 {
        if offset == at::ISR {
            return self.read_isr().into();
        }
        let mut state = self.state.lock();
        match offset {
            at::DEVICE_FEATURES => self.offered & VISIBLE,
            at::DRIVER_FEATURES => state.driver_features & VISIBLE,
            at::QUEUE_ADDRESS => state.selected().map_or(0, |slot| slot.page.into()),
            at::QUEUE_SIZE => state.selected().map_or(0, |slot| slot.queue.size.into()),
            at::QUEUE_SELECT => state.queue_select.into(),
            at::STATUS => state.status.into(),
            at::CONFIG_VECTOR => state.config_vector.into(),
            at::QUEUE_VECTOR => state.selected().map_or(NO_VECTOR, |slot| slot.vector).into(),
            _ => 0,
        }
    }

    /// Writes a register of the header. `vectors` is how many MSI-X vectors there are.
    pub fn write_legacy(&self, offset: u64, value: u64, vectors: u16) -> Effect {
        match offset {
            at::QUEUE_NOTIFY => return self.notified(value as u16),
            at::STATUS => return self.write_status(value as u8, false),
            _ => {}
        }
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let vector = match value as u16 {
            vector if vector < vectors => vector,
            _ => NO_VECTOR,
        };
        match offset {
            at::DRIVER_FEATURES => {
                // There is no FEATURES_OK in this interface: what was written counts (3.1.2).
                let features = value & VISIBLE & self.offered;
                state.driver_features = features;
                state.adopt(features);
                return Effect::Negotiated(features);
            }
            at::QUEUE_ADDRESS => {
                // Page 0 takes the queue away; some drivers say so to reset the device.
                let features = state.driver_features & self.offered & VISIBLE;
                let size = self.sizes.get(usize::from(state.queue_select)).copied();
                if let (Some(slot), Some(size)) = (state.selected(), size) {
                    slot.place(value as u32, size);
                    slot.queue.set_mode(crate::ring::Mode::of(features));
                }
            }
            at::QUEUE_SELECT => state.queue_select = value as u16,
            at::CONFIG_VECTOR => state.config_vector = vector,
            at::QUEUE_VECTOR => {
                if let Some(slot) = state.selected() {
                    slot.vector = vector;
                }
            }
            _ => {}
        }
        Effect::None
    }
}

impl super::Slot {
    /// Lays the ring out from a page on (2.7.2): descriptors, available ring, and on the next page the used ring.
    fn place(&mut self, page: u32, size: u16) {
        self.page = page;
        self.life = self.life.wrapping_add(1);
        self.busy = false;
        let mut queue = crate::ring::Queue::new(size);
        if page != 0 {
            queue.descriptors = u64::from(page) * LEGACY_ALIGN;
            queue.driver = queue.descriptors + DESCRIPTOR * u64::from(size);
            // Flags, index, the ring and `used_event`.
            let end = queue.driver + 2 * (3 + u64::from(size));
            queue.device = end.next_multiple_of(LEGACY_ALIGN);
            queue.enabled = true;
        }
        self.queue = queue;
    }
}

/// Which features make sense only to a modern driver: they do not fit the legacy register, by position.
const _: () = assert!(feature::VERSION_1 & VISIBLE == 0 && feature::RING_PACKED & VISIBLE == 0);
