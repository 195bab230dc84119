//! Threads under orders, as the vCPUs' are: the boundary between two turns, turns that end for a kick, sleep.
//!
//! Everything but the guest is what ships: [`Crew`], [`Requests`], [`Exclusive`] and the locks. What is lost is a deadlock,
//! which loom reports.

use super::{Ticket, gated};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::sync::Arc;
use util_mainloop::clock::ManualClock;
use util_mainloop::crew::{Attended, Crew, Member};
use util_mainloop::lock::{BigLock, Period};
use util_mainloop::timer::TimerList;
use util_mainloop::{Exclusive, Requests};

/// As in target-i386.
const EXIT: u32 = 1 << 4;
const MAP_CHANGED: u32 = 1 << 5;

type Job = Box<dyn FnOnce() + Send>;

/// What the vCPU thread and others share.
struct Shared {
    big: Arc<BigLock>,
    gate: Option<Arc<Ticket>>,
    crew: Crew<Job>,
    requests: Requests,
    /// Times that the thread has confirmed a stop.
    stops: AtomicUsize,
    /// It executes.
    executes: AtomicBool,
}

impl Shared {
    fn new(big: Arc<BigLock>, gate: Option<Arc<Ticket>>) -> Arc<Self> {
        let shared = Arc::new(Self {
            crew: Crew::new(big.clone(), 1),
            big,
            gate,
            requests: Requests::new(),
            stops: AtomicUsize::new(0),
            executes: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&shared);
        shared.requests.set_waker(move || {
            if let Some(shared) = weak.upgrade() {
                shared.crew.ring(0);
            }
        });
        shared
    }

    fn kick(&self) {
        self.requests.request(EXIT);
    }

    fn queue(&self, job: impl FnOnce() + Send + 'static) {
        self.crew.queue(0, Box::new(job), || self.kick());
    }
}

/// The thread's own side.
struct Vcpu(Arc<Shared>);

impl Member<Job> for Vcpu {
    fn take_kicks(&mut self) {
        self.0.requests.take(EXIT);
    }
    fn relieve(&mut self, period: &mut Period<'_>) {
        if self.0.gate.as_ref().is_some_and(|gate| gate.lock.contended()) {
            period.yield_now();
        }
    }
    fn work(&mut self, _period: &mut Period<'_>, job: Job) {
        job();
    }
    fn stopped(&mut self) {
        self.0.stops.fetch_add(1, Ordering::Relaxed);
    }
}

/// Guest code that goes on until the run loop finds a kick at the end of a slice.
fn turn(shared: &Shared, period: &mut Period<'_>) {
    period.without_big(|| {
        shared.executes.store(true, Ordering::Relaxed);
        while shared.requests.take(EXIT) == 0 {
            thread::yield_now();
        }
        shared.executes.store(false, Ordering::Relaxed);
    });
}

/// A guest that is halted.
fn halt(shared: &Shared, period: &mut Period<'_>) {
    period.without_gate(|big| {
        shared
            .crew
            .sleep(0, big, || shared.requests.pending() & EXIT != 0)
    });
}

/// The thread of a vCPU whose guest does `guest` in each turn.
fn vcpu(shared: &Arc<Shared>, guest: fn(&Shared, &mut Period<'_>)) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || {
        let mut member = Vcpu(shared.clone());
        let mut period = shared.big.period();
        loop {
            match shared.crew.attend(0, &mut period, &mut member) {
                Attended::Go => guest(&shared, &mut period),
                Attended::Again => {}
                Attended::Quit => return,
            }
        }
    })
}

fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(f);
}

fn end(shared: &Shared, thread: thread::JoinHandle<()>) {
    shared.crew.quit(|| shared.kick());
    thread.join().unwrap();
}

