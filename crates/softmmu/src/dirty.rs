//! Dirty tracking: which RAM pages hold decoded code, and which changed since the display or a migration looked.
//!
//! Mirrors QEMU's `DirtyMemoryBlocks` (`include/exec/ram_addr.h`). Bits are stored inverted, as *clean* bits,
//! so that RAM nobody asked about costs neither memory nor slow writes: all pages start dirty, that is, zero.
//!
//! Writers (vCPU slow stores, device DMA through [`RamBlock`](crate::RamBlock) and its
//! [`vm_memory::bitmap::Bitmap`]) store the bytes first and call [`DirtyMemory::mark`] after. A page whose
//! CODE bit is clean holds decoded instructions: `mark` then queues the written range for every holder of code from
//! there ([`CodeWatch`], one a vCPU), and each works its queue off before it runs an instruction decoded earlier. Such
//! a page says by [`GRANULE`] where its instructions are (those of all holders), so that writers to data beside code
//! are not queued.
//!
//! # Why a write racing with a decode is not lost
//!
//! The decoder sets the watch bit, fences, then reads the bytes; the writer stores the bytes, fences, then reads
//! the watch bit. With both fences sequentially consistent at least one of them sees the other: either the
//! decoder reads the new bytes, or the writer sees the watch and queues the range. `tests/loom.rs` checks it.
//! What of a page each holder holds changes under one mutex, together with the bits that writers look at; a writer that
//! saw the watch queues under the same mutex, so it finds the holder for whom the watch was set.
//!
//! # Why a store through another vCPU's TLB is not lost
//!
//! That vCPU's TLB may let stores to a newly watched page through unseen. [`CodeWatch::watch`] therefore asks all other
//! holders to look ([`CodeWatch::take_news`]) and to protect the page before they execute anything more. vCPUs that
//! take turns on one thread look when their turn begins, before their first store. vCPUs on threads of their own may be
//! executing: who decodes stops them once ([`DirtyMemory::secure`]) and reads the bytes after that, also where it was
//! another one who began to watch the page. A store made before the stop is in the bytes; one made after it is seen.

mod code;

pub use code::CodeWatch;

use once_cell::race::OnceBox;

use crate::addr::{PAGE_SHIFT, PAGE_SIZE, RamAddr};
use crate::sync::{AtomicU64, Mutex, Ordering, fence};
use code::Code;
use std::sync::Arc;

/// Pages in one lazily allocated piece of the bitmaps: 1 GiB of RAM.
const CHUNK_PAGES: u64 = if cfg!(loom) { 64 } else { 1 << (30 - PAGE_SHIFT) };
const CHUNK_WORDS: usize = (CHUNK_PAGES / 64) as usize;
/// Pieces a machine can have: 4 TiB of RAM.
const CHUNKS: usize = if cfg!(loom) { 1 } else { 4096 };
/// RAM offsets end here; RAM blocks beyond are refused.
pub(crate) const RAM_ADDR_END: u64 = CHUNKS as u64 * CHUNK_PAGES * PAGE_SIZE;

/// Who wants to know about writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirtyClient {
    /// The instruction decoders: clean pages hold decoded code. Set by [`CodeWatch::watch`].
    Code = 0,
    /// The display: clean pages look on screen as they are in RAM.
    Vga = 1,
    /// Snapshots and migration: clean pages are already saved.
    Migration = 2,
}

/// Bytes for which a code page says as one whether they hold code: a 64th of a page.
pub const GRANULE: u64 = PAGE_SIZE / 64;

/// The granules of `len` bytes at `addr`, which lie on one page: bit n is the nth of the page.
#[inline]
pub const fn granules(addr: RamAddr, len: u64) -> u64 {
    let first = addr.0 % PAGE_SIZE;
    if len == 0 {
        return 0;
    }
    let last = first + (len - 1);
    let last = if last >= PAGE_SIZE { PAGE_SIZE - 1 } else { last };
    u64::MAX << (first / GRANULE) & u64::MAX >> (63 - last / GRANULE)
}

/// The granules with code of 64 pages.
type Granules = [AtomicU64; 64];

struct Chunk {
    /// For each 64 pages the bits of each client, side by side.
    clean: Box<[[AtomicU64; 3]]>,
    /// For each 64 pages of which one was ever watched. Means something for watched pages only.
    code: Box<[OnceBox<Granules>]>,
}

