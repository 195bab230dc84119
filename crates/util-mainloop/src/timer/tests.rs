//! Timers against a plain model, and the corners a device relies on.

use super::*;
use crate::clock::ManualClock;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU32};

fn list_at(ns: i64) -> (Arc<ManualClock>, Arc<TimerList>) {
    let clock = Arc::new(ManualClock::new(ns));
    let list = TimerList::new(clock.clone());
    (clock, list)
}

/// A timer that appends `name` and the time to `log` when it runs.
fn logging(list: &Arc<TimerList>, log: &Arc<Mutex<Vec<(usize, i64)>>>, name: usize) -> Timer {
    let (weak, log) = (Arc::downgrade(list), Arc::clone(log));
    list.timer(Box::new(move || {
        log.lock().push((name, weak.upgrade().unwrap().now_ns()))
    }))
}

#[derive(Clone, Debug)]
enum Action {
    Arm(usize, i64),
    Anticipate(usize, i64),
    Cancel(usize),
    Advance(i64),
    Enable(bool),
}

fn action() -> impl Strategy<Value = Action> {
    let timer = 0..6usize;
    prop_oneof![
        4 => (timer.clone(), -5..60i64).prop_map(|(t, at)| Action::Arm(t, at)),
        2 => (timer.clone(), -5..60i64).prop_map(|(t, at)| Action::Anticipate(t, at)),
        1 => timer.prop_map(Action::Cancel),
        2 => (0..10i64).prop_map(Action::Advance),
        1 => any::<bool>().prop_map(Action::Enable),
    ]
}

proptest! {
    /// (expiry, insertion) order, never early, each arming at most once, head and epoch as the model says.
    #[test]
    fn as_a_sorted_list(actions in proptest::collection::vec(action(), 1..80)) {
        let (clock, list) = list_at(0);
        let log = Arc::new(Mutex::new(Vec::new()));
        let timers: Vec<_> = (0..6).map(|name| logging(&list, &log, name)).collect();
        let notified = Arc::new(AtomicU32::new(0));
        list.set_notify(Arc::new({
            let notified = Arc::clone(&notified);
            move || { notified.fetch_add(1, Ordering::Relaxed); }
        }));
        // The model: armings in order of insertion.
        let mut model: Vec<(i64, usize)> = Vec::new();
        let mut enabled = true;
        let head = |model: &[(i64, usize)], enabled: bool| {
            model.iter().map(|&(at, _)| at).min().filter(|_| enabled)
        };
        for action in actions {
            let (head_before, epoch_before) = (head(&model, enabled), list.deadline_epoch());
            let notified_before = notified.load(Ordering::Relaxed);
            let mut ran = false;
            match action {
                Action::Arm(t, at) => {
                    timers[t].arm(at);
                    model.retain(|&(_, name)| name != t);
                    model.push((at.max(0), t));
                }
                Action::Anticipate(t, at) => {
                    timers[t].anticipate(at);
                    if model.iter().all(|&(known, name)| name != t || at.max(0) < known) {
                        model.retain(|&(_, name)| name != t);
                        model.push((at.max(0), t));
                    }
                }
                Action::Cancel(t) => {
                    timers[t].cancel();
                    model.retain(|&(_, name)| name != t);
                }
                Action::Enable(on) => {
                    list.set_enabled(on);
                    enabled = on;
                }
                Action::Advance(ns) => {
                    clock.advance(ns);
                    let now = clock.now_ns();
                    let mut due: Vec<_> = model.iter().copied().filter(|&(at, _)| enabled && at <= now).collect();
                    due.sort_by_key(|&(at, _)| at); // stable: insertion order stays
                    if enabled {
                        model.retain(|&(at, _)| at > now);
                    }
                    ran = list.run_expired();
                    prop_assert_eq!(ran, !due.is_empty());
                    let expected: Vec<_> = due.into_iter().map(|(_, name)| (name, now)).collect();
                    prop_assert_eq!(std::mem::take(&mut *log.lock()), expected);
                }
            }
            let head_after = head(&model, enabled);
            prop_assert_eq!(list.deadline(), head_after);
            for (t, timer) in timers.iter().enumerate() {
                prop_assert_eq!(timer.expiry(), model.iter().find(|&&(_, name)| name == t).map(|&(at, _)| at));
            }
            if head_before != head_after {
                prop_assert_ne!(list.deadline_epoch(), epoch_before);
            } else if !ran {
                prop_assert_eq!(list.deadline_epoch(), epoch_before);
            }
            let earlier = head_after.is_some_and(|a| head_before.is_none_or(|b| a < b));
            prop_assert_eq!(notified.load(Ordering::Relaxed) - notified_before, u32::from(earlier));
        }
        prop_assert!(log.lock().is_empty());
    }
}

