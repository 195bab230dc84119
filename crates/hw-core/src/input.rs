//! What a person does with keyboard and pointer, on the way to the device that shows it to the guest.
//!
//! Events flow from a display (a viewer, the monitor's `sendkey`) through the machine's queue into an [`InputSink`].
//! Keys are named by Linux's input event codes (`input-event-codes.h`), which every set of scan codes maps to.

/// A button of a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Button {
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// The middle one, or the wheel pressed.
    Middle,
    /// One step of the wheel away from the hand.
    WheelUp,
    /// One step of the wheel towards the hand.
    WheelDown,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// To the right.
    X,
    /// Down.
    Y,
}

/// One part of what a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// A key.
    Key {
        /// Its code.
        code: u16,
        /// Pressed, or released.
        down: bool,
    },
    /// A button.
    Button {
        /// Which.
        button: Button,
        /// Pressed, or released.
        down: bool,
    },
    /// A movement by so many counts.
    Relative {
        /// In which direction.
        axis: Axis,
        /// How far.
        delta: i32,
    },
    /// A position.
    Absolute {
        /// In which direction.
        axis: Axis,
        /// Of 0 (left, top) to [`ABSOLUTE_MAX`].
        value: i32,
    },
}

/// The last place on either axis of a pointer with positions.
pub const ABSOLUTE_MAX: i32 = 0x7fff;

/// A keyboard, mouse or tablet. Called under the big lock.
pub trait InputSink: Send + Sync {
    /// Takes a part; those that are not its own it ignores.
    fn event(&self, event: InputEvent);

    /// The parts since the last call belong together.
    fn sync(&self);

    /// Whether it is of a kind that understands such an event; if not, another device gets it.
    fn takes(&self, event: InputEvent) -> bool;

    /// Whether positions are understood: a pointer that needs no grab.
    fn is_absolute(&self) -> bool {
        false
    }
}
