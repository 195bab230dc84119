//! Blocks of guest RAM: a lazy anonymous mapping, a place in the machine's RAM offsets, and sized access.
//!
//! Mirrors QEMU's `RAMBlock`. The mapping is vm-memory's [`MmapRegion`] with our own [`Bitmap`], so whatever
//! writes through vm-memory (file loads, virtio queues) feeds [`DirtyMemory`] like every other write.
#![allow(unsafe_code)] // hands host addresses of the mapping to the access functions

use std::fmt;
use std::sync::Arc;

use vm_memory::bitmap::{Bitmap, BitmapSlice, WithBitmapSlice};
use vm_memory::mmap::{MmapRegion, MmapRegionBuilder};

use crate::addr::{PAGE_SIZE, RamAddr};
use crate::dirty::{DirtyMemory, RAM_ADDR_END};
use crate::host::{self, Width};
use crate::map::MemoryMap;

/// Why a block of guest RAM could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RamError {
    /// Size zero, or not a multiple of the page size.
    #[error("RAM size {0:#x} is not a positive multiple of 4 KiB")]
    Size(u64),
    /// The machine's RAM offsets are used up.
    #[error("more than {} GiB of RAM", RAM_ADDR_END >> 30)]
    TooMuch,
    /// The host refused the mapping.
    #[error("cannot map {size:#x} bytes of RAM: {source}")]
    Map {
        /// Bytes asked for.
        size: u64,
        /// What the host said.
        source: vm_memory::mmap::MmapRegionError,
    },
}

/// Forwards vm-memory's write tracking to [`DirtyMemory`].
#[derive(Clone)]
pub struct BlockBitmap {
    dirty: Arc<DirtyMemory>,
    base: RamAddr,
}

impl fmt::Debug for BlockBitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockBitmap").field(&self.base).finish()
    }
}

impl WithBitmapSlice<'_> for BlockBitmap {
    type S = Self;
}

impl BitmapSlice for BlockBitmap {}

impl Bitmap for BlockBitmap {
    fn mark_dirty(&self, offset: usize, len: usize) {
        self.dirty.mark(self.base.add(offset as u64), len as u64);
    }

    fn dirty_at(&self, offset: usize) -> bool {
        !self.dirty.tracks_writes(self.base.add(offset as u64))
    }

    fn slice_at(&self, offset: usize) -> Self {
        Self {
            dirty: self.dirty.clone(),
            base: self.base.add(offset as u64),
        }
    }
}

struct Inner {
    name: String,
    base: RamAddr,
    region: MmapRegion<BlockBitmap>,
    dirty: Arc<DirtyMemory>,
}

/// A block of guest RAM; clones share it. Zero-filled and untouched until the guest touches it.
///
/// The mapping lives while any clone does: regions, flat views and TLBs hold clones.
#[derive(Clone)]
pub struct RamBlock(Arc<Inner>);

impl fmt::Debug for RamBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RamBlock({} {:#x}+{:#x})",
            self.0.name,
            self.0.base,
            self.size()
        )
    }
}

impl PartialEq for RamBlock {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Asks for huge host pages: guests touch RAM all over, and every host page is a miss of the host's TLB. Untouched
/// RAM stays unallocated. A host that cannot just does not.
fn prefer_huge_pages(region: &MmapRegion<BlockBitmap>) {
    // SAFETY: advice about a mapping of our own, which changes nothing that can be observed in it.
    unsafe { libc::madvise(region.as_ptr().cast(), region.size(), libc::MADV_HUGEPAGE) };
}

impl RamBlock {
    /// Maps `size` bytes of RAM for the machine of `map`.
    pub fn new(map: &MemoryMap, name: impl Into<String>, size: u64) -> Result<Self, RamError> {
        if size == 0 || !size.is_multiple_of(PAGE_SIZE) {
            return Err(RamError::Size(size));
        }
        let base = map.allocate_ram_addr(size).ok_or(RamError::TooMuch)?;
        let dirty = map.dirty().clone();
        let bytes = usize::try_from(size).map_err(|_| RamError::TooMuch)?;
        let region = MmapRegionBuilder::new_with_bitmap(
            bytes,
            BlockBitmap {
                dirty: dirty.clone(),
                base,
            },
        )
        .with_mmap_prot(libc::PROT_READ | libc::PROT_WRITE)
        .with_mmap_flags(libc::MAP_ANONYMOUS | libc::MAP_PRIVATE | libc::MAP_NORESERVE)
        .build()
        .map_err(|source| RamError::Map { size, source })?;
        prefer_huge_pages(&region);
        Ok(Self(Arc::new(Inner {
            name: name.into(),
            base,
            region,
            dirty,
        })))
    }

