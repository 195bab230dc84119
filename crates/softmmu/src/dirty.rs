//! Dirty tracking: which RAM pages hold decoded code, and which changed since the display or a migration looked.
//!
//! Mirrors QEMU's `DirtyMemoryBlocks` (`include/exec/ram_addr.h`). Bits are stored inverted, as *clean* bits,
//! so that RAM nobody asked about costs neither memory nor slow writes: all pages start dirty, that is, zero.
//!
//! Writers (vCPU slow stores, device DMA through [`RamBlock`](crate::RamBlock) and its
//! [`vm_memory::bitmap::Bitmap`]) store the bytes first and call [`DirtyMemory::mark`] after. A page whose
//! CODE bit is clean holds decoded instructions: `mark` then queues the written range, and every vCPU drains the
//! queue before it runs an instruction decoded earlier.
//!
//! # Why a write racing with a decode is not lost
//!
//! The decoder sets the watch bit, fences, then reads the bytes; the writer stores the bytes, fences, then reads
//! the watch bit. With both fences sequentially consistent at least one of them sees the other: either the
//! decoder reads the new bytes, or the writer sees the watch and queues the range. `tests/loom.rs` checks it.

use once_cell::race::OnceBox;

use crate::addr::{PAGE_SHIFT, PAGE_SIZE, RamAddr};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, fence};

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
    /// The instruction decoder: clean pages hold decoded code. Set by [`DirtyMemory::watch_code`].
    Code = 0,
    /// The display: clean pages look on screen as they are in RAM.
    Vga = 1,
    /// Snapshots and migration: clean pages are already saved.
    Migration = 2,
}

struct Chunk {
    clean: [Box<[AtomicU64]>; 3],
}

impl Chunk {
    fn new() -> Box<Self> {
        Box::new(Self {
            clean: std::array::from_fn(|_| (0..CHUNK_WORDS).map(|_| AtomicU64::new(0)).collect()),
        })
    }
}

/// The dirty state of all RAM of one machine.
pub struct DirtyMemory {
    chunks: Box<[OnceBox<Chunk>]>,
    code_writes: Mutex<Vec<(RamAddr, u32)>>,
    code_pending: AtomicBool,
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
            code_writes: Mutex::new(Vec::new()),
            code_pending: AtomicBool::new(false),
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
        self.bit(page).is_none_or(|(chunk, word, bit)| {
            chunk.clean[client as usize][word].load(Ordering::Acquire) & bit == 0
        })
    }

    /// Whether a write to `page` must be told to anyone: the TLB's NOTDIRTY flag.
    #[inline]
    pub fn tracks_writes(&self, page: RamAddr) -> bool {
        self.bit(page).is_some_and(|(chunk, word, bit)| {
            chunk
                .clean
                .iter()
                .any(|map| map[word].load(Ordering::Acquire) & bit != 0)
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
            let map = &chunk.clean[client as usize][word];
            if map.load(Ordering::Relaxed) & bit != 0 {
                map.fetch_and(!bit, Ordering::AcqRel);
            }
        }
        if chunk.clean[DirtyClient::Code as usize][word].load(Ordering::Acquire) & bit != 0 {
            let mut queue = self.code_writes.lock();
            match queue.last_mut() {
                // A string of stores (REP STOS, a patching loop) is one entry while it grows upward.
                Some((start, have))
                    if start.0 + u64::from(*have) == addr.0 && start.page() == addr.page() =>
                {
                    *have += len
                }
                Some(same) if *same == (addr, len) => {}
                _ => queue.push((addr, len)),
            }
            self.code_pending.store(true, Ordering::Release);
        }
    }

    /// Marks `page` as holding decoded code, *before* its bytes are read for decoding: from now on every write
    /// to it is queued. It stays watched until [`DirtyMemory::unwatch_code`].
    ///
    /// The owning vCPU must also call [`Tlb::protect_code`](crate::Tlb::protect_code), since its TLB may let
    /// writes through without asking.
    pub fn watch_code(&self, page: RamAddr) {
        if let Some((chunk, word, bit)) = self.bit_or_create(page) {
            chunk.clean[DirtyClient::Code as usize][word].fetch_or(bit, Ordering::AcqRel);
        }
        fence(Ordering::SeqCst);
    }

    /// The last decoded block of `page` is gone: its writes are nobody's business again.
    pub fn unwatch_code(&self, page: RamAddr) {
        if let Some((chunk, word, bit)) = self.bit(page) {
            chunk.clean[DirtyClient::Code as usize][word].fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// Whether `page` is watched.
    pub fn is_code(&self, page: RamAddr) -> bool {
        !self.is_dirty(DirtyClient::Code, page)
    }

    /// Whether [`DirtyMemory::take_code_writes`] would return anything. Cheap: asked after every store that
    /// took the slow path, and at block ends.
    #[inline(always)]
    pub fn code_writes_pending(&self) -> bool {
        self.code_pending.load(Ordering::Acquire)
    }

    /// Moves the queued writes to watched pages, in order, to the end of `out`. No entry crosses a page.
    pub fn take_code_writes(&self, out: &mut Vec<(RamAddr, u32)>) {
        let mut queue = self.code_writes.lock();
        // Under the lock, so no producer's flag can be wiped with its entry left behind.
        self.code_pending.store(false, Ordering::Release);
        out.append(&mut queue);
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
        while page.0 < end {
            if let Some((chunk, word, bit)) = self.bit_or_create(page)
                && chunk.clean[client as usize][word].fetch_or(bit, Ordering::AcqRel) & bit == 0
            {
                any = true;
                f(page);
            }
            page = page.add(PAGE_SIZE);
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
