//! From bytes that a terminal sends to keys.
//!
//! Characters by the layout, control characters as Ctrl with a letter, sequences of xterm and of the VT220 for the keys
//! that have no character, Escape before a character as Alt.

use crate::keys::{Layout, code};
use hw_core::InputEvent;

/// Sequences are shorter.
const MOST: usize = 16;

/// Last bytes of sequences without a number: behind `ESC [` and `ESC O`.
const LETTERS: &[(u8, u16)] = &[
    (b'A', code::UP),
    (b'B', code::DOWN),
    (b'C', code::RIGHT),
    (b'D', code::LEFT),
    (b'E', 76),
    (b'F', code::END),
    (b'H', code::HOME),
    (b'P', code::F1),
    (b'Q', code::F1 + 1),
    (b'R', code::F1 + 2),
    (b'S', code::F1 + 3),
    (b'M', 96),
];
/// Numbers of sequences that end in `~`.
#[rustfmt::skip]
const NUMBERS: &[(u16, u16)] = &[
    (1, code::HOME), (2, code::INSERT), (3, code::DELETE), (4, code::END), (5, code::PAGE_UP), (6, code::PAGE_DOWN),
    (7, code::HOME), (8, code::END), (11, 59), (12, 60), (13, 61), (14, 62), (15, 63), (17, 64), (18, 65), (19, 66),
    (20, 67), (21, 68), (23, 87), (24, 88),
];

/// A key with what is held meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Chord {
    code: u16,
    shift: bool,
    ctrl: bool,
    alt: bool,
    alt_gr: bool,
}

impl Chord {
    /// Down, in order, and up again.
    fn events(self) -> Vec<InputEvent> {
        let modifiers = [
            (self.ctrl, code::LEFT_CTRL),
            (self.alt, code::LEFT_ALT),
            (self.alt_gr, code::RIGHT_ALT),
            (self.shift, code::LEFT_SHIFT),
        ];
        let held = modifiers
            .into_iter()
            .filter(|(held, _)| *held)
            .map(|(_, code)| code);
        let codes: Vec<u16> = held.chain([self.code]).collect();
        let down = codes.iter().map(|&code| InputEvent::Key { code, down: true });
        let up = codes
            .iter()
            .rev()
            .map(|&code| InputEvent::Key { code, down: false });
        down.chain(up).collect()
    }
}

/// What is typed on a terminal.
#[derive(Debug, Default)]
pub struct Typing {
    layout: Layout,
    pending: Vec<u8>,
}

enum Read {
    /// A key, of so many bytes.
    Key(Chord, usize),
    /// Nothing, of so many bytes.
    Nothing(usize),
    /// There is more to come.
    More,
}

impl Typing {
    /// With the layout of the guest.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            pending: Vec::new(),
        }
    }

    /// Takes bytes; the keys they are.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<InputEvent> {
        self.pending.extend(bytes);
        self.read(false)
    }

    /// Whether something waits for more bytes: an Escape that may be the key or the beginning of a sequence.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// No more bytes came: what waits is what it is.
    pub fn settle(&mut self) -> Vec<InputEvent> {
        self.read(true)
    }

    fn read(&mut self, last: bool) -> Vec<InputEvent> {
        let pending = std::mem::take(&mut self.pending);
        let (mut at, mut events) = (0, Vec::new());
        while at < pending.len() {
            let rest = &pending[at..];
            at += match self.key(rest) {
                Read::Key(chord, len) => {
                    events.extend(chord.events());
                    len
                }
                Read::Nothing(len) => len,
                Read::More if last || rest.len() > MOST => {
                    if rest[0] == 0x1b {
                        events.extend(plain(code::ESC).events());
                    }
                    1
                }
                Read::More => break,
            };
        }
        self.pending = pending[at..].to_vec();
        events
    }

    fn key(&self, bytes: &[u8]) -> Read {
        match bytes {
            [0x1b] => Read::More,
            // Escape twice is the key, once.
            [0x1b, 0x1b] => Read::More,
            [0x1b, 0x1b, ..] => Read::Key(plain(code::ESC), 1),
            [0x1b, b'[' | b'O'] => Read::More,
            [0x1b, b'[', rest @ ..] => sequence(rest, 2),
            [0x1b, b'O', last, ..] => match letter(*last) {
                Some(code) => Read::Key(plain(code), 3),
                None => Read::Nothing(3),
            },
            [0x1b, rest @ ..] => match self.character(rest) {
                Read::Key(chord, len) => Read::Key(Chord { alt: true, ..chord }, len + 1),
                Read::Nothing(len) => Read::Nothing(len + 1),
                Read::More => Read::More,
            },
            _ => self.character(bytes),
        }
    }

    /// A character at the beginning of `bytes`, which are not empty.
    fn character(&self, bytes: &[u8]) -> Read {
        let ctrl = |character: char| {
            let stroke = self.layout.stroke(character);
            stroke.map_or(Read::Nothing(1), |stroke| {
                let chord = Chord {
                    ctrl: true,
                    shift: stroke.shift,
                    alt_gr: stroke.alt_gr,
                    ..plain(stroke.code)
                };
                Read::Key(chord, 1)
            })
        };
        let len = match bytes[0] {
            b'\r' | b'\n' => return Read::Key(plain(code::ENTER), 1),
            b'\t' => return Read::Key(plain(code::TAB), 1),
            0x08 | 0x7f => return Read::Key(plain(code::BACKSPACE), 1),
            0 => return ctrl(' '),
            byte @ 1..=0x1a => return ctrl((b'a' + byte - 1).into()),
            byte @ 0x1c..=0x1f => return ctrl((b'\\' + byte - 0x1c).into()),
            0x1b => return Read::Key(plain(code::ESC), 1),
            0x20..=0x7e => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => return Read::Nothing(1),
        };
        let Some(bytes) = bytes.get(..len) else {
            return Read::More;
        };
        let character = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.chars().next());
        match character.and_then(|character| self.layout.stroke(character)) {
            Some(stroke) => {
                let chord = Chord {
                    shift: stroke.shift,
                    alt_gr: stroke.alt_gr,
                    ..plain(stroke.code)
                };
                Read::Key(chord, len)
            }
            None => Read::Nothing(if character.is_some() { len } else { 1 }),
        }
    }
}

