//! The traditional memory balloon (VIRTIO 1.2, 5.5).
//!
//! Page numbers flow from the driver as it inflates the balloon; a [`PageHost`] may give those pages back to the host, or
//! not. The target flows the other way through the configuration, statistics through a buffer that the device keeps until
//! it wants new ones. Mirrors QEMU's `hw/virtio/virtio-balloon.c`.

mod model;

pub use model::MODELS;

use crate::core::{Core, Effect, Offer};
use crate::device::{VirtioDevice, copy_config};
use crate::ring::Chain;
use crate::spec::kind;
use hw_core::{DeviceCell, Dma, SavedState, StateError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Feature: there is a queue for statistics.
const STATS_VQ: u64 = 1 << 1;
/// Feature: the driver deflates by itself rather than kill processes.
const DEFLATE_ON_OOM: u64 = 1 << 2;
const INFLATE: usize = 0;
const DEFLATE: usize = 1;
const STATS: usize = 2;
/// Bytes of the configuration: pages wanted, pages given.
const CONFIG: usize = 8;
/// Bytes of a page, whatever the guest's pages are.
const PAGE: u64 = 4096;
/// Bytes of a statistic: a tag of 16 bits and a value of 64.
const STAT: usize = 10;
/// Tags beyond which nothing is kept: there are 10 in the specification.
const TAGS: u16 = 64;
/// Page numbers that one read takes.
const BATCH: usize = 256;
/// Most page numbers in one chain that are looked at: Linux sends 256.
const MAX_PAGES: u64 = 1 << 20;

/// What becomes of pages that the guest does not need. A hint: what a guest reads from such a page is not defined.
pub trait PageHost: Send + Sync {
    /// These bytes of guest-physical memory are not needed until they are touched again.
    fn give_back(&self, address: u64, length: u64);
}

/// A balloon.
pub struct Balloon {
    // Host glue.
    core: Arc<Core>,
    host: Mutex<Option<Arc<dyn PageHost>>>,
    // Volatile state.
    state: DeviceCell<State>,
}

/// Saved as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Pages that the guest is asked to give; outlives resets of the driver.
    target: u32,
    /// Pages that it says it gave.
    actual: u32,
    /// The buffer for statistics, while nobody wants any.
    stats_buffer: Option<Chain>,
    stats: BTreeMap<u16, u64>,
}

impl Balloon {
    /// An empty balloon.
    pub fn new(deflate_on_oom: bool, offer: Offer, dma: Dma) -> Arc<Self> {
        let features = STATS_VQ | if deflate_on_oom { DEFLATE_ON_OOM } else { 0 };
        Arc::new(Self {
            core: Core::new(kind::BALLOON, features, &[128; 3], offer, dma),
            host: Mutex::new(None),
            state: DeviceCell::default(),
        })
    }

    /// Names who is told of pages that are not needed.
    pub fn set_host(&self, host: Arc<dyn PageHost>) {
        *self.host.lock() = Some(host);
    }

    /// Asks the guest to give so many pages of 4 KiB, all in all.
    pub fn set_target(&self, pages: u32) {
        let before = std::mem::replace(&mut self.state.lock().target, pages);
        if before != pages {
            self.core.config_changed();
        }
    }

    /// Pages of 4 KiB that the guest has given.
    pub fn actual(&self) -> u32 {
        self.state.lock().actual
    }

    /// The last statistics, by tag (5.5.6.4).
    pub fn statistics(&self) -> BTreeMap<u16, u64> {
        self.state.lock().stats.clone()
    }

    /// Asks for new statistics, if the driver has given a buffer for them.
    pub fn refresh_statistics(&self) {
        let buffer = self.state.lock().stats_buffer.take();
        if let Some(chain) = buffer {
            self.core.complete(STATS, chain.token, 0);
        }
    }

    /// Takes page numbers: given, or wanted back.
    fn pages(&self, queue: usize) {
        let (mut chain, mut done) = (Chain::default(), false);
        while self.core.pop(queue, &mut chain) {
            if queue == INFLATE {
                self.give_back(&chain);
            }
            self.core.push(queue, chain.token, 0);
            done = true;
        }
        if done {
            self.core.signal(queue);
        }
    }

    fn give_back(&self, chain: &Chain) {
        let Some(host) = self.host.lock().clone() else {
            return;
        };
        let count = (chain.readable_len() / 4).min(MAX_PAGES);
        let (mut at, mut range) = (0, (0_u64, 0_u64));
        while at < count {
            let mut bytes = [0; 4 * BATCH];
            let now = (count - at).min(BATCH as u64) as usize;
            if chain
                .read(self.core.dma(), at * 4, &mut bytes[..now * 4])
                .is_err()
            {
                break;
            }
            for number in bytes[..now * 4].as_chunks::<4>().0 {
                let address = u64::from(u32::from_le_bytes(*number)) * PAGE;
                if range.0 + range.1 == address {
                    range.1 += PAGE;
                    continue;
                }
                if range.1 != 0 {
                    host.give_back(range.0, range.1);
                }
                range = (address, PAGE);
            }
            at += now as u64;
        }
        if range.1 != 0 {
            host.give_back(range.0, range.1);
        }
    }

    /// Reads statistics and keeps the buffer.
    fn take_statistics(&self) {
        let mut chain = Chain::default();
        while self.core.pop(STATS, &mut chain) {
            let mut stats = BTreeMap::new();
            let count = (chain.readable_len() / STAT as u64).min(TAGS.into());
            for i in 0..count {
                let Some([low, high, value @ ..]) = chain.header::<STAT>(self.core.dma(), i * STAT as u64)
                else {
                    break;
                };
                let tag = u16::from_le_bytes([low, high]);
                if tag < TAGS {
                    stats.insert(tag, u64::from_le_bytes(value));
                }
            }
            let before = {
                let mut state = self.state.lock();
                state.stats = stats;
                state.stats_buffer.replace(std::mem::take(&mut chain))
            };
            // There is one buffer (5.5.6.3); a driver that sends another gets the first back.
            if let Some(before) = before {
                self.core.complete(STATS, before.token, 0);
            }
        }
    }
}

/// State version 1.
const VERSION: u16 = 1;

impl VirtioDevice for Balloon {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, offset: u64, to: &mut [u8]) {
        let state = self.state.lock();
        let mut config = [0; CONFIG];
        config[..4].copy_from_slice(&state.target.to_le_bytes());
        config[4..].copy_from_slice(&state.actual.to_le_bytes());
        copy_config(&config, offset, to);
    }

    fn write_config(&self, offset: u64, from: &[u8]) {
        let mut state = self.state.lock();
        let mut actual = state.actual.to_le_bytes();
        for (at, byte) in (offset..).zip(from) {
            if let Some(place) = at
                .checked_sub(4)
                .and_then(|at| actual.get_mut(usize::try_from(at).ok()?))
            {
                *place = *byte;
            }
        }
        state.actual = u32::from_le_bytes(actual);
    }

    fn effect(&self, effect: Effect) {
        match effect {
            Effect::Notify(queue @ (INFLATE | DEFLATE)) => self.pages(queue),
            Effect::Notify(_) => self.take_statistics(),
            Effect::Started => {
                self.pages(INFLATE);
                self.pages(DEFLATE);
                self.take_statistics();
            }
            Effect::Reset => {
                let mut state = self.state.lock();
                let target = state.target;
                *state = State {
                    target,
                    ..State::default()
                };
            }
            Effect::QueueReset(STATS) => self.state.lock().stats_buffer = None,
            Effect::QueueReset(_) | Effect::Negotiated(_) | Effect::None => {}
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
