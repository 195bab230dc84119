//! X11 keysyms, which VNC clients send: those of characters and those of keys.
//!
//! X Window System Protocol, appendix A, "Keysym encoding".

use super::code;

/// What a keysym means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keysym {
    /// A key, wherever the layout has its characters.
    Key(u16),
    /// A character, which a layout has on some key.
    Character(char),
}

/// Keysyms of keys.
#[rustfmt::skip]
const KEYS: &[(u32, u16)] = &[
    (0xfe03, code::RIGHT_ALT), (0xfe20, code::TAB), (0xff08, code::BACKSPACE), (0xff09, code::TAB), (0xff0a, code::ENTER),
    (0xff0d, code::ENTER), (0xff13, code::PAUSE), (0xff14, 70), (0xff15, code::PRINT), (0xff1b, code::ESC),
    (0xff50, code::HOME), (0xff51, code::LEFT), (0xff52, code::UP), (0xff53, code::RIGHT), (0xff54, code::DOWN),
    (0xff55, code::PAGE_UP), (0xff56, code::PAGE_DOWN), (0xff57, code::END), (0xff61, code::PRINT),
    (0xff63, code::INSERT), (0xff67, 127), (0xff6b, code::PAUSE), (0xff7e, code::RIGHT_ALT), (0xff7f, 69),
    (0xff8d, 96), (0xff95, 71), (0xff96, 75), (0xff97, 72), (0xff98, 77), (0xff99, 80), (0xff9a, 73), (0xff9b, 81),
    (0xff9c, 79), (0xff9d, 76), (0xff9e, 82), (0xff9f, 83), (0xffaa, 55), (0xffab, 78), (0xffac, 121), (0xffad, 74),
    (0xffae, 83), (0xffaf, 98), (0xffb0, 82), (0xffb1, 79), (0xffb2, 80), (0xffb3, 81), (0xffb4, 75), (0xffb5, 76),
    (0xffb6, 77), (0xffb7, 71), (0xffb8, 72), (0xffb9, 73), (0xffbd, 117), (0xffc8, code::F11), (0xffc9, 88),
    (0xffe1, code::LEFT_SHIFT), (0xffe2, code::RIGHT_SHIFT), (0xffe3, code::LEFT_CTRL), (0xffe4, 97),
    (0xffe5, code::CAPS_LOCK), (0xffe7, 125), (0xffe8, 126), (0xffe9, code::LEFT_ALT), (0xffea, code::RIGHT_ALT),
    (0xffeb, 125), (0xffec, 126), (0xffff, code::DELETE),
];

/// Dead keys: the characters that the layouts name them by.
#[rustfmt::skip]
const DEAD: &[(u32, char)] = &[
    (0xfe50, '`'), (0xfe51, '´'), (0xfe52, '^'), (0xfe53, '~'), (0xfe57, '¨'), (0xfe5b, '¸'),
];

/// What `keysym` means; none for one nobody has a key for.
pub fn key_of(keysym: u32) -> Option<Keysym> {
    let character = |value: u32| char::from_u32(value).map(Keysym::Character);
    match keysym {
        // Latin 1 is itself, and so is the euro.
        0x20..=0x7e | 0xa0..=0xff | 0x20ac => character(keysym),
        0x100_0000..=0x110_ffff => character(keysym - 0x100_0000),
        // F1 to F10.
        0xffbe..=0xffc7 => Some(Keysym::Key(code::F1 + (keysym - 0xffbe) as u16)),
        _ => {
            let key = KEYS.iter().find(|(sym, _)| *sym == keysym);
            let dead = || DEAD.iter().find(|(sym, _)| *sym == keysym);
            key.map(|(_, key)| Keysym::Key(*key))
                .or_else(|| dead().map(|(_, character)| Keysym::Character(*character)))
        }
    }
}
