//! Damaged images are errors; chains go as far as they go.

use crate::tests::{Scratch, pattern};
use crate::{Format, OpenError, Options, create, create_over, open};
use proptest::prelude::*;
use std::path::Path;

/// A small image with something in it.
fn sample(path: &Path) {
    create(path, Format::Qcow2, 4 << 20).unwrap();
    let image = open(path, &Options::WRITABLE).unwrap();
    for at in [0, 100_000, 1 << 20, 3 << 20] {
        image.write_at(at, &pattern(at, 70_000)).unwrap();
    }
    image.flush().unwrap();
}

/// Uses whatever is there: no panic, no endless work.
fn exercise(path: &Path) {
    for options in [Options::READ_ONLY, Options::WRITABLE] {
        let Ok(image) = open(path, &options.format(Format::Qcow2)) else {
            continue;
        };
        let mut bytes = vec![0; 10_000];
        for at in [
            0,
            50_000,
            99_000,
            1 << 20,
            (3 << 20) + 65_000,
            image.size().saturating_sub(10_000),
        ] {
            let _ = image.read_at(at, &mut bytes);
            let _ = image.write_at(at, &bytes);
            let _ = image.write_zeroes(at, 300_000, true);
            let _ = image.discard(at, 70_000);
        }
        let _ = image.flush();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn damaged_images_are_errors(
        changes in prop::collection::vec(
            (prop_oneof![4 => 0..112_usize, 1 => 0..400_000_usize, 2 => (0..6_usize, 0..64_usize).prop_map(|(c, at)| c * 65536 + at)],
             prop_oneof![Just(0_u8), Just(0xff), any::<u8>()]),
            1..6,
        ),
        cut in prop_oneof![3 => Just(usize::MAX), 1 => 0..400_000_usize],
    ) {
        let dir = Scratch::new();
        let path = dir.file("a.qcow2");
        sample(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(cut);
        std::fs::write(&path, bytes).unwrap();
        exercise(&path);
    }
}

#[test]
fn headers_that_are_refused() {
    let dir = Scratch::new();
    let path = dir.file("a.qcow2");
    sample(&path);
    let good = std::fs::read(&path).unwrap();
    // Offset, bytes, words.
    for (at, bytes, words) in [
        (0, &b"QFX\xfb"[..], "not in qcow2 format"),
        (4, &[0, 0, 0, 1], "Unsupported qcow2 version 1"),
        (4, &[0, 0, 0, 4], "Unsupported qcow2 version 4"),
        (20, &[0, 0, 0, 8], "Unsupported cluster size"),
        (20, &[0xff, 0, 0, 0], "Unsupported cluster size"),
        (24, &[0xff; 8], "image size is too large"),
        (24, &[0, 1, 0, 0, 0, 0, 0, 0], "L1 table is too small"),
        (32, &[0, 0, 0, 1], "encrypted"),
        (36, &[0xff; 4], "L1 table is too large"),
        (40, &[0xff; 8], "Invalid offset of L1 table"),
        (47, &[1], "Invalid offset of L1 table"),
        (56, &[0xff; 4], "refcount table is too large"),
        (56, &[0; 4], "does not contain a reference count table"),
        (48, &[0x80], "Invalid offset of refcount table"),
        (72, &[0x80], "Unknown incompatible"),
        (79, &[2], "corrupt"),
        (79, &[1], "was not closed"),
        (79, &[4], "external data file"),
        (79, &[16], "extended L2"),
    ] {
        let mut image = good.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, image).unwrap();
        let error = open(&path, &Options::WRITABLE.format(Format::Qcow2)).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{words}: {error}");
    }
    for length in [4, 71, 72, 103] {
        std::fs::write(&path, &good[..length]).unwrap();
        let error = open(&path, &Options::WRITABLE).err().unwrap().to_string();
        assert!(error.contains("cut off"), "{length}: {error}");
    }
}

#[test]
fn loops_and_long_chains_are_refused() {
    let dir = Scratch::new();
    create(dir.file("0"), Format::Qcow2, 1 << 20).unwrap();
    open(dir.file("0"), &Options::WRITABLE)
        .unwrap()
        .write_at(5, b"deep")
        .unwrap();
    for number in 1..=super::MAX_DEPTH {
        create_over(
            dir.file(&number.to_string()),
            &(number - 1).to_string(),
            Format::Qcow2,
        )
        .unwrap();
    }
    let last = dir.file(&super::MAX_DEPTH.to_string());
    let image = open(&last, &Options::READ_ONLY).unwrap();
    let mut bytes = [0; 4];
    image.read_at(5, &mut bytes).unwrap();
    assert_eq!((&bytes, image.files().len()), (b"deep", super::MAX_DEPTH + 1));
    drop(image);
    create_over(dir.file("more"), &super::MAX_DEPTH.to_string(), Format::Qcow2).unwrap();
    assert!(matches!(
        open(dir.file("more"), &Options::READ_ONLY),
        Err(OpenError::BackingDepth { .. })
    ));
    // 1 stands on 0; a link makes 0 stand on 3.
    std::fs::remove_file(dir.file("0")).unwrap();
    std::os::unix::fs::symlink(dir.file("3"), dir.file("0")).unwrap();
    for options in [Options::READ_ONLY, Options::WRITABLE] {
        assert!(matches!(
            open(dir.file("3"), &options),
            Err(OpenError::BackingLoop { .. } | OpenError::Locked { .. })
        ));
    }
    create(dir.file("far"), Format::Qcow2, 512).unwrap();
    std::fs::remove_file(dir.file("0")).unwrap();
    let error = open(dir.file("1"), &Options::READ_ONLY)
        .err()
        .unwrap()
        .to_string();
    assert!(error.ends_with("No such file or directory"), "{error}");
}

#[test]
fn the_base_is_not_written() {
    let dir = Scratch::new();
    std::fs::write(dir.file("base"), pattern(1, 1 << 20)).unwrap();
    create_over(dir.file("top"), "base", Format::Raw).unwrap();
    let image = open(dir.file("top"), &Options::WRITABLE).unwrap();
    image.write_at(1000, &[7; 100_000]).unwrap();
    image.flush().unwrap();
    assert!(std::fs::read(dir.file("base")).unwrap() == pattern(1, 1 << 20));
    // Nor by others meanwhile.
    assert!(matches!(
        open(dir.file("base"), &Options::WRITABLE.format(Format::Raw)),
        Err(OpenError::Locked { .. })
    ));
}
