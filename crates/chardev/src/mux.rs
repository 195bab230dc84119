//! Several frontends on one backend: a console and a monitor behind one terminal.
//!
//! Input goes to the frontend in focus, through a queue of its own: the mux itself always takes what is typed, so
//! its keys work while the guest does not listen. When a queue is full the host keeps the rest. Output of all
//! frontends goes to the backend as it comes. Mirrors QEMU's `chardev/char-mux.c`.

mod escape;
#[cfg(test)]
mod tests;

use crate::{Chardev, Context, Event, Frontend, InUse};
use escape::{Action, HELP, Keys};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use util_mainloop::BottomHalf;
use util_mainloop::timer::TimerList;

/// How much a frontend that does not listen is owed at most, bytes.
const QUEUE: usize = 64 << 10;

#[derive(Default)]
struct PortState {
    frontend: Option<Weak<dyn Frontend>>,
    queue: VecDeque<u8>,
}

#[derive(Default)]
struct State {
    keys: Keys,
    ports: Vec<PortState>,
    focus: usize,
    /// When timestamps were switched on, nanoseconds of host time.
    since: Option<i64>,
    /// The next byte out begins a line.
    line_start: bool,
    open: bool,
}

/// The multiplexer. Frontends attach to its [`port`](Self::port)s.
pub struct Mux {
    backend: Arc<dyn Chardev>,
    clock: Arc<TimerList>,
    state: Mutex<State>,
    /// Keeps stamps and text of two writing threads apart; taken before `state`.
    output: Mutex<()>,
    pump: OnceLock<BottomHalf>,
    on_exit: Box<dyn Fn() + Send + Sync>,
}

