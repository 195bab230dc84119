//! The SCSI host (VIRTIO 1.2, 5.6).
//!
//! Commands flow from the request queues to the units of targets, which say what is to be done ([`hw_storage::scsi::Plan`]); the host carries
//! it out on their disks and writes data, status and sense data into the driver's buffers. What is in flight is saved.
//! Mirrors QEMU's `hw/scsi/virtio-scsi.c`; each target has unit 0 only.

mod control;
mod model;
mod request;
mod saved;
pub mod spec;

pub use model::{MODELS, UNITS};

use crate::core::{Core, Effect, Offer};
use crate::device::{VirtioDevice, copy_config};
use crate::spec::kind;
use hw_core::{DeviceCell, Disk, DiskClient, DiskResult, Dma, SavedState, StateError};
use hw_storage::scsi::{Kind, Names, Unit};
use parking_lot::Mutex;
use request::Request;
use spec::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// A SCSI host.
pub struct Scsi {
    // Configuration.
    queue_size: u16,
    queues: u16,
    // Host glue.
    core: Arc<Core>,
    targets: Mutex<BTreeMap<u8, Arc<Target>>>,
    // Volatile state.
    state: DeviceCell<State>,
}

struct State {
    sense_size: u32,
    cdb_size: u32,
    next_tag: u64,
    in_flight: BTreeMap<u64, Request>,
    /// What `in_flight` moves.
    bytes: u64,
    /// Requests wait in the rings for room.
    stalled: bool,
}

impl State {
    fn new() -> Self {
        Self {
            sense_size: SENSE_SIZE,
            cdb_size: CDB_SIZE,
            next_tag: 0,
            in_flight: BTreeMap::new(),
            bytes: 0,
            stalled: false,
        }
    }
}

/// A target with its unit 0, and the host as the unit's disk sees it.
struct Target {
    host: Weak<Scsi>,
    disk: Arc<dyn Disk>,
    unit: DeviceCell<Unit>,
    /// The medium changed. A disk may say so while the unit talks to it, so the unit hears of it later.
    changed: AtomicBool,
    ejecting: AtomicBool,
}

impl Target {
    /// The unit, which has heard of everything.
    fn with<R>(&self, f: impl FnOnce(&mut Unit) -> R) -> R {
        let mut unit = self.unit.lock();
        if self.changed.swap(false, Ordering::Relaxed) {
            unit.medium_changed();
        }
        if self.ejecting.swap(false, Ordering::Relaxed) {
            unit.eject_requested();
        }
        f(&mut unit)
    }
}

impl DiskClient for Target {
    fn complete(&self, tag: u64, result: DiskResult) {
        if let Some(host) = self.host.upgrade() {
            host.completed(tag, result);
        }
    }

    fn medium_changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    fn eject_requested(&self) {
        self.ejecting.store(true, Ordering::Relaxed);
    }
}

impl Scsi {
    /// A host with so many request queues of this size, and no targets.
    pub fn new(queues: u16, queue_size: u16, offer: Offer, dma: Dma) -> Arc<Self> {
        let sizes = vec![queue_size; usize::from(queues) + REQUESTS];
        Arc::new(Self {
            queue_size,
            queues,
            core: Core::new(kind::SCSI, 0, &sizes, offer, dma),
            targets: Mutex::default(),
            state: DeviceCell::new(State::new()),
        })
    }

    /// Adds a target: `number`, or the next free one. Its number, or none if it is taken or all are.
    pub fn add_target(
        self: &Arc<Self>,
        number: Option<u8>,
        kind: Kind,
        disk: Arc<dyn Disk>,
        names: Names,
    ) -> Option<u8> {
        let mut targets = self.targets.lock();
        let number = number.or_else(|| (0..=u8::MAX).find(|number| !targets.contains_key(number)))?;
        if targets.contains_key(&number) {
            return None;
        }
        let target = Arc::new(Target {
            host: Arc::downgrade(self),
            unit: DeviceCell::new(Unit::new(kind, Arc::clone(&disk), names)),
            disk,
            changed: AtomicBool::new(false),
            ejecting: AtomicBool::new(false),
        });
        let client: Arc<dyn DiskClient> = Arc::clone(&target) as _;
        target.disk.attach(Arc::downgrade(&client));
        targets.insert(number, target);
        Some(number)
    }

    fn target(&self, number: u8) -> Option<Arc<Target>> {
        self.targets.lock().get(&number).cloned()
    }

    fn all_targets(&self) -> Vec<(u8, Arc<Target>)> {
        let targets = self.targets.lock();
        targets
            .iter()
            .map(|(&number, target)| (number, Arc::clone(target)))
            .collect()
    }

    fn notified(&self, queue: usize) {
        match queue {
            CONTROL => self.control(),
            EVENT => {}
            _ => self.process(queue),
        }
    }

    /// Forgets requests of a queue; their results are not looked at any more.
    fn drop_queue(&self, queue: usize) {
        let mut state = self.state.lock();
        state
            .in_flight
            .retain(|_, request| usize::from(request.queue) != queue);
        state.bytes = state.in_flight.values().map(|request| request.bytes).sum();
    }
}

impl VirtioDevice for Scsi {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, offset: u64, to: &mut [u8]) {
        let (sense_size, cdb_size) = {
            let state = self.state.lock();
            (state.sense_size, state.cdb_size)
        };
        let mut config = [0; CONFIG];
        let fields = [
            u32::from(self.queues),
            u32::from(self.queue_size).saturating_sub(2).max(1),
            // Sectors of a request.
            (MAX_DATA / 512) as u32,
            // Commands of a unit at a time.
            128,
            // Bytes of an event.
            16,
            sense_size,
            cdb_size,
            // Highest channel, and target.
            u32::from(u8::MAX) << 16,
            // Highest unit.
            0,
        ];
        for (to, field) in config.as_chunks_mut::<4>().0.iter_mut().zip(fields) {
            *to = field.to_le_bytes();
        }
        copy_config(&config, offset, to);
    }

    fn write_config(&self, offset: u64, from: &[u8]) {
        let Ok(bytes) = <[u8; 4]>::try_from(from) else {
            return;
        };
        let value = u32::from_le_bytes(bytes);
        let at = offset.wrapping_sub(CONFIG_SENSE_SIZE);
        if !matches!(at, 0 | 4) {
            return;
        }
        if value > MAX_SIZE {
            self.core
                .fail("sense data or commands of a size that nobody needs");
            return;
        }
        let mut state = self.state.lock();
        if at == 0 {
            state.sense_size = value;
        } else {
            state.cdb_size = value;
        }
    }

    fn effect(&self, effect: Effect) {
        match effect {
            Effect::Notify(queue) => self.notified(queue),
            Effect::Started => {
                for queue in 0..self.core.queues() {
                    self.notified(queue);
                }
            }
            Effect::Reset => {
                for (_, target) in self.all_targets() {
                    target.disk.forget();
                    target.with(Unit::reset);
                }
                *self.state.lock() = State::new();
            }
            Effect::QueueReset(queue) => self.drop_queue(queue),
            Effect::Negotiated(_) | Effect::None => {}
        }
    }

    fn save(&self) -> SavedState {
        self.save_state()
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        self.load_state(state)
    }
}

#[cfg(test)]
mod tests;
