//! One machine's memory: its big lock, RAM offsets, address spaces, and transactions over all of them.
//!
//! Mirrors `memory_region_transaction_begin` and `_commit` in QEMU's `system/memory.c`. The outermost transaction
//! holds the big lock from its start, so changes of the tree and commits are serialised; readers never wait.

use std::sync::{Arc, Weak};

use crossbeam_epoch::Collector;
use parking_lot::Mutex;

use crate::addr::{PAGE_SIZE, RamAddr};
use crate::dirty::{DirtyMemory, RAM_ADDR_END};
use crate::flat::FlatView;
use crate::lock::DispatchLock;
use crate::region::MemoryRegion;
use crate::space::AddressSpace;

/// RAM blocks start at multiples of this, so that huge pages of guest and host can coincide.
const RAM_ALIGN: u64 = 2 << 20;

type Hook = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Progress {
    depth: u32,
    changed: bool,
}

pub(crate) struct MapShared {
    lock: Arc<dyn DispatchLock>,
    dirty: Arc<DirtyMemory>,
    pub(crate) collector: Collector,
    ram_end: Mutex<u64>,
    progress: Mutex<Progress>,
    spaces: Mutex<Vec<Weak<AddressSpace>>>,
    hooks: Mutex<Vec<Hook>>,
}

/// Handle to the memory of one machine; clones share it.
#[derive(Clone)]
pub struct MemoryMap(pub(crate) Arc<MapShared>);

/// Proof that a transaction is open.
pub struct Transaction<'a> {
    map: &'a MemoryMap,
}

impl Transaction<'_> {
    /// The map being changed.
    pub fn map(&self) -> &MemoryMap {
        self.map
    }
}

/// Leaves a transaction, committing if it was the outermost and did not panic.
struct Leave<'a>(&'a MemoryMap);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.0.0.progress.lock().depth == 1 {
            self.0.commit();
        }
        self.0.0.progress.lock().depth -= 1;
    }
}

impl MemoryMap {
    /// An empty machine whose topology and I/O are serialised by `lock`.
    pub fn new(lock: Arc<dyn DispatchLock>) -> Self {
        Self(Arc::new(MapShared {
            lock,
            dirty: Arc::new(DirtyMemory::new()),
            collector: Collector::new(),
            ram_end: Mutex::new(0),
            progress: Mutex::default(),
            spaces: Mutex::default(),
            hooks: Mutex::default(),
        }))
    }

    /// The dirty state of all RAM.
    pub fn dirty(&self) -> &Arc<DirtyMemory> {
        &self.0.dirty
    }

    /// The big lock.
    pub fn lock(&self) -> &Arc<dyn DispatchLock> {
        &self.0.lock
    }

    /// Runs `f` with the big lock held; changes of regions within it take effect together when the outermost
    /// transaction ends: views are rendered, listeners told, generations raised, commit hooks called.
    pub fn transaction<R>(&self, f: impl FnOnce(&Transaction<'_>) -> R) -> R {
        let (mut f, mut result) = (Some(f), None);
        self.0.lock.with(&mut || {
            self.0.progress.lock().depth += 1;
            let leave = Leave(self);
            result = f.take().map(|f| f(&Transaction { map: self }));
            drop(leave);
        });
        result.expect("the lock runs its closure once")
    }

    /// Calls `hook` after each commit that changed a view, big lock held: kick the vCPUs there, so that they
    /// flush and old views can be freed.
    pub fn add_commit_hook(&self, hook: Arc<dyn Fn() + Send + Sync>) {
        self.0.hooks.lock().push(hook);
    }

    /// The tree and the flat view of every address space, as `info mtree` prints them.
    pub fn describe(&self) -> String {
        self.spaces()
            .iter()
            .map(|space| space.describe())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn spaces(&self) -> Vec<Arc<AddressSpace>> {
        let mut spaces = self.0.spaces.lock();
        spaces.retain(|space| space.strong_count() > 0);
        spaces.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn add_space(&self, space: &Arc<AddressSpace>) {
        self.0.spaces.lock().push(Arc::downgrade(space));
    }

    pub(crate) fn note_change(&self) {
        self.0.progress.lock().changed = true;
    }

    pub(crate) fn downgrade(&self) -> Weak<MapShared> {
        Arc::downgrade(&self.0)
    }

    /// RAM offsets for a new block; never given out twice, so a RAM address names one page for ever.
    pub(crate) fn allocate_ram_addr(&self, size: u64) -> Option<RamAddr> {
        let mut end = self.0.ram_end.lock();
        let base = *end;
        let next = base.checked_add(size)?.checked_next_multiple_of(RAM_ALIGN)?;
        if next > RAM_ADDR_END {
            return None;
        }
        debug_assert!(base.is_multiple_of(PAGE_SIZE));
        *end = next;
        Some(RamAddr(base))
    }

    fn commit(&self) {
        assert!(self.0.lock.held(), "a commit runs under the big lock");
        let mut published = false;
        // A listener may change regions (its transactions nest in ours): go round until it is quiet.
        while std::mem::take(&mut self.0.progress.lock().changed) {
            // Spaces with the same root share one view.
            let mut rendered: Vec<(MemoryRegion, Arc<FlatView>)> = Vec::new();
            for space in self.spaces() {
                let view = match rendered.iter().find(|(root, _)| root == space.root()) {
                    Some((_, view)) => view.clone(),
                    None => {
                        let view = Arc::new(FlatView::render(space.root()));
                        rendered.push((space.root().clone(), view.clone()));
                        view
                    }
                };
                published |= space.update(view);
            }
        }
        if published {
            let hooks = self.0.hooks.lock().clone();
            for hook in hooks {
                hook();
            }
        }
    }
}
