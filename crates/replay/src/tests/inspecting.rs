//! What the tools find: rates, damage, and where two logs part.

use super::samples::*;
use crate::inspect::{Events, diff, stats};
use crate::*;

fn run(length: u64) -> Vec<(Instant, Event)> {
    let event = |index| match index % 3 {
        0 => Event::AudioOut { played: index },
        1 => Event::CharInput {
            driver: 0,
            bytes: vec![b'x'; 100],
        },
        _ => Event::InputSync,
    };
    (0..length)
        .map(|index| (Instant::new(index * 1000, index as i64 * 500, 0), event(index)))
        .collect()
}

fn reader(run: &[(Instant, Event)], close: bool) -> LogReader {
    LogReader::from_bytes(written(run, |index| index % 10 == 9, close)).unwrap()
}

#[test]
fn counts_and_rates() {
    let log = reader(&run(3001), true);
    let bytes = log.sizes().0;
    let stats = stats(log);
    for (kind, events) in [
        (Kind::AudioOut, 1001),
        (Kind::CharInput, 1000),
        (Kind::InputSync, 1000),
        (Kind::End, 1),
    ] {
        assert_eq!(stats.counts.events(kind), events, "{kind:?}");
    }
    assert_eq!(stats.counts.total_events(), 3002);
    assert_eq!(stats.counts.total_bytes(), stats.payload.0);
    assert!(stats.payload.1 < stats.payload.0 / 2, "it compresses");
    // 3 M instructions of 2 ns and 1.5 ms of warps.
    assert_eq!(stats.virtual_ns, 7_500_000);
    assert_eq!(
        (stats.file_bytes, stats.overhead),
        (bytes, bytes - stats.payload.1)
    );
    assert_eq!(stats.bytes_per_second(), Some(bytes as f64 / 0.0075));
    assert_eq!(stats.ending, Ending::End);
    assert_eq!(inspect::stats(reader(&[], false)).bytes_per_second(), None);
}

#[test]
fn the_first_event_that_differs() {
    let base = run(50);
    let mut changed = base.clone();
    changed[30].1 = Event::InputSync;
    let mut later = base.clone();
    later[30].0.count += 1;
    let shorter = base[..30].to_vec();
    type Shown<'a> = (Option<&'a str>, Option<&'a str>);
    let cases: [(&[_], bool, Option<Shown>, u64); 5] = [
        (&base, true, None, 51),
        (
            &changed,
            true,
            Some((
                Some("#30 at 30000+15000ns: audio-out played=30"),
                Some("#30 at 30000+15000ns: input-sync"),
            )),
            30,
        ),
        (
            &later,
            true,
            Some((
                Some("#30 at 30000+15000ns: audio-out played=30"),
                Some("#30 at 30001+15000ns: audio-out played=30"),
            )),
            30,
        ),
        (
            &shorter,
            false,
            Some((Some("#30 at 30000+15000ns: audio-out played=30"), None)),
            30,
        ),
        (
            &base,
            false,
            Some((Some("#50 at 49000+24500ns: end digest=0000000000000001"), None)),
            50,
        ),
    ];
    for (right, close, event, equal) in cases {
        let found = diff(reader(&base, true), reader(right, close));
        let shown = found.event.as_ref().map(|(l, r)| {
            (
                l.as_ref().map(Stamped::to_string),
                r.as_ref().map(Stamped::to_string),
            )
        });
        let shown = shown.as_ref().map(|(l, r)| (l.as_deref(), r.as_deref()));
        assert_eq!((shown, found.equal), (event, equal));
        assert_eq!(found.is_empty(), event.is_none());
        if event.is_some() {
            let context: Vec<_> = found.context.iter().map(|s| s.index).collect();
            assert_eq!(context, (equal - 5..equal).collect::<Vec<_>>());
        }
    }
}

#[test]
fn facts_that_differ() {
    let log = |header: Header| LogReader::from_bytes(Recorder::memory(header).1.bytes()).unwrap();
    let other = Header {
        id: 1,
        machine_version: 8,
        build: "another".into(),
        machine: vec![],
        facts: Facts {
            shift: 3,
            disks: vec![],
            ..facts()
        },
        ..header()
    };
    let found = diff(log(header()), log(other));
    assert_eq!(
        found.facts,
        [
            "machine version: 7 / 8",
            "shift: 1 / 3",
            "disks: ide0-hd0:1073741824:0000000000000063 / ",
            "configuration of the machine",
        ]
    );
    assert!(!found.is_empty() && found.event.is_none());
    let other = Header {
        id: 1,
        build: "another".into(),
        ..header()
    };
    assert!(diff(log(header()), log(other)).is_empty());
}

#[test]
fn events_from_anywhere() {
    for (first, expected) in [
        (0, 51),
        (1, 50),
        (29, 22),
        (30, 21),
        (50, 1),
        (51, 0),
        (u64::MAX, 0),
    ] {
        let events = Events::from(reader(&run(50), true), first);
        let indices: Vec<_> = events.map(|stamped| stamped.index).collect();
        assert_eq!(indices, (51 - expected..51).collect::<Vec<_>>(), "{first}");
    }
}

#[test]
fn verify_tells_damage_from_a_killed_recorder() {
    let path = std::env::temp_dir().join(format!("replay-verify-{}", std::process::id()));
    let good = written(&run(50), |index| index % 10 == 9, true);
    let frames = LogReader::from_bytes(good.clone()).unwrap().frames().to_vec();
    let flipped = |at: u64| {
        let mut bytes = good.clone();
        bytes[at as usize] ^= 1;
        bytes
    };
    let (second, last) = (frames[1], *frames.last().unwrap());
    let end = (last.offset + last.file_len()) as usize;
    let index_offset = 90 + end as u64;
    for (bytes, events, problem) in [
        (good.clone(), 51, None),
        (good[..end].to_vec(), 51, None),
        (good[..end - 1].to_vec(), 50, None),
        (
            flipped(second.offset + 90),
            10,
            Some("bytes cannot be read: damaged at byte"),
        ),
        (
            flipped(second.offset),
            10,
            Some("no frame where one should begin"),
        ),
        (flipped(index_offset), 51, None),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let verdict = inspect::verify(&path).unwrap();
        assert_eq!(verdict.events, events);
        match problem {
            None => assert_eq!(verdict.problems, Vec::<String>::new()),
            Some(text) => assert!(verdict.problems[0].contains(text), "{:?}", verdict.problems),
        }
    }
    std::fs::remove_file(&path).unwrap();
}
