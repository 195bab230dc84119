//! Overlays: what is shared, and what fails.

use super::*;
use crate::tests::{Scratch, pattern};
use crate::{Format, Options, create, open};

fn overlay(dir: &Scratch, size: u64) -> Arc<Overlay> {
    let path = dir.file("base.img");
    create(&path, Format::Raw, size).unwrap();
    Overlay::new(open(&path, &Options::READ_ONLY).unwrap()).unwrap()
}

#[test]
fn room_is_used_again() {
    let dir = Scratch::new();
    let overlay = overlay(&dir, 1 << 20);
    for round in 0..10 {
        overlay.write_at(0, &pattern(round, 64 << 10)).unwrap();
    }
    // The last ten times 64 KiB have the room of two: a write takes new room before it gives the old one back.
    assert_eq!(overlay.used(), 64 << 10);
    let first = overlay.snapshot();
    overlay.write_at(4096, &[1; 10]).unwrap();
    assert_eq!(overlay.used(), (64 << 10) + 4096);
    overlay.write_at(4106, &[1; 10]).unwrap();
    assert_eq!(overlay.used(), (64 << 10) + 4096);
    drop(first);
    assert_eq!(overlay.used(), 64 << 10);
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let dir = Scratch::new();
    let overlay = overlay(&dir, 10 * CLUSTER + 512);
    for (number, contents, fits) in [
        (10, Contents::Data(vec![1; CLUSTER as usize]), true),
        (10, Contents::Zero(1), true),
        (0, Contents::Zero(11), true),
        (11, Contents::Zero(1), false),
        (11, Contents::Data(vec![1; CLUSTER as usize]), false),
        (u64::MAX, Contents::Zero(u64::MAX), false),
        (3, Contents::Data(vec![1; 5]), false),
    ] {
        let what = format!("{number} {contents:?}");
        assert_eq!(overlay.assemble([Ok((number, contents))]).is_ok(), fits, "{what}");
    }
    assert!(overlay.assemble([Err(BlockError::Io)]).is_err());
}

#[test]
fn damage_below_is_an_error_above() {
    let dir = Scratch::new();
    let overlay = overlay(&dir, 1 << 20);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(dir.file("base.img"))
        .unwrap();
    file.set_len(4096).unwrap();
    let mut bytes = [0; 512];
    assert_eq!(overlay.read_at(8192, &mut bytes), Err(BlockError::Io));
    // Part of a cluster needs the rest.
    assert_eq!(overlay.write_at(8192, &[1; 512]), Err(BlockError::Io));
    overlay.write_at(8192, &[1; 4096]).unwrap();
    overlay.read_at(8192, &mut bytes).unwrap();
    assert_eq!(bytes, [1; 512]);
}
