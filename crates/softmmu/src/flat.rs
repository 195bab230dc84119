//! Flat views: the tree rendered to sorted, disjoint ranges, and look-ups in them.
//!
//! Mirrors QEMU's `FlatView` and its dispatch table; a binary search with a most-recently-used hint stands for
//! the radix tree, since the TLB above and the few hundred ranges below leave little to gain. Beside each range lies
//! where its RAM is mapped, so that a page walk's loads are one comparison and one load.
#![allow(unsafe_code)] // reads RAM through the host addresses that it keeps beside the ranges

use std::sync::atomic::{AtomicU32, Ordering};

use crate::addr::{GuestPhys, PAGE_SIZE, RamAddr};
use crate::host::Width;
use crate::ram::RamBlock;
use crate::region::{Kind, MemoryRegion};

/// One range of a flat view. Equal ranges answer alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatRange {
    /// First address.
    pub start: u64,
    /// Last address, inclusive.
    pub last: u64,
    /// What answers.
    pub region: MemoryRegion,
    /// Where in the region `start` lies.
    pub offset: u64,
    /// Writes to RAM are dropped.
    pub readonly: bool,
    /// Reads come straight from a RAM block.
    pub direct: bool,
}

impl FlatRange {
    /// Whether `addr` lies in the range.
    #[inline(always)]
    pub fn contains(&self, addr: GuestPhys) -> bool {
        self.start <= addr.0 && addr.0 <= self.last
    }

    /// The block behind the range and whether writes go to it, if reads do.
    #[inline]
    pub(crate) fn ram(&self) -> Option<(&RamBlock, bool)> {
        match &self.region.0.kind {
            Kind::Ram(block) => Some((block, !self.readonly)),
            Kind::RomDevice(block, ..) if self.direct => Some((block, false)),
            _ => None,
        }
    }

    /// The offset in the region of an address of the range.
    #[inline(always)]
    pub fn region_offset(&self, addr: GuestPhys) -> u64 {
        addr.0.wrapping_sub(self.start).wrapping_add(self.offset)
    }
}

/// Where the RAM of a range lies in the host.
#[derive(Clone, Copy)]
struct Direct {
    start: u64,
    /// Last address, inclusive; below `start` if the range is not RAM.
    last: u64,
    /// Host address of the range's first byte minus `start`, wrapping.
    addend: *mut u8,
}

// SAFETY: the pointer leads into a mapping that the range beside it keeps alive, and that is only touched by atomic
// accesses; nothing is tied to a thread.
unsafe impl Send for Direct {}
// SAFETY: as for `Send`.
unsafe impl Sync for Direct {}

impl Direct {
    fn new(range: &FlatRange) -> Self {
        let host = range
            .ram()
            .and_then(|(block, _)| block.host(range.offset, (range.last - range.start).checked_add(1)?));
        match host {
            Some(host) => Self {
                start: range.start,
                last: range.last,
                addend: host.wrapping_sub(range.start as usize),
            },
            None => Self {
                start: 1,
                last: 0,
                addend: std::ptr::null_mut(),
            },
        }
    }

    /// The host address of `len` bytes at `addr`, if they all lie in the range and it is RAM.
    #[inline(always)]
    fn host(&self, addr: u64, len: u64) -> Option<*mut u8> {
        (self.start <= addr && addr <= self.last && self.last - addr >= len - 1)
            .then(|| self.addend.wrapping_add(addr as usize))
    }
}

/// What an address space answers at each address, frozen at one commit.
#[derive(Default)]
pub struct FlatView {
    ranges: Box<[FlatRange]>,
    /// The way to the RAM of each range.
    direct: Box<[Direct]>,
    /// The `last` of each range, dense for the search.
    lasts: Box<[u64]>,
    /// The range found last by anyone; only ever hides a search.
    hint: AtomicU32,
}

impl PartialEq for FlatView {
    fn eq(&self, other: &Self) -> bool {
        self.ranges == other.ranges
    }
}

/// A page of RAM as a TLB wants it. Keeps the block alive.
#[derive(Clone, Debug)]
pub struct RamHit {
    block: RamBlock,
    offset: u64,
    writable: bool,
    write_io: bool,
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

    /// Whether writes go to callbacks (ROM devices). If neither, they are dropped.
    pub fn writes_are_io(&self) -> bool {
        self.write_io
    }
}

/// A [`RamHit`] that only looks at its block.
#[derive(Clone, Copy)]
pub(crate) struct RamPage<'a> {
    pub block: &'a RamBlock,
    pub offset: u64,
    pub writable: bool,
    pub write_io: bool,
}

