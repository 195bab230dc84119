//! Snapshots that somebody made up: bytes turned over anywhere, lengths that lie, frames lost and doubled, with checksums
//! that are right all the same. Whatever is in them, reading ends with an error or with a snapshot, and does not panic.
//!
//! `cargo xtask fuzz-readers` runs this for as many cases as wanted; `REPRISE_FUZZ_TIMES` and `REPRISE_FUZZ_SEED` are its.

use migration::{BlockImage, Head, Identity, PageMap, PageStore, Section, Snapshot};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Cases of a usual run.
const CASES: u64 = 3_000;
/// Bytes before the first frame, and before a frame's payload.
const FIXED: usize = 12;
const FRAME: usize = 17;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    /// Changes some of the bytes.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let span = at..(at + 1 + self.below(24)).min(bytes.len());
            match self.below(7) {
                0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                2 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][self.below(6)],
                3 => {
                    let word: u32 = [0, 1, u32::MAX, 1 << 31, 1 << 16, 1 << 20][self.below(6)];
                    for (byte, new) in bytes.iter_mut().skip(at).zip(word.to_le_bytes()) {
                        *byte = new;
                    }
                }
                4 => bytes.truncate(at),
                5 if !bytes.is_empty() => drop(bytes.drain(span)),
                _ if !bytes.is_empty() => {
                    let copy = bytes[span].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
                _ => {}
            }
        }
    }
}

/// A frame: kind, length before compression, payload as stored.
type Frame = (u8, u32, Vec<u8>);

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    let mut rest = &bytes[FIXED..];
    while rest.len() >= FRAME {
        let (header, behind) = rest.split_at(FRAME);
        let (payload, behind) = behind.split_at(word(&header[1..]) as usize);
        found.push((header[0], word(&header[5..]), payload.to_vec()));
        rest = behind;
    }
    found
}

/// A file of these frames, whose checksums are right.
fn file(beginning: &[u8], frames: &[Frame]) -> Vec<u8> {
    let mut bytes = beginning.to_vec();
    for (sequence, (kind, raw, stored)) in frames.iter().enumerate() {
        let seed = ((sequence as u64) << 32 | u64::from(*raw)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sum = xxh3_64_with_seed(stored, seed ^ u64::from(*kind));
        bytes.push(*kind);
        bytes.extend((stored.len() as u32).to_le_bytes());
        bytes.extend(raw.to_le_bytes());
        bytes.extend(sum.to_le_bytes());
        bytes.extend(stored);
    }
    bytes
}

fn snapshot(store: &PageStore) -> Snapshot {
    let mut pages = PageMap::new(1 << 12);
    for n in 0..30u64 {
        pages.set(n * 7, store.page(&std::array::from_fn(|i| (i as u64 * n) as u8)));
    }
    let section = |n: u32| Section {
        name: format!("device {n}"),
        instance: n,
        version: 1,
        bytes: vec![n as u8; 50 + n as usize],
    };
    Snapshot {
        head: Head {
            identity: Identity::default().with("memory", "16 MiB"),
            ..Head::default()
        },
        sections: (0..20).map(section).collect(),
        blocks: ["ram", "rom"]
            .map(|name| BlockImage {
                name: name.into(),
                pages: pages.clone(),
            })
            .into(),
    }
}

fn payload((_, raw, stored): &Frame) -> Vec<u8> {
    if (*raw as usize) > stored.len() {
        lz4_flex::block::decompress(stored, *raw as usize).expect("it was compressed")
    } else {
        stored.clone()
    }
}

#[test]
fn snapshots_that_somebody_made_up() {
    let store = PageStore::new();
    let base = snapshot(&store);
    let mut whole = Vec::new();
    let id = base.write_to(&mut whole, None).expect("memory takes everything");
    let mut next = base.clone();
    next.blocks[0].pages.set(5, store.page(&[9; 4096]));
    let mut delta = Vec::new();
    next.write_to(&mut delta, Some((&base, id)))
        .expect("memory takes everything");
    for original in [&whole, &delta] {
        let again = file(&original[..FIXED], &frames(original));
        assert_eq!(&again, original, "frames as they are written");
    }
    let mut numbers = Numbers(setting("REPRISE_FUZZ_SEED", 1));
    let cases = CASES * setting("REPRISE_FUZZ_TIMES", 1);
    let (mut refused, mut good) = (0u64, 0u64);
    for case in 0..cases {
        let (original, base) = if case % 2 == 0 {
            (&whole, None)
        } else {
            (&delta, Some((&base, id)))
        };
        let mut all = frames(original);
        let which = numbers.below(all.len());
        let bytes = match case % 16 / 2 {
            0..=4 => {
                let mut changed = payload(&all[which]);
                numbers.damage(&mut changed);
                all[which].1 = changed.len() as u32;
                all[which].2 = changed;
                file(&original[..FIXED], &all)
            }
            5 => {
                match numbers.below(4) {
                    0 => drop(all.remove(which)),
                    1 => all.insert(which, all[which].clone()),
                    2 => all[which].0 = numbers.below(8) as u8,
                    _ => all[which].1 = [0, 1, u32::MAX, 1 << 22, 1 << 31][numbers.below(5)],
                }
                file(&original[..FIXED], &all)
            }
            6 => {
                numbers.damage(&mut all[which].2);
                file(&original[..FIXED], &all)
            }
            _ => {
                let mut bytes = original.clone();
                numbers.damage(&mut bytes);
                bytes
            }
        };
        match Snapshot::read_from(&bytes[..], base, &store) {
            Ok((read, _)) => {
                good += 1;
                read.write_to(&mut Vec::new(), None)
                    .expect("what was read can be written");
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }
    println!("{cases} snapshots: {refused} refused, {good} read");
    assert!(refused > 0 && good > 0, "{refused} refused, {good} read");
}
