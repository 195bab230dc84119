//! What the tests of all backends share: a loop, and a frontend that takes as much as it is told to.

use crate::{Chardev, Context, Event, Frontend};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use util_mainloop::clock::ManualClock;
use util_mainloop::timer::TimerList;
use util_mainloop::{MainLoop, Timeout};

/// A loop to turn by hand, with host time that stands still unless moved.
pub(crate) struct Bench {
    pub(crate) main_loop: MainLoop,
    pub(crate) context: Context,
    pub(crate) clock: Arc<ManualClock>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let main_loop = MainLoop::new().unwrap();
        let clock = Arc::new(ManualClock::new(0));
        let realtime = TimerList::new(clock.clone());
        main_loop.handle().add_timers(&realtime);
        let context = Context {
            main_loop: main_loop.handle(),
            realtime,
        };
        Self {
            main_loop,
            context,
            clock,
        }
    }

    /// Turns the loop until there is nothing more to do.
    pub(crate) fn settle(&mut self) {
        while self.main_loop.run_once(&mut (), Timeout::ZERO).unwrap() {}
    }

    /// Turns the loop until `done`; the test hangs if that never comes.
    pub(crate) fn until(&mut self, done: impl Fn() -> bool) {
        while !done() {
            self.main_loop.run_once(&mut (), Timeout::from_ms(20)).unwrap();
        }
    }
}

/// A frontend that logs.
#[derive(Default)]
pub(crate) struct Log {
    room: AtomicUsize,
    data: Mutex<Vec<u8>>,
    events: Mutex<Vec<Event>>,
}

impl Log {
    /// Attached to `device`, with room for `room` bytes.
    pub(crate) fn on(device: &dyn Chardev, room: usize) -> Arc<Self> {
        let log = Arc::new(Self {
            room: room.into(),
            ..Self::default()
        });
        let frontend: Weak<dyn Frontend> = Arc::<Self>::downgrade(&log);
        device.attach(frontend).unwrap();
        log
    }

    pub(crate) fn set_room(&self, room: usize) {
        self.room.store(room, Ordering::Release);
    }

    pub(crate) fn data(&self) -> Vec<u8> {
        self.data.lock().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.data()).unwrap()
    }

    /// The events since the last call.
    pub(crate) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock())
    }
}

impl Frontend for Log {
    fn can_receive(&self) -> usize {
        self.room.load(Ordering::Acquire)
    }

    fn receive(&self, data: &[u8]) {
        assert!(!data.is_empty());
        let room = self.room.load(Ordering::Acquire);
        self.room.store(
            room.checked_sub(data.len())
                .expect("no more than there is room for"),
            Ordering::Release,
        );
        self.data.lock().extend(data);
    }

    fn event(&self, event: Event) {
        self.events.lock().push(event);
    }
}
