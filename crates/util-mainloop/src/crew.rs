//! Orders to threads that work in turns: stop and go on, pieces of work, the end, and a sleep that none is slept over.
//!
//! Orders flow in from any thread, with or without the big lock: they are written down first, then the thread is kicked
//! ([`Requests`](crate::requests::Requests)), then its bell is rung if it sleeps (the handshake of [`wake`](crate::wake)).
//! The worker comes to [`Crew::attend`] between two turns, in a period of the locks: it forgets the kicks *first* and
//! reads its orders then. Answers flow back under the big lock. Mirrors in purpose `pause_all_vcpus`, `run_on_cpu` and
//! `qemu_tcg_wait_io_event` in QEMU's `system/cpus.c`, whose condition variables want the big lock of whoever signals.
//!
//! `tests/loom.rs` runs this very code through all interleavings.

#[cfg(not(loom))]
use crate::clock::{ClockSource, MonotonicClock};
use crate::lock::{BigCondvar, BigLock, BigLockGuard, Period};
#[cfg(not(loom))]
use crate::sync::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::wake::{Bell, Wakeup};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a thread sleeps on: rings are kept until it is awake.
#[derive(Debug, Default)]
struct Alarm {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Alarm {
    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            self.changed.wait(&mut rung);
        }
    }

    /// Looks for a ring without sleeping, until the host's clock shows `end`. False: there was none.
    #[cfg(not(loom))]
    fn look_out(&self, end: i64) -> bool {
        while !*self.rung.lock() {
            if MonotonicClock.now_ns() >= end {
                return false;
            }
            crate::sync::spin_loop();
        }
        true
    }

    /// False: the time is over.
    #[cfg(not(loom))]
    #[allow(clippy::disallowed_methods)] // host time is this crate's
    fn wait_for(&self, ns: u64) -> bool {
        let mut rung = self.rung.lock();
        let condition = |rung: &mut bool| !*rung;
        let limit = std::time::Duration::from_nanos(ns);
        !self
            .changed
            .wait_while_for(&mut rung, condition, limit)
            .timed_out()
    }
}

impl Bell for Alarm {
    fn ring(&self) {
        *self.rung.lock() = true;
        self.changed.notify_one();
    }
    fn silence(&self) {
        *self.rung.lock() = false;
    }
}

/// How long a thread looks out for a ring before it has the host put it to sleep.
///
/// To be woken takes the host tens of microseconds. Threads that wait for each other in turns ring sooner than that, so a
/// thread that was rung soon looks out longer the next time, and one that was not sleeps at once. Mirrors the halt
/// polling of KVM (`halt_poll_ns`).
#[cfg(not(loom))]
#[derive(Debug)]
struct Lookout {
    /// Every thread has a CPU of the host's for itself, and somebody to wait for.
    worthwhile: bool,
    ns: AtomicU64,
}

#[cfg(not(loom))]
impl Lookout {
    const FIRST_NS: u64 = 20_000;
    const LONGEST_NS: u64 = 200_000;
    /// A sleep that was no longer than this was short: two threads that wake each other through the host take some
    /// hundred microseconds for a round.
    const SHORT_NS: i64 = 1_000_000;

    fn new(threads: usize) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            worthwhile: threads > 1 && threads <= cpus,
            ns: AtomicU64::new(0),
        }
    }

    /// Waits for a ring.
    fn wait(&self, alarm: &Alarm) {
        if !self.worthwhile {
            return alarm.wait();
        }
        let ns = self.ns.load(Ordering::Relaxed);
        let start = MonotonicClock.now_ns();
        if ns != 0 && alarm.look_out(start + ns as i64) {
            return;
        }
        alarm.wait();
        let slept = MonotonicClock.now_ns() - start;
        self.ns.store(Self::next(ns, slept), Ordering::Relaxed);
    }

    /// After one of `ns` that was not long enough, for a sleep of so many nanoseconds in all.
    fn next(ns: u64, slept: i64) -> u64 {
        match slept {
            ..=Self::SHORT_NS => (ns * 2).clamp(Self::FIRST_NS, Self::LONGEST_NS),
            _ => 0,
        }
    }
}

