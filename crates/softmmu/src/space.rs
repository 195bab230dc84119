//! Address spaces: a root region, its published flat view, and sized access through it.
#![allow(clippy::unimplemented)]
use std::sync::Arc;

use crate::access::IoError;
use crate::addr::GuestPhys;
use crate::flat::{FlatView, Translation};
use crate::listener::MemoryListener;
use crate::map::MemoryMap;
use crate::region::MemoryRegion;

/// What answers where nothing does, and in place of [`IoError::Decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unassigned {
    /// Reads give this byte over and over, writes vanish: a floating bus is `Value(0xff)`.
    Value(u8),
    /// [`IoError::Decode`] is returned.
    Error,
}

/// An address space of a machine: memory, I/O ports, or a bus master's view. Shared as `Arc`.
pub struct AddressSpace {}

#[allow(unused_variables)]
impl AddressSpace {
    /// Makes `root` an address space of `map`; unassigned reads give ones.
    pub fn new(map: &MemoryMap, name: impl Into<String>, root: MemoryRegion) -> Arc<Self> {
        unimplemented!()
    }
    /// As [`AddressSpace::new`], choosing what unassigned addresses answer.
    pub fn with_unassigned(
        map: &MemoryMap,
        name: impl Into<String>,
        root: MemoryRegion,
        unassigned: Unassigned,
    ) -> Arc<Self> {
        unimplemented!()
    }
    /// The name given at creation.
    pub fn name(&self) -> &str {
        unimplemented!()
    }
    /// The machine's memory.
    pub fn map(&self) -> &MemoryMap {
        unimplemented!()
    }
    /// The current flat view.
    pub fn view(&self) -> Arc<FlatView> {
        unimplemented!()
    }
    /// Counts the commits that changed this space's view.
    pub fn generation(&self) -> u64 {
        unimplemented!()
    }
    /// Reads `size` bytes (1, 2, 4, 8), little-endian. Takes the big lock around I/O iff this thread does not
    /// hold it.
    pub fn load(&self, addr: GuestPhys, size: u32) -> Result<u64, IoError> {
        unimplemented!()
    }
    /// Writes the low `size` bytes (1, 2, 4, 8) of `value`, little-endian.
    pub fn store(&self, addr: GuestPhys, size: u32, value: u64) -> Result<(), IoError> {
        unimplemented!()
    }
    /// Reads bytes, through I/O where need be.
    pub fn read(&self, addr: GuestPhys, to: &mut [u8]) -> Result<(), IoError> {
        unimplemented!()
    }
    /// Writes bytes, through I/O where need be.
    pub fn write(&self, addr: GuestPhys, from: &[u8]) -> Result<(), IoError> {
        unimplemented!()
    }
    /// Writes bytes even where the guest may not: image loading into ROM. Stops at the first byte that is not RAM.
    pub fn write_rom(&self, addr: GuestPhys, from: &[u8]) -> Result<(), IoError> {
        unimplemented!()
    }
    /// What the page of `addr` is, for a TLB fill.
    pub fn translate(&self, addr: GuestPhys) -> Translation {
        unimplemented!()
    }
    /// Follows the view from now on; first told of all ranges that are there.
    pub fn add_listener(&self, priority: i32, listener: Arc<dyn MemoryListener>) {
        unimplemented!()
    }
    /// The tree and the flat view as text, as `info mtree` prints them.
    pub fn describe(&self) -> String {
        unimplemented!()
    }
}
