//! Recording and playing through [`Replay`]: P1 and P2 on a toy machine, each way to diverge, the queue, the end.

mod toy;

use super::samples::*;
use crate::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use util_mainloop::BigLock;

fn at(count: u64) -> Instant {
    Instant::new(count, 0, 0)
}

fn typed(text: &str) -> Event {
    Event::CharInput {
        driver: 0,
        bytes: text.as_bytes().to_vec(),
    }
}

fn digest(memory: u64) -> Event {
    Event::Digest {
        vcpus: 1,
        devices: 2,
        memory,
    }
}

fn playing(run: &[(Instant, Event)], close: bool) -> Arc<Replay> {
    let player = Player::from_bytes(written(run, |_| false, close)).unwrap();
    Replay::player(&BigLock::new(), player)
}

proptest! {
    #![proptest_config(cases(64))]

    /// P1 and P2 for what is below the machine: the second run is the first, however the host cuts it, twice.
    #[test]
    fn p1_the_second_run_is_the_first(program: u64, host: u64, again: [u64; 2]) {
        let (log, first) = toy::record(program, host);
        for host in again {
            let second = toy::play(program, host, log.clone());
            prop_assert_eq!(second.map_err(|e| e.to_string()), Ok(first.clone()));
        }
    }

    /// Another program diverges, and is told so; it neither hangs nor ends as if nothing were wrong.
    #[test]
    fn m13_another_program_is_told_apart(program: u64, host: u64) {
        let (log, _) = toy::record(program, host);
        prop_assert!(toy::play(program ^ 1, host, log).is_err());
    }

    /// A log that was cut leads to the same states up to its end.
    #[test]
    fn p2_a_torn_log_is_followed_to_its_end(
        program: u64,
        host: u64,
        cut in any::<proptest::sample::Index>(),
    ) {
        let (mut log, first) = toy::record(program, host);
        let head = LogReader::from_bytes(log.clone()).unwrap().frames()[0].offset as usize;
        log.truncate(head + cut.index(log.len() - head));
        let until = LogReader::from_bytes(log.clone()).unwrap().until();
        let second = toy::play(program, host + 1, log).map_err(|e| e.to_string()).unwrap();
        prop_assert!(second.states.len() <= first.states.len());
        prop_assert_eq!(&second.states[..], &first.states[..second.states.len()]);
        prop_assert_eq!((second.end.count, second.end.warp_ns), (until.count, until.warp_ns));
    }
}