impl Translation {
    /// The RAM page; none for I/O.
    pub(crate) fn page(&self) -> Option<RamPage<'_>> {
        match self {
            Self::Io => None,
            Self::Ram(hit) => Some(RamPage {
                block: &hit.block,
                offset: hit.offset,
                writable: hit.writable,
                write_io: hit.write_io,
            }),
        }
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

impl FlatView {
    /// # Panics
    /// If the ranges are not ascending and disjoint, on which every look-up relies.
    pub(crate) fn from_ranges(ranges: Vec<FlatRange>) -> Self {
        assert!(
            ranges.iter().all(|r| r.start <= r.last),
            "an empty range was rendered"
        );
        assert!(
            ranges.windows(2).all(|w| w[0].last < w[1].start),
            "overlapping ranges were rendered"
        );
        let lasts = ranges.iter().map(|range| range.last).collect();
        Self {
            direct: ranges.iter().map(Direct::new).collect(),
            ranges: ranges.into(),
            lasts,
            hint: AtomicU32::new(0),
        }
    }

    /// The ranges, ascending and disjoint.
    pub fn ranges(&self) -> &[FlatRange] {
        &self.ranges
    }

    /// The range an address lies in.
    #[inline]
    pub fn find(&self, addr: GuestPhys) -> Option<&FlatRange> {
        let hint = self.hint.load(Ordering::Relaxed) as usize;
        if let Some(range) = self.ranges.get(hint)
            && range.contains(addr)
        {
            return Some(range);
        }
        let at = self.search(addr);
        let range = self.ranges.get(at).filter(|range| range.contains(addr))?;
        self.hint.store(at as u32, Ordering::Relaxed);
        Some(range)
    }

    /// The index of the first range that ends at or after `addr`.
    pub(crate) fn search(&self, addr: GuestPhys) -> usize {
        self.lasts.partition_point(|&last| last < addr.0)
    }

    /// What the page of `addr` is. RAM that does not fill its page, or lies askew in it, counts as I/O and is
    /// reached through the address space.
    pub fn translate(&self, addr: GuestPhys) -> Translation {
        self.page(addr).map_or(Translation::Io, |page| {
            Translation::Ram(RamHit {
                block: page.block.clone(),
                offset: page.offset,
                writable: page.writable,
                write_io: page.write_io,
            })
        })
    }

    /// As [`FlatView::translate`], without a hold on the block; none for I/O.
    #[inline]
    pub(crate) fn page(&self, addr: GuestPhys) -> Option<RamPage<'_>> {
        let range = self.find(addr)?;
        let (block, writable) = range.ram()?;
        let (page, offset) = (addr.page().0, range.region_offset(addr));
        let whole = range.start <= page && page | (PAGE_SIZE - 1) <= range.last;
        if !whole || offset % PAGE_SIZE != addr.page_offset() {
            return None;
        }
        Some(RamPage {
            block,
            offset,
            writable,
            write_io: matches!(range.region.0.kind, Kind::RomDevice(..)) && !range.readonly,
        })
    }

    /// The block, the offset in it and writability of `len` bytes at `addr`, if one range holds them all.
    #[inline]
    fn ram_at(&self, addr: GuestPhys, len: u64) -> Option<(&RamBlock, u64, bool)> {
        let range = self.find(addr)?;
        let (block, writable) = range.ram()?;
        (range.last - addr.0 >= len - 1).then(|| (block, range.region_offset(addr), writable))
    }

    /// Reads RAM; `None` if the bytes are not all RAM of one range. For page walks.
    #[inline]
    pub fn ram_load<T: Width>(&self, addr: GuestPhys) -> Option<T> {
        let hint = self.hint.load(Ordering::Relaxed) as usize;
        let host = self
            .direct
            .get(hint)
            .and_then(|direct| direct.host(addr.0, T::SIZE))
            .or_else(|| self.host_at(addr, T::SIZE))?;
        // SAFETY: the bytes lie in the block of a range of `self`, which keeps it mapped.
        Some(unsafe { T::load(host) })
    }

    /// The host address of `len` bytes at `addr`, wherever they lie.
    #[inline(never)]
    fn host_at(&self, addr: GuestPhys, len: u64) -> Option<*mut u8> {
        let (block, offset, _) = self.ram_at(addr, len)?;
        block.host(offset, len)
    }

    /// Compares and swaps RAM; `None` if it is not writable RAM of one range. The inner `Err` holds what was
    /// found. For accessed and dirty bits.
    pub fn ram_cas<T: Width>(&self, addr: GuestPhys, old: T, new: T) -> Option<Result<T, T>> {
        let (block, offset, writable) = self.ram_at(addr, T::SIZE)?;
        if !writable {
            return None;
        }
        block.cas(offset, old, new)
    }
}
