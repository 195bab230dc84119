//! The saved state of a [`Core`].

use super::{Core, Slot, State};
use crate::ring::Queue;
use hw_core::StateError;
use serde::{Deserialize, Serialize};

/// What a [`Core`] saves, part of its transport's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreState {
    status: u8,
    device_select: u32,
    driver_select: u32,
    driver_features: u64,
    queue_select: u16,
    config_vector: u16,
    isr: u8,
    generation: u8,
    broken: bool,
    queues: Vec<QueueState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct QueueState {
    queue: Queue,
    vector: u16,
    page: u32,
}

impl Core {
    /// Everything volatile.
    pub fn save(&self) -> CoreState {
        let state = self.state.lock();
        CoreState {
            status: state.status,
            device_select: state.device_select,
            driver_select: state.driver_select,
            driver_features: state.driver_features,
            queue_select: state.queue_select,
            config_vector: state.config_vector,
            isr: state.isr,
            generation: state.generation,
            broken: state.broken,
            queues: state
                .slots
                .iter()
                .map(|slot| QueueState {
                    queue: slot.queue,
                    vector: slot.vector,
                    page: slot.page,
                })
                .collect(),
        }
    }

    /// Whether [`load`](Self::load) would take `saved`.
    ///
    /// # Errors
    /// It is no state of this device.
    pub fn check(&self, saved: &CoreState) -> Result<(), StateError> {
        let fits = saved.queues.len() == self.sizes.len()
            && saved
                .queues
                .iter()
                .zip(&self.sizes)
                .all(|(saved, size)| saved.queue.is_plausible() && saved.queue.size <= *size);
        if fits {
            Ok(())
        } else {
            Err(StateError::Damaged("queues do not fit the device".into()))
        }
    }

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// It is no state of this device, which is then unchanged.
    pub fn load(&self, saved: &CoreState) -> Result<(), StateError> {
        self.check(saved)?;
        let mut state = self.state.lock();
        let slots = saved
            .queues
            .iter()
            .zip(&state.slots)
            .map(|(saved, old)| Slot {
                queue: saved.queue,
                vector: saved.vector,
                busy: false,
                life: old.life.wrapping_add(1),
                page: saved.page,
            })
            .collect();
        *state = State {
            status: saved.status,
            device_select: saved.device_select,
            driver_select: saved.driver_select,
            driver_features: saved.driver_features,
            queue_select: saved.queue_select,
            config_vector: saved.config_vector,
            isr: saved.isr,
            generation: saved.generation,
            broken: saved.broken,
            slots,
        };
        Ok(())
    }
}
