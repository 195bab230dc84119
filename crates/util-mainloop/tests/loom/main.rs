//! Models of our own protocols, run through all interleavings by loom.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p util-mainloop --release --test loom --target-dir target/loom`
//!
//! Each test bears the name of a property: M1 order of locks, M2 tickets, M3 exclusive sections, M4 work and sleep, M5 exit
//! requests, M6 the wake-up handshake, M7 bottom halves, M8 clocks, M11 timers of a stopped clock, M12 synced flushes, M13
//! waiting replays. (M9 and M10 are softmmu's.)
#![cfg(loom)]

mod crew;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;
use util_mainloop::Exclusive;
use util_mainloop::bh::BottomHalves;
use util_mainloop::clock::{ClockSource, HostClock};
use util_mainloop::lock::{BigCondvar, BigLock, Gate, TicketLock, Witness};
use util_mainloop::sync::{Condvar, Mutex};
use util_mainloop::timer::TimerList;
use util_mainloop::wake::{Bell, Wakeup};

/// A bell to wait on: a level, as an eventfd is.
struct Level {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Level {
    fn new() -> Self {
        Self {
            rung: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            self.changed.wait(&mut rung);
        }
    }
}

impl Bell for Level {
    fn ring(&self) {
        *self.rung.lock() = true;
        self.changed.notify_all();
    }
    fn silence(&self) {
        *self.rung.lock() = false;
    }
}

/// M6: a sleeper that looks for work after announcing itself never sleeps over any. A lost wake is a deadlock.
fn handshake(producers: usize, preemptions: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        let wakeup = Arc::new(Wakeup::new(Level::new()));
        let work = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..producers)
            .map(|_| {
                let (wakeup, work) = (wakeup.clone(), work.clone());
                thread::spawn(move || {
                    // Relaxed on purpose: the barriers are the handshake's own.
                    work.fetch_add(1, Ordering::Relaxed);
                    wakeup.notify();
                })
            })
            .collect();
        let mut done = 0;
        while done < producers {
            wakeup.announce();
            let found = work.swap(0, Ordering::Relaxed);
            if found == 0 {
                wakeup.bell().wait();
                wakeup.awake(true);
            } else {
                wakeup.awake(false);
            }
            done += found;
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn m6_no_wake_is_lost_with_one_producer() {
    handshake(1, None);
}

#[test]
fn m6_no_wake_is_lost_with_two_producers() {
    // Unbounded this takes three minutes (and passes); a bound of three finds the same mistakes in seconds.
    handshake(2, Some(3));
}

/// M7: scheduling while the loop polls opens a new episode or joins the one that has not begun; none is lost.
#[test]
fn m7_bottom_half_scheduled_during_a_poll() {
    loom::model(|| {
        let set = Arc::new(BottomHalves::new());
        let data = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(AtomicUsize::new(0));
        let half = {
            let (data, seen) = (data.clone(), seen.clone());
            let run = move || {
                seen.fetch_max(data.load(Ordering::Acquire), Ordering::Relaxed);
            };
            set.bottom_half(Box::new(run), Arc::new(|| {}))
        };
        half.schedule();
        let producer = {
            let data = data.clone();
            thread::spawn(move || {
                data.store(1, Ordering::Release);
                half.schedule();
                half
            })
        };
        set.poll();
        let half = producer.join().unwrap();
        set.poll();
        assert!(!half.is_scheduled());
        assert_eq!(seen.load(Ordering::Relaxed), 1, "the second scheduling was lost");
    });
}

/// M7: dropping one on another thread races with the poll that would run it.
#[test]
fn m7_bottom_half_deleted_during_a_poll() {
    loom::model(|| {
        let set = Arc::new(BottomHalves::new());
        let runs = Arc::new(AtomicUsize::new(0));
        let half = {
            let runs = runs.clone();
            let run = move || {
                runs.fetch_add(1, Ordering::Relaxed);
            };
            set.bottom_half(Box::new(run), Arc::new(|| {}))
        };
        half.schedule();
        let dropper = thread::spawn(move || drop(half));
        set.poll();
        dropper.join().unwrap();
        let before = runs.load(Ordering::Relaxed);
        set.poll();
        assert!(before <= 1 && runs.load(Ordering::Relaxed) == before);
    });
}

/// M2: exclusion, and order of arrival.
#[test]
fn m2_tickets_exclude() {
    loom::model(|| {
        let lock = Arc::new(TicketLock::new());
        let inside = Arc::new(AtomicBool::new(false));
        let turn = {
            let (lock, inside) = (lock.clone(), inside.clone());
            move || {
                lock.lock();
                assert!(!inside.swap(true, Ordering::Relaxed));
                inside.store(false, Ordering::Relaxed);
                lock.unlock();
            }
        };
        let other = thread::spawn({
            let turn = turn.clone();
            move || turn()
        });
        turn();
        other.join().unwrap();
        assert_eq!(lock.queue_len(), 0);
    });
}

/// M2: whoever stands in line goes before the holder's next turn.
#[test]
fn m2_tickets_alternate() {
    loom::model(|| {
        let lock = Arc::new(TicketLock::new());
        let went = Arc::new(AtomicBool::new(false));
        lock.lock();
        let other = thread::spawn({
            let (lock, went) = (lock.clone(), went.clone());
            move || {
                lock.lock();
                went.store(true, Ordering::Relaxed);
                lock.unlock();
            }
        });
        let waits = lock.queue_len() == 2;
        lock.unlock();
        lock.lock();
        assert!(!waits || went.load(Ordering::Relaxed), "overtook a waiter");
        lock.unlock();
        other.join().unwrap();
    });
}

/// M2: first come, first served, whatever the others do meanwhile.
#[test]
fn m2_tickets_are_served_in_order() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let lock = Arc::new(TicketLock::new());
        let served = Arc::new(AtomicUsize::new(0));
        let stand_in_line = |place: usize| {
            let in_line = Arc::new(Level::new());
            let thread = thread::spawn({
                let (lock, served, in_line) = (lock.clone(), served.clone(), in_line.clone());
                move || {
                    lock.lock_or(|| in_line.ring());
                    assert_eq!(served.fetch_add(1, Ordering::Relaxed), place, "overtook");
                    lock.unlock();
                }
            });
            in_line.wait();
            thread
        };
        lock.lock();
        let first = stand_in_line(0);
        let second = stand_in_line(1);
        lock.unlock();
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// M2: a vCPU that runs until it is kicked hands the lock over to whoever waits, and gets it back: the kick of a waiter
/// is not lost between the vCPU's turns. It forgets the kick first and looks at the line then. A lost kick is a
/// deadlock.
#[test]
fn m2_a_waiter_kicks_the_vcpu_out() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let lock = Arc::new(TicketLock::new());
        let kick = Arc::new(Level::new());
        let done = Arc::new(AtomicBool::new(false));
        let vcpu = thread::spawn({
            let (lock, kick, done) = (lock.clone(), kick.clone(), done.clone());
            move || {
                lock.lock();
                while !done.load(Ordering::Relaxed) {
                    kick.silence();
                    if lock.contended() {
                        lock.unlock();
                        lock.lock();
                    } else {
                        // Guest code, which leaves for a kick only.
                        kick.wait();
                    }
                }
                lock.unlock();
            }
        });
        lock.lock_or(|| kick.ring());
        // The vCPU is not in its turn now, and sees this when it is again.
        done.store(true, Ordering::Relaxed);
        lock.unlock();
        vcpu.join().unwrap();
        assert!(!lock.contended() && lock.queue_len() == 0);
    });
}

