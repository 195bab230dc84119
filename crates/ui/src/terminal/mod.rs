//! A machine's screen on a terminal, and its keyboard.
//!
//! Bytes flow out by a function of the owner's and in by [`TerminalDisplay::receive`]: raw mode, and giving the terminal
//! back at the end, are the business of whoever has it. Mirrors QEMU's `ui/curses.c` in what it shows, without curses:
//! the few sequences that are needed are those every terminal has.

mod code_page;
mod painter;
mod typing;

pub use painter::{Painter, View};
pub use typing::Typing;

use crate::Console;
use crate::keys::Layout;
use hw_core::Surface;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use util_mainloop::timer::{Timer, TimerList};

/// Between two looks at the screen.
const LOOK_NS: i64 = 50_000_000;
/// How long an Escape waits for a sequence.
const ESCAPE_NS: i64 = 50_000_000;

/// Takes bytes to the terminal.
pub type Output = Box<dyn Fn(&[u8]) + Send + Sync>;
/// Says how many columns and rows the terminal has now.
pub type Size = Box<dyn Fn() -> (usize, usize) + Send + Sync>;

#[derive(Default)]
struct Inner {
    painter: Painter,
    typing: Typing,
    surface: Surface,
}

/// A display on a terminal.
pub struct TerminalDisplay {
    console: Arc<dyn Console>,
    realtime: Arc<TimerList>,
    output: Output,
    size: Size,
    look: Timer,
    escape: Timer,
    inner: Mutex<Inner>,
}

impl TerminalDisplay {
    /// Shows `console` from the next turn of the main loop on, which runs `realtime`.
    pub fn new(
        console: Arc<dyn Console>,
        layout: Layout,
        (output, size): (Output, Size),
        realtime: &Arc<TimerList>,
    ) -> Arc<Self> {
        let display = Arc::new_cyclic(|this: &Weak<Self>| {
            let timer = |callback: fn(&Self)| {
                let weak = Weak::clone(this);
                realtime.timer(Box::new(move || {
                    if let Some(display) = weak.upgrade() {
                        callback(&display);
                    }
                }))
            };
            Self {
                console,
                realtime: Arc::clone(realtime),
                output,
                size,
                look: timer(Self::refresh),
                escape: timer(Self::settle),
                inner: Mutex::new(Inner {
                    typing: Typing::new(layout),
                    ..Inner::default()
                }),
            }
        });
        display.look.arm(realtime.now_ns());
        display
    }

    /// Takes what was typed.
    pub fn receive(&self, bytes: &[u8]) {
        let (events, waits) = {
            let mut inner = self.inner.lock();
            let events = inner.typing.receive(bytes);
            (events, inner.typing.is_waiting())
        };
        match waits {
            true => self.escape.arm(self.realtime.now_ns() + ESCAPE_NS),
            false => self.escape.cancel(),
        }
        if !events.is_empty() {
            self.console.input(&events);
        }
    }

    /// Somebody else has written on the terminal: it is drawn anew.
    pub fn redraw(&self) {
        self.inner.lock().painter.forget();
    }

    fn settle(&self) {
        let events = self.inner.lock().typing.settle();
        if !events.is_empty() {
            self.console.input(&events);
        }
    }

    fn refresh(&self) {
        let view = match self.console.text() {
            Some(screen) => View::Text(screen),
            None => {
                // Its size is all that is shown of a picture.
                let mut surface = std::mem::take(&mut self.inner.lock().surface);
                self.console.draw(&mut surface);
                let view = View::Graphics(surface.width, surface.height);
                self.inner.lock().surface = surface;
                view
            }
        };
        let size = (self.size)();
        let bytes = self.inner.lock().painter.paint(&view, size);
        if !bytes.is_empty() {
            (self.output)(bytes.as_bytes());
        }
        self.look.arm(self.realtime.now_ns() + LOOK_NS);
    }
}

impl Drop for TerminalDisplay {
    fn drop(&mut self) {
        (self.output)(Painter::leave().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hw_core::{InputEvent, TextCell, TextScreen};
    use util_mainloop::clock::ManualClock;

    #[derive(Default)]
    struct Machine {
        graphics: Mutex<bool>,
        typed: Mutex<Vec<InputEvent>>,
    }

    impl Console for Machine {
        fn draw(&self, surface: &mut Surface) {
            surface.resize(320, 200);
        }

        fn text(&self) -> Option<TextScreen> {
            let cell = TextCell {
                character: b'x',
                attribute: 7,
            };
            (!*self.graphics.lock()).then(|| TextScreen {
                columns: 2,
                rows: 1,
                cells: vec![cell; 2],
                cursor: Some((1, 0)),
            })
        }

        fn input(&self, events: &[InputEvent]) {
            self.typed.lock().extend(events);
        }

        fn is_absolute(&self) -> bool {
            false
        }
    }

    #[test]
    fn a_terminal_shows_and_types() {
        let clock = Arc::new(ManualClock::default());
        let realtime = TimerList::new(Arc::clone(&clock) as _);
        let machine = Arc::new(Machine::default());
        let written: Arc<Mutex<String>> = Arc::default();
        let to = Arc::clone(&written);
        let output: Output =
            Box::new(move |bytes| to.lock().push_str(std::str::from_utf8(bytes).expect("text")));
        let size: Size = Box::new(|| (30, 3));
        let display = TerminalDisplay::new(
            Arc::clone(&machine) as _,
            Layout::default(),
            (output, size),
            &realtime,
        );
        let turn = |ns| {
            clock.advance(ns);
            realtime.run_expired();
            std::mem::take(&mut *written.lock())
        };
        assert!(turn(0).contains("xx"));
        assert_eq!(turn(LOOK_NS), "", "nothing has changed");
        *machine.graphics.lock() = true;
        assert!(turn(LOOK_NS).contains("320x200"));

        display.receive(b"\x1b");
        assert_eq!(machine.typed.lock().len(), 0);
        turn(ESCAPE_NS);
        let key = |down| InputEvent::Key { code: 1, down };
        assert_eq!(*machine.typed.lock(), [key(true), key(false)]);
        display.redraw();
        assert!(turn(LOOK_NS).contains("graphic"));
        drop(display);
        assert!(turn(0).ends_with("\x1b[H"));
    }
}
