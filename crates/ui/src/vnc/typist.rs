//! From keys of a client to keys of the machine.
//!
//! A client sends characters; the machine has keys. Which modifiers the character needs is a matter of the layout; where
//! the client's own modifiers are others, they are put right around the key.

use crate::keys::{self, Keysym, Layout, Stroke, code};
use hw_core::InputEvent;
use std::collections::BTreeMap;

/// Keys that one client holds down at once, at most.
const MOST: usize = 64;

/// What one client types.
#[derive(Debug, Default)]
pub(super) struct Typist {
    layout: Layout,
    caps: bool,
    /// Keys that are down, by what the client calls them.
    down: BTreeMap<u32, u16>,
}

fn event(code: u16, down: bool) -> InputEvent {
    InputEvent::Key { code, down }
}

impl Typist {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            ..Self::default()
        }
    }

    fn held(&self, code: u16) -> bool {
        self.down.values().any(|&held| held == code)
    }

    /// Modifiers to be changed for `stroke`, and how.
    fn corrections(&self, stroke: Stroke, character: char) -> Vec<(u16, bool)> {
        let mut changes = Vec::new();
        // With Caps Lock, or with Control, letters come as the client sees them.
        let letter = character.is_alphabetic() && (self.caps || self.held(code::LEFT_CTRL));
        if letter {
            return changes;
        }
        let shifts = [code::LEFT_SHIFT, code::RIGHT_SHIFT];
        if stroke.shift && !shifts.iter().any(|&shift| self.held(shift)) {
            changes.push((code::LEFT_SHIFT, true));
        }
        if !stroke.shift {
            changes.extend(
                shifts
                    .into_iter()
                    .filter(|&shift| self.held(shift))
                    .map(|shift| (shift, false)),
            );
        }
        if stroke.alt_gr != self.held(code::RIGHT_ALT) {
            changes.push((code::RIGHT_ALT, stroke.alt_gr));
        }
        changes
    }

    /// A key event with a keysym, and with a scan code if the client has sent one.
    pub(super) fn key(&mut self, keysym: u32, xt: Option<u32>, down: bool) -> Vec<InputEvent> {
        let scanned = xt.and_then(keys::from_xt);
        let name = match (scanned, xt) {
            (Some(_), Some(xt)) => xt | 0x8000_0000,
            _ => keysym,
        };
        if !down {
            return self
                .down
                .remove(&name)
                .map(|code| event(code, false))
                .into_iter()
                .collect();
        }
        let (code, changes) = match (scanned, keys::key_of_keysym(keysym)) {
            (Some(code), _) | (None, Some(Keysym::Key(code))) => (code, Vec::new()),
            (None, Some(Keysym::Character(character))) => {
                let Some(stroke) = self.layout.stroke(character) else {
                    return Vec::new();
                };
                (stroke.code, self.corrections(stroke, character))
            }
            (None, None) => return Vec::new(),
        };
        let repeats = self.down.insert(name, code).is_some();
        if code == code::CAPS_LOCK && !repeats {
            self.caps = !self.caps;
        }
        if self.down.len() > MOST {
            self.down.remove(&name);
            return Vec::new();
        }
        let set = changes.iter().map(|&(code, down)| event(code, down));
        let back = changes.iter().rev().map(|&(code, down)| event(code, !down));
        set.chain([event(code, true)]).chain(back).collect()
    }

    /// Lets go of everything.
    pub(super) fn release(&mut self) -> Vec<InputEvent> {
        std::mem::take(&mut self.down)
            .into_values()
            .map(|code| event(code, false))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the machine sees: codes, negative when released.
    fn codes(events: Vec<InputEvent>) -> Vec<i32> {
        events
            .into_iter()
            .map(|event| match event {
                InputEvent::Key { code, down: true } => i32::from(code),
                InputEvent::Key { code, down: false } => -i32::from(code),
                other => panic!("{other:?} is no key"),
            })
            .collect()
    }

    const SHIFT: u32 = 0xffe1;

    #[test]
    fn characters_become_keys() {
        let mut typist = Typist::new(Layout::default());
        let mut key = |keysym, down| codes(typist.key(keysym, None, down));
        assert_eq!(key(0x61, true), [30]);
        assert_eq!(key(0x61, false), [-30]);
        assert_eq!(key(0x41, true), [42, 30, -42], "a client that sends no Shift");
        assert_eq!(key(0x41, false), [-30]);
        assert_eq!(key(SHIFT, true), [42]);
        assert_eq!(key(0x41, true), [30]);
        assert_eq!(key(SHIFT, false), [-42]);
        assert_eq!(key(0x61, false), Vec::<i32>::new(), "another key's release");
        assert_eq!(key(0x41, false), [-30]);
        assert_eq!(key(0x20ac, true), Vec::<i32>::new(), "no key makes a euro here");
    }

    #[test]
    fn modifiers_of_another_layout_are_put_right() {
        let mut typist = Typist::new(Layout::default());
        let mut key = |keysym| codes(typist.key(keysym, None, true));
        // Shift and & on a French keyboard is 1.
        assert_eq!(key(SHIFT), [42]);
        assert_eq!(key(0x31), [-42, 2, 42]);
        let mut typist = Typist::new(Layout::named("de").expect("a layout"));
        assert_eq!(codes(typist.key(0x40, None, true)), [100, 16, -100]);
    }

    #[test]
    fn scan_codes_need_no_layout() {
        let mut typist = Typist::new(Layout::default());
        assert_eq!(codes(typist.key(0x7a, Some(0x15), true)), [21]);
        assert_eq!(codes(typist.key(0x7a, Some(0xb8), true)), [100]);
        assert_eq!(codes(typist.release()), [-21, -100]);
        assert_eq!(codes(typist.key(0x7a, Some(0x15), false)), Vec::<i32>::new());
    }

    #[test]
    fn caps_lock_turns_letters() {
        let mut typist = Typist::new(Layout::default());
        assert_eq!(codes(typist.key(0xffe5, None, true)), [58]);
        assert_eq!(codes(typist.key(0x41, None, true)), [30]);
        assert_eq!(codes(typist.key(0x21, None, true)), [42, 2, -42]);
    }
}
