//! P2 and P13: what is written is read; whatever happens to a log, a prefix of it is read, or a clean error.

use super::samples::*;
use crate::log::frame;
use crate::*;
use proptest::prelude::*;

#[test]
fn every_kind_comes_back() {
    let run: Vec<_> = every_kind()
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            (
                Instant::new(10 * index as u64, index as i64, (index % 2) as u32),
                event,
            )
        })
        .collect();
    let kinds: std::collections::BTreeSet<_> = run.iter().map(|(_, event)| event.kind()).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    // All but the two that end a log.
    let run = &run[..run.len() - 2];
    let (got, ending) = read(written(run, |_| false, false)).unwrap();
    assert_eq!(got, run);
    assert!(matches!(ending, Ending::Torn { .. }));
}

#[test]
fn instants_take_as_few_bytes_as_they_can() {
    let plain = Event::InputSync;
    for (last, at, bytes) in [
        ((0, 0, 0), (0, 0, 0), 2),
        ((0, 0, 0), (63, 0, 0), 2),
        ((0, 0, 0), (64, 0, 0), 3),
        ((9, 5, 2), (9, 5, 2), 2),
        ((9, 5, 2), (10, 5, 0), 2),
        ((9, 5, 2), (9, 5, 3), 4),
        ((9, 5, 0), (9, 6, 0), 4),
        ((0, 0, 0), (u64::MAX, i64::MAX, u32::MAX), 1 + 10 + 9 + 5),
    ] {
        let instant = |(count, warp_ns, round)| Instant::new(count, warp_ns, round);
        let (last, at) = (instant(last), instant(at));
        let mut out = Vec::new();
        log::codec::encode(&mut out, last, at, &plain);
        assert_eq!(out.len(), bytes, "{last} {at}");
        let mut rest = &out[..];
        assert_eq!(log::codec::decode(&mut rest, last), Ok((at, plain.clone())));
        assert!(rest.is_empty());
    }
}

#[test]
fn an_event_never_goes_back() {
    for at in [
        Instant::new(4, 9, 9),
        Instant::new(5, 4, 9),
        Instant::new(5, 5, 4),
        Instant::new(6, 4, 0),
    ] {
        let back = panics(|| {
            let last = Instant::new(5, 5, 5);
            log::codec::encode(&mut Vec::new(), last, at, &Event::InputSync);
        });
        assert!(back, "{at}");
    }
}

/// P13 on the bytes: an instant that is before the one ahead of it is no event.
#[test]
fn a_reader_refuses_instants_that_go_back() {
    let last = Instant::new(5, 5, 5);
    // The same count and warp, round 4; a warp that leaves its range; a count that does.
    for bytes in [
        &[1u8, 0, 4, 6][..],
        &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 6],
    ] {
        let mut rest = bytes;
        assert!(log::codec::decode(&mut rest, last).is_err(), "{bytes:?}");
    }
    let mut rest = &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 6][..];
    assert!(log::codec::decode(&mut rest, last).is_err());
}

#[test]
fn refusals_name_the_cause() {
    let good = written(&[(Instant::START, Event::InputSync)], |_| false, true);
    let with = |at: usize, bytes: &[u8]| {
        let mut log = good.clone();
        log[at..at + bytes.len()].copy_from_slice(bytes);
        log
    };
    for (bytes, message) in [
        (Vec::new(), "a replay log without a complete header"),
        (b"abc".to_vec(), "a replay log without a complete header"),
        (b"#!/bin/sh\necho\n".to_vec(), "not a replay log"),
        (vec![0x7f; 4096], "not a replay log"),
        (good[..30].to_vec(), "a replay log without a complete header"),
        (
            with(8, &3u32.to_le_bytes()),
            "format 3 is newer than this program's (2)",
        ),
        (
            with(8, &1u32.to_le_bytes()),
            "format 1 is older than this program's (2)",
        ),
        (
            with(12, &[0xff; 4]),
            "damaged at byte 0: a header of impossible length",
        ),
        (
            with(12, &[0xff, 0xff, 0, 0]),
            "a replay log without a complete header",
        ),
        (with(16, &[0; 8]), "damaged at byte 0: checksum of the header"),
        (with(24, &[0xee]), "damaged at byte 0: checksum of the header"),
    ] {
        assert_eq!(LogReader::from_bytes(bytes).unwrap_err().to_string(), message);
    }
    let header = LogReader::from_bytes(good).unwrap().header().clone();
    assert!(header.check_machine(7).is_ok());
    let error = header.check_machine(8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "recorded with machine version 7, this program has 8"
    );
}

