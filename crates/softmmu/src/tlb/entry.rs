//! The words of a data entry: what the fast path compares, and what only slow paths read.

use crate::DirtyMemory;
use crate::addr::{PAGE_MASK, PAGE_SIZE, RamAddr};
use crate::flat::RamPage;
use crate::tlb::types::{Access, Prot, TlbFill};

/// This kind of access has no entry here.
pub(super) const INVALID: u64 = 1 << 0;
/// The entry belongs to another ASID than the one in force.
pub(super) const PARKED: u64 = 1 << 1;
/// The access goes through the address space.
pub(super) const IO: u64 = 1 << 2;
/// Someone wants to know of writes.
pub(super) const NOTDIRTY: u64 = 1 << 3;
/// Writes vanish.
pub(super) const DISCARD: u64 = 1 << 4;

/// Marks an entry that is not RAM.
const NO_RAM: RamAddr = RamAddr(u64::MAX);

/// Host address and RAM offset of a page.
#[inline]
pub(super) fn host_page(hit: &RamPage<'_>) -> (*mut u8, RamAddr) {
    let offset = hit.offset & PAGE_MASK;
    let host = hit
        .block
        .host(offset, PAGE_SIZE)
        .expect("a translation covers whole pages of its block");
    (host, hit.block.base().add(offset))
}

/// What the fast path reads: 32 bytes, so that a set is one index shift away and never straddles a cache line.
///
/// A compare word is the page's linear address with flags in the low bits. An access hits if the page of its
/// *last* byte equals the word: flags make it unequal, and so does crossing into the next page, whose slot is
/// another one.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Entry {
    pub(super) read: u64,
    pub(super) write: u64,
    /// Host address of the page minus its linear address, wrapping.
    pub(super) addend: *mut u8,
    /// RAM offset of the page.
    pub(super) ram: RamAddr,
}

impl Entry {
    pub(super) const EMPTY: Self = Self {
        read: INVALID,
        write: INVALID,
        addend: std::ptr::null_mut(),
        ram: NO_RAM,
    };

    /// The entry for a fill, in force; `ram` is what lies behind it, none for I/O.
    #[inline]
    pub(super) fn new<T>(fill: &TlbFill<T>, ram_page: Option<RamPage<'_>>, dirty: &DirtyMemory) -> Self {
        let page = fill.vaddr.page().0;
        let (mut read, mut write) = (page, page);
        let (mut addend, mut ram) = (std::ptr::null_mut(), NO_RAM);
        match ram_page {
            None => {
                read |= IO;
                write |= IO;
            }
            Some(hit) => {
                let (host, at) = host_page(&hit);
                addend = host.wrapping_sub(page as usize);
                ram = at;
                if hit.write_io {
                    write |= IO;
                } else if !hit.writable {
                    write |= DISCARD;
                } else if dirty.tracks_writes(ram) {
                    write |= NOTDIRTY;
                }
            }
        }
        if !fill.prot.read {
            read |= INVALID;
        }
        if !fill.prot.write {
            write |= INVALID;
        }
        Self {
            read,
            write,
            addend,
            ram,
        }
    }

    #[inline(always)]
    pub(super) fn word(&self, access: Access) -> u64 {
        match access {
            Access::Write => self.write,
            Access::Read | Access::Fetch => self.read,
        }
    }

    /// The host address of a linear address in the page.
    #[inline(always)]
    pub(super) fn host(&self, vaddr: u64) -> *mut u8 {
        self.addend.wrapping_add(vaddr as usize)
    }

    pub(super) fn is_ram(&self) -> bool {
        self.ram != NO_RAM
    }

    pub(super) fn set_parked(&mut self, parked: bool) {
        for word in [&mut self.read, &mut self.write] {
            *word = if parked { *word | PARKED } else { *word & !PARKED };
        }
    }

    /// Whether the write word lets writes of `page` (wanted by a tracker now) through unseen.
    pub(super) fn writes_unseen(&self) -> bool {
        self.is_ram() && self.write & (INVALID | IO | DISCARD | NOTDIRTY) == 0
    }
}

/// Whether a compare word is for `vaddr`, whatever its flags for how to do the access.
#[inline(always)]
pub(super) fn matches(word: u64, vaddr: u64) -> bool {
    word & (PAGE_MASK | INVALID | PARKED) == vaddr & PAGE_MASK
}

/// The rest of an entry.
#[derive(Clone, Copy)]
pub(super) struct Full {
    pub(super) vpage: u64,
    pub(super) ppage: u64,
    /// Bytes of the guest's page minus one.
    pub(super) page_mask: u64,
    pub(super) asid: u16,
    pub(super) global: bool,
    pub(super) prot: Prot,
}

impl Full {
    pub(super) const EMPTY: Self = Self {
        vpage: 0,
        ppage: 0,
        page_mask: PAGE_SIZE - 1,
        asid: 0,
        global: false,
        prot: Prot {
            read: false,
            write: false,
        },
    };

    #[inline]
    pub(super) fn new<T>(fill: &TlbFill<T>, asid: u16) -> Self {
        let size = if fill.page_size.is_power_of_two() {
            fill.page_size.max(PAGE_SIZE)
        } else {
            PAGE_SIZE
        };
        Self {
            vpage: fill.vaddr.page().0,
            ppage: fill.paddr.page().0,
            page_mask: size - 1,
            asid,
            global: fill.global,
            prot: fill.prot,
        }
    }

    /// Whether it may be used under `asid`.
    pub(super) fn visible(&self, asid: u16) -> bool {
        self.global || self.asid == asid
    }

    /// Whether `vaddr` lies in the guest's page, of which this entry may be one piece.
    pub(super) fn covers(&self, vaddr: u64) -> bool {
        (self.vpage ^ vaddr) & !self.page_mask == 0
    }

    pub(super) fn is_large(&self) -> bool {
        self.page_mask >= PAGE_SIZE
    }
}
