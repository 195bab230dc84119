//! Who holds code derived from which page, and which writes to it each holder has yet to hear of.
//!
//! A holder ([`CodeWatch`]) is a vCPU with its decoded blocks and translations. Writers push to the queues of those
//! holders that hold something of what was written, holders take their queue at their next boundary, drop what was hit
//! and narrow what they watch. A page's watch is the union of what its holders watch, so it outlives each of them.

use super::{DirtyClient, DirtyMemory, granules};
use crate::addr::{PAGE_SIZE, RamAddr};
use crate::sync::{AtomicU32, Ordering, fence};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Entries of a queue from which on it is worth to merge those of a page: a holder that sleeps must not make its queue
/// grow for ever.
const LONG: usize = 1024;

/// [`News::bits`]: writes are queued.
const WRITES: u32 = 1;
/// [`News::bits`]: somebody else watches pages that nobody watched before.
const WATCHED: u32 = 2;

/// What a holder looks at between two instructions.
struct News {
    bits: AtomicU32,
}

/// Pages are numbered, not chosen by an enemy of the table.
#[derive(Default)]
struct PageHasher(u64);

impl Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }
    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }
}

struct Holder {
    news: Arc<News>,
    writes: Vec<(RamAddr, u32)>,
    /// Length of the queue at which it is merged.
    merge_at: usize,
}

impl Holder {
    fn push(&mut self, addr: RamAddr, len: u32) {
        match self.writes.last_mut() {
            // A string of stores (REP STOS, a patching loop) is one entry while it grows upward.
            Some((start, have)) if start.0 + u64::from(*have) == addr.0 && start.page() == addr.page() => {
                *have += len;
            }
            Some(same) if *same == (addr, len) => {}
            _ => self.writes.push((addr, len)),
        }
        if self.writes.len() >= self.merge_at {
            self.merge();
        }
        self.news.bits.fetch_or(WRITES, Ordering::Release);
    }

    /// Makes one entry of all those of a page, from the first byte written to the last.
    fn merge(&mut self) {
        self.writes.sort_unstable();
        self.writes.dedup_by(|next, first| {
            let one_page = next.0.page() == first.0.page();
            if one_page {
                let end = (next.0.0 + u64::from(next.1)).max(first.0.0 + u64::from(first.1));
                first.1 = (end - first.0.0) as u32;
            }
            one_page
        });
        self.merge_at = LONG.max(self.writes.len() * 2);
    }
}

/// All holders of a machine, and what they hold.
#[derive(Default)]
pub(super) struct Code {
    /// By number; none: free.
    holders: Vec<Option<Holder>>,
    /// The granules that each holder watches of a page, by page.
    pages: HashMap<u64, Vec<(usize, u64)>, BuildHasherDefault<PageHasher>>,
}

impl Code {
    fn add(&mut self, news: &Arc<News>) -> usize {
        let holder = Holder {
            news: Arc::clone(news),
            writes: Vec::new(),
            merge_at: LONG,
        };
        match self.holders.iter().position(Option::is_none) {
            Some(free) => {
                self.holders[free] = Some(holder);
                free
            }
            None => {
                self.holders.push(Some(holder));
                self.holders.len() - 1
            }
        }
    }

    /// Queues a write, on one page, for all whom it concerns.
    pub(super) fn write(&mut self, addr: RamAddr, len: u32) {
        let hit = granules(addr, u64::from(len));
        for &(id, mask) in self.pages.get(&addr.page().0).into_iter().flatten() {
            if mask & hit != 0
                && let Some(holder) = &mut self.holders[id]
            {
                holder.push(addr, len);
            }
        }
    }

    /// What all holders together watch of a page.
    fn union(&self, page: RamAddr) -> u64 {
        let holders = self.pages.get(&page.0).into_iter().flatten();
        holders.fold(0, |all, &(_, mask)| all | mask)
    }

    /// Adds granules to what a holder watches; true if it watched nothing of the page.
    fn watch(&mut self, id: usize, page: RamAddr, mask: u64) -> bool {
        let holders = self.pages.entry(page.0).or_default();
        match holders.iter_mut().find(|(other, _)| *other == id) {
            Some((_, have)) => {
                *have |= mask;
                false
            }
            None => {
                holders.push((id, mask));
                true
            }
        }
    }