#[test]
fn a_callback_may_re_arm_itself() {
    let (clock, list) = list_at(100);
    let slot: Arc<Mutex<Option<Timer>>> = Arc::default();
    let count = Arc::new(AtomicU32::new(0));
    let timer = list.timer(Box::new({
        let (slot, count) = (Arc::clone(&slot), Arc::clone(&count));
        move || {
            let slot = slot.lock();
            let timer = slot.as_ref().unwrap();
            assert!(!timer.is_pending(), "inactive while it runs");
            // Catching up: twice in the past, then in the future.
            let runs = count.fetch_add(1, Ordering::Relaxed) + 1;
            timer.arm(if runs < 3 { 10 } else { 200 });
        }
    }));
    timer.arm(0);
    *slot.lock() = Some(timer);
    assert!(list.run_expired());
    assert_eq!(count.load(Ordering::Relaxed), 3);
    assert_eq!(list.deadline(), Some(200));
    clock.set(199);
    assert!(!list.run_expired());
    slot.lock().take();
    assert_eq!(list.deadline(), None);
}

#[test]
fn a_callback_may_drop_timers_its_own_included() {
    let (_clock, list) = list_at(5);
    let slots: Arc<Mutex<Vec<Timer>>> = Arc::default();
    let ran = Arc::new(AtomicU32::new(0));
    for at in [1, 2, 3] {
        let timer = list.timer(Box::new({
            let (slots, ran) = (Arc::clone(&slots), Arc::clone(&ran));
            move || {
                ran.fetch_add(1, Ordering::Relaxed);
                let all = std::mem::take(&mut *slots.lock());
                drop(all);
            }
        }));
        timer.arm(at);
        slots.lock().push(timer);
    }
    assert!(list.run_expired());
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    assert!(!list.run_expired());
}

#[test]
fn a_reused_slot_is_another_timer() {
    let (_clock, list) = list_at(5);
    let ran = Arc::new(Mutex::new(Vec::new()));
    let slot: Arc<Mutex<Option<Timer>>> = Arc::default();
    let timer = list.timer(Box::new({
        let (slot, ran, list) = (Arc::clone(&slot), Arc::clone(&ran), Arc::downgrade(&list));
        move || {
            ran.lock().push("old");
            // Frees our slot and takes it for a new timer while our callback is out.
            slot.lock().take();
            let ran = Arc::clone(&ran);
            let new = list
                .upgrade()
                .unwrap()
                .timer(Box::new(move || ran.lock().push("new")));
            new.arm(0);
            *slot.lock() = Some(new);
        }
    }));
    timer.arm(0);
    *slot.lock() = Some(timer);
    assert!(list.run_expired());
    assert_eq!(*ran.lock(), ["old", "new"]);
}