/// The orders of all.
struct Orders<T> {
    /// Nobody may work.
    stop: bool,
    /// Who does not: confirmed by the threads.
    stopped: Vec<bool>,
    /// The threads end.
    quit: bool,
    /// One has ended.
    gone: bool,
    /// For each thread: first in, first out.
    tasks: Vec<VecDeque<T>>,
}

/// A worker, on its thread. All calls come in a period of the locks.
pub trait Member<T> {
    /// Whoever asked for attention has it: forgets the kicks.
    fn take_kicks(&mut self);

    /// Puts the locks down for a moment if somebody waits for them. He has kicked.
    fn relieve(&mut self, _period: &mut Period<'_>) {}

    /// Does a piece of work.
    fn work(&mut self, period: &mut Period<'_>, task: T);

    /// It works no more until it is told to go on. Once for each stop.
    fn stopped(&mut self) {}
}

/// What [`Crew::attend`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attended {
    /// Nothing keeps the worker from its turn.
    Go,
    /// It slept, or orders have changed: attend again.
    Again,
    /// The thread ends.
    Quit,
}

/// Threads under common orders; stopped at first.
pub struct Crew<T> {
    lock: Arc<BigLock>,
    orders: Mutex<Orders<T>>,
    /// Where each sleeps.
    beds: Vec<Wakeup<Alarm>>,
    #[cfg(not(loom))]
    lookouts: Vec<Lookout>,
    /// Signalled by the threads: stopped, or a piece of work is done.
    answered: BigCondvar,
}

impl<T> Crew<T> {
    /// A crew of `threads`, told to stop, in the order of locks of `lock`.
    pub fn new(lock: Arc<BigLock>, threads: usize) -> Self {
        Self {
            lock,
            orders: Mutex::new(Orders {
                stop: true,
                stopped: vec![false; threads],
                quit: false,
                gone: false,
                tasks: (0..threads).map(|_| VecDeque::new()).collect(),
            }),
            beds: (0..threads).map(|_| Wakeup::new(Alarm::default())).collect(),
            #[cfg(not(loom))]
            lookouts: (0..threads).map(|_| Lookout::new(threads)).collect(),
            answered: BigCondvar::new(),
        }
    }

    /// Ends the sleep of thread `n`, now or as it begins. Call it behind what the thread is to find. Under any locks.
    pub fn ring(&self, n: usize) {
        self.beds[n].notify();
    }

    fn ring_all(&self) {
        self.beds.iter().for_each(Wakeup::notify);
    }

    /// Tells all to stop; `kick` makes those that work leave their turn. Does not wait.
    pub fn request_stop(&self, kick: impl FnOnce()) {
        self.orders.lock().stop = true;
        kick();
        self.ring_all();
    }

    /// The same, and waits until all have, or one has ended. Not from a thread of the crew.
    ///
    /// # Panics
    /// If this thread is in the gate: the others may need it to get there.
    pub fn pause(&self, big: &mut BigLockGuard<'_>, kick: impl FnOnce()) {
        self.request_stop(kick);
        self.wait_for_answer(big, || {
            let orders = self.orders.lock();
            (orders.gone || orders.stopped.iter().all(|&stopped| stopped)).then_some(())
        });
    }

    /// Tells all to go on.
    pub fn resume(&self) {
        let mut orders = self.orders.lock();
        orders.stop = false;
        orders.stopped.fill(false);
        drop(orders);
        self.ring_all();
    }

    /// Whether the crew is stopped, or about to be.
    pub fn is_paused(&self) -> bool {
        self.orders.lock().stop
    }

    /// A piece of work for thread `n`, which `kick` makes leave its turn.
    pub fn queue(&self, n: usize, task: T, kick: impl FnOnce()) {
        self.orders.lock().tasks[n].push_back(task);
        kick();
        self.ring(n);
    }

