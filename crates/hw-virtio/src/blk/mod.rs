//! The block device (VIRTIO 1.2, 5.2).
//!
//! Requests flow from the queues to a [`Disk`], many at a time, each under a tag; as they end, in any order, their data and
//! status flow back into the driver's buffers. What is in flight is saved with its chains, and ends after a restore as if
//! nothing had been. Mirrors QEMU's `hw/block/virtio-blk.c`.

mod config;
mod model;
mod request;
mod saved;
pub mod spec;

pub use config::BlkConfig;
pub use model::MODELS;

use crate::core::{Core, Effect, Offer};
use crate::device::{VirtioDevice, copy_config};
use crate::ring::Chain;
use crate::spec::kind;
use hw_core::{DeviceCell, Disk, DiskClient, DiskResult, Dma, SavedState, StateError};
use request::{Begun, Request};
use spec::{MAX_IN_FLIGHT, feature};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A disk on virtio.
pub struct Blk {
    // Configuration.
    config: BlkConfig,
    // Host glue.
    core: Arc<Core>,
    disk: Arc<dyn Disk>,
    // Volatile state.
    state: DeviceCell<State>,
}

struct State {
    /// Writes may be volatile until flushed.
    writeback: bool,
    next_tag: u64,
    in_flight: BTreeMap<u64, Request>,
    /// What `in_flight` moves.
    bytes: u64,
    /// Requests wait in the rings for room.
    stalled: bool,
    /// Chains to use again.
    spare: Vec<Chain>,
}

impl State {
    fn new() -> Self {
        Self {
            writeback: true,
            next_tag: 0,
            in_flight: BTreeMap::new(),
            bytes: 0,
            stalled: false,
            spare: Vec::new(),
        }
    }
}

impl Blk {
    /// A device for `disk`.
    pub fn new(config: BlkConfig, disk: Arc<dyn Disk>, offer: Offer, dma: Dma) -> Arc<Self> {
        let features = config.features(&*disk);
        let sizes = vec![config.queue_size; config.queues.into()];
        let blk = Arc::new(Self {
            core: Core::new(kind::BLOCK, features, &sizes, offer, dma),
            config,
            disk,
            state: DeviceCell::new(State::new()),
        });
        let client: Arc<dyn DiskClient> = Arc::clone(&blk) as _;
        blk.disk.attach(Arc::downgrade(&client));
        blk
    }

    fn dma(&self) -> &Dma {
        self.core.dma()
    }

    /// Takes all requests of a queue, as far as there is room.
    fn process(&self, queue: usize) {
        let mut ended = false;
        loop {
            let mut chain = {
                let mut state = self.state.lock();
                if state.bytes >= MAX_IN_FLIGHT {
                    state.stalled = true;
                    break;
                }
                state.spare.pop().unwrap_or_default()
            };
            if !self.core.pop(queue, &mut chain) {
                self.state.lock().spare.push(chain);
                break;
            }
            match self.begin(&chain) {
                Begun::Ended { status, written } => {
                    self.end(queue, &chain, status, written);
                    ended = true;
                    self.state.lock().spare.push(chain);
                }
                Begun::Submit { op, bytes } => {
                    let tag = {
                        let mut state = self.state.lock();
                        let tag = state.next_tag;
                        state.next_tag = tag.wrapping_add(1);
                        state.bytes = state.bytes.saturating_add(bytes);
                        let queue = queue as u16;
                        state.in_flight.insert(tag, Request { queue, chain, bytes });
                        tag
                    };
                    self.disk.submit(tag, op);
                }
                Begun::Broken(why) => {
                    self.core.fail(why);
                    break;
                }
            }
        }
        if ended {
            self.core.signal(queue);
        }
    }

    /// Forgets the requests of a queue, or all; their results are not looked at any more.
    fn drop_requests(&self, queue: Option<usize>) {
        let mut state = self.state.lock();
        state
            .in_flight
            .retain(|_, request| queue.is_some_and(|queue| usize::from(request.queue) != queue));
        state.bytes = state.in_flight.values().map(|request| request.bytes).sum();
        if queue.is_none() {
            state.stalled = false;
        }
    }

    /// Whether writes may be volatile from now on.
    fn set_writeback(&self, on: bool) {
        let before = std::mem::replace(&mut self.state.lock().writeback, on);
        if before != on {
            self.disk.set_write_cache(on);
        }
    }
}

impl DiskClient for Blk {
    fn complete(&self, tag: u64, result: DiskResult) {
        let (request, stalled) = {
            let mut state = self.state.lock();
            let Some(request) = state.in_flight.remove(&tag) else {
                return;
            };
            state.bytes = state.bytes.saturating_sub(request.bytes);
            let room = state.bytes < MAX_IN_FLIGHT;
            (request, room && std::mem::take(&mut state.stalled))
        };
        self.finish(&request, &result);
        self.core.signal(request.queue.into());
        self.state.lock().spare.push(request.chain);
        if stalled {
            for queue in 0..self.core.queues() {
                self.process(queue);
            }
        }
    }

    fn medium_changed(&self) {
        self.core.config_changed();
    }
}

impl VirtioDevice for Blk {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, offset: u64, to: &mut [u8]) {
        let writeback = self.state.lock().writeback;
        copy_config(&self.config.bytes(&*self.disk, writeback), offset, to);
    }

    fn write_config(&self, offset: u64, from: &[u8]) {
        let at = spec::CONFIG_WRITEBACK.checked_sub(offset);
        let byte = at.and_then(|at| from.get(usize::try_from(at).ok()?));
        if let (Some(byte), true) = (byte, self.core.features() & feature::CONFIG_WCE != 0) {
            self.set_writeback(byte & 1 != 0);
        }
    }

    fn effect(&self, effect: Effect) {
        match effect {
            Effect::Notify(queue) => self.process(queue),
            Effect::Started => {
                // A driver that knows of no cache must have none (5.2.6.2).
                let features = self.core.features();
                if features & feature::CONFIG_WCE == 0 {
                    self.set_writeback(features & feature::FLUSH != 0);
                }
                for queue in 0..self.core.queues() {
                    self.process(queue);
                }
            }
            Effect::Reset => {
                self.disk.forget();
                self.drop_requests(None);
                self.set_writeback(true);
                // Tags begin anew: nothing of before is in flight.
                self.state.lock().next_tag = 0;
            }
            Effect::QueueReset(queue) => self.drop_requests(Some(queue)),
            Effect::Negotiated(_) | Effect::None => {}
        }
    }

    fn save(&self) -> SavedState {
        saved::save(&self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let new = saved::load(state, self.core.queues())?;
        let writeback = new.writeback;
        let before = std::mem::replace(&mut *self.state.lock(), new);
        if before.writeback != writeback {
            self.disk.set_write_cache(writeback);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