    /// The name given at creation.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.0.region.size() as u64
    }

    /// The RAM offset of the first byte; a multiple of the page size.
    #[inline(always)]
    pub fn base(&self) -> RamAddr {
        self.0.base
    }

    /// The dirty state of the machine this block belongs to.
    #[inline(always)]
    pub fn dirty(&self) -> &Arc<DirtyMemory> {
        &self.0.dirty
    }

    /// The mapping, for vm-memory's own readers and writers.
    pub fn region(&self) -> &MmapRegion<BlockBitmap> {
        &self.0.region
    }

    /// The host address of `offset`, if `len` bytes from there lie in the block.
    #[inline(always)]
    pub(crate) fn host(&self, offset: u64, len: u64) -> Option<*mut u8> {
        (len <= self.size() && offset <= self.size() - len)
            .then(|| self.0.region.as_ptr().wrapping_add(offset as usize))
    }

    /// Reads a value at `offset`; `None` past the end.
    #[inline]
    pub fn load<T: Width>(&self, offset: u64) -> Option<T> {
        // SAFETY: `host` checked the range against the mapping that `self` keeps alive.
        self.host(offset, T::SIZE).map(|at| unsafe { T::load(at) })
    }

    /// Writes a value at `offset` and marks it dirty; `None` past the end.
    #[inline]
    pub fn store<T: Width>(&self, offset: u64, value: T) -> Option<()> {
        let at = self.host(offset, T::SIZE)?;
        // SAFETY: `host` checked the range against the mapping that `self` keeps alive.
        unsafe { T::store(at, value) };
        self.0.dirty.mark(self.0.base.add(offset), T::SIZE);
        Some(())
    }

    /// Compares and swaps at `offset`; `None` past the end, or misaligned for `u128`. The inner result holds
    /// what was found.
    pub fn cas<T: Width>(&self, offset: u64, old: T, new: T) -> Option<Result<T, T>> {
        if T::SIZE == 16 && !offset.is_multiple_of(16) {
            return None;
        }
        let at = self.host(offset, T::SIZE)?;
        // SAFETY: `host` checked the range against the mapping that `self` keeps alive; the mapping is page
        // aligned, so an aligned offset is an aligned address.
        let result = unsafe { T::cas(at, old, new) };
        if result.is_ok() {
            self.0.dirty.mark(self.0.base.add(offset), T::SIZE);
        }
        Some(result)
    }

    /// Copies out; `None`, and nothing copied, past the end.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Option<()> {
        let at = self.host(offset, to.len() as u64)?;
        // SAFETY: `host` checked the range against the mapping that `self` keeps alive.
        unsafe { host::copy_from(at, to) };
        Some(())
    }

    /// Copies in and marks dirty; `None`, and nothing copied, past the end.
    pub fn write(&self, offset: u64, from: &[u8]) -> Option<()> {
        let at = self.host(offset, from.len() as u64)?;
        // SAFETY: `host` checked the range against the mapping that `self` keeps alive.
        unsafe { host::copy_to(at, from) };
        self.0.dirty.mark(self.0.base.add(offset), from.len() as u64);
        Some(())
    }
}
