//! A disk in memory that does what it is asked when the test says so, in the order that the test says.

use hw_core::{Disk, DiskClient, DiskError, DiskOp, DiskResult, Medium};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

struct State {
    bytes: Vec<u8>,
    pending: Vec<(u64, DiskOp)>,
    client: Option<Weak<dyn DiskClient>>,
    error: Option<DiskError>,
    read_only: bool,
    write_cache: bool,
    flushes: usize,
}

pub struct MemoryDisk(Mutex<State>);

impl MemoryDisk {
    pub fn new(size: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            bytes: (0..size).map(|i| (i / 512) as u8 ^ i as u8).collect(),
            pending: Vec::new(),
            client: None,
            error: None,
            read_only: false,
            write_cache: true,
            flushes: 0,
        })))
    }

    pub fn read_only(size: usize) -> Arc<Self> {
        let disk = Self::new(size);
        disk.0.lock().read_only = true;
        disk
    }

    pub fn contents(&self) -> Vec<u8> {
        self.0.lock().bytes.clone()
    }

    pub fn pending(&self) -> Vec<(u64, DiskOp)> {
        self.0.lock().pending.clone()
    }

    pub fn flushes(&self) -> usize {
        self.0.lock().flushes
    }

    pub fn write_cache(&self) -> bool {
        self.0.lock().write_cache
    }

    /// What follows fails like this.
    pub fn fail(&self, error: Option<DiskError>) {
        self.0.lock().error = error;
    }

    /// Another size.
    pub fn resize(&self, size: usize) {
        let client = {
            let mut state = self.0.lock();
            state.bytes.resize(size, 0);
            state.client.clone()
        };
        if let Some(client) = client.and_then(|client| client.upgrade()) {
            client.medium_changed();
        }
    }

    /// Does pending request `which` and tells the device.
    pub fn complete(&self, which: usize) {
        let (tag, result, client) = {
            let mut state = self.0.lock();
            let (tag, op) = state.pending.remove(which);
            (tag, state.act(op), state.client.clone())
        };
        if let Some(client) = client.and_then(|client| client.upgrade()) {
            client.complete(tag, result);
        }
    }

    /// Does everything pending, and what is asked meanwhile.
    pub fn complete_all(&self) {
        while !self.0.lock().pending.is_empty() {
            self.complete(0);
        }
    }
}

impl State {
    fn act(&mut self, op: DiskOp) -> DiskResult {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut erase = |offset: u64, length: u64| {
            self.bytes[offset as usize..(offset + length) as usize].fill(0);
        };
        match op {
            DiskOp::Read { offset, length } => {
                let at = offset as usize;
                return Ok(self.bytes[at..at + length as usize].to_vec());
            }
            DiskOp::Write { offset, data, .. } => {
                self.bytes[offset as usize..][..data.len()].copy_from_slice(&data);
            }
            DiskOp::Flush => self.flushes += 1,
            DiskOp::Discard { offset, length } | DiskOp::WriteZeroes { offset, length, .. } => {
                erase(offset, length);
            }
        }
        Ok(Vec::new())
    }
}

impl Disk for MemoryDisk {
    fn medium(&self) -> Option<Medium> {
        let state = self.0.lock();
        Some(Medium {
            size: state.bytes.len() as u64,
            read_only: state.read_only,
            block_size: 512,
            can_discard: true,
        })
    }

    fn submit(&self, tag: u64, op: DiskOp) {
        let mut state = self.0.lock();
        assert!(
            state.pending.iter().all(|(other, _)| *other != tag),
            "tag {tag} twice"
        );
        state.pending.push((tag, op));
    }

    fn forget(&self) {
        self.0.lock().pending.clear();
    }

    fn attach(&self, client: Weak<dyn DiskClient>) {
        self.0.lock().client = Some(client);
    }

    fn set_write_cache(&self, on: bool) {
        self.0.lock().write_cache = on;
    }

    fn serial(&self) -> String {
        "MEM0".into()
    }
}
