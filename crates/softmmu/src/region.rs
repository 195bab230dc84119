//! Regions: the nodes of the tree that says what answers where.
//!
//! Mirrors QEMU's `MemoryRegion` in behaviour: children sort by signed priority within their parent only; a hole
//! falls through to the next sibling; later-added wins a tie.
#![allow(clippy::unimplemented)]

use std::sync::{Arc, Weak};

use crate::access::{AccessRules, IoOps};
use crate::ram::RamBlock;

/// A handle to a region; clones are the same region.
///
/// Sizes are in bytes; `u64::MAX` means all of the 64-bit space (2^64 bytes). Mutators may be called at any
/// time: inside [`MemoryMap::transaction`](crate::MemoryMap::transaction) they take effect together at the end,
/// outside each is a transaction of its own.
#[derive(Clone)]
pub struct MemoryRegion(pub(crate) Arc<()>);

/// A handle that does not keep its region alive, for devices that reach back to the region that owns them.
#[derive(Clone)]
pub struct WeakMemoryRegion(pub(crate) Weak<()>);

impl WeakMemoryRegion {
    /// The region, while it lives.
    pub fn upgrade(&self) -> Option<MemoryRegion> {
        self.0.upgrade().map(MemoryRegion)
    }
}

#[allow(unused_variables)]
impl MemoryRegion {
    /// A region that only holds others.
    pub fn container(name: impl Into<String>, size: u64) -> Self {
        unimplemented!()
    }
    /// All of a RAM block, named after it.
    pub fn ram(block: RamBlock) -> Self {
        unimplemented!()
    }
    /// A RAM block the guest cannot write: writes are dropped.
    pub fn rom(block: RamBlock) -> Self {
        unimplemented!()
    }
    /// A block read directly and written through callbacks (flash); see [`MemoryRegion::set_romd_mode`].
    pub fn rom_device(block: RamBlock, ops: Arc<dyn IoOps>, rules: AccessRules) -> Self {
        unimplemented!()
    }
    /// Device registers.
    pub fn io(name: impl Into<String>, size: u64, ops: Arc<dyn IoOps>, rules: AccessRules) -> Self {
        unimplemented!()
    }
    /// A window of `size` bytes onto `target`, from `offset` in it.
    pub fn alias(name: impl Into<String>, target: &Self, offset: u64, size: u64) -> Self {
        unimplemented!()
    }
    /// A range that nothing answers, hiding what lies below.
    pub fn reservation(name: impl Into<String>, size: u64) -> Self {
        unimplemented!()
    }
    /// The name given at creation.
    pub fn name(&self) -> &str {
        unimplemented!()
    }
    /// Bytes; `u64::MAX` for 2^64.
    pub fn size(&self) -> u64 {
        unimplemented!()
    }
    /// The block of a RAM, ROM or ROM device region.
    pub fn block(&self) -> Option<&RamBlock> {
        unimplemented!()
    }
    /// A handle that does not keep the region alive.
    pub fn downgrade(&self) -> WeakMemoryRegion {
        unimplemented!()
    }
    /// Puts `child` at `offset` of this region. Higher priorities hide lower ones; 0 is usual.
    ///
    /// # Panics
    /// If the child has a parent already, if this is an alias, or if a cycle would arise.
    pub fn add_subregion(&self, offset: u64, child: &Self, priority: i32) {
        unimplemented!()
    }
    /// Takes `child` out again.
    ///
    /// # Panics
    /// If it is not a child of this region.
    pub fn remove_subregion(&self, child: &Self) {
        unimplemented!()
    }
    /// Whether the region, with all below it, is there.
    pub fn set_enabled(&self, enabled: bool) {
        unimplemented!()
    }
    /// Whether the region is enabled by itself (its parents may not be).
    pub fn is_enabled(&self) -> bool {
        unimplemented!()
    }
    /// Moves the region within its parent.
    pub fn set_address(&self, offset: u64) {
        unimplemented!()
    }
    /// The offset within the parent.
    pub fn address(&self) -> u64 {
        unimplemented!()
    }
    /// Moves the window of an alias.
    ///
    /// # Panics
    /// If this is not an alias.
    pub fn set_alias_offset(&self, offset: u64) {
        unimplemented!()
    }
    /// Drops writes to RAM at or below this region.
    pub fn set_readonly(&self, readonly: bool) {
        unimplemented!()
    }
    /// Changes the size in bytes; RAM cannot grow beyond its block.
    pub fn set_size(&self, size: u64) {
        unimplemented!()
    }
    /// ROM devices: `true` reads the block directly, `false` sends reads to the callbacks too.
    pub fn set_romd_mode(&self, direct: bool) {
        unimplemented!()
    }
    /// The callbacks synchronise themselves: accesses do not take the big lock.
    pub fn clear_global_locking(&self) {
        unimplemented!()
    }
}
