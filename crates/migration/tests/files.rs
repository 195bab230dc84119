//! Snapshots through their file form: what comes back, and what happens to files that are not what they should be.

use migration::*;
use proptest::prelude::*;

fn machine() -> Head {
    Head {
        identity: Identity::default()
            .with("memory", "16 MiB")
            .with_devices(["pit".to_owned(), "rtc".to_owned()]),
        summary: Summary {
            created: 1_800_000_000,
            instructions: 1 << 40,
            virtual_ns: -5,
        },
        base: None,
    }
}

/// A page that LZ4 cannot shorten, or can.
fn contents(seed: u8) -> PageBytes {
    let mut state = u32::from(seed) | 1 << 20;
    std::array::from_fn(|_| {
        if seed < 128 {
            return seed;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
}

fn snapshot(pages: &[(u64, u8)], store: &PageStore) -> Snapshot {
    let mut ram = PageMap::new(4096);
    for &(number, seed) in pages {
        ram.set(number, store.page(&contents(seed)));
    }
    let section = |name: &str, instance, bytes: Vec<u8>| Section {
        name: name.into(),
        instance,
        version: 3,
        bytes,
    };
    Snapshot {
        head: machine(),
        sections: vec![
            section("cpu", 0, vec![7; 5000]),
            section("cpu", 1, vec![]),
            section("pit", 0, vec![1, 2, 3]),
        ],
        blocks: vec![
            BlockImage {
                name: "ram".into(),
                pages: ram,
            },
            BlockImage {
                name: "text".into(),
                pages: PageMap::new(8),
            },
        ],
    }
}

fn written(snapshot: &Snapshot, base: Option<(&Snapshot, u64)>) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    let id = snapshot.write_to(&mut bytes, base).unwrap();
    (bytes, id)
}

fn same(a: &Snapshot, b: &Snapshot) -> bool {
    let pages = |of: &Snapshot| {
        let mut all = Vec::new();
        for block in &of.blocks {
            block
                .pages
                .for_each(|number, page| all.push((block.name.clone(), number, *page.bytes())));
        }
        all
    };
    a.head == b.head && a.sections == b.sections && pages(a) == pages(b)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn comes_back(
        first in prop::collection::vec((0u64..4096, any::<u8>()), 0..200),
        then in prop::collection::vec((0u64..4096, any::<u8>()), 0..50),
    ) {
        let store = PageStore::new();
        let base = snapshot(&first, &store);
        let mut later = base.clone();
        later.sections[0].bytes[9] = 1;
        for &(number, seed) in &then {
            later.blocks[0].pages.set(number, store.page(&contents(seed)));
        }
        let (whole, id) = written(&base, None);
        let (delta, _) = written(&later, Some((&base, id)));
        let (base_again, id_again) = Snapshot::read_from(&whole[..], None, &store).unwrap();
        prop_assert_eq!(id, id_again);
        prop_assert!(same(&base, &base_again));
        let (later_again, _) = Snapshot::read_from(&delta[..], Some((&base_again, id)), &store).unwrap();
        prop_assert!(same(&later, &later_again));
        prop_assert!(matches!(Snapshot::read_from(&delta[..], None, &store), Err(SnapshotError::Base)));
        prop_assert!(matches!(Snapshot::read_from(&delta[..], Some((&base, id ^ 1)), &store), Err(SnapshotError::Base)));
    }

    /// However a file is cut or changed, it is refused: no other snapshot comes of it, and no panic.
    #[test]
    fn damage_is_found(
        pages in prop::collection::vec((0u64..4096, any::<u8>()), 0..100),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let store = PageStore::new();
        let (file, _) = written(&snapshot(&pages, &store), None);
        let at = at.index(file.len());
        prop_assert!(Snapshot::read_from(&file[..at], None, &store).is_err());
        let mut flipped = file.clone();
        flipped[at] ^= 1 << bit;
        prop_assert!(Snapshot::read_from(&flipped[..], None, &store).is_err());
        let mut longer = file.clone();
        longer.push(bit);
        prop_assert!(SnapshotReader::new(&longer[..]).unwrap().verify().is_err());
        SnapshotReader::new(&file[..]).unwrap().verify().unwrap();
    }

    /// Behind a good beginning, anything.
    #[test]
    fn noise_is_no_snapshot(noise in prop::collection::vec(any::<u8>(), 0..4000), keep in 0usize..200) {
        let (file, _) = written(&snapshot(&[(1, 1)], &PageStore::new()), None);
        let mut bytes = file[..keep.min(file.len() - 1)].to_vec();
        bytes.extend(noise);
        prop_assume!(!bytes.starts_with(&file));
        prop_assert!(Snapshot::read_from(&bytes[..], None, &PageStore::new()).is_err());
    }
}

#[test]
fn zero_pages_and_equal_ones_cost_nothing() {
    let store = PageStore::new();
    let base = snapshot(
        &(0..400).map(|n| (n, 200 + (n % 50) as u8)).collect::<Vec<_>>(),
        &store,
    );
    let (whole, id) = written(&base, None);
    assert!(
        whole.len() > 400 * 4096 && whole.len() < 402 * 4096,
        "{}",
        whole.len()
    );
    let (empty, _) = written(&snapshot(&[], &store), None);
    assert!(empty.len() < 500, "{}", empty.len());
    let (same, _) = written(&base.clone(), Some((&base, id)));
    assert!(same.len() < 500, "{}", same.len());
}

#[test]
fn a_file_is_complete_or_not_there() {
    let directory = std::env::temp_dir().join(format!("reprise-store-{}", std::process::id()));
    let store = Store::new(&directory);
    assert!(store.list().unwrap().is_empty());
    assert!(matches!(store.open("a"), Err(SnapshotError::Missing)));
    for name in ["", ".", "..", "a/b", ".hidden", "ä", &"x".repeat(101)] {
        assert!(matches!(store.path(name), Err(SnapshotError::Name)), "{name}");
    }
    let first = snapshot(&[(1, 1)], &PageStore::new());
    let save = |snapshot: &Snapshot| store.save("a", |to| snapshot.write_to(to, None).map(drop));
    save(&first).unwrap();
    // The disk is full in the middle of the next one.
    let full = store.save("a", |to| {
        to.write_all(b"half of it")?;
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into())
    });
    assert!(matches!(full, Err(SnapshotError::Io(_))));
    let (read, _) = Snapshot::read_from(store.open("a").unwrap(), None, &PageStore::new()).unwrap();
    assert!(same(&read, &first));
    std::fs::write(directory.join("b.reprise-snapshot"), "nothing of the kind").unwrap();
    let list = store.list().unwrap();
    let shown: Vec<_> = list
        .iter()
        .map(|saved| (saved.name.as_str(), saved.head.is_ok()))
        .collect();
    assert_eq!(shown, [("a", true), ("b", false)], "and no part of a file");
    store.delete("a").unwrap();
    assert!(matches!(store.delete("a"), Err(SnapshotError::Missing)));
    std::fs::remove_dir_all(directory).unwrap();
}

/// A length that nobody has the bytes for is no reason to reserve them.
#[test]
fn lengths_are_not_believed() {
    let (file, _) = written(&snapshot(&[], &PageStore::new()), None);
    for length in [u32::MAX, 1 << 30, 4 << 20] {
        let mut lying = file.clone();
        // The head's frame begins behind magic and version.
        lying[13..17].copy_from_slice(&length.to_le_bytes());
        lying[17..21].copy_from_slice(&length.to_le_bytes());
        let error = Snapshot::read_from(&lying[..], None, &PageStore::new())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("the snapshot is damaged: frame 0: "), "{error}");
    }
    assert!(matches!(
        Snapshot::read_from(&b"qcow2"[..], None, &PageStore::new()),
        Err(SnapshotError::NotASnapshot)
    ));
    let mut newer = file;
    newer[8] = 9;
    let error = Snapshot::read_from(&newer[..], None, &PageStore::new())
        .unwrap_err()
        .to_string();
    assert_eq!(error, "format version 9 is not supported (this build knows 1)");
}