impl Chunk {
    fn new() -> Box<Self> {
        Box::new(Self {
            clean: (0..CHUNK_WORDS)
                .map(|_| std::array::from_fn(|_| AtomicU64::new(0)))
                .collect(),
            code: (0..CHUNK_WORDS).map(|_| OnceBox::new()).collect(),
        })
    }

    /// The word of a client for the 64 pages of `word`.
    #[inline(always)]
    fn clean(&self, client: DirtyClient, word: usize) -> &AtomicU64 {
        &self.clean[word][client as usize]
    }

    /// The granules of a page.
    fn code_or_create(&self, word: usize, page: RamAddr) -> &AtomicU64 {
        let pages = self.code[word].get_or_init(|| Box::new(std::array::from_fn(|_| AtomicU64::new(0))));
        &pages[(page.page_number() % 64) as usize]
    }

    /// The granules of a page, if one near it was ever watched.
    #[inline]
    fn code(&self, word: usize, page: RamAddr) -> Option<&AtomicU64> {
        Some(&self.code[word].get()?[(page.page_number() % 64) as usize])
    }
}

/// The dirty state of all RAM of one machine.
pub struct DirtyMemory {
    chunks: Box<[OnceBox<Chunk>]>,
    code: Mutex<Code>,
    /// How often a page that nobody watched became watched.
    watched: AtomicU64,
    /// Up to which value of `watched` no vCPU can write to watched pages unseen.
    secured: AtomicU64,
    cleaned: AtomicU64,
}

