//! Runs of bytes within pages: what REP MOVS and REP STOS do while nothing but RAM is in the way.
//!
//! A run leaves the TLB and memory as its elements one after the other would. It ends before a byte whose write
//! somebody would act on at once (decoded code), so that such writes are made, and seen, one by one.

use crate::addr::GuestVirt;
use crate::host;
use crate::tlb::Tlb;
use crate::tlb::entry::{Entry, NOTDIRTY};
use crate::tlb::slow::Page;
use crate::tlb::types::{Access, MmuIndex};

impl Tlb {
    /// The entry for writes of up to `len` bytes at `vaddr`, and how many of them may be written as one.
    fn target(&mut self, idx: MmuIndex, vaddr: GuestVirt, len: u64, unit: u64) -> Option<(Entry, u64)> {
        let Page::Ram(entry) = self.page(idx, vaddr, len as usize, Access::Write) else {
            return None;
        };
        let free = if !entry.write.has(NOTDIRTY) {
            len
        } else {
            self.dirty.code_free(entry.ram.add(vaddr.page_offset()), len)
        };
        Some((entry, free - free % unit))
    }

    /// Moves elements of `unit` bytes, ascending: as many of the `len` bytes as can be moved as one, which may be
    /// none. Neither side may cross a page; elements that are naturally aligned on both sides move whole.
    pub fn move_run(&mut self, idx: MmuIndex, from: GuestVirt, to: GuestVirt, len: u64, unit: u64) -> u64 {
        let Page::Ram(source) = self.page(idx, from, len as usize, Access::Read) else {
            return 0;
        };
        let Some((target, len)) = self.target(idx, to, len, unit) else {
            return 0;
        };
        let start = source.ram.add(from.page_offset());
        let end = target.ram.add(to.page_offset());
        // A target just above its source repeats a pattern, which wide moves would not.
        let ahead = end.0.wrapping_sub(start.0);
        if ahead != 0 && ahead < 64 && ahead < len {
            return 0;
        }
        // SAFETY: `page` says that both ranges lie in RAM pages, which `blocks` keeps mapped, the target writable; the
        // target does not begin within the 64 bytes above the source that one step reads.
        unsafe { host::copy_up(source.host(from.0), target.host(to.0), len as usize) };
        self.written(idx, to, len, &target);
        len
    }

    /// Fills with a pattern of eight bytes, in elements of `unit` bytes: as many of the `len` bytes as can be filled
    /// as one, which may be none. The run may not cross a page.
    pub fn fill_run(&mut self, idx: MmuIndex, to: GuestVirt, len: u64, unit: u64, pattern: u64) -> u64 {
        let Some((target, len)) = self.target(idx, to, len, unit) else {
            return 0;
        };
        // SAFETY: as in `move_run`.
        unsafe { host::fill(target.host(to.0), len as usize, pattern) };
        self.written(idx, to, len, &target);
        len
    }
}
