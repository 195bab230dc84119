//! The modern interface's common configuration (VIRTIO 1.2, 4.1.4.3).
//!
//! Accesses flow in with the offset of a field: drivers use each field's own width, 64-bit ones in two halves. What is no
//! field reads 0 and ignores writes.

use super::{Core, Effect, State};
use crate::ring::{Mode, Queue};
use crate::spec::{NO_VECTOR, feature, status};

/// Bytes of the structure, with `queue_reset`.
pub const SIZE: u64 = 0x40;

/// Offsets.
mod at {
    pub const DEVICE_FEATURE_SELECT: u64 = 0x00;
    pub const DEVICE_FEATURE: u64 = 0x04;
    pub const DRIVER_FEATURE_SELECT: u64 = 0x08;
    pub const DRIVER_FEATURE: u64 = 0x0c;
    pub const CONFIG_VECTOR: u64 = 0x10;
    pub const NUM_QUEUES: u64 = 0x12;
    pub const STATUS: u64 = 0x14;
    pub const GENERATION: u64 = 0x15;
    pub const QUEUE_SELECT: u64 = 0x16;
    pub const QUEUE_SIZE: u64 = 0x18;
    pub const QUEUE_VECTOR: u64 = 0x1a;
    pub const QUEUE_ENABLE: u64 = 0x1c;
    pub const QUEUE_NOTIFY_OFF: u64 = 0x1e;
    pub const QUEUE_DESC_LOW: u64 = 0x20;
    pub const QUEUE_DESC_HIGH: u64 = 0x24;
    pub const QUEUE_DRIVER_LOW: u64 = 0x28;
    pub const QUEUE_DRIVER_HIGH: u64 = 0x2c;
    pub const QUEUE_DEVICE_LOW: u64 = 0x30;
    pub const QUEUE_DEVICE_HIGH: u64 = 0x34;
    pub const QUEUE_NOTIFY_DATA: u64 = 0x38;
    pub const QUEUE_RESET: u64 = 0x3a;
}

/// The 32 bits of `value` that a half's offset names.
fn half(value: u64, offset: u64) -> u32 {
    (value >> (8 * (offset & 4))) as u32
}

fn set_half(field: &mut u64, offset: u64, value: u64) {
    let shift = 8 * (offset & 4);
    *field = *field & !(0xffff_ffff << shift) | (value & 0xffff_ffff) << shift;
}

fn feature_half(features: u64, select: u32) -> u32 {
    match select {
        0 => features as u32,
        1 => (features >> 32) as u32,
        _ => 0,
    }
}

impl Core {
    /// Reads a field.
    pub fn read_common(&self, offset: u64) -> u64 {
        let mut state = self.state.lock();
        u64::from(match offset {
            at::DEVICE_FEATURE_SELECT => state.device_select,
            // What has no place in the modern interface is not shown in it (6.3).
            at::DEVICE_FEATURE => feature_half(self.offered & !feature::ANY_LAYOUT, state.device_select),
            at::DRIVER_FEATURE_SELECT => state.driver_select,
            at::DRIVER_FEATURE => feature_half(state.driver_features, state.driver_select),
            at::CONFIG_VECTOR => state.config_vector.into(),
            at::NUM_QUEUES => self.sizes.len() as u32,
            at::STATUS => state.status.into(),
            at::GENERATION => state.generation.into(),
            at::QUEUE_SELECT => state.queue_select.into(),
            at::QUEUE_NOTIFY_OFF | at::QUEUE_NOTIFY_DATA => state.queue_select.into(),
            _ => {
                let Some(slot) = state.selected() else {
                    return 0;
                };
                let queue = &slot.queue;
                match offset {
                    at::QUEUE_SIZE => queue.size.into(),
                    at::QUEUE_VECTOR => slot.vector.into(),
                    at::QUEUE_ENABLE => queue.enabled.into(),
                    at::QUEUE_DESC_LOW | at::QUEUE_DESC_HIGH => half(queue.descriptors, offset),
                    at::QUEUE_DRIVER_LOW | at::QUEUE_DRIVER_HIGH => half(queue.driver, offset),
                    at::QUEUE_DEVICE_LOW | at::QUEUE_DEVICE_HIGH => half(queue.device, offset),
                    _ => 0,
                }
            }
        })
    }

    /// Writes a field. `vectors` is how many MSI-X vectors there are.
    pub fn write_common(&self, offset: u64, value: u64, vectors: u16) -> Effect {
        if offset == at::STATUS {
            return self.write_status(value as u8, true);
        }
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let vector = |value: u64| match value as u16 {
            vector if vector < vectors => vector,
            _ => NO_VECTOR,
        };
        match offset {
            at::DEVICE_FEATURE_SELECT => state.device_select = value as u32,
            at::DRIVER_FEATURE_SELECT => state.driver_select = value as u32,
            at::DRIVER_FEATURE => state.write_features(value as u32),
            at::CONFIG_VECTOR => state.config_vector = vector(value),
            at::QUEUE_SELECT => state.queue_select = value as u16,
            at::QUEUE_RESET => {
                let index = usize::from(state.queue_select);
                let negotiated = state.driver_features & self.offered & feature::RING_RESET != 0;
                if value == 1 && negotiated && self.reset_slot(state, index) {
                    return Effect::QueueReset(index);
                }
            }
            _ => self.write_queue(state, offset, value, vector(value)),
        }
        Effect::None
    }

    fn write_queue(&self, state: &mut State, offset: u64, value: u64, vector: u16) {
        let max = self.sizes.get(usize::from(state.queue_select)).copied();
        let packed = state.driver_features & self.offered & feature::RING_PACKED != 0;
        let (Some(slot), Some(max)) = (state.selected(), max) else {
            return;
        };
        if offset == at::QUEUE_VECTOR {
            slot.vector = vector;
        }
        let queue = &mut slot.queue;
        // A queue in use is not changed any more (4.1.4.3.2).
        if queue.enabled {
            return;
        }
        match offset {
            at::QUEUE_SIZE => {
                let wanted = value as u16;
                // A split queue's size is a power of two (2.7).
                if wanted != 0 && wanted <= max && (packed || wanted.is_power_of_two()) {
                    queue.size = wanted;
                }
            }
            at::QUEUE_ENABLE => queue.enabled = value == 1,
            at::QUEUE_DESC_LOW | at::QUEUE_DESC_HIGH => set_half(&mut queue.descriptors, offset, value),
            at::QUEUE_DRIVER_LOW | at::QUEUE_DRIVER_HIGH => set_half(&mut queue.driver, offset, value),
            at::QUEUE_DEVICE_LOW | at::QUEUE_DEVICE_HIGH => set_half(&mut queue.device, offset, value),
            _ => {}
        }
    }

    /// Resets one queue (2.6.1); whether there is such a one.
    fn reset_slot(&self, state: &mut State, index: usize) -> bool {
        let mode = Mode::of(state.driver_features & self.offered);
        let (Some(slot), Some(&size)) = (state.slots.get_mut(index), self.sizes.get(index)) else {
            return false;
        };
        slot.queue = Queue::new(size);
        slot.queue.set_mode(mode);
        slot.busy = false;
        slot.life = slot.life.wrapping_add(1);
        true
    }
}

impl State {
    fn write_features(&mut self, value: u32) {
        // Agreed is agreed (2.2.1).
        if self.status & status::FEATURES_OK != 0 {
            return;
        }
        let shift = match self.driver_select {
            0 => 0,
            1 => 32,
            _ => return,
        };
        self.driver_features = self.driver_features & !(0xffff_ffff << shift) | u64::from(value) << shift;
    }
}