/// The replay lock, as replay's is made.
struct Ticket {
    lock: TicketLock,
    big: Witness,
    /// What makes the holder leave its turn.
    kick: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

impl Ticket {
    fn set_kick(&self, kick: impl Fn() + Send + Sync + 'static) {
        *self.kick.lock() = Some(Arc::new(kick));
    }

    /// What it kicks holds the lock that holds it: the model frees all.
    fn forget_kick(&self) {
        *self.kick.lock() = None;
    }
}

impl Gate for Ticket {
    fn enter(&self) {
        assert!(!self.big.held());
        self.lock.lock_or(|| {
            let kick = self.kick.lock().clone();
            if let Some(kick) = kick {
                kick();
            }
        });
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
        kick: Mutex::new(None),
    });
    big.set_gate(gate.clone());
    (big, gate)
}

/// M1: periods of two threads, one of which also takes the big lock alone, end without a deadlock.
#[test]
fn m1_periods_and_the_big_lock() {
    loom::model(|| {
        let (big, _) = gated();
        let count = Arc::new(AtomicUsize::new(0));
        let vcpu = thread::spawn({
            let (big, count) = (big.clone(), count.clone());
            move || {
                let mut period = big.period();
                count.fetch_add(1, Ordering::Relaxed);
                // A vCPU leaves the replay lock and keeps the big lock...
                period.leave_gate();
                drop(period);
                // ...and takes the big lock for an access to a device.
                let guard = big.lock();
                count.fetch_add(1, Ordering::Relaxed);
                drop(guard);
            }
        });
        let period = big.period();
        count.fetch_add(1, Ordering::Relaxed);
        drop(period);
        vcpu.join().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 3);
    });
}