#[test]
fn a_frame_of_another_log_is_no_frame_of_this_one() {
    let run = [(Instant::START, Event::InputSync)];
    let mine = written(&run, |_| false, false);
    let (mut other, memory) = Recorder::memory(Header { id: 43, ..header() });
    other.record(Instant::START, &Event::InputSync);
    other.flush(Instant::START);
    let theirs = memory.bytes();
    assert_eq!(mine.len(), theirs.len());
    let head = mine.len() - frame::HEADER_LEN - 2;
    let mixed = [&mine[..head], &theirs[head..]].concat();
    let (events, ending) = read(mixed).unwrap();
    assert_eq!(events, []);
    assert!(ending.to_string().contains("checksum of a frame"), "{ending}");
}

#[test]
fn large_events_and_many_small_ones() {
    let packet = |length: usize| Event::Net {
        filter: 0,
        flags: 0,
        bytes: (0..length).map(|i| (i * i / 8) as u8).collect(),
    };
    let mut run = Vec::new();
    for index in 0..20_000u64 {
        run.push((
            Instant::new(index * 1000, 0, 0),
            Event::AudioOut { played: index },
        ));
    }
    for length in [FRAME_PAYLOAD - 1, FRAME_PAYLOAD, 300_000, MAX_EVENT - 64] {
        run.push((Instant::new(20_000_000, 0, 0), packet(length)));
        run.push((Instant::new(20_000_000, 0, 0), Event::InputSync));
    }
    let bytes = written(&run, |_| false, true);
    let reader = LogReader::from_bytes(bytes.clone()).unwrap();
    assert!(reader.is_indexed());
    for frame in reader.frames() {
        assert!(
            frame.raw as usize <= FRAME_PAYLOAD || frame.events == 1,
            "{frame:?}"
        );
    }
    let (got, ending) = read(bytes).unwrap();
    assert_eq!(got[..run.len()], run);
    assert_eq!((got.len(), ending), (run.len() + 1, Ending::End));
}

#[test]
fn an_event_that_is_too_large_stops_the_recorder() {
    let (mut recorder, memory) = Recorder::memory(header());
    recorder.record(Instant::START, &Event::InputSync);
    let bytes = vec![0; MAX_EVENT];
    recorder.record(Instant::START, &Event::Random { bytes });
    recorder.record(Instant::START, &Event::InputSync);
    assert_eq!(recorder.stopped(), Some("a random event of 1048581 bytes"));
    let (events, ending) = read(memory.bytes()).unwrap();
    assert_eq!((events.len(), ending), (2, Ending::Stopped));
}

/// Frames of a few events, as flushing makes them, and the events before each frame.
fn frames(bytes: &[u8]) -> Vec<FrameInfo> {
    LogReader::from_bytes(bytes.to_vec()).unwrap().frames().to_vec()
}

