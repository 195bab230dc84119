//! Flat views: the tree rendered to sorted, disjoint ranges, and look-ups in them.
#![allow(clippy::unimplemented)]
use crate::addr::{GuestPhys, RamAddr};
use crate::host::Width;
use crate::ram::RamBlock;
use crate::region::MemoryRegion;

/// One range of a flat view.
#[derive(Clone)]
pub struct FlatRange {
    /// First address.
    pub start: u64,
    /// Last address, inclusive.
    pub last: u64,
    /// What answers.
    pub region: MemoryRegion,
    /// Where in the region `start` lies.
    pub offset: u64,
    /// Writes are dropped.
    pub readonly: bool,
}

/// What an address space answers at each address, frozen at one commit.
pub struct FlatView {}

/// A page of RAM as a TLB wants it.
#[derive(Clone, Debug)]
pub struct RamHit {
    pub(crate) block: RamBlock,
    pub(crate) offset: u64,
    pub(crate) writable: bool,
    pub(crate) romd: bool,
}

impl RamHit {
    /// The block.
    pub fn block(&self) -> &RamBlock {
        &self.block
    }
    /// Offset of the translated address in the block.
    pub fn offset(&self) -> u64 {
        self.offset
    }
    /// The RAM offset of the translated address.
    pub fn ram_addr(&self) -> RamAddr {
        self.block.base().add(self.offset)
    }
    /// Whether writes reach the RAM directly.
    pub fn writable(&self) -> bool {
        self.writable
    }
}

/// What a physical page is, for a TLB fill.
#[derive(Clone, Debug)]
pub enum Translation {
    /// The whole 4 KiB page around the address is one piece of RAM.
    Ram(RamHit),
    /// Anything else: accesses go through the address space.
    Io,
}

#[allow(unused_variables)]
impl FlatView {
    /// The ranges, ascending and disjoint.
    pub fn ranges(&self) -> &[FlatRange] {
        unimplemented!()
    }
    /// The range an address lies in.
    pub fn find(&self, addr: GuestPhys) -> Option<&FlatRange> {
        unimplemented!()
    }
    /// What the page of `addr` is.
    pub fn translate(&self, addr: GuestPhys) -> Translation {
        unimplemented!()
    }
    /// Reads RAM; `None` if the bytes are not all RAM of one range. For page walks.
    pub fn ram_load<T: Width>(&self, addr: GuestPhys) -> Option<T> {
        unimplemented!()
    }
    /// Compares and swaps RAM; `None` if it is not writable RAM of one range. For accessed and dirty bits.
    pub fn ram_cas<T: Width>(&self, addr: GuestPhys, old: T, new: T) -> Option<Result<T, T>> {
        unimplemented!()
    }
}
