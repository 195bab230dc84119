//! One drive: requests of its controller, in flight and done.
//!
//! Invariant: a request is in `pending` from [`Disk::submit`] to just before [`DiskClient::complete`], under a number that
//! is never used again, so whatever comes back for another number (after a reset, after another moment was loaded) is
//! nobody's.

use super::config::{DriveConfig, Media, OnError};
use super::latency_ns;
use crate::requests::Requests;
use block::{BlockError, Image, Queue, Request};
use hw_core::{
    Device, DeviceCell, Disk, DiskClient, DiskError, DiskOp, DiskResult, Medium, ResetPhase, SavedState,
    StateError, Timer, VirtualClock, schedule,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::sync::{Arc, Weak};
use util_mainloop::{BottomHalf, LoopHandle};
use xxhash_rust::xxh3::Xxh3;

/// Who says when requests are done.
pub(crate) enum Pace {
    /// The host.
    Host(LoopHandle),
    /// The count of instructions.
    Counted(VirtualClock),
}

/// A request in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    tag: u64,
    op: DiskOp,
    /// When it is done, in virtual time; on the host's clock, nobody knows.
    due: i64,
}

/// Volatile state, which is the saved one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    pending: BTreeMap<u64, Pending>,
    next: u64,
    /// A hash of all that was written, where time is counted: two runs that wrote something else differ in it.
    written: u64,
    locked: bool,
    open: bool,
    writes_through: bool,
}

/// What is in the drive.
struct Inserted {
    image: Arc<dyn Image>,
    /// Its threads, on the host's time.
    queue: Option<Queue>,
}

enum Engine {
    Host {
        done: Arc<Mutex<VecDeque<(u64, DiskResult)>>>,
        bell: Arc<BottomHalf>,
    },
    Counted {
        clock: VirtualClock,
        timer: Timer,
    },
}

/// A drive.
pub(crate) struct Drive {
    id: String,
    config: DriveConfig,
    requests: Arc<Requests>,
    engine: Engine,
    inserted: Mutex<Option<Inserted>>,
    client: Mutex<Option<Weak<dyn DiskClient>>>,
    /// Numbers of requests that failed and wait for the machine to go on.
    parked: Mutex<Vec<u64>>,
    state: DeviceCell<State>,
}

fn error(error: BlockError) -> DiskError {
    match error {
        BlockError::Io => DiskError::Io,
        BlockError::NoSpace => DiskError::NoSpace,
        BlockError::ReadOnly => DiskError::ReadOnly,
        BlockError::OutOfRange => DiskError::OutOfRange,
        BlockError::Unsupported => DiskError::Unsupported,
    }
}

/// Bytes that a request moves.
fn bytes(op: &DiskOp) -> u64 {
    match op {
        DiskOp::Read { length, .. } => u64::from(*length),
        DiskOp::Write { data, .. } => data.len() as u64,
        DiskOp::Flush | DiskOp::Discard { .. } | DiskOp::WriteZeroes { .. } => 0,
    }
}

