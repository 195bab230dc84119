//! From a client's pointer to positions or movements, and buttons.

use hw_core::{ABSOLUTE_MAX, Axis, Button, InputEvent};

/// Bits of the client's mask.
const BUTTONS: [(u8, Button); 5] = [
    (0x01, Button::Left),
    (0x02, Button::Middle),
    (0x04, Button::Right),
    (0x08, Button::WheelUp),
    (0x10, Button::WheelDown),
];
/// Where a client stands still whose positions are movements.
const STILL: i32 = 0x7fff;

/// The pointer of one client.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    buttons: u8,
    last: Option<(u16, u16)>,
}

/// Where on an axis of `len` places.
fn position(at: u16, len: usize) -> i32 {
    let last = len.saturating_sub(1).max(1) as i64;
    (i64::from(at).min(last) * i64::from(ABSOLUTE_MAX) / last) as i32
}

impl Pointer {
    /// The client's pointer is at `(x, y)` of a picture of this size. `absolute` says what the machine understands,
    /// `told` that the client knows.
    pub(super) fn moved(
        &mut self,
        buttons: u8,
        (x, y): (u16, u16),
        (width, height): (usize, usize),
        absolute: bool,
        told: bool,
    ) -> Vec<InputEvent> {
        let mut events = Vec::new();
        let last = self.last.replace((x, y));
        if absolute {
            if last != Some((x, y)) {
                for (axis, at, len) in [(Axis::X, x, width), (Axis::Y, y, height)] {
                    let value = position(at, len);
                    events.push(InputEvent::Absolute { axis, value });
                }
            }
        } else {
            let (from_x, from_y) = match last {
                _ if told => (STILL, STILL),
                Some((x, y)) => (x.into(), y.into()),
                None => (x.into(), y.into()),
            };
            for (axis, delta) in [(Axis::X, i32::from(x) - from_x), (Axis::Y, i32::from(y) - from_y)] {
                if delta != 0 {
                    events.push(InputEvent::Relative { axis, delta });
                }
            }
        }
        let changed = self.buttons ^ buttons;
        self.buttons = buttons;
        for (bit, button) in BUTTONS {
            if changed & bit != 0 {
                let down = buttons & bit != 0;
                events.push(InputEvent::Button { button, down });
            }
        }
        events
    }

    /// What comes next is no movement from where the pointer was: it means something else now.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// Lets go of the buttons.
    pub(super) fn release(&mut self) -> Vec<InputEvent> {
        let held = std::mem::take(&mut self.buttons);
        let held = BUTTONS.iter().filter(|(bit, _)| held & bit != 0);
        held.map(|&(_, button)| InputEvent::Button { button, down: false })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InputEvent::{Absolute, Relative};

    #[test]
    fn positions() {
        let mut pointer = Pointer::default();
        let at = |x, y| {
            vec![
                Absolute {
                    axis: Axis::X,
                    value: x,
                },
                Absolute {
                    axis: Axis::Y,
                    value: y,
                },
            ]
        };
        let mut moved = |x, y| pointer.moved(0, (x, y), (640, 480), true, true);
        assert_eq!(moved(0, 0), at(0, 0));
        assert_eq!(moved(639, 479), at(ABSOLUTE_MAX, ABSOLUTE_MAX));
        assert_eq!(moved(639, 479), []);
        assert_eq!(moved(u16::MAX, 240), at(ABSOLUTE_MAX, 16417));
    }

    #[test]
    fn movements() {
        let mut pointer = Pointer::default();
        let right = |delta| Relative { axis: Axis::X, delta };
        assert_eq!(pointer.moved(0, (100, 50), (640, 480), false, false), []);
        assert_eq!(pointer.moved(0, (97, 50), (640, 480), false, false), [right(-3)]);
        assert_eq!(
            pointer.moved(0, (0x7fff + 4, 0x7fff), (640, 480), false, true),
            [right(4)]
        );
    }

    #[test]
    fn buttons_are_changes() {
        let mut pointer = Pointer::default();
        let button = |button, down| InputEvent::Button { button, down };
        pointer.moved(0, (1, 1), (9, 9), true, true);
        assert_eq!(
            pointer.moved(5, (1, 1), (9, 9), true, true),
            [button(Button::Left, true), button(Button::Right, true)]
        );
        assert_eq!(
            pointer.moved(4, (1, 1), (9, 9), true, true),
            [button(Button::Left, false)]
        );
        assert_eq!(pointer.release(), [button(Button::Right, false)]);
        assert_eq!(pointer.release(), []);
    }
}