#[test]
fn each_way_to_diverge_is_named() {
    type Act = fn(&Replay) -> Result<(), Divergence>;
    let run = [
        (at(10), typed("a")),
        (at(20), digest(3)),
        (
            at(30),
            Event::Clock {
                kind: ClockKind::Host,
                ns: 7,
            },
        ),
        (Instant::new(40, 0, 1), Event::InputSync),
        (
            at(50),
            Event::Shutdown {
                cause: Shutdown::GuestShutdown,
            },
        ),
    ];
    #[rustfmt::skip]
    let cases: [(usize, Act, Difference, &str); 14] = [
        (0, |r| r.due(at(11)).map(drop), Difference::TooLate,
            "the replay diverged at event #0: recorded char-input driver=0 \"a\" at 10, now at 11 it has not come"),
        (0, |r| r.next_stop(at(12)).map(drop), Difference::TooLate,
            "the replay diverged at event #0: recorded char-input driver=0 \"a\" at 10, now at 12 it has not come"),
        (0, |r| r.note(at(10), digest(3)), Difference::Kind,
            "the replay diverged at event #0: recorded char-input driver=0 \"a\" at 10, now at 10 digest \
             vcpus=0000000000000001 devices=0000000000000002 memory=0000000000000003"),
        (0, |r| r.clock(at(5), ClockKind::Host, || 0).map(drop), Difference::TooEarly,
            "the replay diverged at event #0: recorded char-input driver=0 \"a\" at 10, now at 5 it has not come"),
        (1, |r| r.note(at(20), digest(4)), Difference::Content,
            "the replay diverged at event #1: recorded digest vcpus=0000000000000001 devices=0000000000000002 \
             memory=0000000000000003 at 20, now at 20 digest vcpus=0000000000000001 devices=0000000000000002 \
             memory=0000000000000004"),
        (1, |r| r.note(at(19), digest(3)), Difference::TooEarly,
            "the replay diverged at event #1: recorded digest vcpus=0000000000000001 devices=0000000000000002 \
             memory=0000000000000003 at 20, now at 19 digest vcpus=0000000000000001 devices=0000000000000002 \
             memory=0000000000000003"),
        (1, |r| r.due(at(21)).map(drop), Difference::TooLate,
            "the replay diverged at event #1: recorded digest vcpus=0000000000000001 devices=0000000000000002 \
             memory=0000000000000003 at 20, now at 21 it has not come"),
        (2, |r| r.clock(at(30), ClockKind::VirtualRt, || 0).map(drop), Difference::Content,
            "the replay diverged at event #2: recorded clock Host ns=7 at 30, now at 30 it has not come"),
        (2, |r| r.random(at(30), &mut [0; 4], |_| {}), Difference::Kind,
            "the replay diverged at event #2: recorded clock Host ns=7 at 30, now at 30 it has not come"),
        (3, |r| r.next_stop(at(40)).map(drop), Difference::Round,
            "the replay diverged at event #3: recorded input-sync at 40/1, now at 40 without the timers that ran there"),
        (3, |r| Err(r.stuck(at(39))), Difference::Stuck,
            "the replay diverged at event #3: recorded input-sync at 40/1, now at 39 the machine makes no progress"),
        (4, |r| r.finish(at(50), Shutdown::GuestPanic, 1), Difference::Content,
            "the replay diverged at event #4: recorded shutdown GuestShutdown at 50, now at 50 shutdown GuestPanic"),
        (5, |r| r.finish(at(50), Shutdown::GuestShutdown, 2), Difference::Content,
            "the replay diverged at event #5: recorded end digest=0000000000000001 at 50, now at 50 end \
             digest=0000000000000002"),
        (6, |r| r.note(at(60), digest(3)), Difference::AfterEnd,
            "the replay diverged at event #6: recorded nothing more, now at 60 digest vcpus=0000000000000001 \
             devices=0000000000000002 memory=0000000000000003"),
    ];
    for (skip, act, difference, message) in cases {
        let replay = playing(&run, true);
        let position = replay.lock();
        let mut here = replay.position().unwrap();
        here.index = skip as u64;
        replay.seek(&here).unwrap();
        let divergence = act(&replay).unwrap_err();
        assert_eq!(
            (divergence.difference(), divergence.to_string().as_str()),
            (difference, message)
        );
        assert_eq!(divergence.index(), skip as u64);
        drop(position);
    }
}

#[test]
fn the_report_has_the_last_twenty_events() {
    let run: Vec<_> = (0..30).map(|i| (at(i), Event::AudioOut { played: i })).collect();
    let replay = playing(&run, false);
    let _period = replay.lock();
    for (at, event) in &run {
        replay.note(*at, event.clone()).unwrap();
    }
    let divergence = replay.note(at(31), digest(0)).unwrap_err();
    let lines: Vec<_> = divergence.history().iter().map(Stamped::to_string).collect();
    assert_eq!(lines.len(), 20);
    assert_eq!(lines[0], "#10 at 10: audio-out played=10");
    assert_eq!(lines[19], "#29 at 29: audio-out played=29");
    assert!(lines.iter().all(|line| !line.contains('\n')));
}

