//! Where a backend keeps its frontend.

use crate::{Event, Frontend, InUse};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

#[derive(Default)]
struct State {
    frontend: Option<Weak<dyn Frontend>>,
    open: bool,
}

/// The frontend of one backend, and whether somebody is on the other side.
#[derive(Default)]
pub(crate) struct Port(Mutex<State>);

impl Port {
    pub(crate) fn new(open: bool) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { frontend: None, open })))
    }

    fn frontend(&self) -> Option<Arc<dyn Frontend>> {
        self.0.lock().frontend.as_ref().and_then(Weak::upgrade)
    }

    pub(crate) fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        let mut state = self.0.lock();
        if state
            .frontend
            .as_ref()
            .is_some_and(|known| known.strong_count() > 0)
        {
            return Err(InUse);
        }
        let greet = if state.open { frontend.upgrade() } else { None };
        state.frontend = Some(frontend);
        drop(state);
        if let Some(frontend) = greet {
            frontend.event(Event::Opened);
        }
        Ok(())
    }

    /// Room in the frontend; without one, none: input waits in the host.
    pub(crate) fn room(&self) -> usize {
        self.frontend().map_or(0, |frontend| frontend.can_receive())
    }

    pub(crate) fn receive(&self, data: &[u8]) {
        if let Some(frontend) = self.frontend() {
            frontend.receive(data);
        }
    }

    pub(crate) fn event(&self, event: Event) {
        if let Some(frontend) = self.frontend() {
            frontend.event(event);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().open
    }

    /// Notes that somebody came or left, and tells the frontend if that is news.
    pub(crate) fn set_open(&self, open: bool) {
        let news = std::mem::replace(&mut self.0.lock().open, open) != open;
        if news {
            self.event(if open { Event::Opened } else { Event::Closed });
        }
    }
}
