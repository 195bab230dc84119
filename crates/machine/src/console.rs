//! A monitor session on a character device.
//!
//! Typed bytes are only kept when they arrive; the main loop hands them to the monitor between two turns, when it
//! can stop the CPU and wait for it.

use chardev::{Chardev, Event, Frontend};
use monitor::{Monitor, Target};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Typed bytes kept until the next turn; more stay with the host.
const ROOM: usize = 4096;

#[derive(Default)]
struct Arrived {
    typed: Vec<u8>,
    opened: bool,
}

struct Inbox(Mutex<Arrived>);

impl Frontend for Inbox {
    fn can_receive(&self) -> usize {
        ROOM - self.0.lock().typed.len().min(ROOM)
    }

    fn receive(&self, data: &[u8]) {
        self.0.lock().typed.extend_from_slice(data);
    }

    fn event(&self, event: Event) {
        if matches!(event, Event::Opened | Event::FocusIn) {
            self.0.lock().opened = true;
        }
    }
}

/// One monitor and its terminal.
pub struct MonitorConsole {
    backend: Arc<dyn Chardev>,
    inbox: Arc<Inbox>,
    session: Monitor,
}

impl MonitorConsole {
    /// Puts a monitor on `backend`.
    ///
    /// # Errors
    /// The backend has a user already.
    pub fn new(backend: Arc<dyn Chardev>) -> Result<Self, chardev::InUse> {
        let inbox = Arc::new(Inbox(Mutex::default()));
        let frontend: Weak<dyn Frontend> = Arc::downgrade(&inbox) as Weak<dyn Frontend>;
        backend.attach(frontend)?;
        // A multiplexer's monitor greets when it gets the focus, not at the start.
        Ok(Self { backend, inbox, session: Monitor::new() })
    }

    /// Runs what was typed since the last call.
    pub fn turn(&mut self, target: &mut dyn Target) {
        let Arrived { typed, opened } = std::mem::take(&mut *self.inbox.0.lock());
        if opened {
            self.backend.write(&self.session.greeting());
        }
        if !typed.is_empty() {
            let answer = self.session.feed(&typed, target);
            self.backend.write(&answer);
            self.backend.accept_input();
        }
    }
}