#[test]
fn a_stop_lets_the_machine_come_to_each_event() {
    let run = [
        (at(10), typed("a")),
        (
            at(20),
            Event::Clock {
                kind: ClockKind::Host,
                ns: 7,
            },
        ),
        (Instant::new(30, 500, 2), typed("b")),
        (Instant::new(30, 500, 2), Event::Block { id: 9 }),
    ];
    let stop = |count, warp_ns, waiting| Stop {
        count: Some(count),
        warp_ns,
        waiting,
    };
    for (skip, now, expected) in [
        (0, at(0), stop(10, None, false)),
        // At an event's count an idle machine warps no further than to it.
        (0, at(10), stop(10, Some(0), true)),
        // What the machine itself does belongs to the instruction from there on.
        (1, at(10), stop(21, None, false)),
        (1, at(20), stop(21, Some(1), false)),
        (2, at(29), stop(30, None, false)),
        (2, at(30), stop(30, Some(500), false)),
        (2, Instant::new(30, 400, 3), stop(30, Some(500), false)),
        // A completion that has not come.
        (3, Instant::new(30, 500, 2), stop(30, Some(500), true)),
        // Torn: up to where the log is known.
        (4, Instant::new(30, 400, 0), stop(30, Some(500), false)),
    ] {
        let replay = playing(&run, false);
        let _period = replay.lock();
        let position = Position {
            index: skip,
            ..replay.position().unwrap()
        };
        replay.seek(&position).unwrap();
        assert_eq!(replay.next_stop(now).unwrap(), expected, "{skip} {now}");
    }
}