impl Drive {
    /// The drive called `id`, with `image` in it.
    pub fn new(
        id: String,
        config: DriveConfig,
        image: Option<Arc<dyn Image>>,
        pace: Pace,
        requests: &Arc<Requests>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|weak: &Weak<Self>| {
            let engine = match pace {
                Pace::Counted(clock) => Engine::Counted {
                    timer: clock.device_timer(weak, Self::due),
                    clock,
                },
                Pace::Host(main_loop) => {
                    let drive = weak.clone();
                    Engine::Host {
                        done: Arc::default(),
                        bell: Arc::new(main_loop.bottom_half(move || {
                            if let Some(drive) = drive.upgrade() {
                                drive.deliver();
                            }
                        })),
                    }
                }
            };
            let drive = Self {
                id,
                config,
                requests: Arc::clone(requests),
                engine,
                inserted: Mutex::default(),
                client: Mutex::default(),
                parked: Mutex::default(),
                state: DeviceCell::default(),
            };
            *drive.inserted.lock() = image.map(|image| drive.insertable(image));
            drive
        })
    }

    fn insertable(&self, image: Arc<dyn Image>) -> Inserted {
        let queue = matches!(self.engine, Engine::Host { .. }).then(|| Queue::new(Arc::clone(&image)));
        Inserted { image, queue }
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How it was asked for.
    pub fn config(&self) -> &DriveConfig {
        &self.config
    }

    /// The image in it.
    pub fn image(&self) -> Option<Arc<dyn Image>> {
        self.inserted
            .lock()
            .as_ref()
            .map(|inserted| Arc::clone(&inserted.image))
    }

    /// Whether its medium can be taken out.
    pub fn is_removable(&self) -> bool {
        self.config.media == Media::Cdrom || self.config.interface == super::Interface::Floppy
    }

    /// Whether the guest keeps the medium in.
    pub fn is_locked(&self) -> bool {
        self.state.lock().locked
    }

    /// Another medium, or none. What is in flight on the old one is still done there.
    pub fn change(&self, image: Option<Arc<dyn Image>>) {
        let new = image.map(|image| self.insertable(image));
        let old = std::mem::replace(&mut *self.inserted.lock(), new);
        // Waits for its threads.
        drop(old);
        self.state.lock().open = false;
        if let Some(client) = self.client() {
            client.medium_changed();
        }
    }

    /// The guest may take the medium out if it likes.
    pub fn request_eject(&self) {
        if let Some(client) = self.client() {
            client.eject_requested();
        }
    }

    fn client(&self) -> Option<Arc<dyn DiskClient>> {
        self.client.lock().as_ref().and_then(Weak::upgrade)
    }

    /// The request as the image takes it.
    fn request(&self, op: &DiskOp, writes_through: bool) -> Option<Request> {
        let through = !self.config.lazy && (self.config.write_through || writes_through);
        Some(match *op {
            DiskOp::Read { offset, length } => Request::Read { offset, length },
            DiskOp::Write {
                offset,
                ref data,
                durable,
            } => Request::Write {
                offset,
                data: data.clone(),
                durable: through || durable && !self.config.lazy,
            },
            DiskOp::Flush if self.config.lazy => return None,
            DiskOp::Flush => Request::Flush,
            DiskOp::Discard { .. } if !self.config.discard => return None,
            DiskOp::Discard { offset, length } => Request::Discard { offset, length },
            DiskOp::WriteZeroes {
                offset,
                length,
                may_unmap,
            } => Request::WriteZeroes {
                offset,
                length,
                may_unmap: may_unmap && self.config.discard,
            },
        })
    }

    /// Has the image's threads do a request.
    fn begin(&self, number: u64, op: &DiskOp, writes_through: bool) {
        let Engine::Host { done, bell } = &self.engine else {
            return;
        };
        let answer = {
            let (done, bell) = (Arc::clone(done), Arc::clone(bell));
            move |result: DiskResult| {
                done.lock().push_back((number, result));
                bell.schedule();
            }
        };
        let inserted = self.inserted.lock();
        match (&*inserted, self.request(op, writes_through)) {
            (None, _) => answer(Err(DiskError::NoMedium)),
            (Some(_), None) => answer(Ok(Vec::new())),
            (
                Some(Inserted {
                    queue: Some(queue), ..
                }),
                Some(request),
            ) => {
                // What the host has at hand needs no thread.
                match queue.try_now(&request) {
                    Some(outcome) => answer(outcome.map_err(error)),
                    None => queue.submit(request, move |outcome| answer(outcome.map_err(error))),
                }
            }
            (Some(Inserted { queue: None, .. }), Some(_)) => answer(Err(DiskError::Io)),
        }
    }

    /// Does a request here and now.
    fn execute(&self, op: &DiskOp) -> DiskResult {
        let image = self.image().ok_or(DiskError::NoMedium)?;
        match self.request(op, false) {
            Some(request) => request.execute(&*image).map_err(error),
            None => Ok(Vec::new()),
        }
    }

    /// Counted time: completes what is due.
    fn due(&self) {
        let Engine::Counted { clock, timer } = &self.engine else {
            return;
        };
        loop {
            let now = clock.now_ns();
            let first = {
                let mut state = self.state.lock();
                // Numbers are in the order of the instants.
                let first = state.pending.first_entry().filter(|first| first.get().due <= now);
                first.map(|first| first.remove())
            };
            let Some(Pending { tag, op, .. }) = first else {
                break;
            };
            let result = self.execute(&op);
            self.note_written(&op, &result);
            self.complete(tag, &op, result);
        }
        let next = self
            .state
            .lock()
            .pending
            .values()
            .next()
            .map(|pending| pending.due);
        schedule(timer, next);
    }

    fn note_written(&self, op: &DiskOp, result: &DiskResult) {
        let (offset, length, data): (_, _, &[u8]) = match op {
            DiskOp::Write { offset, data, .. } => (*offset, data.len() as u64, data),
            DiskOp::WriteZeroes { offset, length, .. } => (*offset, *length, &[]),
            _ => return,
        };
        let mut state = self.state.lock();
        let mut hash = Xxh3::with_seed(state.written);
        for number in [offset, length, u64::from(result.is_ok())] {
            hash.write_u64(number);
        }
        hash.write(data);
        state.written = hash.finish();
    }

    /// The host's time: completes what the threads have done.
    fn deliver(&self) {
        let Engine::Host { done, .. } = &self.engine else {
            return;
        };
        loop {
            let Some((number, result)) = done.lock().pop_front() else {
                return;
            };
            if let Err(reason) = &result
                && self.stops_for(number, *reason)
            {
                self.parked.lock().push(number);
                self.requests.stop_for_io_error(&self.id);
                continue;
            }
            let pending = self.state.lock().pending.remove(&number);
            if let Some(Pending { tag, op, .. }) = pending {
                self.complete(tag, &op, result);
            }
        }
    }

    fn policy(&self, op: &DiskOp) -> OnError {
        match op {
            DiskOp::Read { .. } => self.config.on_read_error,
            _ => self.config.on_write_error,
        }
    }

    /// Whether the machine stops because that request failed.
    fn stops_for(&self, number: u64, reason: DiskError) -> bool {
        if !matches!(reason, DiskError::Io | DiskError::NoSpace) {
            // The guest's fault, not the host's.
            return false;
        }
        let state = self.state.lock();
        let Some(pending) = state.pending.get(&number) else {
            return false;
        };
        match self.policy(&pending.op) {
            OnError::Stop => true,
            OnError::NoSpace => reason == DiskError::NoSpace,
            OnError::Report | OnError::Ignore => false,
        }
    }

    /// The machine goes on: what failed is tried again.
    pub fn retry(&self) {
        for number in std::mem::take(&mut *self.parked.lock()) {
            let (op, writes_through) = {
                let state = self.state.lock();
                (
                    state.pending.get(&number).map(|pending| pending.op.clone()),
                    state.writes_through,
                )
            };
            if let Some(op) = op {
                self.begin(number, &op, writes_through);
            }
        }
    }

    fn complete(&self, tag: u64, op: &DiskOp, result: DiskResult) {
        let result = match (result, self.policy(op)) {
            (Err(DiskError::Io | DiskError::NoSpace), OnError::Ignore) => Ok(match op {
                DiskOp::Read { length, .. } => vec![0; *length as usize],
                _ => Vec::new(),
            }),
            (result, _) => result,
        };
        if let Some(client) = self.client() {
            client.complete(tag, result);
        }
    }

    /// Waits for everything that is in flight on the host, so that what is on the disk is of one moment. The results are
    /// still to be delivered.
    pub fn settle(&self) {
        if let Some(Inserted {
            queue: Some(queue), ..
        }) = &*self.inserted.lock()
        {
            queue.drain();
        }
    }
}

