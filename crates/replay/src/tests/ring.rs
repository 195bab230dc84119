//! Files, the size limit, and the flight recorder's ring.

use super::samples::*;
use crate::*;
use std::io::{self, Write};
use std::path::PathBuf;

/// A directory of this test's own, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("replay-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Bytes that do not compress.
fn noise(index: u64) -> Event {
    let mut state = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes = (0..1000).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    Event::Random {
        bytes: bytes.collect(),
    }
}

fn at(index: u64) -> Instant {
    Instant::new(index * 100, 0, 0)
}

#[test]
fn a_file_that_is_cut_off_is_read_up_to_the_cut() {
    let scratch = Scratch::new("torn");
    let path = scratch.join("log");
    let mut recorder = Recorder::file(&path, header(), None).unwrap();
    for index in 0..10 {
        recorder.record(at(index), &noise(index));
        recorder.flush(Instant::new(index * 100 + 7, 0, 0));
    }
    recorder.record(at(10), &noise(10));
    // Killed: nothing is closed, the last event was in memory.
    std::mem::forget(recorder);
    let whole = std::fs::read(&path).unwrap();
    for (cut, events, until) in [(0, 10, 907), (1, 9, 807), (500, 9, 807), (1100, 8, 707)] {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let mut player = Player::open(&path).unwrap();
        assert_eq!(player.until(), Instant::new(until, 0, 0), "{cut}");
        let read = std::iter::from_fn(|| player.take()).count();
        assert_eq!(read, events, "{cut}");
        assert!(matches!(player.ending(), Ending::Torn { .. }));
        let verdict = inspect::verify(&path).unwrap();
        assert_eq!(
            verdict.problems,
            Vec::<String>::new(),
            "a killed recorder is no damage"
        );
    }
}

#[test]
fn what_was_recorded_is_written_when_the_recorder_is_dropped() {
    let (mut recorder, memory) = Recorder::memory(header());
    recorder.record(at(1), &noise(1));
    drop(recorder);
    let (events, ending) = read(memory.bytes()).unwrap();
    assert_eq!(events, [(at(1), noise(1))]);
    assert!(matches!(ending, Ending::Torn { .. }));
}

#[test]
fn a_log_is_followed_while_it_is_written() {
    let scratch = Scratch::new("follow");
    let path = scratch.join("log");
    let mut recorder = Recorder::file(&path, header(), None).unwrap();
    let mut player = Player::open(&path).unwrap();
    let mut next = 0;
    for index in 0..100 {
        recorder.record(at(index), &noise(index));
        if index % 7 == 0 {
            recorder.flush(at(index));
        }
        if index % 5 == 0 {
            player.refresh().unwrap();
            while let Some(stamped) = player.take() {
                assert_eq!((stamped.index, &stamped.event), (next, &noise(next)));
                next += 1;
            }
            assert_eq!(next, index / 7 * 7 + 1, "all that was flushed by event {index}");
        }
    }
    assert!(!player.refresh().unwrap() || player.take().is_some());
    recorder.record(at(100), &Event::End { digest: 1 });
    recorder.close();
    assert!(player.refresh().unwrap());
    assert_eq!(std::iter::from_fn(|| player.take()).last().unwrap().index, 100);
    assert_eq!(*player.ending(), Ending::End);
    assert!(!player.refresh().unwrap());
}

#[test]
fn the_size_limit_holds_and_the_log_says_so() {
    let scratch = Scratch::new("limit");
    let path = scratch.join("log");
    for limit in [8_000, 100_000, 300_000] {
        let mut recorder = Recorder::file(&path, header(), Some(limit)).unwrap();
        for index in 0..1000 {
            recorder.record(at(index), &noise(index));
        }
        let reason = format!("the limit of {limit} bytes is reached");
        assert_eq!(recorder.stopped(), Some(reason.as_str()));
        recorder.record(at(1000), &noise(0));
        recorder.flush(at(1001));
        recorder.close();
        assert_eq!(recorder.stopped(), Some(reason.as_str()));
        drop(recorder);
        assert!(std::fs::metadata(&path).unwrap().len() <= limit);
        let events = inspect::Events::new(LogReader::open(&path).unwrap());
        assert!(events.log().is_indexed());
        let all: Vec<_> = events.collect();
        let (last, before) = all.split_last().unwrap();
        assert_eq!(last.event, Event::Stopped { reason });
        for (index, stamped) in before.iter().enumerate() {
            assert_eq!(stamped.event, noise(index as u64));
        }
        assert!(before.len() as u64 * 1000 + 90_000 > limit, "{limit} is used");
        assert!(inspect::verify(&path).unwrap().problems.is_empty());
    }
    let error = Recorder::file(&path, header(), Some(100)).unwrap_err();
    assert_eq!(error.to_string(), "a limit of 100 bytes is too small");
}

/// Takes so many bytes and then none.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(io::Error::from(io::ErrorKind::StorageFull)),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_stops_the_recorder_once() {
    assert!(Recorder::new(Box::new(Full(10)), header(), None).is_err());
    let mut recorder = Recorder::new(Box::new(Full(5000)), header(), None).unwrap();
    for index in 0..10 {
        recorder.record(at(index), &noise(index));
        recorder.flush(at(index));
    }
    assert_eq!(recorder.stopped(), Some("no storage space"));
    recorder.close();
    assert_eq!(recorder.stopped(), Some("no storage space"));
}

