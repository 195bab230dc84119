//! A monitor session on a character device.
//!
//! Typed bytes are only kept when they arrive; the main loop hands them to the monitor between two turns, when it
//! can stop the CPU and wait for it.

use crate::rr::interruptions::{self, Look};
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

struct Inbox {
    arrived: Mutex<Arrived>,
    greet_on: Event,
}

impl Frontend for Inbox {
    fn can_receive(&self) -> usize {
        ROOM - self.arrived.lock().typed.len().min(ROOM)
    }

    fn receive(&self, data: &[u8]) {
        self.arrived.lock().typed.extend_from_slice(data);
    }

    fn event(&self, event: Event) {
        if event == self.greet_on {
            self.arrived.lock().opened = true;
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
    /// Puts a monitor on `backend`. It greets on `greet_on`: [`Event::Opened`] where it is alone, and
    /// [`Event::FocusIn`] behind a multiplexer, where at the start the screen is another's.
    ///
    /// # Errors
    /// The backend has a user already.
    pub fn new(backend: Arc<dyn Chardev>, greet_on: Event) -> Result<Self, chardev::InUse> {
        let inbox = Arc::new(Inbox {
            arrived: Mutex::default(),
            greet_on,
        });
        let frontend: Weak<dyn Frontend> = Arc::downgrade(&inbox) as Weak<dyn Frontend>;
        backend.attach(frontend)?;
        Ok(Self {
            backend,
            inbox,
            session: Monitor::new(),
        })
    }

    /// Waits until the screen shows everything. For the end.
    pub fn flush(&self) {
        self.backend.flush();
    }

    /// Whether there is something for [`turn`](Self::turn) to do.
    pub fn has_news(&self) -> bool {
        let arrived = self.inbox.arrived.lock();
        arrived.opened || !arrived.typed.is_empty()
    }

    /// Looks whether a person has had enough of a journey through a replay.
    pub fn look(&self) -> Look {
        let inbox = Arc::clone(&self.inbox);
        Box::new(move || interruptions::typed(&inbox.arrived.lock().typed))
    }

    /// Runs what was typed since the last call.
    pub fn turn(&mut self, target: &mut dyn Target) {
        let Arrived { typed, opened } = std::mem::take(&mut *self.inbox.arrived.lock());
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
