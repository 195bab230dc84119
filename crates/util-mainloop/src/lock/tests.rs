//! Assertions that hold in release too, and the order of periods.

use super::*;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// A gate as the replay lock is one.
struct Ticket {
    lock: TicketLock,
    big: Witness,
}

impl Gate for Ticket {
    fn enter(&self) {
        assert!(!self.big.held(), "order");
        self.lock.lock();
    }
    fn leave(&self) {
        self.lock.unlock();
    }
    fn held(&self) -> bool {
        self.lock.held()
    }
}

fn gated() -> (Arc<BigLock>, Arc<Ticket>) {
    let big = Arc::new(BigLock::new());
    let gate = Arc::new(Ticket {
        lock: TicketLock::new(),
        big: big.witness(),
    });
    big.set_gate(gate.clone());
    (big, gate)
}

#[test]
fn ownership_is_per_thread_and_machine() {
    let (a, b) = (Arc::new(BigLock::new()), BigLock::new());
    let guard = a.lock();
    assert!(a.held() && a.witness().held() && !b.held());
    let other = Arc::clone(&a);
    std::thread::spawn(move || assert!(!other.held())).join().unwrap();
    let _both = b.lock();
    drop(guard);
    assert!(!a.held() && b.held());
}

#[test]
fn twice_is_a_bug() {
    let big = BigLock::new();
    let guard = big.lock();
    assert!(panics(|| drop(big.lock())));
    assert!(big.lock_unless_held().is_none());
    drop(guard);
    assert!(big.lock_unless_held().is_some());
    let ticket = TicketLock::new();
    ticket.lock();
    assert!(panics(|| ticket.lock()));
    ticket.unlock();
    assert!(panics(|| ticket.unlock()));
}

#[test]
fn the_gate_comes_first() {
    let (big, gate) = gated();
    let guard = big.lock();
    assert!(panics(|| drop(big.period())));
    assert!(panics(|| gate.enter()));
    drop(guard);
    assert_eq!(gate.lock.queue_len(), 0, "a refused entry draws no ticket");

    let mut period = big.period();
    assert!(gate.held() && big.held());
    assert!(panics(|| drop(big.period())));
    period.unlocked(&mut || assert!(!gate.held() && !big.held()));
    assert!(gate.held() && big.held());
    period.leave_gate();
    assert!(!gate.held() && big.held(), "dropping it alone is allowed");
    period.leave_gate();
    period.unlocked(&mut || assert!(!big.held()));
    assert!(gate.held() && big.held());
    drop(period);
    assert!(!gate.held() && !big.held());
}

#[test]
fn waiting_in_the_gate_is_a_bug() {
    let (big, gate) = gated();
    let condition = BigCondvar::new();
    let mut period = big.period();
    assert!(panics(|| condition.wait(period.big())));
    period.without_gate(|guard| {
        assert!(!gate.held());
        assert!(!condition.wait_for(guard, 1_000_000), "nobody notifies");
        assert!(big.held());
    });
    assert!(gate.held() && big.held());
}

#[test]
fn a_panic_releases() {
    let big = BigLock::new();
    assert!(panics(|| {
        let mut guard = big.lock();
        guard.unlocked(|| panic!("inside"));
    }));
    assert!(panics(|| {
        let _guard = big.lock();
        panic!("outside");
    }));
    assert!(!big.held());
    drop(big.lock());
}

#[test]
fn condition_on_the_big_lock() {
    let big = Arc::new(BigLock::new());
    let condition = Arc::new(BigCondvar::new());
    let ready = Arc::new(Mutex::new(false));
    let mut guard = big.lock();
    let other = std::thread::spawn({
        let (big, condition, ready) = (Arc::clone(&big), Arc::clone(&condition), Arc::clone(&ready));
        move || {
            let _guard = big.lock();
            *ready.lock() = true;
            condition.notify_all();
        }
    });
    while !*ready.lock() {
        condition.wait(&mut guard);
        assert!(big.held());
    }
    drop(guard);
    other.join().unwrap();
}

#[test]
fn tickets_are_served_in_order() {
    let lock = Arc::new(TicketLock::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    lock.lock();
    let threads: Vec<_> = (0..8)
        .map(|name| {
            let (inner, order) = (Arc::clone(&lock), Arc::clone(&order));
            let thread = std::thread::spawn(move || {
                inner.lock();
                order.lock().push(name);
                inner.unlock();
            });
            // The next arrival only after this one stands in line.
            while lock.queue_len() < name + 2 {
                std::thread::yield_now();
            }
            thread
        })
        .collect();
    lock.unlock();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*order.lock(), (0..8).collect::<Vec<_>>());
}

#[test]
fn two_threads_alternate() {
    let lock = Arc::new(TicketLock::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    let start = Arc::new(std::sync::Barrier::new(2));
    let threads: Vec<_> = (0..2)
        .map(|name| {
            let (lock, order, start) = (Arc::clone(&lock), Arc::clone(&order), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                for turn in 0..200 {
                    lock.lock();
                    order.lock().push(name);
                    // Under contention: do not go before the other has come (it has stopped after its last turn).
                    while turn < 199
                        && lock.queue_len() < 2
                        && order.lock().iter().filter(|&&n| n != name).count() < 200
                    {
                        std::thread::yield_now();
                    }
                    lock.unlock();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let order = order.lock();
    let repeats = order.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(repeats <= 2, "{repeats} repeats in {} turns", order.len());
}