impl Disk for Drive {
    fn medium(&self) -> Option<Medium> {
        if self.state.lock().open {
            return None;
        }
        let image = self.image()?;
        Some(Medium {
            size: image.size(),
            read_only: self.config.read_only || image.read_only() || self.config.media == Media::Cdrom,
            block_size: if self.config.media == Media::Cdrom {
                2048
            } else {
                512
            },
            can_discard: self.config.discard && image.can_discard(),
        })
    }

    fn submit(&self, tag: u64, op: DiskOp) {
        let (number, writes_through) = {
            let mut state = self.state.lock();
            let number = state.next;
            state.next += 1;
            let due = match &self.engine {
                Engine::Host { .. } => 0,
                // One after the other, as a disk does it.
                Engine::Counted { clock, .. } => {
                    let last = state
                        .pending
                        .values()
                        .next_back()
                        .map_or(0, |pending| pending.due);
                    last.max(clock.now_ns()).saturating_add(latency_ns(bytes(&op)))
                }
            };
            let op = op.clone();
            state.pending.insert(number, Pending { tag, op, due });
            (number, state.writes_through)
        };
        match &self.engine {
            Engine::Host { .. } => self.begin(number, &op, writes_through),
            Engine::Counted { timer, .. } => {
                let next = self
                    .state
                    .lock()
                    .pending
                    .values()
                    .next()
                    .map(|pending| pending.due);
                schedule(timer, next);
            }
        }
    }

    fn forget(&self) {
        self.state.lock().pending.clear();
        self.parked.lock().clear();
        if let Engine::Counted { timer, .. } = &self.engine {
            schedule(timer, None);
        }
    }

    fn attach(&self, client: Weak<dyn DiskClient>) {
        *self.client.lock() = Some(client);
    }

    fn set_write_cache(&self, on: bool) {
        self.state.lock().writes_through = !on;
    }

    fn set_locked(&self, locked: bool) {
        self.state.lock().locked = locked;
    }

    fn eject(&self, out: bool) {
        if self.is_removable() {
            self.state.lock().open = out;
        }
    }
}

/// State version 1: requests in flight, and what the guest has set.
const VERSION: u16 = 1;

impl Device for Drive {
    fn name(&self) -> &str {
        &self.id
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            self.forget();
            let mut state = self.state.lock();
            state.locked = false;
            state.writes_through = false;
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, saved: &SavedState) -> Result<(), StateError> {
        let state: State = saved.decode(VERSION)?;
        self.settle();
        self.parked.lock().clear();
        let (again, next) = match &self.engine {
            Engine::Host { done, .. } => {
                done.lock().clear();
                let all = state
                    .pending
                    .iter()
                    .map(|(&number, pending)| (number, pending.op.clone()));
                (all.collect::<Vec<_>>(), None)
            }
            Engine::Counted { .. } => {
                let next = state.pending.values().next().map(|pending| pending.due);
                (Vec::new(), next)
            }
        };
        let writes_through = state.writes_through;
        *self.state.lock() = state;
        if let Engine::Counted { timer, .. } = &self.engine {
            schedule(timer, next);
        }
        for (number, op) in again {
            self.begin(number, &op, writes_through);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