    /// Restricts what a holder watches.
    fn narrow(&mut self, id: usize, page: RamAddr, mask: u64) {
        let Some(holders) = self.pages.get_mut(&page.0) else {
            return;
        };
        holders.retain_mut(|(other, have)| {
            if *other == id {
                *have &= mask;
            }
            *have != 0
        });
        if holders.is_empty() {
            self.pages.remove(&page.0);
        }
    }

    /// Asks all but `id` to look at what is watched.
    fn tell_others(&self, id: usize) {
        for (other, holder) in self.holders.iter().enumerate() {
            if let Some(holder) = holder.as_ref().filter(|_| other != id) {
                holder.news.bits.fetch_or(WATCHED, Ordering::SeqCst);
            }
        }
    }
}

/// A holder of code derived from guest memory: what it watches, and what it is told.
pub struct CodeWatch {
    dirty: Arc<DirtyMemory>,
    news: Arc<News>,
    id: usize,
}

impl CodeWatch {
    pub(super) fn new(dirty: &Arc<DirtyMemory>) -> Self {
        let news = Arc::new(News {
            bits: AtomicU32::new(0),
        });
        let id = dirty.code.lock().add(&news);
        Self {
            dirty: Arc::clone(dirty),
            news,
            id,
        }
    }

    /// Watches `len` bytes at `addr`, on one page, *before* they are read for decoding: from now on every write to
    /// their granules is queued. They stay watched until [`CodeWatch::narrow`]. True if this holder watched nothing of
    /// the page before.
    ///
    /// The owning vCPU must then call [`Tlb::protect_code`](crate::Tlb::protect_code), since its TLB may let writes
    /// through without asking. So may those of others: they are told.
    pub fn watch(&self, addr: RamAddr, len: u64) -> bool {
        let (page, mask) = (addr.page(), granules(addr, len));
        let mut new = false;
        if let Some((chunk, word, bit)) = self.dirty.bit_or_create(page) {
            let granules = chunk.code_or_create(word, page);
            let clean = chunk.clean(DirtyClient::Code, word);
            let mut code = self.dirty.code.lock();
            new = code.watch(self.id, page, mask);
            if clean.load(Ordering::Acquire) & bit == 0 {
                granules.store(mask, Ordering::Release);
                clean.fetch_or(bit, Ordering::AcqRel);
                self.dirty.watched.fetch_add(1, Ordering::SeqCst);
                code.tell_others(self.id);
            } else {
                granules.fetch_or(mask, Ordering::AcqRel);
            }
        }
        fence(Ordering::SeqCst);
        new
    }

    /// Watches all of `page`.
    pub fn watch_page(&self, page: RamAddr) -> bool {
        self.watch(page.page(), PAGE_SIZE)
    }

