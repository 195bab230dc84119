//! Connects a device that speaks bytes with a character device.
//!
//! Output flows from the UART through [`SerialLine`] to the backend; input comes by
//! [`SerialInput`](crate::rr::SerialInput).

use chardev::Chardev;
use hw_core::CharSink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use target_i386::InstructionCount;

/// What of a guest's output has been shown already: a replay that goes back says nothing twice.
pub struct Shown {
    count: Arc<InstructionCount>,
    /// The count of the last output.
    last: AtomicU64,
    /// Output before this count has been shown.
    until: AtomicU64,
}

impl Shown {
    /// Nothing yet, of the machine whose instructions are counted there.
    pub fn new(count: Arc<InstructionCount>) -> Arc<Self> {
        Arc::new(Self {
            count,
            last: AtomicU64::new(0),
            until: AtomicU64::new(0),
        })
    }

    /// The machine has gone back.
    pub fn went_back(&self) {
        let last = self.last.load(Ordering::Relaxed);
        self.until.fetch_max(last.saturating_add(1), Ordering::Relaxed);
    }

    /// What comes now was not there before.
    pub fn forget(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Whether output of now is new.
    fn is_new(&self) -> bool {
        let now = self.count.get();
        let is_new = now >= self.until.load(Ordering::Relaxed);
        if is_new {
            self.last.store(now, Ordering::Relaxed);
        }
        is_new
    }
}

/// The device's way out.
pub struct SerialLine {
    backend: Arc<dyn Chardev>,
    /// Whether the guest has ever sent anything.
    spoke: AtomicBool,
    shown: Arc<Shown>,
}

impl SerialLine {
    /// A line into `backend`.
    pub fn new(backend: Arc<dyn Chardev>, shown: &Arc<Shown>) -> Arc<Self> {
        Arc::new(Self {
            backend,
            spoke: AtomicBool::new(false),
            shown: Arc::clone(shown),
        })
    }

    /// Whether the guest has ever sent anything.
    pub fn spoke(&self) -> bool {
        self.spoke.load(Ordering::Relaxed)
    }
}

impl CharSink for SerialLine {
    fn write(&self, bytes: &[u8]) {
        self.spoke.store(true, Ordering::Relaxed);
        if self.shown.is_new() {
            self.backend.write(bytes);
        }
    }

    fn accepts_input(&self) {
        self.backend.accept_input();
    }
}
