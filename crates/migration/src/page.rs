//! One page of guest memory, kept once however many snapshots have it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a page.
pub const PAGE_SIZE: usize = 4096;

/// The contents of a page.
pub type PageBytes = [u8; PAGE_SIZE];

static ZERO: PageBytes = [0; PAGE_SIZE];

/// The contents of a page that is not zero, counted by its [`PageStore`] as long as any snapshot holds it.
pub struct Page {
    bytes: PageBytes,
    held: Arc<AtomicU64>,
}

impl Page {
    /// The contents.
    pub fn bytes(&self) -> &PageBytes {
        &self.bytes
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes pages and knows how many there are: what a memory budget is measured by.
#[derive(Clone, Debug, Default)]
pub struct PageStore {
    held: Arc<AtomicU64>,
}

impl PageStore {
    /// No pages.
    pub fn new() -> Self {
        Self::default()
    }

    /// A page with these contents; none if they are zero.
    pub fn page(&self, bytes: &PageBytes) -> Option<Arc<Page>> {
        if *bytes == ZERO {
            return None;
        }
        self.held.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Page {
            bytes: *bytes,
            held: Arc::clone(&self.held),
        }))
    }

    /// A page with these contents: `old` itself if it has them.
    pub fn update(&self, old: Option<&Arc<Page>>, bytes: &PageBytes) -> Option<Arc<Page>> {
        match old {
            Some(page) if page.bytes == *bytes => Some(Arc::clone(page)),
            _ => self.page(bytes),
        }
    }

    /// Bytes in pages that are alive, each counted once.
    pub fn bytes(&self) -> u64 {
        self.held.load(Ordering::Relaxed) * PAGE_SIZE as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pages_count_once() {
        let store = PageStore::new();
        assert!(store.page(&[0; PAGE_SIZE]).is_none());
        let first = store.page(&[1; PAGE_SIZE]);
        let same = store.update(first.as_ref(), &[1; PAGE_SIZE]);
        assert_eq!(store.bytes(), 4096);
        let other = store.update(first.as_ref(), &[2; PAGE_SIZE]);
        assert_eq!(store.bytes(), 8192);
        drop((first, other));
        assert_eq!(store.bytes(), 4096);
        drop(same);
        assert_eq!(store.bytes(), 0);
    }
}
