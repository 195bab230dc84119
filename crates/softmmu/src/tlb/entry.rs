//! The words of a data entry: what the fast path compares, and what only slow paths read.

use crate::DirtyMemory;
use crate::addr::{PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, RamAddr};
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

/// Every access has to be seen; it is done as without this flag.
pub(super) const WATCHED: u64 = 1 << 5;

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

/// Bit of a word with flags that is not the page's: see [`Word`].
const AWAY: u64 = PAGE_SIZE << 1;

/// What one kind of access to an entry's page is compared with: the page's linear address, or something that no
/// address in this slot comes near, with flags in the low bits.
///
/// An address less the word is the offset in the page. An access hits if that leaves room for all its bytes: so one
/// subtraction and one comparison tell about the page, the flags, and a crossing into the next page. With flags the
/// word is the address of a page two slots away: what would hit it or the page behind it has another slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(super) struct Word(u64);

impl Word {
    pub(super) const fn new(page: u64, flags: u64) -> Self {
        Self(if flags == 0 { page } else { page ^ AWAY | flags })
    }

    const fn flags(self) -> u64 {
        self.0 & !PAGE_MASK
    }

    const fn page(self) -> u64 {
        let away = if self.flags() == 0 { 0 } else { AWAY };
        (self.0 ^ away) & PAGE_MASK
    }

    pub(super) const fn has(self, flags: u64) -> bool {
        self.flags() & flags != 0
    }

    pub(super) fn set(&mut self, flags: u64) {
        *self = Self::new(self.page(), self.flags() | flags);
    }

    pub(super) fn clear(&mut self, flags: u64) {
        *self = Self::new(self.page(), self.flags() & !flags);
    }

    /// The offset in the page if an access of `size` bytes at `vaddr`, whose slot this is, hits: any flag is a miss.
    #[inline(always)]
    pub(super) fn hit(self, vaddr: u64, size: u64) -> Option<u64> {
        let offset = vaddr.wrapping_sub(self.0);
        (offset <= PAGE_SIZE - size).then_some(offset)
    }

    /// Whether it is for `vaddr`, whatever its flags for how to do the access.
    #[inline(always)]
    pub(super) fn is_for(self, vaddr: u64) -> bool {
        self.page() == vaddr & PAGE_MASK && !self.has(INVALID | PARKED)
    }
}

/// What the fast path reads: 32 bytes, so that a set is one index shift away and never straddles a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Entry {
    pub(super) read: Word,
    pub(super) write: Word,
    /// Host address of the page.
    pub(super) host_page: *mut u8,
    /// RAM offset of the page.
    pub(super) ram: RamAddr,
}

impl Entry {
    /// What a slot holds that holds no entry.
    pub(super) const fn empty(slot: usize) -> Self {
        let word = Word::new((slot as u64) << PAGE_SHIFT, INVALID);
        Self {
            read: word,
            write: word,
            host_page: std::ptr::null_mut(),
            ram: NO_RAM,
        }
    }

    /// The entry for a fill, in force; `ram` is what lies behind it, none for I/O.
    #[inline]
    pub(super) fn new<T>(fill: &TlbFill<T>, ram_page: Option<RamPage<'_>>, dirty: &DirtyMemory) -> Self {
        let page = fill.vaddr.page().0;
        let (mut read, mut write) = (0, 0);
        let (mut host, mut ram) = (std::ptr::null_mut(), NO_RAM);
        match ram_page {
            None => {
                read |= IO;
                write |= IO;
            }
            Some(hit) => {
                (host, ram) = host_page(&hit);
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
            read: Word::new(page, read),
            write: Word::new(page, write),
            host_page: host,
            ram,
        }
    }

    #[inline(always)]
    pub(super) fn word(&self, access: Access) -> Word {
        match access {
            Access::Write => self.write,
            Access::Read | Access::Fetch => self.read,
        }
    }

    /// The host address of a linear address in the page.
    #[inline(always)]
    pub(super) fn host(&self, vaddr: u64) -> *mut u8 {
        self.at(vaddr % PAGE_SIZE)
    }

    /// The host address of an offset in the page.
    #[inline(always)]
    pub(super) fn at(&self, offset: u64) -> *mut u8 {
        self.host_page.wrapping_add(offset as usize)
    }

    pub(super) fn is_ram(&self) -> bool {
        self.ram != NO_RAM
    }

    pub(super) fn set_parked(&mut self, parked: bool) {
        for word in [&mut self.read, &mut self.write] {
            if parked {
                word.set(PARKED);
            } else {
                word.clear(PARKED);
            }
        }
    }

    /// Whether the write word lets writes of `page` (wanted by a tracker now) through unseen.
    pub(super) fn writes_unseen(&self) -> bool {
        self.is_ram() && !self.write.has(INVALID | IO | DISCARD | NOTDIRTY)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlb::table::slot_of;

    /// No address in the word's slot hits a word with flags, however large, misaligned or non-canonical it is.
    #[test]
    fn flags_keep_everything_out() {
        for page in [0, 0x1000, 0x3f_f000, 0x40_0000, 0x7fff_ffff_f000, PAGE_MASK] {
            for flags in [INVALID, PARKED, IO, NOTDIRTY, DISCARD, NOTDIRTY | PARKED] {
                let mut word = Word::new(page, 0);
                assert_eq!(word.hit(page + 0xff8, 8), Some(0xff8));
                assert_eq!(word.hit(page + 0xff9, 8), None, "crosses the page");
                word.set(flags);
                // All that could hit: what lies up to a page above the word.
                for near in 0..PAGE_SIZE {
                    let vaddr = word.0.wrapping_add(near);
                    assert!(word.hit(vaddr, 1).is_none() || slot_of(vaddr) != slot_of(page));
                }
                assert_eq!(word.is_for(page), flags & (INVALID | PARKED) == 0);
                word.clear(flags);
                assert_eq!(word, Word::new(page, 0));
            }
        }
    }
}