impl Mux {
    /// A multiplexer on `backend`. `on_exit` is called on the main loop's thread when the user asks to leave.
    ///
    /// # Errors
    /// The backend has a frontend.
    pub fn new(
        backend: Arc<dyn Chardev>,
        context: &Context,
        on_exit: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>, InUse> {
        let mux = Arc::new(Self {
            backend,
            clock: Arc::clone(&context.realtime),
            state: Mutex::new(State {
                line_start: true,
                ..State::default()
            }),
            output: Mutex::new(()),
            pump: OnceLock::new(),
            on_exit: Box::new(on_exit),
        });
        let weak = Arc::downgrade(&mux);
        let pump = context.main_loop.bottom_half(move || {
            if let Some(mux) = weak.upgrade() {
                mux.deliver();
            }
        });
        let _ = mux.pump.set(pump);
        let frontend: Weak<dyn Frontend> = Arc::<Self>::downgrade(&mux);
        mux.backend.attach(frontend)?;
        Ok(mux)
    }

    /// A new port. The first has the focus until [`set_focus`](Self::set_focus) or Ctrl-A c.
    pub fn port(self: &Arc<Self>) -> Arc<MuxPort> {
        let mut state = self.state.lock();
        state.ports.push(PortState::default());
        Arc::new(MuxPort {
            mux: Arc::clone(self),
            index: state.ports.len() - 1,
        })
    }

    /// Gives the focus to a port. On the main loop's thread, or before the loop turns.
    pub fn set_focus(&self, port: &MuxPort) {
        self.move_focus(|_| port.index);
    }

    fn move_focus(&self, next: impl FnOnce(&State) -> usize) {
        let (before, after) = {
            let mut state = self.state.lock();
            let (before, after) = (state.focus, next(&state));
            state.focus = after;
            (before, after)
        };
        if before != after {
            self.event_to(before, Event::FocusOut);
            self.event_to(after, Event::FocusIn);
        }
    }

    fn frontend(&self, index: usize) -> Option<Arc<dyn Frontend>> {
        self.state.lock().ports.get(index)?.frontend.as_ref()?.upgrade()
    }

    fn event_to(&self, index: usize, event: Event) {
        if let Some(frontend) = self.frontend(index) {
            frontend.event(event);
        }
    }

    fn ports(&self) -> usize {
        self.state.lock().ports.len()
    }

    /// Passes on what the frontends have room for, then asks the backend for more.
    fn deliver(&self) {
        for index in 0..self.ports() {
            let Some(frontend) = self.frontend(index) else {
                continue;
            };
            loop {
                let room = frontend.can_receive();
                let mut state = self.state.lock();
                let queue = &mut state.ports[index].queue;
                let data: Vec<u8> = queue.drain(..room.min(queue.len())).collect();
                drop(state);
                if data.is_empty() {
                    break;
                }
                frontend.receive(&data);
            }
        }
        self.backend.accept_input();
    }

    fn act(&self, action: Action) {
        match action {
            Action::Byte(byte) => {
                let mut state = self.state.lock();
                let focus = state.focus;
                if let Some(port) = state.ports.get_mut(focus) {
                    port.queue.push_back(byte);
                }
            }
            Action::Nothing => {}
            Action::Help => self.backend.write(HELP.as_bytes()),
            Action::Exit => {
                self.backend.write(b"\r\n");
                (self.on_exit)();
            }
            Action::Break => {
                // What was typed before it comes before it.
                self.deliver();
                let focus = self.state.lock().focus;
                self.event_to(focus, Event::Break);
            }
            Action::Switch => {
                self.deliver();
                self.move_focus(|state| (state.focus + 1) % state.ports.len().max(1));
            }
            Action::Timestamps => {
                let mut state = self.state.lock();
                state.since = if state.since.is_some() {
                    None
                } else {
                    Some(self.clock.now_ns())
                };
            }
        }
    }

    fn write(&self, data: &[u8]) {
        let _in_order = self.output.lock();
        let mut state = self.state.lock();
        let Some(since) = state.since else {
            if let Some(&last) = data.last() {
                state.line_start = last == b'\n';
            }
            drop(state);
            self.backend.write(data);
            return;
        };
        let mut stamped = Vec::with_capacity(data.len() + 32);
        for &byte in data {
            if std::mem::replace(&mut state.line_start, byte == b'\n') {
                stamped.extend(stamp(self.clock.now_ns() - since).bytes());
            }
            stamped.push(byte);
        }
        drop(state);
        self.backend.write(&stamped);
    }
}

/// `[hh:mm:ss.mmm] ` for a span of nanoseconds.
fn stamp(ns: i64) -> String {
    let ms = ns.max(0) / 1_000_000;
    let (s, m, h) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("[{h:02}:{m:02}:{s:02}.{:03}] ", ms % 1000)
}

impl Frontend for Mux {
    fn can_receive(&self) -> usize {
        let state = self.state.lock();
        state
            .ports
            .get(state.focus)
            .map_or(0, |port| QUEUE - port.queue.len().min(QUEUE))
    }

    fn receive(&self, data: &[u8]) {
        for &byte in data {
            let action = self.state.lock().keys.press(byte);
            self.act(action);
        }
        self.deliver();
    }

    fn event(&self, event: Event) {
        match event {
            Event::Opened | Event::Closed => {
                self.state.lock().open = event == Event::Opened;
                for index in 0..self.ports() {
                    self.event_to(index, event);
                }
            }
            Event::Break => self.act(Action::Break),
            Event::FocusIn | Event::FocusOut => {}
        }
    }
}

/// One frontend's end of a [`Mux`].
pub struct MuxPort {
    mux: Arc<Mux>,
    index: usize,
}

impl Chardev for MuxPort {
    fn write(&self, data: &[u8]) {
        self.mux.write(data);
    }

    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        let mut state = self.mux.state.lock();
        let slot = &mut state.ports[self.index].frontend;
        if slot.as_ref().is_some_and(|known| known.strong_count() > 0) {
            return Err(InUse);
        }
        *slot = Some(Weak::clone(&frontend));
        let (open, focused) = (state.open, state.focus == self.index);
        drop(state);
        if let Some(frontend) = frontend.upgrade() {
            if open {
                frontend.event(Event::Opened);
            }
            if focused {
                frontend.event(Event::FocusIn);
            }
        }
        self.accept_input();
        Ok(())
    }

    fn accept_input(&self) {
        if let Some(pump) = self.mux.pump.get() {
            pump.schedule();
        }
    }

    fn flush(&self) {
        self.mux.backend.flush();
    }

    fn describe(&self) -> String {
        format!("mux:{}", self.mux.backend.describe())
    }
}
