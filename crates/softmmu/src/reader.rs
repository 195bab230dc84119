//! How a vCPU holds on to a flat view without a reference count per access.
#![allow(clippy::unimplemented)]
use std::sync::Arc;

use crate::flat::FlatView;
use crate::map::MemoryMap;
use crate::space::AddressSpace;

/// One vCPU's cached view of an address space: `view()` costs one load while nothing changes.
pub struct ViewCache {}

#[allow(unused_variables)]
impl ViewCache {
    /// Caches the current view of `space`.
    pub fn new(space: &Arc<AddressSpace>) -> Self {
        unimplemented!()
    }
    /// The space.
    pub fn space(&self) -> &Arc<AddressSpace> {
        unimplemented!()
    }
    /// Takes a new view if there is one; true if so, and then TLB entries filled from the old one must go.
    #[inline(always)]
    pub fn refresh(&mut self) -> bool {
        unimplemented!()
    }
    /// The view of the last `refresh`.
    #[inline(always)]
    pub fn view(&self) -> &FlatView {
        unimplemented!()
    }
}

/// A thread's seat among the readers of one machine's views (epoch reclamation).
pub struct MemoryReader {}

/// While it lives, views reached through it are not freed. Keep for one `cpu_exec` turn, never across HLT or a
/// blocking lock.
pub struct MemoryPin {}

#[allow(unused_variables)]
impl MemoryReader {
    /// Takes a seat.
    pub fn new(map: &MemoryMap) -> Self {
        unimplemented!()
    }
    /// Pins the current epoch.
    pub fn pin(&self) -> MemoryPin {
        unimplemented!()
    }
}

#[allow(unused_variables)]
impl MemoryPin {
    /// The current view of `space`, by raw pointer: no reference count.
    pub fn view(&self, space: &AddressSpace) -> &FlatView {
        unimplemented!()
    }
}