/// M1: pausing: the main thread waits, outside the gate, for a vCPU that needs the gate to get there.
#[test]
fn m1_pause_with_both_threads_ends() {
    loom::model(|| {
        let (big, _) = gated();
        let condition = Arc::new(BigCondvar::new());
        let stopped = Arc::new(AtomicBool::new(false));
        let vcpu = thread::spawn({
            let (big, condition, stopped) = (big.clone(), condition.clone(), stopped.clone());
            move || {
                let mut period = big.period();
                period.leave_gate();
                stopped.store(true, Ordering::Relaxed);
                condition.notify_all();
            }
        });
        let mut period = big.period();
        period.without_gate(|guard| {
            while !stopped.load(Ordering::Relaxed) {
                condition.wait(guard);
            }
        });
        assert!(big.held());
        drop(period);
        vcpu.join().unwrap();
    });
}

/// A source that moves by one with every look.
struct Steps(AtomicUsize);

impl ClockSource for Steps {
    fn now_ns(&self) -> i64 {
        self.0.fetch_add(1, Ordering::AcqRel) as i64
    }
}

/// M8: a reader sees no torn state and no time after the frozen one.
#[test]
fn m8_a_stopping_clock_never_goes_back() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let clock = Arc::new(HostClock::over(Steps(AtomicUsize::new(1000))));
        clock.start();
        let stopper = thread::spawn({
            let clock = clock.clone();
            move || clock.stop()
        });
        let first = clock.now_ns();
        let second = clock.now_ns();
        stopper.join().unwrap();
        let last = clock.now_ns();
        assert!(
            (0..10).contains(&first) && first <= second && second <= last,
            "{first} {second} {last}"
        );
    });
}

/// M11: when disabling returns, no callback runs or begins to.
#[test]
fn m11_disabling_a_clock_waits_out_callbacks() {
    loom::model(|| {
        let list = TimerList::new(Arc::new(util_mainloop::clock::ManualClock::new(5)));
        let running = Arc::new(AtomicBool::new(false));
        let timer = list.timer(Box::new({
            let running = running.clone();
            move || {
                running.store(true, Ordering::Relaxed);
                thread::yield_now();
                running.store(false, Ordering::Relaxed);
            }
        }));
        timer.arm(1);
        let runner = thread::spawn({
            let list = list.clone();
            move || list.run_expired()
        });
        list.set_enabled(false);
        assert!(!running.load(Ordering::Relaxed));
        assert_eq!(list.deadline(), None);
        let ran = runner.join().unwrap();
        assert_eq!(timer.is_pending(), !ran);
    });
}

/// M11: arming on one thread while another runs the list: fires once, now or at the next run, and the owner of the clock
/// is told of the new head.
#[test]
fn m11_armed_during_a_run() {
    loom::model(|| {
        let list = TimerList::new(Arc::new(util_mainloop::clock::ManualClock::new(5)));
        let fired = Arc::new(AtomicUsize::new(0));
        let told = Arc::new(AtomicUsize::new(0));
        list.set_notify(Arc::new({
            let told = told.clone();
            move || {
                told.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let timer = list.timer(Box::new({
            let fired = fired.clone();
            move || {
                fired.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let epoch = list.deadline_epoch();
        let armer = thread::spawn(move || {
            timer.arm(3);
            timer
        });
        let first = list.run_expired();
        let timer = armer.join().unwrap();
        assert_ne!(list.deadline_epoch(), epoch);
        assert!(first != list.run_expired());
        assert_eq!(
            (fired.load(Ordering::Relaxed), told.load(Ordering::Relaxed)),
            (1, 1)
        );
        assert!(!timer.is_pending());
    });
}

/// M3: workers that want to be alone in the middle of their runs, and a third thread that wants to be: nobody runs while
/// somebody is alone, no wake-up is lost, and all come to an end.
#[test]
fn m3_exclusive_sections() {
    for workers in [&[true][..], &[true, true], &[true, false]] {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || {
            let group = Arc::new(Exclusive::new());
            let (running, alone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let check = |running: &AtomicUsize, alone: &AtomicUsize| {
                assert_eq!(alone.fetch_add(1, Ordering::SeqCst), 0, "two are alone");
                assert_eq!(running.load(Ordering::SeqCst), 0, "somebody runs");
                alone.fetch_sub(1, Ordering::SeqCst);
            };
            let work = |&within: &bool| {
                let (group, running, alone) = (group.clone(), running.clone(), alone.clone());
                let execute = |running: &AtomicUsize, alone: &AtomicUsize| {
                    running.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(alone.load(Ordering::SeqCst), 0, "somebody is alone");
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                thread::spawn(move || {
                    group.run(|| {
                        execute(&running, &alone);
                        if within {
                            group.alone_within(|| (), || check(&running, &alone));
                            execute(&running, &alone);
                        }
                    });
                })
            };
            let workers: Vec<_> = workers.iter().map(work).collect();
            if workers.len() < 2 {
                // Nested: the inner one is part of the outer.
                group.alone(|| (), || group.alone(|| (), || check(&running, &alone)));
            }
            for worker in workers {
                worker.join().unwrap();
            }
        });
    }
}
