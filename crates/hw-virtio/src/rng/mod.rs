//! The entropy device (VIRTIO 1.2, 5.4): buffers flow in, filled with random bytes they flow back.
//!
//! The bytes come from an [`Entropy`] some time after they were asked for; what is asked for is saved, and arrives after a
//! restore. Mirrors QEMU's `hw/virtio/virtio-rng.c`.

mod model;

pub use model::MODELS;

use crate::core::{Core, Effect, Offer};
use crate::device::VirtioDevice;
use crate::ring::Chain;
use crate::spec::kind;
use hw_core::{DeviceCell, Dma, Entropy, EntropyClient, SavedState, StateError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries of the queue.
const QUEUE: u16 = 8;
/// Most bytes that are asked for at once; of larger buffers the beginning is filled.
const MAX_BYTES: u64 = 4096;

/// A source of randomness for guests.
pub struct Rng {
    // Host glue.
    core: Arc<Core>,
    source: Arc<dyn Entropy>,
    // Volatile state.
    state: DeviceCell<State>,
}

/// Saved as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    next_tag: u64,
    in_flight: BTreeMap<u64, Chain>,
}

impl Rng {
    /// A device that asks `source`.
    pub fn new(source: Arc<dyn Entropy>, offer: Offer, dma: Dma) -> Arc<Self> {
        let rng = Arc::new(Self {
            core: Core::new(kind::ENTROPY, 0, &[QUEUE], offer, dma),
            source,
            state: DeviceCell::default(),
        });
        let client: Arc<dyn EntropyClient> = Arc::clone(&rng) as _;
        rng.source.attach(Arc::downgrade(&client));
        rng
    }

    fn process(&self) {
        let (mut chain, mut empty) = (Chain::default(), false);
        while self.core.pop(0, &mut chain) {
            let length = chain.writable_len().min(MAX_BYTES) as u32;
            if length == 0 {
                self.core.push(0, chain.token, 0);
                empty = true;
                continue;
            }
            let tag = {
                let mut state = self.state.lock();
                let tag = state.next_tag;
                state.next_tag = tag.wrapping_add(1);
                state.in_flight.insert(tag, std::mem::take(&mut chain));
                tag
            };
            self.source.request(tag, length);
        }
        if empty {
            self.core.signal(0);
        }
    }
}

impl EntropyClient for Rng {
    fn entropy(&self, tag: u64, bytes: &[u8]) {
        let Some(chain) = self.state.lock().in_flight.remove(&tag) else {
            return;
        };
        let written = chain.write(self.core.dma(), 0, bytes).unwrap_or(0);
        self.core.complete(0, chain.token, written as u32);
    }
}

/// State version 1.
const VERSION: u16 = 1;

impl VirtioDevice for Rng {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, _offset: u64, to: &mut [u8]) {
        to.fill(0);
    }

    fn effect(&self, effect: Effect) {
        match effect {
            Effect::Notify(_) | Effect::Started => self.process(),
            Effect::Reset => {
                self.source.forget();
                *self.state.lock() = State::default();
            }
            Effect::QueueReset(_) => self.state.lock().in_flight.clear(),
            Effect::Negotiated(_) | Effect::None => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state = state.decode(VERSION)?;
        *self.state.lock() = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
