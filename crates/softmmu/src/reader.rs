//! How a vCPU holds on to a flat view without counting references on every access.
//!
//! [`ViewCache`] is for the loop that runs guest code: it owns the view it uses and asks, once per turn, whether
//! there is a newer one. [`MemoryReader`] pins the machine's epoch instead, for code that follows raw pointers
//! into what is published.

use std::marker::PhantomData;
use std::sync::Arc;

use crossbeam_epoch::{Guard, LocalHandle};

use crate::flat::FlatView;
use crate::map::MemoryMap;
use crate::publish::Stamped;
use crate::space::AddressSpace;

/// One vCPU's cached view of an address space: `refresh()` costs one load while nothing changes.
pub struct ViewCache {
    space: Arc<AddressSpace>,
    held: Arc<Stamped<Arc<FlatView>>>,
}

impl ViewCache {
    /// Caches the current view of `space`.
    pub fn new(space: &Arc<AddressSpace>) -> Self {
        Self {
            held: space.published().load(),
            space: space.clone(),
        }
    }

    /// The space.
    pub fn space(&self) -> &Arc<AddressSpace> {
        &self.space
    }

    /// Takes a new view if there is one; true if so, and then TLB entries filled from the old one must go. Each
    /// change is reported once.
    #[inline(always)]
    pub fn refresh(&mut self) -> bool {
        self.space.published().refresh(&mut self.held)
    }

    /// The generation of the held view.
    pub fn generation(&self) -> u64 {
        self.held.generation
    }

    /// The view of the last `refresh`.
    #[inline(always)]
    pub fn view(&self) -> &FlatView {
        &self.held.value
    }
}

/// A thread's seat among the readers of one machine's views. Made on the thread that uses it.
pub struct MemoryReader {
    handle: LocalHandle,
}

/// While it lives, views reached through it are not freed. Keep it for one turn of the execution loop, never
/// across HLT or a blocking lock: it holds up the freeing of everything retired since.
pub struct MemoryPin<'r> {
    guard: Guard,
    _reader: PhantomData<&'r MemoryReader>,
}

impl MemoryReader {
    /// Takes a seat.
    pub fn new(map: &MemoryMap) -> Self {
        Self {
            handle: map.0.collector.register(),
        }
    }

    /// Pins the current epoch.
    pub fn pin(&self) -> MemoryPin<'_> {
        MemoryPin {
            guard: self.handle.pin(),
            _reader: PhantomData,
        }
    }
}

impl MemoryPin<'_> {
    /// The current view of `space`, by raw pointer: no reference count.
    ///
    /// # Panics
    /// If `space` belongs to another machine than the reader.
    #[inline]
    pub fn view(&self, space: &AddressSpace) -> &FlatView {
        &space.published().pinned(&self.guard).value
    }

    /// Leaves and re-enters the epoch, so that what was retired can be freed: answer to a kick. Views borrowed
    /// before cannot be used after.
    pub fn repin(&mut self) {
        self.guard.repin();
    }
}