#[test]
fn disabling_waits_for_a_running_callback() {
    let (_clock, list) = list_at(5);
    let (began, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let timer = list.timer(Box::new({
        let (began, done) = (Arc::clone(&began), Arc::clone(&done));
        move || {
            began.store(true, Ordering::Release);
            std::thread::sleep(std::time::Duration::from_millis(30));
            done.store(true, Ordering::Release);
        }
    }));
    timer.arm(0);
    let runner = std::thread::spawn({
        let list = Arc::clone(&list);
        move || list.run_expired()
    });
    while !began.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    assert!(!list.run_expired(), "one runner at a time");
    list.set_enabled(false);
    assert!(done.load(Ordering::Acquire));
    assert_eq!(list.deadline(), None);
    timer.arm(1);
    assert!(!list.run_expired());
    list.set_enabled(true);
    assert_eq!(list.deadline(), Some(1));
    assert!(runner.join().unwrap());
}

#[test]
fn disabling_from_a_callback_ends_the_run() {
    let (_clock, list) = list_at(5);
    let weak = Arc::downgrade(&list);
    let stop = list.timer(Box::new(move || weak.upgrade().unwrap().set_enabled(false)));
    let log = Arc::new(Mutex::new(Vec::new()));
    let after = logging(&list, &log, 0);
    stop.arm(1);
    after.arm(2);
    assert!(list.run_expired());
    assert!(after.is_pending() && log.lock().is_empty());
    list.set_enabled(true);
    assert!(list.run_expired());
    assert_eq!(*log.lock(), [(0, 5)]);
}

#[test]
fn armed_by_others_while_one_thread_runs_them() {
    let (clock, list) = list_at(0);
    let fired = Arc::new(AtomicU32::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let owner = std::thread::spawn({
        let (list, clock, stop) = (Arc::clone(&list), Arc::clone(&clock), Arc::clone(&stop));
        move || {
            let mut epoch = list.deadline_epoch();
            while !stop.load(Ordering::Acquire) {
                clock.advance(1);
                if std::mem::replace(&mut epoch, list.deadline_epoch()) != epoch || list.deadline().is_some()
                {
                    list.run_expired();
                }
            }
        }
    });
    let armers: Vec<_> = (0..3)
        .map(|_| {
            let (list, fired) = (Arc::clone(&list), Arc::clone(&fired));
            std::thread::spawn(move || {
                for _ in 0..300 {
                    let due = list.now_ns() + 3;
                    let seen = Arc::new(AtomicBool::new(false));
                    let timer = list.timer(Box::new({
                        let (fired, seen, list) =
                            (Arc::clone(&fired), Arc::clone(&seen), Arc::downgrade(&list));
                        move || {
                            assert!(list.upgrade().unwrap().now_ns() >= due);
                            fired.fetch_add(1, Ordering::Relaxed);
                            seen.store(true, Ordering::Release);
                        }
                    }));
                    timer.arm(due);
                    while !seen.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    for armer in armers {
        armer.join().unwrap();
    }
    stop.store(true, Ordering::Release);
    owner.join().unwrap();
    assert_eq!(fired.load(Ordering::Relaxed), 900);
}

/// Armed in another order than they shall run: by number, and for other times.
#[test]
fn order_is_restored() {
    let (clock, list) = list_at(0);
    let log = Arc::new(Mutex::new(Vec::new()));
    let timers: Vec<_> = (0..4).map(|name| logging(&list, &log, name)).collect();
    for (name, at) in [(2, 10), (0, 10), (3, 5), (1, 10)] {
        timers[name].arm(at);
    }
    let order = list.armed();
    assert_eq!(order, [(3, 5), (2, 10), (0, 10), (1, 10)]);
    timers.iter().for_each(Timer::cancel);
    for (name, at) in [(0, 10), (1, 10), (2, 10), (3, 5)] {
        assert_eq!(list.reorder(&order), Err(TimersDiffer));
        timers[name].arm(at);
    }
    list.reorder(&order).unwrap();
    assert_eq!(list.armed(), order);
    let mut wrong = order.clone();
    wrong[0].1 = 6;
    assert_eq!(list.reorder(&wrong), Err(TimersDiffer));
    // Armed anew, a timer still queues behind the others.
    timers[2].arm(10);
    clock.set(10);
    list.run_expired();
    let ran: Vec<_> = log.lock().iter().map(|(name, _)| *name).collect();
    assert_eq!(ran, [3, 0, 1, 2]);
}
