//! Keys: one table of codes and names, layouts on top of it, scan codes below.
//!
//! A key is named by its Linux input event code (`input-event-codes.h`), as [`hw_core::InputEvent`] has it. Names are
//! those of QEMU's `sendkey`. Scan codes are those of the 101- and 102-key keyboard in sets 1 and 2.

mod combination;
mod keysym;
mod layout;
mod scancode;

pub use combination::{KeyNameError, combination};
pub use keysym::{Keysym, key_of as key_of_keysym};
pub use layout::{Layout, Stroke};
pub use scancode::{from_xt, set1, set2};

/// Codes that code elsewhere speaks of.
pub mod code {
    /// Escape.
    pub const ESC: u16 = 1;
    /// Backspace.
    pub const BACKSPACE: u16 = 14;
    /// Tabulator.
    pub const TAB: u16 = 15;
    /// Return.
    pub const ENTER: u16 = 28;
    /// Left control.
    pub const LEFT_CTRL: u16 = 29;
    /// Left shift.
    pub const LEFT_SHIFT: u16 = 42;
    /// Right shift.
    pub const RIGHT_SHIFT: u16 = 54;
    /// Left Alt.
    pub const LEFT_ALT: u16 = 56;
    /// Space.
    pub const SPACE: u16 = 57;
    /// Caps Lock.
    pub const CAPS_LOCK: u16 = 58;
    /// F1, with F2 to F10 behind it.
    pub const F1: u16 = 59;
    /// F11, with F12 behind it.
    pub const F11: u16 = 87;
    /// Print Screen, and SysRq with Alt.
    pub const PRINT: u16 = 99;
    /// Right Alt: Alt Gr.
    pub const RIGHT_ALT: u16 = 100;
    /// Home.
    pub const HOME: u16 = 102;
    /// Up.
    pub const UP: u16 = 103;
    /// Page up.
    pub const PAGE_UP: u16 = 104;
    /// Left.
    pub const LEFT: u16 = 105;
    /// Right.
    pub const RIGHT: u16 = 106;
    /// End.
    pub const END: u16 = 107;
    /// Down.
    pub const DOWN: u16 = 108;
    /// Page down.
    pub const PAGE_DOWN: u16 = 109;
    /// Insert.
    pub const INSERT: u16 = 110;
    /// Delete.
    pub const DELETE: u16 = 111;
    /// Pause.
    pub const PAUSE: u16 = 119;
}

/// A key: code, name, scan code in set 1 (with bit 8: behind E0h), scan code in set 2 (behind E0h, too, then).
pub(crate) struct Key {
    pub code: u16,
    pub name: &'static str,
    pub set1: u16,
    pub set2: u8,
}

const fn key(code: u16, name: &'static str, set1: u16, set2: u8) -> Key {
    Key {
        code,
        name,
        set1,
        set2,
    }
}

/// Scan codes of this key stand behind E0h.
pub(crate) const E0: u16 = 0x100;

