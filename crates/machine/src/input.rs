//! Keys and pointers on their way to the guest.
//!
//! What a person does (in a viewer, by the monitor's `sendkey`) becomes events of the machine's queue; at their instant
//! they reach [`Input`], which hands them to the keyboard and pointer that the guest has: those on cards, the one added last
//! first, else the PC's own behind the i8042. Its state is what is half done: movements since the last sync, keys that are
//! to be let go.

use hw_core::{
    Axis, Button, Device, DeviceCell, InputEvent, ResetPhase, SavedState, StateError, Timer, VirtualClock,
    schedule,
};
use hw_i386::pc::Pc;
use replay::Input as Recorded;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock, Weak};
use ui::keys;

/// Volatile state, which is the saved one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Of the PS/2 mouse: right, down, wheel towards the hand.
    moved: [i32; 3],
    /// Left, right, middle from bit 0.
    buttons: u8,
    /// Something of the mouse's has changed since the last sync.
    touched: bool,
    /// Keys to let go, with when.
    held: Vec<(i64, Vec<u16>)>,
}

/// The way to the guest's keyboard and pointer.
pub(crate) struct Input {
    pc: OnceLock<Weak<Pc>>,
    clock: VirtualClock,
    timer: Timer,
    state: DeviceCell<State>,
}

/// An event as a log has it.
pub(crate) fn recorded(event: InputEvent) -> Recorded {
    let axis = |axis| match axis {
        Axis::X => 0,
        Axis::Y => 1,
    };
    match event {
        InputEvent::Key { code, down } => Recorded::Key { code, down },
        InputEvent::Button { button, down } => Recorded::Button {
            button: match button {
                Button::Left => 0,
                Button::Right => 1,
                Button::Middle => 2,
                Button::WheelUp => 3,
                Button::WheelDown => 4,
            },
            down,
        },
        InputEvent::Relative { axis: a, delta } => Recorded::Relative { axis: axis(a), delta },
        InputEvent::Absolute { axis: a, value } => Recorded::Absolute { axis: axis(a), value },
    }
}

/// What an event of a log says; nothing, if it is of no kind that this machine knows.
fn understood(event: &Recorded) -> Option<InputEvent> {
    let axis = |axis: u8| match axis {
        0 => Some(Axis::X),
        1 => Some(Axis::Y),
        _ => None,
    };
    Some(match *event {
        Recorded::Key { code, down } => InputEvent::Key { code, down },
        Recorded::Button { button, down } => InputEvent::Button {
            button: match button {
                0 => Button::Left,
                1 => Button::Right,
                2 => Button::Middle,
                3 => Button::WheelUp,
                4 => Button::WheelDown,
                _ => return None,
            },
            down,
        },
        Recorded::Relative { axis: a, delta } => InputEvent::Relative {
            axis: axis(a)?,
            delta,
        },
        Recorded::Absolute { axis: a, value } => InputEvent::Absolute {
            axis: axis(a)?,
            value,
        },
    })
}

impl Input {
    /// A way that leads nowhere yet. It is one of the board's devices, so it is there before the board is complete.
    pub fn new(clock: &VirtualClock) -> Arc<Self> {
        Arc::new_cyclic(|weak: &Weak<Self>| Self {
            pc: OnceLock::new(),
            timer: clock.device_timer(weak, Self::let_go),
            clock: clock.clone(),
            state: DeviceCell::default(),
        })
    }

    /// It leads into `pc`.
    pub fn connect(&self, pc: &Arc<Pc>) {
        // Once a machine.
        let _ = self.pc.set(Arc::downgrade(pc));
    }

    fn pc(&self) -> Option<Arc<Pc>> {
        self.pc.get().and_then(Weak::upgrade)
    }

    /// An event's instant has come.
    pub fn arrive(&self, event: &Recorded) {
        let (Some(pc), Some(event)) = (self.pc(), understood(event)) else {
            return;
        };
        // A card's device that is of another kind ignores it, and the PC's own is not asked.
        let card = pc.inputs().iter().rev().find(|sink| sink.takes(event));
        match (card, event) {
            (Some(sink), event) => sink.event(event),
            (None, InputEvent::Key { code, down }) => pc.keyboard.keys(&keys::set2(code, down)),
            (None, InputEvent::Button { button, down }) => self.button(button, down),
            (None, InputEvent::Relative { axis, delta }) => {
                let mut state = self.state.lock();
                let moved = &mut state.moved[axis as usize];
                *moved = moved.saturating_add(delta).clamp(-0x7fff, 0x7fff);
                state.touched = true;
            }
            // A mouse has no positions.
            (None, InputEvent::Absolute { .. }) => {}
        }
    }

    fn button(&self, button: Button, down: bool) {
        let mut state = self.state.lock();
        state.touched = true;
        let bit = match button {
            Button::Left => 1,
            Button::Right => 2,
            Button::Middle => 4,
            Button::WheelUp | Button::WheelDown => {
                if down {
                    let step = if button == Button::WheelUp { -1 } else { 1 };
                    state.moved[2] = (state.moved[2] + step).clamp(-127, 127);
                }
                return;
            }
        };
        state.buttons = if down {
            state.buttons | bit
        } else {
            state.buttons & !bit
        };
    }

    /// The parts that have arrived belong together.
    pub fn sync(&self) {
        let Some(pc) = self.pc() else {
            return;
        };
        pc.inputs().iter().for_each(|sink| sink.sync());
        let ([right, down, wheel], buttons) = {
            let mut state = self.state.lock();
            if !std::mem::take(&mut state.touched) {
                return;
            }
            (std::mem::take(&mut state.moved), state.buttons)
        };
        // The mouse's y goes up.
        pc.keyboard.mouse([right, -down, wheel], buttons);
    }

    /// Presses keys together, for so long.
    pub fn press(&self, codes: &[u16], hold_ms: u32) {
        for &code in codes {
            self.arrive(&Recorded::Key { code, down: true });
        }
        self.sync();
        let due = self.clock.now_ns().saturating_add(i64::from(hold_ms) * 1_000_000);
        let next = {
            let mut state = self.state.lock();
            state.held.push((due, codes.to_vec()));
            state.next()
        };
        schedule(&self.timer, next);
    }

    fn let_go(&self) {
        let now = self.clock.now_ns();
        let (due, next) = {
            let mut state = self.state.lock();
            let (due, rest) = std::mem::take(&mut state.held)
                .into_iter()
                .partition(|&(at, _)| at <= now);
            state.held = rest;
            let due: Vec<(i64, Vec<u16>)> = due;
            (due, state.next())
        };
        schedule(&self.timer, next);
        for (_, codes) in due {
            for &code in codes.iter().rev() {
                self.arrive(&Recorded::Key { code, down: false });
            }
            self.sync();
        }
    }

    /// Whether positions are understood.
    pub fn is_absolute(&self) -> bool {
        let pc = self.pc();
        pc.is_some_and(|pc| pc.inputs().iter().any(|sink| sink.is_absolute()))
    }
}

impl State {
    fn next(&self) -> Option<i64> {
        self.held.iter().map(|&(at, _)| at).min()
    }
}

/// State version 1.
const VERSION: u16 = 1;

impl Device for Input {
    fn name(&self) -> &str {
        "input"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.state.lock() = State::default();
            schedule(&self.timer, None);
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, saved: &SavedState) -> Result<(), StateError> {
        let state: State = saved.decode(VERSION)?;
        let next = state.next();
        *self.state.lock() = state;
        schedule(&self.timer, next);
        Ok(())
    }
}