#[test]
fn a_completion_waits_for_its_request() {
    let run = [
        (at(5), Event::Block { id: 1 }),
        (at(5), Event::BottomHalf { id: 1 }),
    ];
    let replay = playing(&run, false);
    let kicks = Arc::new(AtomicUsize::new(0));
    let counter = kicks.clone();
    replay.set_kick(Box::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let _period = replay.lock();
    assert_eq!(replay.submit(Event::BottomHalf { id: 1 }), None);
    assert_eq!(replay.submit(Event::Block { id: 2 }), None);
    assert_eq!(replay.due(at(5)).unwrap(), None);
    assert!(replay.next_stop(at(5)).unwrap().waiting);
    assert_eq!(replay.submit(Event::Block { id: 1 }), None);
    assert_eq!(kicks.load(Ordering::Relaxed), 3);
    assert_eq!(replay.due(at(5)).unwrap(), Some(Event::Block { id: 1 }));
    assert_eq!(replay.due(at(5)).unwrap(), Some(Event::BottomHalf { id: 1 }));
    assert!(matches!(replay.ended(at(5)), Some(Ending::Torn { .. })));
}

#[test]
fn an_ordinary_run_applies_at_once() {
    let replay = Replay::new(Mode::None, &BigLock::new());
    assert_eq!(replay.submit(typed("x")), Some(typed("x")));
    assert_eq!(replay.due(at(1)).unwrap(), None);
    assert_eq!(replay.next_stop(at(1)).unwrap(), Stop::default());
    assert_eq!(replay.clock(at(1), ClockKind::Host, || 5).unwrap(), 5);
    assert_eq!(replay.char_write(at(1), 0, || (1, 2)).unwrap(), (1, 2));
    assert!(replay.checkpoint(at(1), Checkpoint::Init) && replay.can_snapshot());
    replay.note(at(0), digest(1)).unwrap();
    replay.finish(at(0), Shutdown::HostSignal, 0).unwrap();
    assert!(replay.position().is_none() && replay.ended(at(1)).is_none() && replay.stopped().is_none());
}

#[test]
fn the_queue_is_bounded() {
    let replay = Replay::new(Mode::Record, &BigLock::new());
    let chunk = "x".repeat(1000);
    while replay.room(0) >= 1000 {
        replay.submit(typed(&chunk));
    }
    assert_eq!(replay.queued_bytes(0), 16_000);
    replay.submit(typed(&chunk));
    let packet = |filter| Event::Net {
        filter,
        flags: 0,
        bytes: vec![0; NET_LIMIT / 2],
    };
    for filter in 0..3 {
        replay.submit(packet(filter));
    }
    for _ in 0..PLAIN_LIMIT + 1 {
        replay.submit(Event::InputSync);
    }
    // What the guest waits for and what a person does is never refused.
    for id in 0..5000 {
        replay.submit(Event::Block { id });
    }
    replay.submit(Event::Control(Control::Reset));
    assert_eq!(replay.statistics().refused, 3);
    assert_eq!(replay.pending(), 16 + 2 + PLAIN_LIMIT + 5000 + 1);
    assert!(!replay.can_snapshot());
    let _period = replay.lock();
    let mut order = Vec::new();
    while let Some(event) = replay.due(at(1)).unwrap() {
        order.push(event.kind());
    }
    assert_eq!(order.len(), 16 + 2 + PLAIN_LIMIT + 5000 + 1);
    assert_eq!(
        (order[0], order[16], order[order.len() - 1]),
        (Kind::CharInput, Kind::Net, Kind::Control)
    );
    assert_eq!((replay.queued_bytes(0), replay.room(0)), (0, CHAR_LIMIT));
    replay.submit(typed("y"));
    replay.clear();
    assert!(replay.can_snapshot() && replay.due(at(2)).unwrap().is_none());
}

/// Idle time only grows: a machine that was idle for longer than the recorded one does not come to what followed.
#[test]
fn a_machine_that_idles_past_an_event_is_told() {
    let lock = BigLock::new();
    let (recorder, memory) = Recorder::memory(header());
    let replay = Replay::recorder(&lock, recorder);
    let held = replay.lock();
    replay.note(Instant::new(100, 50, 0), digest(1)).unwrap();
    replay
        .finish(Instant::new(200, 70, 0), Shutdown::GuestShutdown, 1)
        .unwrap();
    drop(held);
    let lock = BigLock::new();
    let replay = Replay::player(&lock, Player::from_bytes(memory.bytes()).unwrap());
    let _held = replay.lock();
    for (now, fits) in [
        ((90, 0), true),
        ((90, 50), true),
        ((90, 51), false),
        ((101, 0), false),
    ] {
        let stop = replay.next_stop(Instant::new(now.0, now.1, 0));
        assert_eq!(stop.is_ok(), fits, "{now:?}");
    }
}

#[test]
fn only_events_from_outside_are_queued() {
    for event in every_kind() {
        let replay = Replay::new(Mode::Record, &BigLock::new());
        let refused = panics(|| drop(replay.submit(event.clone())));
        assert_eq!(!refused, event.is_asynchronous(), "{event}");
    }
}

#[test]
fn the_log_is_touched_under_the_replay_lock_only() {
    for mode in [Mode::Record, Mode::Play] {
        let replay = Replay::new(mode, &BigLock::new());
        replay.submit(typed("x"));
        let touches: [(&str, &dyn Fn()); 6] = [
            ("due", &|| drop(replay.due(at(0)))),
            ("note", &|| drop(replay.note(at(0), digest(0)))),
            ("clock", &|| drop(replay.clock(at(0), ClockKind::Host, || 0))),
            ("flush", &|| replay.flush(at(0))),
            ("position", &|| _ = replay.position()),
            ("finish", &|| drop(replay.finish(at(0), Shutdown::None, 0))),
        ];
        for (name, touch) in touches {
            assert!(panics(touch), "{name} in {mode:?}");
        }
    }
}

#[test]
fn the_end_from_outside_is_written_once() {
    let (recorder, memory) = Recorder::memory(header());
    let replay = Replay::recorder(&BigLock::new(), recorder);
    let cause = Shutdown::HostUi;
    replay.submit(Event::Shutdown { cause });
    let _period = replay.lock();
    assert_eq!(replay.due(at(5)).unwrap(), Some(Event::Shutdown { cause }));
    replay.finish(at(5), cause, 1).unwrap();
    let (events, ending) = read(memory.bytes()).unwrap();
    let expected = [
        (at(5), Event::Shutdown { cause }),
        (at(5), Event::End { digest: 1 }),
    ];
    assert_eq!((&events[..], ending), (&expected[..], Ending::End));
}

#[test]
fn values_come_from_the_log() {
    let (recorder, memory) = Recorder::memory(header());
    let replay = Replay::recorder(&BigLock::new(), recorder);
    let drive = |replay: &Replay, host: u8| {
        let _period = replay.lock();
        let mut random = [0; 5];
        replay
            .random(at(1), &mut random, |bytes| bytes.fill(host))
            .unwrap();
        let clock = replay.clock(at(2), ClockKind::VirtualRt, || host.into()).unwrap();
        let write = replay.char_write(at(3), 1, || (host.into(), 9)).unwrap();
        let read = replay.char_read_all(at(4), 1, || Ok(vec![host])).unwrap();
        let error = replay.char_read_all(at(5), 1, || Err(i32::from(host))).unwrap();
        replay.note_interrupt(at(6), 0, 0x20).unwrap();
        let peeked = (
            replay.has_exception(at(7)),
            replay.has_exception(at(6)),
            replay.has_interrupt(at(7)),
        );
        replay.note_exception(at(7), 0, 14).unwrap();
        let passed = replay.checkpoint(at(8), Checkpoint::Reset);
        let _ = replay.note(at(8), Event::Snapshot { name: "s".into() });
        replay.finish(at(9), Shutdown::GuestShutdown, 1).unwrap();
        (random, clock, write, read, error, passed, peeked)
    };
    let (random, clock, write, read, error, passed, _) = drive(&replay, 1);
    assert_eq!(replay.statistics().total_events(), 11);
    let replay = Replay::player(&BigLock::new(), Player::from_bytes(memory.bytes()).unwrap());
    let peeked = (true, false, false);
    assert_eq!(
        drive(&replay, 2),
        (random, clock, write, read, error, passed, peeked)
    );
    let _period = replay.lock();
    assert_eq!(replay.ended(at(9)), Some(Ending::End));
    assert!(!replay.checkpoint(at(9), Checkpoint::Reset));
}

#[test]
fn the_end_is_reached_or_left() {
    for (cause, delivered) in [(Shutdown::GuestShutdown, false), (Shutdown::HostSignal, true)] {
        let (recorder, memory) = Recorder::memory(header());
        let replay = Replay::recorder(&BigLock::new(), recorder);
        let period = replay.lock();
        replay.note(at(10), digest(1)).unwrap();
        replay.finish(at(20), cause, 5).unwrap();
        drop(period);
        let player = || Player::from_bytes(memory.bytes()).unwrap();

        let replay = Replay::player(&BigLock::new(), player());
        let period = replay.lock();
        // A person may leave at any time; nothing is compared.
        replay.finish(at(3), Shutdown::HostSignal, 0).unwrap();
        replay.note(at(10), digest(1)).unwrap();
        assert_eq!(replay.ended(at(19)), None);
        let due = replay.due(at(20)).unwrap();
        assert_eq!(due, delivered.then_some(Event::Shutdown { cause }));
        replay.finish(at(20), cause, 5).unwrap();
        assert_eq!(replay.ended(at(20)), Some(Ending::End));
        drop(period);

        let replay = Replay::player(&BigLock::new(), player());
        let _period = replay.lock();
        assert!(
            replay.finish(at(20), Shutdown::GuestShutdown, 5).is_err(),
            "events are left"
        );
        replay.go_live();
        assert_eq!(replay.mode(), Mode::None);
        assert_eq!(replay.submit(typed("live")), Some(typed("live")));
        assert_eq!(replay.clock(at(1), ClockKind::Host, || 3).unwrap(), 3);
        assert!(replay.held(), "the lock stays a lock");
    }
}
