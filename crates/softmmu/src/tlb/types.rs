//! What goes into the TLB and what its questions are answered with.

use crate::addr::{GuestPhys, GuestVirt, RamAddr};
use crate::flat::Translation;

/// Number of MMU indexes: address-translation modes whose entries must not be mixed (supervisor, supervisor
/// with SMAP suspended, user, ...). The target assigns them.
pub const MMU_INDEXES: usize = 4;

/// An MMU index below [`MMU_INDEXES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MmuIndex(u8);

impl MmuIndex {
    /// Index `raw`.
    ///
    /// # Panics
    /// If it is not below [`MMU_INDEXES`].
    pub const fn new(raw: u8) -> Self {
        assert!((raw as usize) < MMU_INDEXES);
        Self(raw)
    }

    /// The number.
    #[inline(always)]
    pub const fn raw(self) -> usize {
        // The mask tells the compiler what `new` assured.
        self.0 as usize & (MMU_INDEXES - 1)
    }

    /// Every index.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..MMU_INDEXES as u8).map(Self)
    }
}

/// Kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Data read.
    Read,
    /// Data write, or the read of a read-modify-write.
    Write,
    /// Instruction fetch.
    Fetch,
}

/// What a data entry lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prot {
    /// Reads.
    pub read: bool,
    /// Writes (only once the page's dirty bit is set).
    pub write: bool,
}

impl Prot {
    /// Reads and writes.
    pub const READ_WRITE: Self = Self {
        read: true,
        write: true,
    };
    /// Reads only.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
}

/// The result of a page walk, to be remembered for the current ASID.
#[derive(Clone, Debug)]
pub struct TlbFill<T = Translation> {
    /// The linear address that missed.
    pub vaddr: GuestVirt,
    /// Its physical address.
    pub paddr: GuestPhys,
    /// Read or write fills the data table by `prot`; fetch fills the fetch table.
    pub access: Access,
    /// What a data entry lets through; ignored for fetches.
    pub prot: Prot,
    /// The page survives flushes of its address space (CR4.PGE and the G bit).
    pub global: bool,
    /// Bytes of the guest's page, a power of two of at least 4 KiB: 4 KiB, 2 MiB, 4 MiB, 1 GiB.
    pub page_size: u64,
    /// What `AddressSpace::translate` or `FlatView::translate` said of `paddr`; nothing for
    /// [`Tlb::fill_from`](crate::Tlb::fill_from), which asks a view itself.
    pub translation: T,
}

/// What a slow access found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow<T> {
    /// Done, with the value read.
    Done(T),
    /// Not RAM: do it through the address space at this address.
    Io(GuestPhys),
    /// No entry: walk, fill, and try again.
    Miss,
}

/// What is known of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// RAM (or, for writes, ROM that drops them); accesses within the page will not miss.
    Ram {
        /// Physical address.
        paddr: GuestPhys,
        /// RAM offset.
        ram: RamAddr,
    },
    /// Not RAM, or RAM that has to be reached through the address space.
    Io(GuestPhys),
    /// No entry.
    Miss,
}

/// Which part of the TLB an entry sits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlbPart {
    /// The direct-mapped data table, at this slot.
    Main(u16),
    /// The victim entries of the data table, at this position.
    Victim(u8),
    /// The fetch table.
    Fetch,
}

/// One entry, as `info tlb` shows it, a digest covers it and a snapshot keeps it: no host state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TlbEntry {
    /// MMU index.
    pub idx: MmuIndex,
    /// Where it sits.
    pub part: TlbPart,
    /// Linear address of the 4 KiB page.
    pub vaddr: GuestVirt,
    /// Physical address of the 4 KiB page.
    pub paddr: GuestPhys,
    /// What it lets through (fetch entries: nothing but fetches).
    pub prot: Prot,
    /// Survives flushes of its address space.
    pub global: bool,
    /// The address space that filled it.
    pub asid: u16,
    /// Bytes of the guest's page.
    pub page_size: u64,
}

/// The whole guest-visible content of a TLB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlbState {
    /// The address space in force.
    pub asid: u16,
    /// Per MMU index, the victim position that is overwritten next.
    pub next_victim: [u8; MMU_INDEXES],
    /// All entries: by index, main, victim, then fetch entries sorted.
    pub entries: Vec<TlbEntry>,
}