impl Default for DirtyMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl DirtyMemory {
    /// Everything dirty, nothing watched.
    pub fn new() -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceBox::new()).collect(),
            code: Mutex::new(Code::default()),
            watched: AtomicU64::new(0),
            secured: AtomicU64::new(0),
            cleaned: AtomicU64::new(0),
        }
    }

    /// The word and bit of a page, if any bitmap was ever touched near it.
    #[inline]
    fn bit(&self, page: RamAddr) -> Option<(&Chunk, usize, u64)> {
        let number = page.page_number();
        let chunk = self
            .chunks
            .get(usize::try_from(number / CHUNK_PAGES).ok()?)?
            .get()?;
        Some((chunk, (number % CHUNK_PAGES / 64) as usize, 1 << (number % 64)))
    }

    /// As `bit`, allocating; `None` beyond the last possible RAM offset.
    fn bit_or_create(&self, page: RamAddr) -> Option<(&Chunk, usize, u64)> {
        let number = page.page_number();
        let chunk = self
            .chunks
            .get(usize::try_from(number / CHUNK_PAGES).ok()?)?
            .get_or_init(Chunk::new);
        Some((chunk, (number % CHUNK_PAGES / 64) as usize, 1 << (number % 64)))
    }

    /// Whether `page` was written since `client` last cleaned it. For [`DirtyClient::Code`]: whether it is
    /// *not* watched.
    pub fn is_dirty(&self, client: DirtyClient, page: RamAddr) -> bool {
        self.bit(page)
            .is_none_or(|(chunk, word, bit)| chunk.clean(client, word).load(Ordering::Acquire) & bit == 0)
    }

    /// Whether a write to `page` must be told to anyone: the TLB's NOTDIRTY flag.
    #[inline]
    pub fn tracks_writes(&self, page: RamAddr) -> bool {
        self.bit(page).is_some_and(|(chunk, word, bit)| {
            chunk.clean[word]
                .iter()
                .any(|map| map.load(Ordering::Acquire) & bit != 0)
        })
    }

    /// Says that the `len` bytes at `addr` were just written. Call after the store.
    pub fn mark(&self, addr: RamAddr, len: u64) {
        if len == 0 {
            return;
        }
        fence(Ordering::SeqCst);
        let last = addr.0.saturating_add(len - 1);
        let mut at = addr.0;
        loop {
            let end = (at | (PAGE_SIZE - 1)).min(last);
            self.mark_in_page(RamAddr(at), (end - at + 1) as u32);
            if end == last {
                return;
            }
            at = end + 1;
        }
    }

    fn mark_in_page(&self, addr: RamAddr, len: u32) {
        let Some((chunk, word, bit)) = self.bit(addr) else {
            return;
        };
        for client in [DirtyClient::Vga, DirtyClient::Migration] {
            let map = chunk.clean(client, word);
            if map.load(Ordering::Relaxed) & bit != 0 {
                map.fetch_and(!bit, Ordering::AcqRel);
            }
        }
        if chunk.clean(DirtyClient::Code, word).load(Ordering::Acquire) & bit != 0
            && chunk
                .code(word, addr)
                .is_some_and(|code| code.load(Ordering::Acquire) & granules(addr, u64::from(len)) != 0)
        {
            self.code.lock().write(addr, len);
        }
    }

    /// A new holder of code, which watches nothing yet.
    pub fn code_watch(self: &Arc<Self>) -> CodeWatch {
        CodeWatch::new(self)
    }

    /// Counts pages that became watched.
    pub fn watched(&self) -> u64 {
        self.watched.load(Ordering::SeqCst)
    }

    /// All holders were stopped after the count of watched pages was `watched`, and look at their news before they go on:
    /// none will write to those pages unseen any more.
    pub fn secure(&self, watched: u64) {
        self.secured.fetch_max(watched, Ordering::SeqCst);
    }

    /// As last [secured](Self::secure): a holder on a thread of its own reads what it watches when this has reached
    /// [`watched`](Self::watched).
    pub fn secured(&self) -> u64 {
        self.secured.load(Ordering::SeqCst)
    }

    /// How many of `len` bytes from `addr` on, on one page, come before the first granule with code.
    pub fn code_free(&self, addr: RamAddr, len: u64) -> u64 {
        let Some((chunk, word, bit)) = self.bit(addr) else {
            return len;
        };
        if chunk.clean(DirtyClient::Code, word).load(Ordering::Acquire) & bit == 0 {
            return len;
        }
        let code = chunk
            .code(word, addr)
            .map_or(0, |code| code.load(Ordering::Acquire));
        match code & granules(addr, len) {
            0 => len,
            hit => (u64::from(hit.trailing_zeros()) * GRANULE)
                .saturating_sub(addr.0 % PAGE_SIZE)
                .min(len),
        }
    }

    /// Whether nobody would act on a write of `len` bytes at `addr`, on one page: no code lies there, and no other
    /// client has the page clean.
    #[inline]
    pub fn ignores(&self, addr: RamAddr, len: u64) -> bool {
        let Some((chunk, word, bit)) = self.bit(addr) else {
            return true;
        };
        let clean = |client| chunk.clean(client, word).load(Ordering::Acquire) & bit != 0;
        !clean(DirtyClient::Vga) && !clean(DirtyClient::Migration) && self.code_free(addr, len) == len
    }

    /// Whether `page` is watched.
    pub fn is_code(&self, page: RamAddr) -> bool {
        !self.is_dirty(DirtyClient::Code, page)
    }

    /// Calls `f` with each page of `start..start + len` that was written since the last call, and cleans it.
    ///
    /// vCPUs learn of it by [`DirtyMemory::cleaned`] and answer with
    /// [`Tlb::reprotect`](crate::Tlb::reprotect); a write that got through unseen before that makes its page
    /// dirty again there, so a caller sees such a page one call later, never not at all.
    ///
    /// # Panics
    /// For [`DirtyClient::Code`], whose state belongs to the decoder.
    pub fn take_dirty(&self, client: DirtyClient, start: RamAddr, len: u64, mut f: impl FnMut(RamAddr)) {
        assert!(client != DirtyClient::Code, "code pages are watched, not polled");
        let end = start.0.saturating_add(len).min(RAM_ADDR_END);
        let mut any = false;
        let mut page = start.page();
        // 64 pages at a time: most calls find most of RAM unwritten.
        while page.0 < end {
            let next = (page.page_number() / 64 + 1) * 64;
            let last = next.min(end.div_ceil(PAGE_SIZE));
            let count = last - page.page_number();
            if let Some((chunk, word, bit)) = self.bit_or_create(page) {
                let mask = (u64::MAX >> (64 - count)) << bit.trailing_zeros();
                let clean = chunk.clean(client, word);
                let mut new = mask & !clean.load(Ordering::Acquire);
                if new != 0 {
                    new &= !clean.fetch_or(new, Ordering::AcqRel);
                    any |= new != 0;
                }
                while new != 0 {
                    let at = u64::from(new.trailing_zeros()) + (next - 64);
                    f(RamAddr(at << PAGE_SHIFT));
                    new &= new - 1;
                }
            }
            page = RamAddr(last << PAGE_SHIFT);
        }
        if any {
            self.cleaned.fetch_add(1, Ordering::Release);
        }
        fence(Ordering::SeqCst);
    }

    /// Counts the calls of [`DirtyMemory::take_dirty`] that cleaned anything.
    #[inline(always)]
    pub fn cleaned(&self) -> u64 {
        self.cleaned.load(Ordering::Acquire)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn bytes_to_granules() {
        for (addr, len, expected) in [
            (0, 0, 0), (0, 1, 1), (63, 1, 1), (63, 2, 3), (64, 64, 2), (0, 4096, u64::MAX), (4095, 1, 1 << 63),
            (4032, 4096, 1 << 63), (0x12_3000 + 128, 65, 0b1100),
        ] {
            assert_eq!(granules(RamAddr(addr), len), expected, "{len} bytes at {addr:#x}");
        }
    }

    /// Writes to a page with code in 256..300, and whether they are queued; then how far one from there may go.
    #[test]
    #[rustfmt::skip]
    fn writes_beside_code() {
        let dirty = Arc::new(DirtyMemory::new());
        let code = dirty.code_watch();
        assert!(code.watch(RamAddr(0x1100), 44));
        assert!(!code.watch(RamAddr(0x1110), 8), "not new");
        for (addr, len, queued, free) in [
            (0x1000, 8, false, 8), (0x10f8, 8, false, 8), (0x10fc, 8, true, 4), (0x1100, 1, true, 0),
            (0x113f, 1, true, 0), (0x1140, 0x800, false, 0x800), (0x1000, 0x1000, true, 0x100), (0x2100, 8, false, 8),
        ] {
            let at = RamAddr(addr);
            dirty.mark(at, len);
            assert_eq!(code.has_news(), queued, "{len} bytes at {addr:#x}");
            assert_eq!(dirty.ignores(at, len), !queued, "{len} bytes at {addr:#x}");
            assert_eq!(dirty.code_free(at, len), free, "{len} bytes at {addr:#x}");
            let _ = code.take_news(&mut Vec::new());
        }
        code.watch(RamAddr(0x1800), 8);
        code.narrow(RamAddr(0x1000), granules(RamAddr(0x1800), 8));
        assert!(dirty.ignores(RamAddr(0x1100), 8) && !dirty.ignores(RamAddr(0x1800), 8));
        code.narrow(RamAddr(0x1000), 0);
        assert!(!dirty.is_code(RamAddr(0x1000)));
        assert!(code.watch(RamAddr(0x1800), 8), "new again");
        assert!(dirty.ignores(RamAddr(0x1100), 8), "what was there before is forgotten");
        // Others want to know of all writes.
        dirty.take_dirty(DirtyClient::Vga, RamAddr(0x1000), 0x1000, |_| {});
        assert!(!dirty.ignores(RamAddr(0x1000), 8));
    }

    /// Ranges that begin and end anywhere in a word of bits.
    #[test]
    fn what_was_written_is_taken_once() {
        let dirty = DirtyMemory::new();
        let take = |start: u64, pages: u64| {
            let mut found = Vec::new();
            let take = |page: RamAddr| found.push(page.page_number());
            dirty.take_dirty(
                DirtyClient::Migration,
                RamAddr(start * PAGE_SIZE),
                pages * PAGE_SIZE,
                take,
            );
            found
        };
        assert_eq!(take(62, 4), [62, 63, 64, 65], "everything is dirty at first");
        assert_eq!(take(0, 200), (0..62).chain(66..200).collect::<Vec<_>>());
        let before = dirty.cleaned();
        assert!(take(0, 200).is_empty());
        assert_eq!(dirty.cleaned(), before, "nothing was cleaned");
        for page in [199, 3, 64, 127] {
            dirty.mark(RamAddr(page * PAGE_SIZE + 9), 1);
        }
        assert_eq!(take(4, 100), [64]);
        assert_eq!(take(0, 200), [3, 127, 199]);
        assert!(take(5, 0).is_empty());
    }
}