/// M1: the main thread stops a vCPU that needs the replay lock to come to its stop, lets it go on, and stops it again: all
/// ends, with both locks held again, and nobody executes then.
fn pausing(guest: fn(&Shared, &mut Period<'_>)) {
    model(1, move || {
        let (big, gate) = gated();
        let shared = Shared::new(big.clone(), Some(gate.clone()));
        {
            let shared = shared.clone();
            gate.set_kick(move || shared.kick());
        }
        let thread = vcpu(&shared, guest);
        let mut period = big.period();
        for stop in 1..=2 {
            shared.crew.resume();
            period.yield_now();
            period.without_gate(|big| shared.crew.pause(big, || shared.kick()));
            assert!(big.held() && gate.lock.held());
            assert!(!shared.executes.load(Ordering::Relaxed));
            // The first confirmed stop may be that of before the first resumption.
            assert!(shared.stops.load(Ordering::Relaxed) >= stop);
        }
        drop(period);
        end(&shared, thread);
        gate.forget_kick();
    });
}

#[test]
fn m1_pause_all_ends_while_the_vcpu_executes() {
    pausing(turn);
}

#[test]
fn m1_pause_all_ends_while_the_vcpu_is_halted() {
    pausing(halt);
}

/// M4: work that is queued, without any lock, for a vCPU that is about to sleep: it is done.
fn queueing(guest: fn(&Shared, &mut Period<'_>), producers: usize) {
    model(2, move || {
        let big = Arc::new(BigLock::new());
        let shared = Shared::new(big.clone(), None);
        shared.crew.resume();
        let thread = vcpu(&shared, guest);
        let done = Arc::new(AtomicUsize::new(0));
        let produce = |shared: &Shared| {
            let done = done.clone();
            shared.queue(move || {
                done.fetch_add(1, Ordering::Relaxed);
            });
        };
        let others: Vec<_> = (1..producers)
            .map(|_| {
                let (shared, done) = (shared.clone(), done.clone());
                thread::spawn(move || {
                    shared.queue(move || {
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                })
            })
            .collect();
        produce(&shared);
        let mut guard = big.lock();
        let all = || (done.load(Ordering::Relaxed) == producers).then_some(());
        shared.crew.wait_for_answer(&mut guard, all);
        drop(guard);
        for other in others {
            other.join().unwrap();
        }
        end(&shared, thread);
    });
}

#[test]
fn m4_no_job_is_slept_over() {
    queueing(halt, 1);
}

#[test]
fn m4_no_job_of_two_is_slept_over() {
    queueing(halt, 2);
}

/// M4: a job for a vCPU that was told to stop, and is going to sleep for that.
#[test]
fn m4_a_stopped_vcpu_works() {
    model(3, || {
        let big = Arc::new(BigLock::new());
        let shared = Shared::new(big.clone(), None);
        let thread = vcpu(&shared, turn);
        let done = Arc::new(AtomicBool::new(false));
        let job = done.clone();
        shared.queue(move || job.store(true, Ordering::Relaxed));
        let mut guard = big.lock();
        let is_done = || done.load(Ordering::Relaxed).then_some(());
        shared.crew.wait_for_answer(&mut guard, is_done);
        drop(guard);
        end(&shared, thread);
    });
}

/// M4, the race of the seed: a timer is armed for a vCPU thread that has just looked at its timers, has forgotten an older
/// kick, and goes to sleep: it runs the timer all the same.
#[test]
fn m4_no_timer_is_slept_over() {
    model(2, || {
        let big = Arc::new(BigLock::new());
        let shared = Shared::new(big.clone(), None);
        shared.crew.resume();
        let timers = TimerList::new(Arc::new(ManualClock::new(5)));
        let weak = Arc::downgrade(&shared);
        timers.set_notify(Arc::new(move || {
            if let Some(shared) = weak.upgrade() {
                shared.kick();
            }
        }));
        let fired = Arc::new(AtomicBool::new(false));
        let timer = {
            let (fired, shared) = (fired.clone(), Arc::downgrade(&shared));
            timers.timer(Box::new(move || {
                fired.store(true, Ordering::Relaxed);
                // The guest powers off.
                if let Some(shared) = shared.upgrade() {
                    shared.crew.quit(|| {});
                }
            }))
        };
        let thread = {
            let (shared, timers) = (shared.clone(), timers.clone());
            thread::spawn(move || {
                let mut member = Vcpu(shared.clone());
                let mut period = shared.big.period();
                loop {
                    match shared.crew.attend(0, &mut period, &mut member) {
                        Attended::Go if timers.run_expired() => {}
                        Attended::Go => halt(&shared, &mut period),
                        Attended::Again => {}
                        Attended::Quit => return,
                    }
                }
            })
        };
        shared.kick();
        timer.arm(3);
        thread.join().unwrap();
        assert!(fired.load(Ordering::Relaxed));
    });
}

/// M5: a kick that meets the end of a slice, the run loop's look, or the boundary behind it, is never lost: the order that
/// it came with is carried out while the guest would execute for ever.
#[test]
fn m5_a_kick_ends_the_turn() {
    queueing(turn, 1);
}

/// M5: two kicks, of which the run loop takes both for one.
#[test]
fn m5_two_kicks_end_the_turn() {
    queueing(turn, 2);
}

/// M12: a synced flush: the vCPU that asks for it does not pass its next instruction until no other executes with what was
/// flushed, and nobody does later.
#[test]
fn m12_the_source_of_a_synced_flush_waits() {
    model(3, || {
        let group = Arc::new(Exclusive::new());
        let requests = Arc::new(Requests::new());
        let passed = Arc::new(AtomicBool::new(false));
        let other = {
            let (group, requests, passed) = (group.clone(), requests.clone(), passed.clone());
            thread::spawn(move || {
                let mut stale = true;
                for _turn in 0..2 {
                    group.run(|| {
                        for _slice in 0..2 {
                            // A boundary: what is to be flushed is, before anything executes.
                            stale &= requests.take(MAP_CHANGED) == 0;
                            if requests.take(EXIT) != 0 {
                                return;
                            }
                            // An instruction, of which the first part looks into the TLB.
                            let used = stale;
                            thread::yield_now();
                            assert!(!(used && passed.load(Ordering::SeqCst)), "a stale entry was used");
                        }
                    });
                }
            })
        };
        group.run(|| {
            group.alone_within(|| requests.request(EXIT), || requests.request(MAP_CHANGED));
            passed.store(true, Ordering::SeqCst);
        });
        other.join().unwrap();
    });
}

/// M13: a replay that can neither execute nor consume waits for a completion; it consumes it when it comes, confirms a stop,
/// and ends when it is told to, whatever of these comes first.
#[test]
fn m13_a_waiting_replay_hears_of_everything() {
    model(1, || {
        let (big, gate) = gated();
        let shared = Shared::new(big.clone(), Some(gate.clone()));
        {
            let shared = shared.clone();
            gate.set_kick(move || shared.kick());
        }
        shared.crew.resume();
        let thread = vcpu(&shared, halt);
        let consumed = Arc::new(AtomicBool::new(false));
        // A worker thread of a backend, which holds nothing.
        let backend = {
            let (shared, consumed) = (shared.clone(), consumed.clone());
            thread::spawn(move || shared.queue(move || consumed.store(true, Ordering::Relaxed)))
        };
        let mut period = big.period();
        period.without_gate(|big| shared.crew.pause(big, || shared.kick()));
        shared.crew.resume();
        period.without_gate(|big| {
            let is_consumed = || consumed.load(Ordering::Relaxed).then_some(());
            shared.crew.wait_for_answer(big, is_consumed);
        });
        drop(period);
        backend.join().unwrap();
        end(&shared, thread);
        gate.forget_kick();
    });
}