/// All events of frames that end at or before `length`.
fn whole_events(frames: &[FrameInfo], length: u64) -> usize {
    let whole = frames.iter().filter(|f| f.offset + f.file_len() <= length);
    whole.map(|f| f.events as usize).sum()
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn p2_round_trip(run in any_run(0..300), every in 1..60usize, close: bool) {
        let bytes = written(&run, |index| index % every == 0, close);
        let (mut got, ending) = read(bytes.clone()).unwrap();
        if close {
            prop_assert_eq!(ending, Ending::End);
            prop_assert_eq!(got.pop().unwrap().1, Event::End { digest: 1 });
        } else {
            let torn = matches!(ending, Ending::Torn { .. });
            prop_assert!(torn);
        }
        prop_assert_eq!(got, run);
    }

    #[test]
    fn p2_every_prefix_is_an_error_or_all_whole_frames(run in any_run(1..60), every in 1..9usize, close: bool) {
        let bytes = written(&run, |index| index % every == 0, close);
        let all = read(bytes.clone()).unwrap().0;
        let frames = frames(&bytes);
        let head = frames.first().map_or(bytes.len() as u64, |f| f.offset);
        for length in 0..bytes.len() {
            match read(bytes[..length].to_vec()) {
                Ok((events, ending)) => {
                    let whole = whole_events(&frames, length as u64);
                    prop_assert_eq!(&events[..], &all[..whole]);
                    // A log whose index is missing has its end all the same.
                    prop_assert_eq!(ending == Ending::End, close && whole == all.len());
                }
                Err(LogError::NoHeader) => prop_assert!((length as u64) < head),
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }

    #[test]
    fn p2_every_flip_is_an_error_or_a_prefix(
        run in any_run(1..60),
        every in 1..9usize,
        close: bool,
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0..8u32), 1..4),
    ) {
        let mut bytes = written(&run, |index| index % every == 0, close);
        let all = read(bytes.clone()).unwrap().0;
        let frames = frames(&bytes);
        let mut first = bytes.len();
        for (at, bit) in &flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            first = first.min(at);
        }
        if let Ok((events, _)) = read(bytes.clone()) {
            let whole = whole_events(&frames, first as u64);
            prop_assert!(events.len() >= whole, "{} of {}", events.len(), whole);
            prop_assert_eq!(&events[..], &all[..events.len()]);
        }
    }

    #[test]
    fn p2_garbage_never_panics(garbage in proptest::collection::vec(any::<u8>(), 0..600), cut: bool) {
        let good = written(&[(Instant::START, Event::InputSync)], |_| false, true);
        let head = LogReader::from_bytes(good.clone()).unwrap().frames()[0].offset as usize;
        let at = if cut { head } else { good.len() };
        let _ = read(garbage.clone());
        let _ = read([&good[..at], &garbage[..]].concat());
    }

    /// Contents that pass every checksum and are not what a recorder writes.
    #[test]
    fn p2_crafted_payloads_never_panic(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        events in 0..5u32,
        flags in 0..8u32,
        index: u64,
        until in any::<(u64, i64, u32)>(),
        follows: bool,
    ) {
        let good = written(&[(Instant::START, Event::InputSync)], |_| false, false);
        let mut info = LogReader::from_bytes(good.clone()).unwrap().frames()[0];
        info.sequence = 1;
        info.index = if follows { 1 } else { index };
        info.events = events;
        info.flags = flags & !frame::COMPRESSED;
        info.until = Instant::new(until.0, until.1, until.2);
        let frame = frame::encode(&mut info, &payload, header().id);
        let (events, _) = read([good, frame].concat()).unwrap();
        prop_assert!(!events.is_empty());
        // P13: whatever was read, its instants are in order.
        prop_assert!(events.is_sorted_by_key(|(at, _)| *at));
    }

    /// P13: each event is read with the exact instant it was written with, from any position.
    #[test]
    fn p13_exact_instants_from_any_position(
        run in any_run(1..120),
        every in 1..20usize,
        at in any::<proptest::sample::Index>(),
    ) {
        let (mut recorder, memory) = Recorder::memory(header());
        let at = at.index(run.len());
        let mut position = None;
        for (index, (instant, event)) in run.iter().enumerate() {
            if index == at {
                position = Some(recorder.position());
            }
            recorder.record(*instant, event);
            if index % every == 0 {
                recorder.flush(*instant);
            }
        }
        recorder.close();
        let mut player = Player::from_bytes(memory.bytes()).unwrap();
        player.seek(&position.unwrap()).unwrap();
        for (index, (instant, event)) in run.iter().enumerate().skip(at) {
            let stamped = player.take().unwrap();
            prop_assert_eq!((stamped.index, stamped.at, &stamped.event), (index as u64, *instant, event));
        }
        prop_assert!(player.peek().is_none());
    }
}
