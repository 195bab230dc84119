//! Where generated code finds what it compares: offsets in bytes from the start of a [`Tlb`].
//!
//! The fast path of a load or store in generated code is that of [`Tlb::load`](super::Tlb::load): the entry of
//! the page is at [`table`] + `(vaddr >> ENTRY_SHIFT & ENTRY_MASK)`; `vaddr` less the [`READ`] or [`WRITE`] word is the
//! offset in the page; the access hits if the offset is at most the page's size less its own, without sign; its host
//! address is then the offset plus the [`HOST`] word.

use super::Tlb;
use super::entry::Entry;
use super::table::{SETS, Table};
use super::types::MmuIndex;
use crate::addr::PAGE_SHIFT;
use std::mem::{offset_of, size_of};

/// A linear address shifted right by this much has its entry's offset in the bits of [`ENTRY_MASK`].
pub const ENTRY_SHIFT: u32 = PAGE_SHIFT - size_of::<Entry>().trailing_zeros();
/// See [`ENTRY_SHIFT`].
pub const ENTRY_MASK: u32 = (SETS as u32 - 1) * size_of::<Entry>() as u32;
/// Offset in an entry of the word for loads.
pub const READ: usize = offset_of!(Entry, read);
/// Offset in an entry of the word for stores.
pub const WRITE: usize = offset_of!(Entry, write);
/// Offset in an entry of the page's host address.
pub const HOST: usize = offset_of!(Entry, host_page);

/// Offset of the first entry of an index's table.
pub const fn table(idx: MmuIndex) -> usize {
    offset_of!(Tlb, tables) + idx.raw() * size_of::<Table>() + offset_of!(Table, entries)
}

const _: () = assert!(size_of::<Entry>().is_power_of_two());
