//! A disk in memory that completes when the test says so.

use crate::{Disk, DiskClient, DiskError, DiskOp, DiskResult, Medium};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// The disk; requests wait in order until [`complete_next`](Self::complete_next).
pub struct MemoryDisk {
    state: Mutex<State>,
}

struct State {
    bytes: Option<Vec<u8>>,
    block_size: u32,
    read_only: bool,
    waiting: VecDeque<(u64, DiskOp)>,
    client: Option<Weak<dyn DiskClient>>,
    /// The next request ends so.
    failure: Option<DiskError>,
    flushes: usize,
    locked: bool,
}

impl MemoryDisk {
    /// A disk of these bytes, in blocks of 512.
    pub fn new(bytes: Vec<u8>) -> Arc<Self> {
        Self::with(Some(bytes), 512, false)
    }

    /// A CD of these bytes, in blocks of 2048, or a drive without one.
    pub fn cd(bytes: Option<Vec<u8>>) -> Arc<Self> {
        Self::with(bytes, 2048, true)
    }

    /// A medium, or none.
    pub fn with(bytes: Option<Vec<u8>>, block_size: u32, read_only: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                bytes,
                block_size,
                read_only,
                waiting: VecDeque::new(),
                client: None,
                failure: None,
                flushes: 0,
                locked: false,
            }),
        })
    }

    /// The tags of requests that wait.
    pub fn waiting(&self) -> Vec<u64> {
        self.state.lock().waiting.iter().map(|(tag, _)| *tag).collect()
    }

    /// The oldest request that waits.
    pub fn next(&self) -> Option<DiskOp> {
        self.state.lock().waiting.front().map(|(_, op)| op.clone())
    }

    /// Carries out the oldest request; `false` if none waits.
    pub fn complete_next(&self) -> bool {
        let (tag, result, client) = {
            let mut state = self.state.lock();
            let Some((tag, op)) = state.waiting.pop_front() else {
                return false;
            };
            let result = match state.failure.take() {
                Some(error) => Err(error),
                None => state.execute(op),
            };
            (tag, result, state.client.clone())
        };
        if let Some(client) = client.and_then(|client| client.upgrade()) {
            client.complete(tag, result);
        }
        true
    }

    /// Carries out everything, and what is asked for meanwhile.
    pub fn complete_all(&self) {
        while self.complete_next() {}
    }

    /// The next request that is carried out fails.
    pub fn fail_next(&self, error: DiskError) {
        self.state.lock().failure = Some(error);
    }

    /// What is on it.
    pub fn bytes(&self) -> Vec<u8> {
        self.state.lock().bytes.clone().unwrap_or_default()
    }

    /// How many flushes were carried out.
    pub fn flushes(&self) -> usize {
        self.state.lock().flushes
    }

    /// Whether the guest has locked the medium in.
    pub fn is_locked(&self) -> bool {
        self.state.lock().locked
    }

    /// Puts another medium in, or takes it out, and tells the device.
    pub fn change(&self, bytes: Option<Vec<u8>>) {
        let client = {
            let mut state = self.state.lock();
            state.bytes = bytes;
            state.client.clone()
        };
        if let Some(client) = client.and_then(|client| client.upgrade()) {
            client.medium_changed();
        }
    }

    /// Gives what waits here to a copy of the disk, as a snapshot does.
    pub fn copy_to(&self, other: &Self) {
        let (from, mut to) = (self.state.lock(), other.state.lock());
        to.bytes.clone_from(&from.bytes);
        to.waiting.clone_from(&from.waiting);
        to.failure = from.failure;
    }
}

fn range(bytes: &mut [u8], offset: u64, length: u64) -> Result<&mut [u8], DiskError> {
    let end = offset.checked_add(length).ok_or(DiskError::OutOfRange)?;
    bytes
        .get_mut(offset as usize..end as usize)
        .ok_or(DiskError::OutOfRange)
}

impl State {
    fn execute(&mut self, op: DiskOp) -> DiskResult {
        let read_only = self.read_only;
        let bytes = self.bytes.as_mut().ok_or(DiskError::NoMedium)?;
        match op {
            DiskOp::Read { offset, length } => return Ok(range(bytes, offset, length.into())?.to_vec()),
            DiskOp::Flush => self.flushes += 1,
            _ if read_only => return Err(DiskError::ReadOnly),
            DiskOp::Write { offset, data, .. } => {
                range(bytes, offset, data.len() as u64)?.copy_from_slice(&data);
            }
            DiskOp::Discard { offset, length } | DiskOp::WriteZeroes { offset, length, .. } => {
                range(bytes, offset, length)?.fill(0);
            }
        }
        Ok(Vec::new())
    }
}

impl Disk for MemoryDisk {
    fn medium(&self) -> Option<Medium> {
        let state = self.state.lock();
        let size = state.bytes.as_ref()?.len() as u64;
        Some(Medium {
            size,
            read_only: state.read_only,
            block_size: state.block_size,
            can_discard: true,
        })
    }

    fn submit(&self, tag: u64, op: DiskOp) {
        let mut state = self.state.lock();
        assert!(
            state.waiting.iter().all(|(other, _)| *other != tag),
            "tag {tag} is in flight already"
        );
        state.waiting.push_back((tag, op));
    }

    fn forget(&self) {
        self.state.lock().waiting.clear();
    }

    fn attach(&self, client: Weak<dyn DiskClient>) {
        self.state.lock().client = Some(client);
    }

    fn set_locked(&self, locked: bool) {
        self.state.lock().locked = locked;
    }

    fn eject(&self, out: bool) {
        if out {
            self.state.lock().bytes = None;
        }
    }

    fn serial(&self) -> String {
        "MEM0001".into()
    }
}
