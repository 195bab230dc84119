//! The flight recorder: whatever was forgotten and whatever of it is damaged, the rest is what happened.

use super::*;
use replay::Player;

/// So small that these guests' digests fill it several times.
const RING: u64 = 16 << 10;

fn flight(place: &Place) -> Recording {
    Recording {
        // Sparse enough for a main loop that comes late: what is written until then counts, too.
        digest_every: 1 << 15,
        ring: Some(RING),
        ..Recording::to(place.file("ring"))
    }
}

/// Names and sizes of the ring's files that begin with `prefix`, oldest first.
fn files(ring: &Path, prefix: &str) -> Vec<(PathBuf, u64)> {
    let entries = std::fs::read_dir(ring).expect("a directory");
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("it can be read"))
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| (entry.path(), entry.metadata().expect("a file").len()))
        .collect();
    // Numbers of one length, or counts.
    found.sort_by_key(|(path, _)| (path.as_os_str().len(), path.clone()));
    found
}

fn segments(ring: &Path) -> Vec<(PathBuf, u64)> {
    files(ring, "segment-")
}

fn snapshots(ring: &Path) -> Vec<(PathBuf, u64)> {
    files(ring, "snapshot-")
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    std::fs::write(path, bytes).expect("it can be written");
}

#[test]
fn the_last_stretch_is_kept() {
    let place = Place::new();
    let ring = place.file("ring");
    let lines = ["help", "echo before", "cpu", "bench", "echo behind", "poweroff"];
    let (recorded, seen) = record_as(&place, config(0, Sleep::Off), &lines, 1, flight(&place));
    let seen = plain(&seen);
    let sizes = segments(&ring);
    let total: u64 = sizes.iter().map(|(_, size)| size).sum();
    assert!(total <= RING + 4096, "{total}: a frame more at most");
    assert!((2..=6).contains(&sizes.len()), "{sizes:?}");
    assert_eq!(snapshots(&ring).len(), sizes.len(), "one for each");
    let player = Player::open(&ring).expect("a ring");
    let (from, _) = player.starts_with().expect("its beginning is forgotten");
    assert!(from.count > 1_000_000, "{from}");
    let again = |engine| replay(&ring, config(0, Sleep::Off), engine).expect("it replays");
    let whole = again(Engine::default());
    assert_eq!((whole.status, &whole.digest), (0, &recorded.digest));
    assert!(seen.ends_with(&whole.output) && seen.len() > whole.output.len());

    // A killed recorder leaves anything at the end of its last file, and the beginnings of others.
    let last = &sizes.last().expect("there are some").0;
    let bytes = std::fs::read(last).expect("a segment");
    // One that was just begun has not much more than what it begins with.
    let cut = if bytes.len() > 4096 { bytes.len() / 4 } else { 64 };
    std::fs::write(last, &bytes[..bytes.len() - cut]).expect("it can be written");
    std::fs::write(ring.join("segment-new"), b"\x89RR").expect("room");
    std::fs::write(ring.join(".snapshot-9.reprise-snapshot.77"), b"part").expect("room");
    let cut = again(Engine::default());
    assert_eq!(cut.status, 0, "what is there is right");
    assert!(whole.output.starts_with(&cut.output));

    // Without the first snapshot it begins with the second, and so on.
    let mut shorter = cut.output;
    for (path, _) in snapshots(&ring) {
        flip(&path);
        match replay(&ring, config(0, Sleep::Off), Engine::default()) {
            Ok(outcome) => {
                assert_eq!(outcome.status, 0, "{}", path.display());
                assert!(shorter.ends_with(&outcome.output));
                shorter = outcome.output;
            }
            Err(error) => {
                assert_eq!(path, snapshots(&ring).last().expect("some").0, "{error:#}");
                let line = format!(
                    "replay {}: the ring has no snapshot from which it can begin",
                    ring.display()
                );
                assert_eq!(format!("{error:#}"), line);
            }
        }
    }

    // A new recording takes the place of all that.
    record_as(&place, config(0, Sleep::Off), &["poweroff"], 1, flight(&place));
    assert_eq!(files(&ring, ".").len(), 0);
    assert!(snapshots(&ring).len() <= segments(&ring).len(), "none of before");
    let (short, whole) = (
        replay(&ring, config(0, Sleep::Off), Engine::default()),
        segments(&ring),
    );
    assert_eq!(short.expect("it replays").status, 0, "{whole:?}");
}

#[test]
fn snapshots_of_another_recording() {
    let place = Place::new();
    let (ring, other) = (place.file("ring"), place.file("other"));
    let lines = ["bench", "poweroff"];
    for n in 0..2 {
        record_as(&place, config(0, Sleep::Off), &lines, n, flight(&place));
        if n == 0 {
            std::fs::rename(&ring, &other).expect("a name");
        }
    }
    for ((mine, _), (foreign, _)) in snapshots(&ring).iter().zip(snapshots(&other)) {
        std::fs::copy(foreign, mine).expect("room");
    }
    let mine = snapshots(&ring);
    for (extra, _) in mine.iter().skip(snapshots(&other).len()) {
        flip(extra);
    }
    let error = replay(&ring, config(0, Sleep::Off), Engine::default()).expect_err("they are not of it");
    assert!(
        format!("{error:#}").ends_with("the ring has no snapshot from which it can begin"),
        "{error:#}"
    );
}
