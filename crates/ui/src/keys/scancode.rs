//! What a keyboard sends for a key: scan code sets 1 and 2.
//!
//! IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)". Print Screen and Pause are the two
//! keys with sequences of their own; Pause sends everything when it goes down.

use super::{E0, KEYS, code, find};

/// The bytes of set 1; none for a key that a PC keyboard does not have.
pub fn set1(key: u16, down: bool) -> Vec<u8> {
    match (key, down) {
        (code::PAUSE, true) => return vec![0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5],
        (code::PAUSE, false) => return Vec::new(),
        (code::PRINT, true) => return vec![0xe0, 0x2a, 0xe0, 0x37],
        (code::PRINT, false) => return vec![0xe0, 0xb7, 0xe0, 0xaa],
        _ => {}
    }
    let Some(key) = find(key) else {
        return Vec::new();
    };
    let mut bytes = Vec::with_capacity(2);
    if key.set1 & E0 != 0 {
        bytes.push(0xe0);
    }
    bytes.push(key.set1 as u8 | if down { 0 } else { 0x80 });
    bytes
}

/// The bytes of set 2, break codes with their F0h: what a PS/2 keyboard is told; none for a key it does not have.
pub fn set2(key: u16, down: bool) -> Vec<u8> {
    match (key, down) {
        (code::PAUSE, true) => return vec![0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77],
        (code::PAUSE, false) => return Vec::new(),
        (code::PRINT, true) => return vec![0xe0, 0x12, 0xe0, 0x7c],
        (code::PRINT, false) => return vec![0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12],
        _ => {}
    }
    let Some(key) = find(key) else {
        return Vec::new();
    };
    let mut bytes = Vec::with_capacity(3);
    if key.set1 & E0 != 0 {
        bytes.push(0xe0);
    }
    if !down {
        bytes.push(0xf0);
    }
    bytes.push(key.set2);
    bytes
}

/// The key with a scan code of set 1 in the form that VNC and QEMU use: bit 7 for codes behind E0h.
pub fn from_xt(xt: u32) -> Option<u16> {
    let xt = match u16::try_from(xt).ok()? {
        // With Alt, Print Screen sends a code of its own.
        0x54 => return Some(code::PRINT),
        xt @ 0..=0x7f => xt,
        xt @ 0x80..=0xff => xt & 0x7f | E0,
        // Some clients send the prefix itself.
        xt @ 0xe000..=0xe07f => xt & 0x7f | E0,
        _ => return None,
    };
    KEYS.iter().find(|key| key.set1 == xt).map(|key| key.code)
}
