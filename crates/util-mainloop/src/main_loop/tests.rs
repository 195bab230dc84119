//! The loop with real descriptors, threads and clocks.

use super::*;
use crate::clock::{ClockSource, MonotonicClock};
use crate::lock::BigLock;
use crate::notifier::Wait;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
}

fn counter() -> (Arc<AtomicU32>, impl Fn() -> u32) {
    let count = Arc::new(AtomicU32::new(0));
    let read = Arc::clone(&count);
    (count, move || read.load(Ordering::Relaxed))
}

#[test]
fn level_triggered_until_read() {
    let mut main_loop = MainLoop::new().unwrap();
    let (reader, writer) = pipe();
    let (count, calls) = counter();
    let token = main_loop.handle().add_fd(reader, Interest::READ, move |ready| {
        assert!(ready.read);
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert!(!main_loop.run_once(&mut (), Timeout::ZERO).unwrap());
    rustix::io::write(&writer, b"x").unwrap();
    for expected in 1..=3 {
        assert!(main_loop.run_once(&mut (), Timeout::NEVER).unwrap());
        assert_eq!(calls(), expected);
    }
    main_loop.handle().set_interest(token, Interest::NONE);
    assert!(!main_loop.run_once(&mut (), Timeout::ZERO).unwrap());
    main_loop.handle().set_interest(token, Interest::READ);
    assert!(main_loop.run_once(&mut (), Timeout::ZERO).unwrap());
    main_loop.handle().remove_fd(token);
    assert!(!main_loop.run_once(&mut (), Timeout::ZERO).unwrap());
}

#[test]
fn hangup_is_reported_and_can_be_ignored() {
    let mut main_loop = MainLoop::new().unwrap();
    let (reader, writer) = pipe();
    let handle = main_loop.handle();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let slot = Arc::new(Mutex::new(None));
    let token = handle.add_fd(reader, Interest::READ, {
        let (seen, slot, handle) = (Arc::clone(&seen), Arc::clone(&slot), handle.clone());
        move |ready| {
            seen.lock().push(ready);
            handle.set_interest(slot.lock().unwrap(), Interest::NONE);
        }
    });
    *slot.lock() = Some(token);
    drop(writer);
    assert!(main_loop.run_once(&mut (), Timeout::NEVER).unwrap());
    assert!(seen.lock()[0].hangup);
    assert!(!main_loop.run_once(&mut (), Timeout::from_ms(1)).unwrap());
}

#[test]
fn handlers_run_in_order_and_may_change_the_set() {
    let mut main_loop = MainLoop::new().unwrap();
    let handle = main_loop.handle();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (_r, writable) = pipe();
    let writable = Arc::new(writable);
    let last: Arc<Mutex<Option<FdToken>>> = Arc::default();
    for name in 0..3 {
        let (log, third, inner) = (Arc::clone(&log), Arc::clone(&last), handle.clone());
        let shared = Arc::clone(&writable);
        let token = handle.add_fd(Arc::clone(&writable), Interest::WRITE, move |_| {
            log.lock().push(name);
            if name == 1 {
                // Takes out the third before its turn, and adds one that is not of this turn.
                inner.remove_fd(third.lock().unwrap());
                let log = Arc::clone(&log);
                inner.add_fd(Arc::clone(&shared), Interest::WRITE, move |_| log.lock().push(9));
            }
        });
        *last.lock() = Some(token);
    }
    main_loop.run_once(&mut (), Timeout::NEVER).unwrap();
    assert_eq!(*log.lock(), [0, 1]);
    main_loop.run_once(&mut (), Timeout::NEVER).unwrap();
    assert_eq!(*log.lock(), [0, 1, 0, 1, 9]);
}

#[test]
fn locks_are_down_in_the_poll_and_held_in_callbacks() {
    let lock = Arc::new(BigLock::new());
    let mut main_loop = MainLoop::new().unwrap();
    let handle = main_loop.handle();
    let other = std::thread::spawn({
        let (lock, handle) = (Arc::clone(&lock), handle.clone());
        move || {
            // Comes through only while the loop sleeps, because its thread never lets go otherwise.
            let guard = lock.lock();
            let lock = Arc::clone(&lock);
            handle.oneshot(move || assert!(lock.held()));
            drop(guard);
        }
    });
    let mut period = lock.period();
    while !main_loop.run_once(&mut period, Timeout::NEVER).unwrap() {}
    assert!(lock.held());
    drop(period);
    assert!(!lock.held());
    other.join().unwrap();
}

#[test]
fn timers_end_the_sleep_never_early() {
    let mut main_loop = MainLoop::new().unwrap();
    let list = TimerList::new(Arc::new(MonotonicClock));
    main_loop.handle().add_timers(&list);
    let (count, calls) = counter();
    let due = MonotonicClock.now_ns() + 3_000_000;
    let timer = list.timer(Box::new(move || {
        assert!(MonotonicClock.now_ns() >= due);
        count.fetch_add(1, Ordering::Relaxed);
    }));
    timer.arm(due);
    while calls() == 0 {
        main_loop.run_once(&mut (), Timeout::NEVER).unwrap();
    }
    // Armed by another thread during the sleep.
    let armer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(5));
        timer.arm(0);
        timer
    });
    while calls() == 1 {
        main_loop.run_once(&mut (), Timeout::NEVER).unwrap();
    }
    let timer = armer.join().unwrap();
    main_loop.handle().remove_timers(&list);
    timer.arm(0);
    assert!(!main_loop.run_once(&mut (), Timeout::from_ms(1)).unwrap());
}