    /// Sleeps under the big lock until `answer` has one; it is asked again after each piece of work and each stop.
    ///
    /// # Panics
    /// As [`Crew::pause`].
    pub fn wait_for_answer<R>(&self, big: &mut BigLockGuard<'_>, mut answer: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Some(answer) = answer() {
                return answer;
            }
            self.answered.wait(big);
        }
    }

    /// Tells all threads to end.
    pub fn quit(&self, kick: impl FnOnce()) {
        self.orders.lock().quit = true;
        kick();
        self.ring_all();
    }

    /// A thread of the crew ends, however that came.
    pub fn leave(&self) {
        self.orders.lock().gone = true;
        // Whoever waits tests under the big lock: notified after we held it, nobody is between test and wait.
        drop(self.lock.lock_unless_held());
        self.answered.notify_all();
    }

    /// Whether a thread has ended.
    pub fn is_gone(&self) -> bool {
        self.orders.lock().gone
    }

    /// Thread `n` between two turns: its work, and a sleep while it is told to stop.
    pub fn attend(&self, n: usize, period: &mut Period<'_>, member: &mut impl Member<T>) -> Attended {
        member.take_kicks();
        // Behind the kicks: a thread stands in line before it kicks.
        member.relieve(period);
        loop {
            let task = self.orders.lock().tasks[n].pop_front();
            let Some(task) = task else { break };
            member.work(period, task);
            self.answered.notify_all();
        }
        let (stop, stopped, quit) = {
            let orders = self.orders.lock();
            (orders.stop, orders.stopped[n], orders.quit)
        };
        if quit {
            return Attended::Quit;
        }
        if !stop {
            return Attended::Go;
        }
        if !stopped {
            member.stopped();
            // It may have been told to go on, and to stop again: this stop is that one, too.
            self.orders.lock().stopped[n] = true;
            self.answered.notify_all();
        }
        let has_news = || {
            let orders = self.orders.lock();
            !orders.tasks[n].is_empty() || orders.quit || !orders.stop
        };
        period.without_gate(|big| self.sleep(n, big, has_news));
        Attended::Again
    }

    /// Thread `n` sleeps until it is rung, without the big lock; not at all if `has_news`, or if it was rung since that
    /// was asked. May wake without a reason.
    ///
    /// # Panics
    /// If this thread is in the gate.
    pub fn sleep(&self, n: usize, big: &mut BigLockGuard<'_>, has_news: impl FnOnce() -> bool) {
        self.doze(n, big, has_news, |alarm| {
            #[cfg(not(loom))]
            self.lookouts[n].wait(alarm);
            #[cfg(loom)]
            alarm.wait();
            true
        });
    }

    /// As [`Crew::sleep`], for at most so many nanoseconds of host time. False: the time is over.
    #[cfg(not(loom))]
    pub fn sleep_for(
        &self,
        n: usize,
        big: &mut BigLockGuard<'_>,
        has_news: impl FnOnce() -> bool,
        ns: u64,
    ) -> bool {
        self.doze(n, big, has_news, |alarm| alarm.wait_for(ns))
    }

    fn doze(
        &self,
        n: usize,
        big: &mut BigLockGuard<'_>,
        has_news: impl FnOnce() -> bool,
        wait: impl FnOnce(&Alarm) -> bool,
    ) -> bool {
        big.assert_no_gate();
        let bed = &self.beds[n];
        bed.announce();
        let woken = has_news() || big.unlocked(|| wait(bed.bell()));
        bed.awake(true);
        woken
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn lookouts_grow_with_short_sleeps() {
        for (ns, slept, next) in [
            (0, 70_000, 20_000),
            (20_000, 70_000, 40_000),
            (160_000, 300_000, 200_000),
            (200_000, 1_000_000, 200_000),
            (200_000, 1_000_001, 0),
            (0, 4_000_000, 0),
        ] {
            assert_eq!(Lookout::next(ns, slept), next, "{ns} and {slept}");
        }
        assert!(!Lookout::new(1).worthwhile, "nobody to wait for");
        assert!(!Lookout::new(1 << 20).worthwhile, "no CPU for each");
    }
}
