//! Connects a device that speaks bytes with a character device.
//!
//! Output flows from the UART through [`SerialLine`] to the backend; input flows from the backend through
//! [`SerialInput`] into the UART, as much as its FIFO has room for.

use chardev::{Chardev, Event, Frontend};
use hw_core::{CharInput, CharSink};
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

/// The device's way in.
pub struct SerialInput(pub Arc<dyn CharInput>);

impl Frontend for SerialInput {
    fn can_receive(&self) -> usize {
        self.0.can_receive()
    }

    fn receive(&self, data: &[u8]) {
        self.0.receive(data);
    }

    fn event(&self, event: Event) {
        if event == Event::Break {
            self.0.receive_break();
        }
    }
}