#[test]
fn wakes_are_never_lost() {
    let mut main_loop = MainLoop::new().unwrap();
    let handle = main_loop.handle();
    let (count, calls) = counter();
    let producers: Vec<_> = (0..3)
        .map(|_| {
            let (handle, count) = (handle.clone(), Arc::clone(&count));
            std::thread::spawn(move || {
                let half = handle.bottom_half(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                });
                for _ in 0..2000 {
                    half.schedule();
                    while half.is_scheduled() {
                        std::thread::yield_now();
                    }
                }
                // The flag falls before the callback runs; let the last one finish.
                let (done, seen) = (Arc::new(AtomicBool::new(false)), ());
                let flag = Arc::clone(&done);
                handle.oneshot(move || flag.store(true, Ordering::Release));
                while !done.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                seen
            })
        })
        .collect();
    // A lost wake hangs here.
    while producers.iter().any(|p| !p.is_finished()) {
        main_loop.run_once(&mut (), Timeout::from_ms(1000)).unwrap();
    }
    assert_eq!(calls(), 6000);
}

struct Clocked {
    fd: Arc<OwnedFd>,
    log: Arc<Mutex<Vec<(bool, bool)>>>,
}

impl Notifier for Clocked {
    fn fill(&mut self, wait: &mut Wait) {
        assert_eq!(wait.add_fd(Arc::clone(&self.fd), Interest::READ), 0);
        wait.at_most(Timeout::from_ms(1));
    }
    fn poll(&mut self, found: &Found) {
        self.log
            .lock()
            .push((found.ready(0).read, found.result().is_ok()));
    }
}

#[test]
fn notifiers_fill_and_poll() {
    let mut main_loop = MainLoop::new().unwrap();
    let (reader, writer) = pipe();
    let log = Arc::new(Mutex::new(Vec::new()));
    let notifier = Clocked {
        fd: Arc::new(reader),
        log: Arc::clone(&log),
    };
    let token = main_loop.handle().add_notifier(Box::new(notifier));
    assert!(!main_loop.run_once(&mut (), Timeout::NEVER).unwrap());
    rustix::io::write(&writer, b"x").unwrap();
    assert!(main_loop.run_once(&mut (), Timeout::NEVER).unwrap());
    assert_eq!(*log.lock(), [(false, true), (true, true)]);
    main_loop.handle().remove_notifier(token);
    assert!(!main_loop.run_once(&mut (), Timeout::ZERO).unwrap());
}

#[test]
fn a_callback_may_turn_the_loop() {
    let mut main_loop = MainLoop::new().unwrap();
    let handle = main_loop.handle();
    let log = Arc::new(Mutex::new(Vec::new()));
    handle.oneshot({
        let (handle, log) = (handle.clone(), Arc::clone(&log));
        move || {
            log.lock().push("outer");
            handle.oneshot({
                let log = Arc::clone(&log);
                move || log.lock().push("inner")
            });
            while log.lock().len() < 3 {
                handle.run_nested(Timeout::NEVER).unwrap();
            }
            log.lock().push("end");
        }
    });
    handle.oneshot({
        let log = Arc::clone(&log);
        move || log.lock().push("rest of the outer slice")
    });
    main_loop.run_once(&mut (), Timeout::NEVER).unwrap();
    assert_eq!(*log.lock(), ["outer", "rest of the outer slice", "inner", "end"]);
}

#[test]
fn a_dropped_loop_lets_go_of_everything() {
    let main_loop = MainLoop::new().unwrap();
    let handle = main_loop.handle();
    let (reader, writer) = pipe();
    let token = Arc::new(());
    let held = [Arc::clone(&token), Arc::clone(&token)].map(|t| (t, handle.clone()));
    let [a, b] = held;
    handle.add_fd(reader, Interest::READ, move |_| drop(a.clone()));
    handle.oneshot(move || drop(b));
    drop(main_loop);
    assert_eq!(Arc::strong_count(&token), 1);
    assert_eq!(rustix::io::write(&writer, b"x"), Err(rustix::io::Errno::PIPE));
    handle.notify(); // nobody there; harmless
}
