//! Guest physical memory: RAM blocks, region tree, flat views, dirty bits, TLB.
//!
//! Mirrors in behaviour QEMU's `system/memory.c`, `system/physmem.c` and `accel/tcg/cputlb.c`.
//!
//! Data flows downward on an access and upward on a change:
//!
//! ```text
//! guest access   Tlb ── miss ──> AddressSpace ──> FlatView ──> RamBlock | IoOps
//! change         MemoryRegion ──> Transaction commit ──> render ──> FlatView ──> listeners, commit hooks
//! ```
//!
//! A machine owns one [`MemoryMap`]; boards build trees of [`MemoryRegion`]s, name the roots as
//! [`AddressSpace`]s (memory, I/O ports) and hand those to vCPUs and devices. Guest RAM is touched with
//! sized atomic accesses only ([`RamBlock`]): several vCPUs and devices share it, so a Rust reference to it
//! would be a lie.

//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock};
//! use util_mainloop::BigLock;
//!
//! let map = MemoryMap::new(Arc::new(BigLock::new()));
//! let system = MemoryRegion::container("system", u64::MAX);
//! let ram = MemoryRegion::ram(RamBlock::new(&map, "ram", 1 << 20)?);
//! system.add_subregion(0, &ram, 0);
//! // The first page again, at 3 GiB, and only to be read there.
//! let window = MemoryRegion::alias("window", &ram, 0, 0x1000);
//! window.set_readonly(true);
//! system.add_subregion(3 << 30, &window, 0);
//!
//! let memory = AddressSpace::new(&map, "memory", system);
//! memory.store(GuestPhys(0x10), 4, 0x1234)?;
//! memory.store(GuestPhys((3 << 30) + 0x10), 4, 0)?;
//! assert_eq!(memory.load(GuestPhys((3 << 30) + 0x10), 4)?, 0x1234);
//! assert_eq!(memory.load(GuestPhys(1 << 40), 2)?, 0xffff, "nobody answers");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod addr;
pub mod dirty;
mod publish;
mod sync;

#[cfg(not(loom))]
pub mod access;
#[cfg(not(loom))]
mod describe;
#[cfg(not(loom))]
mod flat;
#[cfg(not(loom))]
mod host;
#[cfg(not(loom))]
mod listener;
#[cfg(not(loom))]
pub mod lock;
#[cfg(not(loom))]
mod map;
#[cfg(not(loom))]
mod ram;
#[cfg(not(loom))]
mod reader;
#[cfg(not(loom))]
mod region;
#[cfg(not(loom))]
mod render;
#[cfg(not(loom))]
mod space;
#[cfg(not(loom))]
pub mod tlb;

pub use addr::{GuestPhys, GuestVirt, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, RamAddr};
pub use dirty::{CodeWatch, DirtyClient, DirtyMemory, granules};
pub use publish::{Published, Stamped};

// A loom test drives the protocols alone: arc-swap, epochs and guest RAM are not loom's to model.
#[cfg(not(loom))]
pub use {
    access::{AccessRules, Endian, IoError, IoOps, IoResult},
    flat::{FlatRange, FlatView, RamHit, Translation},
    host::Width,
    listener::MemoryListener,
    lock::DispatchLock,
    map::{MemoryMap, Transaction},
    ram::{BlockBitmap, RamBlock, RamError},
    reader::{MemoryPin, MemoryReader, ViewCache},
    region::{MemoryRegion, WeakMemoryRegion},
    space::{AddressSpace, Unassigned},
    tlb::{Access, MMU_INDEXES, MmuIndex, Probe, Prot, Slow, Tlb, TlbEntry, TlbFill, TlbPart, TlbState},
};
