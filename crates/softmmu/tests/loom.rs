//! Our own lock-free protocols under loom: `RUSTFLAGS="--cfg loom" cargo test -p softmmu --release --test loom`.
//!
//! Each test bears the name of a property: M9 reclaiming what readers may hold, M10 code that is published against stores
//! that invalidate it.
#![cfg(loom)]

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use softmmu::{DirtyMemory, Published, RamAddr};
use std::sync::Arc;

/// Says when it is freed, and whether it is whole.
struct View {
    halves: (u64, u64),
    freed: Arc<AtomicU64>,
}

impl View {
    fn new(n: u64, freed: &Arc<AtomicU64>) -> Self {
        Self {
            halves: (n, n),
            freed: freed.clone(),
        }
    }

    fn number(&self) -> u64 {
        assert_eq!(self.halves.0, self.halves.1, "a partial view");
        self.halves.0
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.halves = (u64::MAX, 0);
        self.freed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A reader never goes back, sees a view at least as new as the generation it read, takes each change for new
/// once, and keeps its view alive; at the end all views but the current are freed.
#[test]
fn m9_publish_and_reclaim() {
    loom::model(|| {
        let freed = Arc::new(AtomicU64::new(0));
        let published = Arc::new(Published::new(View::new(0, &freed)));
        let reader = {
            let published = published.clone();
            thread::spawn(move || {
                let mut held = published.load();
                let mut news = 0;
                for _ in 0..2 {
                    let (before, floor) = (held.generation, published.generation());
                    let new = published.refresh(&mut held);
                    news += u64::from(new);
                    assert_eq!(new, held.generation != before, "news is a newer view");
                    assert!(held.generation >= floor && held.generation >= before);
                    assert_eq!(held.value.number(), held.generation);
                }
                assert!(news <= 2);
            })
        };
        for n in 1..=2 {
            published.publish(View::new(n, &freed));
        }
        reader.join().unwrap();
        assert_eq!(
            freed.load(Ordering::Relaxed),
            2,
            "old views are freed, the current is not"
        );
        let mut held = published.load();
        assert!(!published.refresh(&mut held));
        assert_eq!(held.value.number(), 2);
    });
}

/// A write racing with the decode of its page is seen by the decoder or queued for it.
#[test]
fn m10_write_against_decode() {
    loom::model(|| {
        let dirty = Arc::new(DirtyMemory::new());
        // Loom knows no guest RAM; this word is the byte in question.
        let byte = Arc::new(AtomicU64::new(0));
        let code = dirty.code_watch();
        // The bitmaps exist (allocating them is once_cell's business).
        code.watch_page(RamAddr(0x1000));
        let writer = {
            let (dirty, byte) = (dirty.clone(), byte.clone());
            thread::spawn(move || {
                byte.store(1, Ordering::Release);
                dirty.mark(RamAddr(8), 1);
            })
        };
        code.watch_page(RamAddr(0));
        let decoded = byte.load(Ordering::Acquire);
        writer.join().unwrap();
        assert!(decoded == 1 || code.has_news(), "stale code would run for ever");
    });
}

/// The pending flag never goes out with an entry still queued.
#[test]
fn m10_no_code_write_is_left_behind() {
    loom::model(|| {
        let dirty = Arc::new(DirtyMemory::new());
        let code = dirty.code_watch();
        code.watch_page(RamAddr(0));
        let writer = {
            let dirty = dirty.clone();
            thread::spawn(move || {
                dirty.mark(RamAddr(0), 1);
                dirty.mark(RamAddr(0x100), 1);
            })
        };
        let mut seen = Vec::new();
        if code.has_news() {
            let _ = code.take_news(&mut seen);
        }
        writer.join().unwrap();
        if code.has_news() {
            let _ = code.take_news(&mut seen);
        }
        assert_eq!(seen.len(), 2);
    });
}

/// While one holder works a write off and narrows, another begins to watch the same page and a third thread writes to it:
/// the second has the new byte or hears of the write.
#[test]
fn m10_narrowing_against_another_holders_watch() {
    loom::model(|| {
        let dirty = Arc::new(DirtyMemory::new());
        let byte = Arc::new(AtomicU64::new(0));
        let (a, b) = (dirty.code_watch(), dirty.code_watch());
        a.watch_page(RamAddr(0));
        let narrows = thread::spawn(move || {
            a.narrow(RamAddr(0), 0);
            a
        });
        let writes = {
            let (dirty, byte) = (dirty.clone(), byte.clone());
            thread::spawn(move || {
                byte.store(1, Ordering::Release);
                dirty.mark(RamAddr(8), 1);
            })
        };
        b.watch(RamAddr(0), 64);
        let decoded = byte.load(Ordering::Acquire);
        let _a = narrows.join().unwrap();
        writes.join().unwrap();
        let mut seen = Vec::new();
        let _ = b.take_news(&mut seen);
        assert!(decoded == 1 || !seen.is_empty(), "stale code would run for ever");
        assert!(dirty.is_code(RamAddr(0)), "b's watch is still there");
    });
}

/// A holder that watches a page stops the other before it reads: a store that the other's TLB let through unseen came
/// before the stop, so the decoder reads it; after the stop the other has looked, and its stores are seen. That also
/// holds for a third holder that finds the page watched already.
#[test]
fn m10_a_stop_separates_unseen_stores_from_seen_ones() {
    loom::model(|| {
        let dirty = Arc::new(DirtyMemory::new());
        let byte = Arc::new(AtomicU64::new(0));
        let (a, b, c) = (dirty.code_watch(), dirty.code_watch(), dirty.code_watch());
        a.watch_page(RamAddr(0x1000));
        dirty.secure(dirty.watched());
        let _ = b.take_news(&mut Vec::new());
        // Held by who executes: taking it is stopping him.
        let execution = Arc::new(loom::sync::Mutex::new(()));
        let stores = {
            let (dirty, byte, execution) = (dirty.clone(), byte.clone(), execution.clone());
            thread::spawn(move || {
                let _executes = execution.lock().unwrap();
                let protected = b.take_news(&mut Vec::new()) && dirty.is_code(RamAddr(0));
                byte.store(1, Ordering::Release);
                if protected {
                    dirty.mark(RamAddr(8), 1);
                }
                drop(_executes);
                b
            })
        };
        let first = {
            let (dirty, execution) = (dirty.clone(), execution.clone());
            thread::spawn(move || {
                a.watch(RamAddr(0), 64);
                let watched = dirty.watched();
                if dirty.secured() < watched {
                    let _stopped = execution.lock().unwrap();
                    dirty.secure(watched);
                }
                a
            })
        };
        c.watch(RamAddr(0), 64);
        let watched = dirty.watched();
        if dirty.secured() < watched {
            let _stopped = execution.lock().unwrap();
            dirty.secure(watched);
        }
        let decoded = byte.load(Ordering::Acquire);
        let (_a, _b) = (first.join().unwrap(), stores.join().unwrap());
        let mut seen = Vec::new();
        let _ = c.take_news(&mut seen);
        assert!(decoded == 1 || !seen.is_empty(), "stale code would run for ever");
    });
}