/// All keys. Print Screen and Pause have sequences of their own.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key(1, "esc", 0x01, 0x76),
    key(2, "1", 0x02, 0x16), key(3, "2", 0x03, 0x1e), key(4, "3", 0x04, 0x26), key(5, "4", 0x05, 0x25),
    key(6, "5", 0x06, 0x2e), key(7, "6", 0x07, 0x36), key(8, "7", 0x08, 0x3d), key(9, "8", 0x09, 0x3e),
    key(10, "9", 0x0a, 0x46), key(11, "0", 0x0b, 0x45), key(12, "minus", 0x0c, 0x4e), key(13, "equal", 0x0d, 0x55),
    key(14, "backspace", 0x0e, 0x66), key(15, "tab", 0x0f, 0x0d),
    key(16, "q", 0x10, 0x15), key(17, "w", 0x11, 0x1d), key(18, "e", 0x12, 0x24), key(19, "r", 0x13, 0x2d),
    key(20, "t", 0x14, 0x2c), key(21, "y", 0x15, 0x35), key(22, "u", 0x16, 0x3c), key(23, "i", 0x17, 0x43),
    key(24, "o", 0x18, 0x44), key(25, "p", 0x19, 0x4d),
    key(26, "bracket_left", 0x1a, 0x54), key(27, "bracket_right", 0x1b, 0x5b), key(28, "ret", 0x1c, 0x5a),
    key(29, "ctrl", 0x1d, 0x14),
    key(30, "a", 0x1e, 0x1c), key(31, "s", 0x1f, 0x1b), key(32, "d", 0x20, 0x23), key(33, "f", 0x21, 0x2b),
    key(34, "g", 0x22, 0x34), key(35, "h", 0x23, 0x33), key(36, "j", 0x24, 0x3b), key(37, "k", 0x25, 0x42),
    key(38, "l", 0x26, 0x4b),
    key(39, "semicolon", 0x27, 0x4c), key(40, "apostrophe", 0x28, 0x52), key(41, "grave_accent", 0x29, 0x0e),
    key(42, "shift", 0x2a, 0x12), key(43, "backslash", 0x2b, 0x5d),
    key(44, "z", 0x2c, 0x1a), key(45, "x", 0x2d, 0x22), key(46, "c", 0x2e, 0x21), key(47, "v", 0x2f, 0x2a),
    key(48, "b", 0x30, 0x32), key(49, "n", 0x31, 0x31), key(50, "m", 0x32, 0x3a),
    key(51, "comma", 0x33, 0x41), key(52, "dot", 0x34, 0x49), key(53, "slash", 0x35, 0x4a),
    key(54, "shift_r", 0x36, 0x59), key(55, "kp_multiply", 0x37, 0x7c), key(56, "alt", 0x38, 0x11),
    key(57, "spc", 0x39, 0x29), key(58, "caps_lock", 0x3a, 0x58),
    key(59, "f1", 0x3b, 0x05), key(60, "f2", 0x3c, 0x06), key(61, "f3", 0x3d, 0x04), key(62, "f4", 0x3e, 0x0c),
    key(63, "f5", 0x3f, 0x03), key(64, "f6", 0x40, 0x0b), key(65, "f7", 0x41, 0x83), key(66, "f8", 0x42, 0x0a),
    key(67, "f9", 0x43, 0x01), key(68, "f10", 0x44, 0x09),
    key(69, "num_lock", 0x45, 0x77), key(70, "scroll_lock", 0x46, 0x7e),
    key(71, "kp_7", 0x47, 0x6c), key(72, "kp_8", 0x48, 0x75), key(73, "kp_9", 0x49, 0x7d),
    key(74, "kp_subtract", 0x4a, 0x7b),
    key(75, "kp_4", 0x4b, 0x6b), key(76, "kp_5", 0x4c, 0x73), key(77, "kp_6", 0x4d, 0x74),
    key(78, "kp_add", 0x4e, 0x79),
    key(79, "kp_1", 0x4f, 0x69), key(80, "kp_2", 0x50, 0x72), key(81, "kp_3", 0x51, 0x7a), key(82, "kp_0", 0x52, 0x70),
    key(83, "kp_decimal", 0x53, 0x71), key(86, "less", 0x56, 0x61), key(87, "f11", 0x57, 0x78),
    key(88, "f12", 0x58, 0x07), key(89, "ro", 0x73, 0x51), key(92, "henkan", 0x79, 0x64),
    key(93, "katakanahiragana", 0x70, 0x13), key(94, "muhenkan", 0x7b, 0x67),
    key(96, "kp_enter", E0 | 0x1c, 0x5a), key(97, "ctrl_r", E0 | 0x1d, 0x14), key(98, "kp_divide", E0 | 0x35, 0x4a),
    key(99, "print", E0 | 0x37, 0x7c), key(100, "alt_r", E0 | 0x38, 0x11),
    key(102, "home", E0 | 0x47, 0x6c), key(103, "up", E0 | 0x48, 0x75), key(104, "pgup", E0 | 0x49, 0x7d),
    key(105, "left", E0 | 0x4b, 0x6b), key(106, "right", E0 | 0x4d, 0x74), key(107, "end", E0 | 0x4f, 0x69),
    key(108, "down", E0 | 0x50, 0x72), key(109, "pgdn", E0 | 0x51, 0x7a), key(110, "insert", E0 | 0x52, 0x70),
    key(111, "delete", E0 | 0x53, 0x71), key(113, "audiomute", E0 | 0x20, 0x23),
    key(114, "volumedown", E0 | 0x2e, 0x21), key(115, "volumeup", E0 | 0x30, 0x32), key(116, "power", E0 | 0x5e, 0x37),
    key(117, "kp_equals", 0x59, 0x0f), key(119, "pause", E0 | 0x46, 0x7e), key(121, "kp_comma", 0x7e, 0x6d),
    key(124, "yen", 0x7d, 0x6a), key(125, "meta_l", E0 | 0x5b, 0x1f), key(126, "meta_r", E0 | 0x5c, 0x27),
    key(127, "compose", E0 | 0x5d, 0x2f), key(142, "sleep", E0 | 0x5f, 0x3f), key(143, "wake", E0 | 0x63, 0x5e),
];

/// The key with this code.
pub(crate) fn find(code: u16) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.code == code)
}

#[cfg(test)]
mod tests;
