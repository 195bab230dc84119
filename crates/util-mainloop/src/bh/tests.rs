//! Episodes and slices, against a model and by example.

use super::*;
use proptest::prelude::*;

fn set() -> (Arc<BottomHalves>, Arc<dyn Fn() + Send + Sync>) {
    (Arc::new(BottomHalves::new()), Arc::new(|| {}))
}

type Log = Arc<parking_lot::Mutex<Vec<usize>>>;

fn logging(set: &Arc<BottomHalves>, log: &Log, name: usize) -> BottomHalf {
    let log = Arc::clone(log);
    set.bottom_half(Box::new(move || log.lock().push(name)), Arc::new(|| {}))
}

#[derive(Clone, Debug)]
enum Action {
    Schedule(usize),
    Idle(usize),
    Cancel(usize),
    Poll,
}

proptest! {
    /// Each runs once per episode, in the order of queueing.
    #[test]
    fn once_per_episode(actions in proptest::collection::vec(prop_oneof![
        3 => (0..4usize).prop_map(Action::Schedule),
        1 => (0..4usize).prop_map(Action::Idle),
        1 => (0..4usize).prop_map(Action::Cancel),
        2 => Just(Action::Poll),
    ], 1..60)) {
        let (set, _) = set();
        let log = Log::default();
        let halves: Vec<_> = (0..4).map(|name| logging(&set, &log, name)).collect();
        // (name, scheduled, idle); a cancelled one keeps its place in the queue.
        let mut model: Vec<(usize, bool, bool)> = Vec::new();
        for action in actions {
            match action {
                Action::Schedule(n) | Action::Idle(n) => {
                    let idle = matches!(action, Action::Idle(_));
                    if idle { halves[n].schedule_idle() } else { halves[n].schedule() }
                    match model.iter_mut().find(|entry| entry.0 == n) {
                        Some(entry) => if idle { entry.2 = true } else { entry.1 = true },
                        None => model.push((n, !idle, idle)),
                    }
                }
                Action::Cancel(n) => {
                    halves[n].cancel();
                    model.iter_mut().filter(|e| e.0 == n).for_each(|e| (e.1, e.2) = (false, false));
                }
                Action::Poll => {
                    let expected: Vec<_> = model.iter().filter(|e| e.1 || e.2).map(|e| e.0).collect();
                    prop_assert_eq!(set.poll(), model.iter().any(|e| e.1));
                    prop_assert_eq!(std::mem::take(&mut *log.lock()), expected);
                    model.clear();
                }
            }
            let timeout = if model.iter().any(|e| e.1) { Timeout::ZERO }
                else if model.iter().any(|e| e.2) { Timeout::from_ns(IDLE_NS) }
                else { Timeout::NEVER };
            prop_assert_eq!(set.timeout(), timeout);
        }
    }
}

#[test]
fn newly_scheduled_run_in_the_next_slice() {
    let (set, wake) = set();
    let log = Log::default();
    let again: Arc<parking_lot::Mutex<Option<BottomHalf>>> = Arc::default();
    let half = set.bottom_half(
        Box::new({
            let (log, again) = (Arc::clone(&log), Arc::clone(&again));
            move || {
                log.lock().push(0);
                again.lock().as_ref().unwrap().schedule();
            }
        }),
        wake,
    );
    half.schedule();
    *again.lock() = Some(half);
    for runs in 1..=3 {
        assert!(set.poll());
        assert_eq!(log.lock().len(), runs);
    }
    again.lock().take();
    assert!(!set.poll());
}

#[test]
fn oneshots_run_once_in_order() {
    let (set, _) = set();
    let log = Log::default();
    for name in 0..3 {
        let log = Arc::clone(&log);
        set.oneshot(Box::new(move || log.lock().push(name)));
    }
    assert!(set.poll());
    assert!(!set.poll());
    assert_eq!(*log.lock(), [0, 1, 2]);
}

#[test]
fn nested_polls_share_slices_and_do_not_re_enter() {
    let (set, _) = set();
    let log = Log::default();
    let slot: Arc<parking_lot::Mutex<Option<Arc<BottomHalf>>>> = Arc::default();
    let depth = Arc::new(parking_lot::Mutex::new(0));
    let outer = Arc::new(set.bottom_half(
        Box::new({
            let (set, log, slot, depth) = (
                Arc::clone(&set),
                Arc::clone(&log),
                Arc::clone(&slot),
                Arc::clone(&depth),
            );
            move || {
                *depth.lock() += 1;
                assert_eq!(*depth.lock(), 1, "entered while running");
                log.lock().push(0);
                let me = slot.lock().take();
                if let Some(me) = me {
                    me.schedule();
                    set.poll();
                    assert!(me.is_scheduled(), "its new episode waits");
                }
                *depth.lock() -= 1;
            }
        }),
        Arc::new(|| {}),
    ));
    *slot.lock() = Some(Arc::clone(&outer));
    let rest = logging(&set, &log, 1);
    outer.schedule();
    rest.schedule();
    assert!(set.poll());
    assert_eq!(*log.lock(), [0, 1]);
    assert!(set.poll());
    assert_eq!(*log.lock(), [0, 1, 0]);
}

#[test]
fn dropping_one_deletes_it() {
    let (set, wake) = set();
    let log = Log::default();
    let half = logging(&set, &log, 0);
    half.schedule();
    drop(half);
    assert_eq!(set.timeout(), Timeout::NEVER);
    assert!(!set.poll());
    assert!(log.lock().is_empty());

    // From within its own callback.
    let slot: Arc<parking_lot::Mutex<Option<BottomHalf>>> = Arc::default();
    let token = Arc::new(());
    let half = set.bottom_half(
        Box::new({
            let (slot, token) = (Arc::clone(&slot), Arc::clone(&token));
            move || {
                let _token = &token;
                let me = slot.lock().take();
                drop(me);
            }
        }),
        wake,
    );
    half.schedule();
    *slot.lock() = Some(half);
    assert!(set.poll());
    assert_eq!(Arc::strong_count(&token), 1, "the callback is gone");
}
