//! Logs that somebody made up: bytes turned over anywhere, lengths that lie, parts lost and doubled, with checksums that
//! are right all the same. Whatever is in them, the reader ends with an error or with events in order, and does not panic.
//!
//! `cargo xtask fuzz-readers` runs this for as many cases as wanted; `REPRISE_FUZZ_TIMES` and `REPRISE_FUZZ_SEED` are its.

use replay::inspect::{self, Events};
use replay::{CharChange, Control, Event, Facts, Header, Instant, LogReader, Player, Position, Recorder};
use replay::{Replay, Shutdown};
use util_mainloop::BigLock;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Cases of a usual run.
const CASES: u64 = 3_000;
/// Events of the log that is damaged.
const EVENTS: usize = 402;
/// Bytes of a log's fixed beginning, and of a frame's.
const FIXED: usize = 24;
const FRAME: usize = 84;

fn setting(name: &str, usual: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
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

/// A log of many sorts of events in several frames, and its number.
fn whole() -> (Vec<u8>, u64) {
    let header = Header::new(2, "a build", vec![7; 40], Facts::default());
    let id = header.id;
    let (recorder, memory) = Recorder::memory(header);
    let lock = BigLock::new();
    let replay = Replay::recorder(&lock, recorder);
    let _held = replay.lock();
    for n in 0..EVENTS as u64 - 2 {
        let at = Instant::new(n * 1000, (n / 7 * 50) as i64, (n % 3) as u32);
        let event = match n % 6 {
            0 => Event::CharInput {
                driver: 0,
                bytes: vec![b'x'; n as usize % 90],
            },
            1 => Event::CharEvent {
                driver: 1,
                what: CharChange::Break,
            },
            2 => Event::Trail { registers: n as u16 },
            3 => Event::Digest {
                vcpus: n,
                devices: n << 40,
                memory: 0,
            },
            4 => Event::Control(Control::MemoryWrite {
                address: n,
                vcpu: None,
                bytes: vec![1, 2, 3],
            }),
            _ => Event::Random { bytes: vec![9; 16] },
        };
        replay.note(at, event).expect("recorded");
        if n % 40 == 39 {
            replay.flush(at);
        }
    }
    let end = Instant::new(1_000_000, 1 << 20, 0);
    replay.finish(end, Shutdown::GuestShutdown, 5).expect("recorded");
    (memory.bytes(), id)
}

fn word(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 4).map_or(0, |word| {
        u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize
    })
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Where frames begin and end, as far as they can be followed.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = FIXED + word(bytes, 12);
    while bytes.get(at..at + 4) == Some(b"RRF1") {
        let end = at + FRAME + word(bytes, at + 16);
        if end > bytes.len() {
            break;
        }
        found.push((at, end));
        at = end;
    }
    found
}

/// Makes the checksums right.
fn repair(bytes: &mut [u8], id: u64) {
    let end = FIXED + word(bytes, 12);
    if let Some(body) = bytes.get(FIXED..end) {
        let sum = xxh3_64(body);
        set(bytes, 16, &sum.to_le_bytes());
    }
    for (at, end) in frames(bytes) {
        let sum = xxh3_64_with_seed(&bytes[at + 12..end], id);
        set(bytes, at + 4, &sum.to_le_bytes());
    }
}

/// Changes what is in a frame, which may be compressed.
fn change_payload(numbers: &mut Numbers, bytes: &mut Vec<u8>) {
    let all = frames(bytes);
    let (at, end) = all[numbers.below(all.len())];
    let stored = &bytes[at + FRAME..end];
    let compressed = word(bytes, at + 12) & 1 != 0;
    let mut payload = if compressed {
        lz4_flex::block::decompress(stored, word(bytes, at + 20)).expect("it was compressed")
    } else {
        stored.to_vec()
    };
    numbers.damage(&mut payload);
    let stored = if compressed {
        lz4_flex::block::compress(&payload)
    } else {
        payload.clone()
    };
    set(bytes, at + 16, &(stored.len() as u32).to_le_bytes());
    set(bytes, at + 20, &(payload.len() as u32).to_le_bytes());
    bytes.splice(at + FRAME..end, stored);
}

/// Everything that is done with a log. How many events it has; none if it is refused.
fn read(bytes: &[u8], seek: u64) -> Option<usize> {
    let open = || LogReader::from_bytes(bytes.to_vec()).ok();
    let mut last = None;
    let mut count = 0;
    for stamped in Events::new(open()?) {
        assert!(last <= Some(stamped.at), "{} after {last:?}", stamped.at);
        last = Some(stamped.at);
        count += 1;
        assert!(!stamped.to_string().is_empty());
    }
    drop(inspect::stats(open()?));
    drop(inspect::diff(open()?, open()?));
    let mut player = Player::new(open()?);
    let position = Position {
        index: seek,
        ..player.position()
    };
    if player.seek(&position).is_ok() {
        assert_eq!(player.index(), seek);
    }
    Some(count)
}

#[test]
fn logs_that_somebody_made_up() {
    let (whole, id) = whole();
    assert_eq!(read(&whole, 3), Some(EVENTS));
    let mut numbers = Numbers(setting("REPRISE_FUZZ_SEED", 1));
    let cases = CASES * setting("REPRISE_FUZZ_TIMES", 1);
    let (mut refused, mut partly) = (0, 0);
    for case in 0..cases {
        let mut bytes = whole.clone();
        match case % 4 {
            0 | 1 => change_payload(&mut numbers, &mut bytes),
            2 => {
                // Headers of frames, which are few bytes of many.
                let all = frames(&bytes);
                let (at, _) = all[numbers.below(all.len())];
                let mut header = bytes[at + 12..at + FRAME].to_vec();
                numbers.damage(&mut header);
                bytes.splice(at + 12..at + FRAME, header);
            }
            _ => numbers.damage(&mut bytes),
        }
        if case % 8 != 7 {
            repair(&mut bytes, id);
        }
        match read(&bytes, numbers.below(500) as u64) {
            None => refused += 1,
            Some(EVENTS) => {}
            Some(_) => partly += 1,
        }
    }
    println!("{cases} logs: {refused} refused, {partly} read in part");
    assert!(
        refused > 0 && partly > cases / 8,
        "{refused} refused, {partly} in part"
    );
}
