//! Connects a device that speaks bytes with a character device.
//!
//! Output flows from the UART through [`SerialLine`] to the backend; input comes by
//! [`SerialInput`](crate::rr::SerialInput).

use chardev::Chardev;
use hw_core::CharSink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The device's way out.
pub struct SerialLine {
    backend: Arc<dyn Chardev>,
    /// Whether the guest has ever sent anything.
    spoke: AtomicBool,
}

impl SerialLine {
    /// A line into `backend`.
    pub fn new(backend: Arc<dyn Chardev>) -> Arc<Self> {
        Arc::new(Self {
            backend,
            spoke: AtomicBool::new(false),
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
        self.backend.write(bytes);
    }

    fn accepts_input(&self) {
        self.backend.accept_input();
    }
}
