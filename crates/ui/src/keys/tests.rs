//! The tables against each other and against what is printed in manuals.

use super::*;
use std::collections::BTreeSet;

#[test]
fn codes_and_names_are_unique() {
    let codes: BTreeSet<u16> = KEYS.iter().map(|key| key.code).collect();
    let names: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
    let scans: BTreeSet<u16> = KEYS.iter().map(|key| key.set1).collect();
    assert_eq!([codes.len(), names.len(), scans.len()], [KEYS.len(); 3]);
    // Both sets have a code behind E0h for the same keys, so those must differ within it, too.
    let second: BTreeSet<(u16, u8)> = KEYS.iter().map(|key| (key.set1 & E0, key.set2)).collect();
    assert_eq!(second.len(), KEYS.len());
}

#[test]
fn scan_codes() {
    type Case = (
        &'static str,
        &'static [u8],
        &'static [u8],
        &'static [u8],
        &'static [u8],
    );
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("a", &[0x1e], &[0x9e], &[0x1c], &[0xf0, 0x1c]),
        ("f7", &[0x41], &[0xc1], &[0x83], &[0xf0, 0x83]),
        ("ctrl_r", &[0xe0, 0x1d], &[0xe0, 0x9d], &[0xe0, 0x14], &[0xe0, 0xf0, 0x14]),
        ("delete", &[0xe0, 0x53], &[0xe0, 0xd3], &[0xe0, 0x71], &[0xe0, 0xf0, 0x71]),
        ("print", &[0xe0, 0x2a, 0xe0, 0x37], &[0xe0, 0xb7, 0xe0, 0xaa], &[0xe0, 0x12, 0xe0, 0x7c],
            &[0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12]),
        ("pause", &[0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], &[], &[0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77], &[]),
    ];
    for (name, make1, break1, make2, break2) in cases {
        let code = combination(name).expect("a key")[0];
        assert_eq!(
            [set1(code, true), set1(code, false)],
            [make1.to_vec(), break1.to_vec()],
            "{name}"
        );
        assert_eq!(
            [set2(code, true), set2(code, false)],
            [make2.to_vec(), break2.to_vec()],
            "{name}"
        );
    }
    assert!(set2(0xffff, true).is_empty());
}

#[test]
fn xt_codes_of_clients() {
    for (xt, expected) in [
        (0x1e, Some(30)),
        (0x9d, Some(97)),
        (0xd3, Some(111)),
        (0xc6, Some(119)),
        (0x54, Some(99)),
    ] {
        assert_eq!(from_xt(xt), expected, "{xt:#x}");
    }
    assert_eq!(from_xt(0xe053), Some(111));
    assert_eq!(from_xt(0x7f), None);
    assert_eq!(from_xt(0x1_001e), None);
}

#[test]
fn combinations() {
    for (text, expected) in [
        ("ctrl-alt-f2", &[29, 56, 60][..]),
        ("shift-less", &[42, 86]),
        ("ret", &[28]),
        ("0x1d-0x9d", &[29, 97]),
        ("alt-sysrq-b", &[56, 99, 48]),
    ] {
        assert_eq!(combination(text).expect("keys"), expected, "{text}");
    }
    for text in ["", "ctrl-", "ctrl--a", "Enter", "0xzz"] {
        assert!(combination(text).is_err(), "{text}");
    }
    assert_eq!(combination(&["a"; 17].join("-")), Err(KeyNameError::TooMany));
}

#[test]
fn layouts_reach_all_of_ascii_and_their_letters() {
    for name in Layout::names() {
        let layout = Layout::named(name).expect("listed");
        // A Mac's or a compose key's work, in layouts that have them on no key of their own.
        let missing: String = (' '..='~').filter(|&c| layout.stroke(c).is_none()).collect();
        let expected = match name {
            "es" => "",
            "it" => "`{}~",
            _ => "",
        };
        assert_eq!(missing, expected, "{name}");
    }
    let stroke = |layout: &str, character| {
        let stroke = Layout::named(layout)
            .expect("a layout")
            .stroke(character)
            .expect("a key");
        (stroke.code, stroke.shift, stroke.alt_gr)
    };
    assert_eq!(stroke("en-us", 'A'), (30, true, false));
    assert_eq!(stroke("de", 'z'), (21, false, false));
    assert_eq!(stroke("de", '@'), (16, false, true));
    assert_eq!(stroke("de", '\\'), (12, false, true));
    assert_eq!(stroke("fr", '1'), (2, true, false));
    assert_eq!(stroke("fr", 'a'), (16, false, false));
    assert_eq!(stroke("fr", '@'), (11, false, true));
    assert!(Layout::named("xx").is_none());
}

#[test]
fn keysyms() {
    use Keysym::{Character, Key};
    for (keysym, expected) in [
        (0x41, Some(Character('A'))),
        (0xe9, Some(Character('é'))),
        (0x20ac, Some(Character('€'))),
        (0x100_20ac, Some(Character('€'))),
        (0xfe52, Some(Character('^'))),
        (0xff0d, Some(Key(28))),
        (0xffbe, Some(Key(59))),
        (0xffc7, Some(Key(68))),
        (0xffc9, Some(Key(88))),
        (0xffea, Some(Key(100))),
        (0, None),
        (0x100_d800, None),
        (u32::MAX, None),
    ] {
        assert_eq!(key_of_keysym(keysym), expected, "{keysym:#x}");
    }
}
