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

pub mod access;
pub mod addr;
mod describe;
pub mod dirty;
mod flat;
mod host;
mod listener;
pub mod lock;
mod map;
mod publish;
mod ram;
mod reader;
mod region;
mod render;
mod space;
mod sync;
pub mod tlb;

pub use access::{AccessRules, Endian, IoError, IoOps, IoResult};
pub use addr::{GuestPhys, GuestVirt, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, RamAddr};
pub use dirty::{DirtyClient, DirtyMemory};
pub use flat::{FlatRange, FlatView, RamHit, Translation};
pub use host::Width;
pub use listener::MemoryListener;
pub use lock::DispatchLock;
pub use map::{MemoryMap, Transaction};
pub use ram::{RamBlock, RamError};
pub use reader::{MemoryPin, MemoryReader, ViewCache};
pub use region::{MemoryRegion, WeakMemoryRegion};
pub use space::{AddressSpace, Unassigned};
pub use tlb::{
    Access, MMU_INDEXES, Miss, MmuIndex, Probe, Prot, Slow, Tlb, TlbEntry, TlbFill, TlbPart, TlbState,
};
