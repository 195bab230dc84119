//! One machine's memory: its big lock, RAM offsets, address spaces, and transactions over all of them.
#![allow(clippy::unimplemented)]
use std::sync::Arc;

use crate::addr::RamAddr;
use crate::dirty::DirtyMemory;
use crate::lock::DispatchLock;

/// Handle to the memory of one machine; clones share it.
#[derive(Clone)]
pub struct MemoryMap {}

/// Proof that a transaction is open.
pub struct Transaction<'a> {
    _map: &'a MemoryMap,
}

#[allow(unused_variables)]
impl MemoryMap {
    /// An empty machine whose topology and I/O are serialised by `lock`.
    pub fn new(lock: Arc<dyn DispatchLock>) -> Self {
        unimplemented!()
    }
    /// The dirty state of all RAM.
    pub fn dirty(&self) -> &Arc<DirtyMemory> {
        unimplemented!()
    }
    /// Runs `f`; changes of regions within it take effect together when the outermost transaction ends.
    pub fn transaction<R>(&self, f: impl FnOnce(&Transaction<'_>) -> R) -> R {
        unimplemented!()
    }
    /// Calls `hook` after each commit that changed a view, big lock held: kick the vCPUs there.
    pub fn add_commit_hook(&self, hook: Arc<dyn Fn() + Send + Sync>) {
        unimplemented!()
    }
    /// The tree and the flat view of every address space, as `info mtree` prints them.
    pub fn describe(&self) -> String {
        unimplemented!()
    }
    pub(crate) fn allocate_ram_addr(&self, size: u64) -> Option<RamAddr> {
        unimplemented!()
    }
}
