//! Order and ownership in each mode, and the list of blockers.

use super::samples::panics;
use crate::{Mode, Replay};
use parking_lot::Mutex;
use util_mainloop::BigLock;

const MODES: [Mode; 3] = [Mode::None, Mode::Record, Mode::Play];

#[test]
fn taking_it_under_the_big_lock_is_a_bug_in_every_mode() {
    for mode in MODES {
        let big = BigLock::new();
        let replay = Replay::new(mode, &big);
        let guard = big.lock();
        assert!(panics(|| drop(replay.lock())), "{mode:?}");
        assert!(panics(|| drop(big.period())), "{mode:?}");
        drop(guard);
        drop(replay.lock());
    }
}

#[test]
fn dropping_it_under_the_big_lock_is_allowed() {
    for mode in MODES {
        let big = BigLock::new();
        let replay = Replay::new(mode, &big);
        let period = replay.lock();
        let guard = big.lock();
        drop(period);
        assert!(!replay.held() && big.held());
        drop(guard);
    }
}

#[test]
fn ownership_is_per_thread() {
    for (mode, held) in [(Mode::None, false), (Mode::Record, true), (Mode::Play, true)] {
        let big = BigLock::new();
        let replay = Replay::new(mode, &big);
        let guard = replay.lock();
        assert_eq!(replay.held(), held);
        assert_eq!(panics(|| drop(replay.lock())), held, "twice");
        assert!(std::thread::scope(|s| s.spawn(|| !replay.held()).join().unwrap()));
        drop(guard);
        assert!(!replay.held());
    }
}

#[test]
fn two_machines_do_not_know_each_other() {
    let (big_a, big_b) = (BigLock::new(), BigLock::new());
    let (a, b) = (Replay::new(Mode::Record, &big_a), Replay::new(Mode::Play, &big_b));
    let in_a = big_a.period();
    let in_b = big_b.period();
    assert!(a.held() && b.held());
    drop(in_a);
    assert!(!a.held() && b.held());
    drop(in_b);
}

#[test]
fn periods_of_two_threads_exclude_each_other() {
    let big = BigLock::new();
    let replay = Replay::new(Mode::Record, &big);
    let inside = Mutex::new(());
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                for _ in 0..500 {
                    let mut period = big.period();
                    let alone = inside.try_lock().expect("alone in a period");
                    assert!(replay.held());
                    drop(alone);
                    period.leave_gate();
                    assert!(!replay.held() && big.held());
                }
            });
        }
    });
}

#[test]
fn all_blockers_are_named() {
    for (mode, message) in [
        (Mode::None, None),
        (
            Mode::Record,
            Some("cannot record: -smp 2: one CPU only; -rtc base=localtime: depends on the host"),
        ),
        (
            Mode::Play,
            Some("cannot replay: -smp 2: one CPU only; -rtc base=localtime: depends on the host"),
        ),
    ] {
        let replay = Replay::new(mode, &BigLock::new());
        replay.start().unwrap();
        replay.add_blocker("-smp 2", "one CPU only");
        replay.add_blocker("-rtc base=localtime", "depends on the host");
        assert_eq!(replay.start().err().map(|e| e.to_string()).as_deref(), message);
    }
}