    /// What is left of this holder's code on `page` lies in these granules; if no holder has any left, its writes are
    /// nobody's business again. To be called after a write was worked off and not while decoding.
    pub fn narrow(&self, page: RamAddr, granules: u64) {
        let page = page.page();
        let Some((chunk, word, bit)) = self.dirty.bit(page) else {
            return;
        };
        let mut code = self.dirty.code.lock();
        code.narrow(self.id, page, granules);
        let left = code.union(page);
        if let Some(watched) = chunk.code(word, page) {
            watched.store(left, Ordering::Release);
        }
        if left == 0 {
            chunk
                .clean(DirtyClient::Code, word)
                .fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// The last of this holder's code on `page` is gone.
    pub fn unwatch(&self, page: RamAddr) {
        self.narrow(page, 0);
    }

    /// Whether there is anything to look at before the next instruction: one load.
    #[inline(always)]
    pub fn has_news(&self) -> bool {
        self.news.bits.load(Ordering::Acquire) != 0
    }

    /// Moves the writes queued for this holder, in order, to the end of `out`; no entry crosses a page. True if others
    /// began to watch pages: call [`Tlb::protect_watched`](crate::Tlb::protect_watched).
    #[must_use]
    pub fn take_news(&self, out: &mut Vec<(RamAddr, u32)>) -> bool {
        let bits = self.news.bits.load(Ordering::Acquire);
        if bits & WRITES != 0 {
            let mut code = self.dirty.code.lock();
            // Under the lock, so no producer's flag can be wiped with its entry left behind.
            self.news.bits.fetch_and(!WRITES, Ordering::AcqRel);
            if let Some(holder) = &mut code.holders[self.id] {
                out.append(&mut holder.writes);
                holder.merge_at = LONG;
            }
        }
        bits & WATCHED != 0 && self.news.bits.fetch_and(!WATCHED, Ordering::SeqCst) & WATCHED != 0
    }
}

impl Drop for CodeWatch {
    fn drop(&mut self) {
        let pages: Vec<u64> = {
            let code = self.dirty.code.lock();
            let holds = |holders: &[(usize, u64)]| holders.iter().any(|&(id, _)| id == self.id);
            let pages = code.pages.iter().filter(|(_, holders)| holds(holders));
            pages.map(|(&page, _)| page).collect()
        };
        for page in pages {
            self.narrow(RamAddr(page), 0);
        }
        self.dirty.code.lock().holders[self.id] = None;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn taken(code: &CodeWatch) -> Vec<(u64, u32)> {
        let mut out = Vec::new();
        let _ = code.take_news(&mut out);
        out.into_iter().map(|(addr, len)| (addr.0, len)).collect()
    }

    /// Two holders on one page: each hears of what it holds, and the page stays watched for the slower one.
    #[test]
    fn each_holder_hears_of_its_own() {
        let dirty = Arc::new(DirtyMemory::new());
        let (a, b) = (dirty.code_watch(), dirty.code_watch());
        assert!(a.watch(RamAddr(0x1000), 64) && b.watch(RamAddr(0x1040), 64));
        assert!(b.take_news(&mut Vec::new()), "a's page is new to b's TLB");
        assert!(!a.take_news(&mut Vec::new()), "b's page was watched already");
        for (at, len, for_a, for_b) in [
            (0x1000, 8, true, false),
            (0x1040, 8, false, true),
            (0x103c, 8, true, true),
            (0x1080, 8, false, false),
            (0x2000, 8, false, false),
        ] {
            dirty.mark(RamAddr(at), len);
            assert_eq!((a.has_news(), b.has_news()), (for_a, for_b), "{at:#x}");
            assert_eq!(
                taken(&a).len() + taken(&b).len(),
                usize::from(for_a) + usize::from(for_b)
            );
        }
        dirty.mark(RamAddr(0x103c), 8);
        taken(&a);
        a.narrow(RamAddr(0x1000), 0);
        assert!(dirty.is_code(RamAddr(0x1000)), "b has not looked yet");
        dirty.mark(RamAddr(0x1000), 8);
        assert!(!a.has_news(), "narrowed");
        assert_eq!(taken(&b), [(0x103c, 8)]);
        b.narrow(RamAddr(0x1000), granules(RamAddr(0x1040), 64));
        dirty.mark(RamAddr(0x1044), 1);
        assert_eq!(taken(&b), [(0x1044, 1)]);
        drop(b);
        assert!(!dirty.is_code(RamAddr(0x1000)), "nobody is left");
        assert!(!a.has_news());
    }

    /// A holder that sleeps does not make its queue grow for ever, and misses nothing.
    #[test]
    fn queues_are_bounded() {
        let dirty = Arc::new(DirtyMemory::new());
        let code = dirty.code_watch();
        for page in 0..4 {
            code.watch_page(RamAddr(page * PAGE_SIZE));
        }
        for n in 0..10_000_u64 {
            dirty.mark(RamAddr(n * 1237 % (4 * PAGE_SIZE)), 1);
        }
        let writes = taken(&code);
        assert!(writes.len() <= LONG, "{}", writes.len());
        for n in 0..10_000_u64 {
            let at = n * 1237 % (4 * PAGE_SIZE);
            assert!(
                writes
                    .iter()
                    .any(|&(addr, len)| (addr..addr + u64::from(len)).contains(&at))
            );
        }
    }
}