/// Records `events` of noise with a snapshot whenever the ring wants one; returns names that were dropped.
fn fly(recorder: &mut Recorder, events: std::ops::Range<u64>, snapshot_bytes: u64) -> Vec<String> {
    let mut dropped = Vec::new();
    for index in events {
        if recorder.wants_snapshot() {
            let name = format!("at-{index}");
            recorder.record(at(index), &Event::Snapshot { name });
            recorder.account(snapshot_bytes);
        }
        recorder.record(at(index), &noise(index));
        if index % 7 == 0 {
            recorder.flush(at(index));
        }
        dropped.extend(recorder.take_dropped());
    }
    dropped
}

#[test]
fn a_ring_keeps_the_last_stretch() {
    for (snapshot_bytes, end) in [(0, true), (0, false), (5_000, true)] {
        let scratch = Scratch::new(&format!("ring-{snapshot_bytes}-{end}"));
        let path = scratch.join("log");
        let max = 100_000;
        let mut recorder = Recorder::ring(&path, header(), max).unwrap();
        let dropped = fly(&mut recorder, 0..1000, snapshot_bytes);
        let position = recorder.position();
        if end {
            recorder.record(at(1000), &Event::End { digest: 1 });
        }
        recorder.flush(at(1000));
        drop(recorder);

        let log = LogReader::open(&path).unwrap();
        assert!(log.sizes().0 < max + 70_000, "{}", log.sizes().0);
        assert!(log.segment_count() >= 2);
        let mut player = Player::open(&path).unwrap();
        let (instant, name) = player.starts_with().unwrap();
        let first = instant.count / 100;
        assert_eq!(
            (name.to_owned(), instant),
            (format!("at-{first}"), log.from().max(at(first)))
        );
        assert!(!dropped.contains(&name.to_owned()));
        assert!(!dropped.is_empty());
        // What is kept is all of the newest.
        let kept: Vec<_> = std::iter::from_fn(|| player.take()).collect();
        let noises: Vec<_> = kept.iter().filter(|s| s.event.kind() == Kind::Random).collect();
        assert_eq!(noises.len() as u64, 1000 - first);
        for (stamped, index) in noises.iter().zip(first..) {
            assert_eq!((stamped.at, &stamped.event), (at(index), &noise(index)));
        }
        assert!(kept.windows(2).all(|pair| pair[0].index + 1 == pair[1].index));
        assert_eq!(*player.ending() == Ending::End, end);
        assert!(inspect::verify(&path).unwrap().problems.is_empty());

        // Positions count on from what was dropped.
        assert_eq!(position.index, kept.last().unwrap().index + u64::from(!end));
        player.seek(&position).unwrap();
        assert_eq!(player.peek().is_some(), end);
        let gone = Position { index: 1, ..position };
        assert!(matches!(
            player.seek(&gone),
            Err(LogError::NotThere { index: 1, .. })
        ));
        let other = Position { log: 1, ..position };
        assert!(matches!(player.seek(&other), Err(LogError::OtherLog)));
    }
}

#[test]
fn a_ring_without_snapshots_stops() {
    let scratch = Scratch::new("stop");
    let mut recorder = Recorder::ring(&scratch.join("log"), header(), 100_000).unwrap();
    for index in 0..1000 {
        recorder.record(at(index), &noise(index));
    }
    assert_eq!(
        recorder.stopped(),
        Some("no snapshot was taken within 100000 bytes")
    );
    let player = Player::open(&scratch.join("log")).unwrap();
    assert_eq!(player.starts_with(), None);
    assert_eq!(*player.ending(), Ending::Stopped);
}

#[test]
fn a_ring_with_a_segment_missing_or_torn_is_read_up_to_there() {
    let scratch = Scratch::new("gap");
    let path = scratch.join("log");
    let mut recorder = Recorder::ring(&path, header(), 400_000).unwrap();
    fly(&mut recorder, 0..350, 0);
    drop(recorder);
    let files = log::output::segments(&path).unwrap();
    assert!(files.len() >= 3, "{}", files.len());
    let all = inspect::Events::new(LogReader::open(&path).unwrap()).count();
    // A new segment without its header, as a kill may leave one under its temporary name.
    std::fs::write(path.join("segment-new"), b"\x89RR").unwrap();
    assert_eq!(inspect::Events::new(LogReader::open(&path).unwrap()).count(), all);
    let last = files.last().unwrap();
    let bytes = std::fs::read(last).unwrap();
    std::fs::write(last, &bytes[..bytes.len() - 1]).unwrap();
    let shorter = inspect::Events::new(LogReader::open(&path).unwrap()).count();
    assert!(shorter < all && shorter > 0);
    std::fs::remove_file(&files[1]).unwrap();
    let mut events = inspect::Events::new(LogReader::open(&path).unwrap());
    let count = events.by_ref().count();
    assert!(count > 0 && count < shorter);
    assert_eq!(
        events.ending().to_string(),
        "the log ends here without END: segment 2 does not follow segment 0"
    );
}

#[test]
fn a_ring_touches_no_directory_of_others() {
    let scratch = Scratch::new("foreign");
    std::fs::write(scratch.join("thesis.tex"), "x").unwrap();
    let error = Recorder::ring(&scratch.0, header(), 100_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the directory holds thesis.tex, which is not of a replay log"
    );
    assert!(scratch.join("thesis.tex").exists());
    assert!(matches!(LogReader::open(&scratch.0), Err(LogError::Empty)));
    // Its own remains are replaced.
    std::fs::remove_file(scratch.join("thesis.tex")).unwrap();
    for _ in 0..2 {
        let mut recorder = Recorder::ring(&scratch.0, header(), 100_000).unwrap();
        fly(&mut recorder, 0..200, 0);
    }
    assert!(LogReader::open(&scratch.0).unwrap().events().end < 250);
}