fn plain(code: u16) -> Chord {
    Chord {
        code,
        ..Chord::default()
    }
}

fn letter(last: u8) -> Option<u16> {
    LETTERS
        .iter()
        .find(|(letter, _)| *letter == last)
        .map(|(_, code)| *code)
}

/// A sequence behind `ESC [`: numbers between semicolons and a last byte. The second number is 1 and a bit for each of
/// Shift, Alt and Ctrl.
fn sequence(bytes: &[u8], head: usize) -> Read {
    // The Linux console's F1 to F5.
    if bytes[0] == b'[' {
        return match bytes.get(1) {
            None => Read::More,
            Some(byte @ b'A'..=b'E') => Read::Key(plain(code::F1 + u16::from(byte - b'A')), head + 2),
            Some(_) => Read::Nothing(head + 2),
        };
    }
    let Some(end) = bytes.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';')) else {
        return Read::More;
    };
    let len = head + end + 1;
    let mut numbers = bytes[..end].split(|byte| *byte == b';').map(|digits| {
        digits.iter().fold(0u16, |number, digit| {
            number.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
        })
    });
    let (first, modifiers) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(1));
    let code = match bytes[end] {
        b'~' => NUMBERS
            .iter()
            .find(|(number, _)| *number == first)
            .map(|(_, code)| *code),
        b'Z' => {
            return Read::Key(
                Chord {
                    shift: true,
                    ..plain(code::TAB)
                },
                len,
            );
        }
        last => letter(last),
    };
    let held = modifiers.saturating_sub(1);
    match code {
        Some(code) => Read::Key(
            Chord {
                shift: held & 1 != 0,
                alt: held & 2 != 0,
                ctrl: held & 4 != 0,
                ..plain(code)
            },
            len,
        ),
        None => Read::Nothing(len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys that go down, in order.
    fn down(events: Vec<InputEvent>) -> Vec<u16> {
        events
            .into_iter()
            .filter_map(|event| match event {
                InputEvent::Key { code, down: true } => Some(code),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn bytes_become_keys() {
        #[rustfmt::skip]
        let cases: &[(&str, &[u16])] = &[
            ("a", &[30]), ("A", &[42, 30]), ("\r", &[28]), ("\t", &[15]), ("\x7f", &[14]), ("\x03", &[29, 46]),
            ("\x1bx", &[56, 45]), ("\x1b[A", &[103]), ("\x1bOB", &[108]), ("\x1b[3~", &[111]), ("\x1bOP", &[59]),
            ("\x1b[15~", &[63]), ("\x1b[24~", &[88]), ("\x1b[1;5C", &[29, 106]), ("\x1b[5;3~", &[56, 104]),
            ("\x1b[Z", &[42, 15]), ("\x1b[[C", &[61]), ("\x1b[99~", &[]), ("é", &[]), ("\0", &[29, 57]),
            ("\x1d", &[29, 27]), ("ab", &[30, 48]), ("\x1b[200~x", &[45]),
        ];
        for (bytes, expected) in cases {
            let mut typing = Typing::default();
            assert_eq!(down(typing.receive(bytes.as_bytes())), *expected, "{bytes:?}");
            assert!(!typing.is_waiting(), "{bytes:?}");
            // Byte by byte is the same.
            let found: Vec<u16> = bytes
                .bytes()
                .flat_map(|byte| down(typing.receive(&[byte])))
                .collect();
            assert_eq!(found, *expected, "{bytes:?}");
        }
    }

    #[test]
    fn an_escape_alone_waits_for_what_may_follow() {
        let mut typing = Typing::default();
        assert_eq!(typing.receive(b"\x1b"), []);
        assert!(typing.is_waiting());
        assert_eq!(down(typing.settle()), [1]);
        assert_eq!(down(typing.receive(b"\x1b\x1b[A")), [1, 103]);
    }

    #[test]
    fn other_layouts() {
        let mut typing = Typing::new(Layout::named("de").expect("a layout"));
        assert_eq!(down(typing.receive("zü@".as_bytes())), [21, 26, 100, 16]);
    }

    proptest! {
        #[test]
        fn any_bytes(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9)) {
            let mut typing = Typing::default();
            for part in parts {
                let events = typing.receive(&part);
                prop_assert_eq!(events.len() % 2, 0, "what goes down comes up");
            }
            typing.settle();
            prop_assert!(!typing.is_waiting());
        }
    }
}
