//! The device's side of a character backend: input reaches a device through the queue of record and replay.
//!
//! A backend's bytes flow into [`SerialInput`] on the main loop's thread. In an ordinary run they go to the device at
//! once; a recording queues them for the vCPU thread; a replay drops them, since the log has what came.

use chardev::{Chardev, Event, Frontend};
use hw_core::CharInput;
use replay::{CharChange, Mode, Replay};
use std::sync::Arc;

/// Most bytes of live input that a replay reads and drops at once.
const DROPPED: usize = 4096;

/// The device's way in.
pub struct SerialInput {
    device: Arc<dyn CharInput>,
    backend: Arc<dyn Chardev>,
    replay: Arc<Replay>,
    /// The number by which events name it.
    driver: u32,
}

impl SerialInput {
    /// The way into `device` from `backend`, which is the machine's number `driver`.
    pub fn new(
        device: Arc<dyn CharInput>,
        backend: Arc<dyn Chardev>,
        replay: Arc<Replay>,
        driver: u32,
    ) -> Arc<Self> {
        Arc::new(Self {
            device,
            backend,
            replay,
            driver,
        })
    }

    /// Bytes arrive at the device, on the vCPU's thread.
    pub fn arrive(&self, bytes: &[u8]) {
        self.device.receive(bytes);
        // The queue has room again; the device itself says so only if it was full.
        self.accept();
    }

    /// The backend may send.
    pub fn accept(&self) {
        self.backend.accept_input();
    }

    /// What the guest has sent reaches the host, as far as the host takes it.
    pub fn flush(&self) {
        self.backend.flush();
    }

    /// The line changes, on the vCPU's thread.
    pub fn change(&self, what: CharChange) {
        if what == CharChange::Break {
            self.device.receive_break();
        }
    }
}

impl Frontend for SerialInput {
    fn can_receive(&self) -> usize {
        match self.replay.mode() {
            Mode::None => self.device.can_receive(),
            // What is queued will be there first.
            Mode::Record => self
                .device
                .can_receive()
                .saturating_sub(self.replay.queued_bytes(self.driver)),
            Mode::Play => DROPPED,
        }
    }

    fn receive(&self, data: &[u8]) {
        if self.replay.mode() == Mode::None {
            self.device.receive(data);
            return;
        }
        let event = replay::Event::CharInput {
            driver: self.driver,
            bytes: data.to_vec(),
        };
        let _ = self.replay.submit(event);
    }

    fn event(&self, event: Event) {
        if event != Event::Break {
            return;
        }
        let event = replay::Event::CharEvent {
            driver: self.driver,
            what: CharChange::Break,
        };
        if self.replay.submit(event).is_some() {
            self.device.receive_break();
        }
    }
}
