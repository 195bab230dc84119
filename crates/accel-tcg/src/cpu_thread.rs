//! The threads that run the virtual CPUs: turns of execution, sleep while halted, queued work, pause and resume.
//!
//! Everything here happens in periods of the locks: the big lock is dropped around guest execution, both are around
//! sleep. Other threads reach the CPUs through [`Cpus`]'s methods; the CPUs reach the machine through [`CpuEvents`].
//! With counted time all CPUs take turns on one thread, which also owns the virtual clock
//! ([`timeline`](crate::timeline)): it runs expired timers and what comes from outside between turns, and sizes each
//! turn to end exactly at the next of them. With host time each CPU can have a thread of its own ([`Threads::Multi`]):
//! the same loop with one CPU in it, and a group ([`Exclusive`]) of those that execute.

use crate::Report;
use crate::counted::{CountedClock, Sleep};
use crate::round::{Next, Round, Seat};
use crate::schedule::Schedule;
use crate::timeline::{Idle, Journal, Standing, Timeline};
use parking_lot::Mutex;
use replay::Instant;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use target_i386::{CpuSignals, Others, StopReason, Vcpu};
use util_mainloop::Exclusive;
use util_mainloop::clock::{ClockSource, MonotonicClock};
use util_mainloop::lock::{BigCondvar, BigLock, BigLockGuard, Period};
use util_mainloop::timer::TimerList;

/// What the CPU tells the machine, on the CPU's thread.
pub trait CpuEvents: Send + Sync {
    /// Triple fault. The CPU has stopped; the machine decides between reset and exit. Under the big lock.
    fn triple_fault(&self);

    /// The CPU has stopped for a debugger ([`Vcpu::debugger`] says why). Under the big lock.
    fn debug_stop(&self) {}

    /// The CPUs have come to [`Cpus::set_stop_at`]; the machine must be stopped before this returns. Under the big lock.
    fn reached(&self) {}

    /// The thread ends: it was told to, or it panicked. Without the big lock.
    fn ended(&self) {}
}

/// Who moves the virtual clock.
#[derive(Clone)]
pub enum TimeBase {
    /// The host; the main loop runs virtual timers.
    Host,
    /// Counted instructions; this thread runs virtual timers.
    Counted {
        /// The clock.
        clock: Arc<CountedClock>,
        /// Timers on it.
        timers: Arc<TimerList>,
        /// What idle time costs.
        sleep: Sleep,
        /// Record or replay.
        journal: Option<Journal>,
    },
}

/// How the CPUs are spread over host threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// All take turns on one.
    #[default]
    Single,
    /// Each has its own. Only with [`TimeBase::Host`].
    Multi,
}

type Work = Box<dyn FnOnce(&mut Vcpu) + Send>;

/// A piece of work for a CPU.
struct Task {
    cpu: usize,
    /// No other CPU may execute meanwhile.
    alone: bool,
    work: Work,
}

#[derive(Default)]
struct Orders {
    /// No CPU may execute.
    stop: bool,
    /// None of a thread's does: confirmed by the threads.
    stopped: Vec<bool>,
    /// The threads end.
    quit: bool,
    /// One has ended.
    gone: bool,
    /// For each thread: first in, first out, for its CPUs together.
    work: Vec<VecDeque<Task>>,
    /// Where to go on, if that is elsewhere. For CPUs that take turns.
    schedule: Option<Schedule>,
}

struct Shared {
    lock: Arc<BigLock>,
    /// Signalled to each thread: new orders, requests or timers.
    orders_changed: Vec<BigCondvar>,
    /// Signalled by the threads: stopped, or a piece of work is done.
    answered: BigCondvar,
    orders: Mutex<Orders>,
    /// As of the last piece of work of each CPU.
    reports: Mutex<Vec<Report>>,
    signals: Vec<Arc<CpuSignals>>,
    /// Which CPUs stay where they are while others run.
    held: Arc<[AtomicBool]>,
    /// Those that execute, if not in turns.
    group: Option<Arc<Exclusive>>,
    /// Whose turn it is, if they take turns.
    current: AtomicUsize,
    /// The count at whose first boundary the machine stops; none if it is the greatest.
    stop_at: AtomicU64,
    /// As of the last time the locks were put down for others.
    instant: Mutex<Instant>,
    /// As of the last stop.
    schedule: Mutex<Schedule>,
}

impl Shared {
    /// Has the threads look at their orders: whose turn it is may change meanwhile, so all are asked.
    fn kick(&self) {
        self.signals.iter().for_each(|signals| signals.kick());
    }

    /// Which thread a CPU is on.
    fn thread_of(&self, cpu: usize) -> usize {
        if self.group.is_some() { cpu } else { 0 }
    }

    fn notify_threads(&self) {
        self.orders_changed.iter().for_each(BigCondvar::notify_all);
    }
}

/// The other CPUs, as one of them sees them.
struct Parallel {
    group: Arc<Exclusive>,
    signals: Vec<Arc<CpuSignals>>,
}

impl Others for Parallel {
    fn stop_while(&self, f: &mut dyn FnMut()) {
        let kick = || self.signals.iter().for_each(|signals| signals.kick());
        self.group.alone_within(kick, f);
    }
}

/// Handle to the virtual CPUs of a machine.
pub struct Cpus {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Cpus {
    /// Starts the thread on which the CPUs take turns, or theirs, stopped; [`resume`](Self::resume) lets them run.
    ///
    /// # Errors
    /// The host cannot start a thread.
    ///
    /// # Panics
    /// Without a CPU; with counted time on several threads.
    pub fn spawn(
        mut seats: Vec<Seat>,
        threads: Threads,
        lock: Arc<BigLock>,
        time: TimeBase,
        events: Arc<dyn CpuEvents>,
    ) -> std::io::Result<Self> {
        let multi = threads == Threads::Multi && seats.len() > 1;
        assert!(
            !multi || matches!(time, TimeBase::Host),
            "instructions are counted in turns only"
        );
        let group = multi.then(|| Arc::new(Exclusive::new()));
        let signals: Vec<_> = seats.iter().map(|seat| Arc::clone(&seat.vcpu.signals)).collect();
        let held: Arc<[AtomicBool]> = seats.iter().map(|_| AtomicBool::new(false)).collect();
        let report = |seat: &Seat| seat.execution.report(&seat.vcpu);
        let reports = seats.iter().map(report).collect();
        let rounds: Vec<(String, Round)> = match &group {
            None if seats.len() == 1 => vec![("CPU 0/TCG".into(), Round::new(seats))],
            None => vec![("ALL CPUs/TCG".into(), Round::new(seats))],
            Some(group) => {
                for (n, seat) in seats.iter_mut().enumerate() {
                    let mut others = signals.clone();
                    others.remove(n);
                    seat.vcpu.parallel = Some(Arc::new(Parallel {
                        group: Arc::clone(group),
                        signals: others,
                    }));
                }
                let round = |(n, seat)| (format!("CPU {n}/TCG"), Round::alone(seat, Arc::clone(group)));
                seats.into_iter().enumerate().map(round).collect()
            }
        };
        let shared = Arc::new(Shared {
            lock,
            orders_changed: rounds.iter().map(|_| BigCondvar::new()).collect(),
            answered: BigCondvar::new(),
            orders: Mutex::new(Orders {
                stop: true,
                stopped: vec![false; rounds.len()],
                work: rounds.iter().map(|_| VecDeque::new()).collect(),
                ..Orders::default()
            }),
            reports: Mutex::new(reports),
            signals,
            held,
            group,
            current: AtomicUsize::new(0),
            stop_at: AtomicU64::new(u64::MAX),
            instant: Mutex::new(Instant::START),
            schedule: Mutex::default(),
        });
        for (n, signals) in shared.signals.iter().enumerate() {
            // A weak handle: the CPU's signals outlive the thread in devices that hold them.
            let waker = Arc::downgrade(&shared);
            let thread = shared.thread_of(n);
            signals.set_waker(move || {
                if let Some(shared) = waker.upgrade() {
                    shared.orders_changed[thread].notify_all();
                }
            });
        }
        if let TimeBase::Counted { timers, journal, .. } = &time {
            // A new earliest deadline shortens the turn: end it after the current instruction and size it anew. Timers
            // are armed by the CPU whose turn it is, between turns, or by who holds the big lock and so the turn.
            let weak = Arc::downgrade(&shared);
            timers.set_notify(Arc::new(move || {
                if let Some(shared) = weak.upgrade() {
                    shared.signals[shared.current.load(Ordering::Acquire)].kick();
                }
            }));
            if let Some(journal) = journal {
                let weak = Arc::downgrade(&shared);
                journal.replay.set_kick(Box::new(move || {
                    if let Some(shared) = weak.upgrade() {
                        shared.kick();
                    }
                }));
            }
        }
        let cpus = Self {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
        };
        for (n, (name, mut round)) in rounds.into_iter().enumerate() {
            // On a thread for each, the thread's number is the CPU's; in turns, there is one thread.
            round.obey(&shared.held, n);
            let runner = Runner {
                shared: Arc::clone(&shared),
                number: n,
                round,
                timeline: Timeline::of(time.clone()),
                settled: true,
                events: Arc::clone(&events),
            };
            // Where one cannot be started, those that were end with `cpus`.
            let thread = std::thread::Builder::new().name(name).spawn(move || {
                let _announce = Announce {
                    shared: Arc::clone(&runner.shared),
                    events: Arc::clone(&runner.events),
                };
                runner.run();
            })?;
            cpus.threads.lock().push(thread);
        }
        Ok(cpus)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.shared.signals.len()
    }

    /// Asks the CPUs to stop executing, without waiting. Callable from their own thread (a device that asks for
    /// reset): no further instruction executes after the current one.
    pub fn request_stop(&self) {
        self.shared.orders.lock().stop = true;
        self.shared.kick();
    }

    /// Stops the CPUs and waits until they have, or have ended. Not from their own thread.
    pub fn pause(&self, big: &mut BigLockGuard<'_>) {
        self.request_stop();
        let is_still = || {
            let orders = self.shared.orders.lock();
            orders.stopped.iter().all(|&stopped| stopped) || orders.gone
        };
        while !is_still() {
            self.shared.answered.wait(big);
        }
    }

    /// Lets the CPUs execute.
    pub fn resume(&self) {
        let mut orders = self.shared.orders.lock();
        orders.stop = false;
        orders.stopped.fill(false);
        drop(orders);
        self.shared.notify_threads();
    }

    /// Holds these of the stopped CPUs where they are while the others run, until the next call. In a recording or replay
    /// the log says who runs: nobody is held there.
    pub fn hold(&self, cpus: &[usize]) {
        for (n, held) in self.shared.held.iter().enumerate() {
            held.store(cpus.contains(&n), Ordering::Release);
        }
    }

    /// Has the stopped CPUs stop again when so many instructions are completed by all, before anything else of that
    /// instant happens: once, with [`CpuEvents::reached`]. At once if they are there or beyond. Under counted time only.
    pub fn set_stop_at(&self, count: Option<u64>) {
        self.shared
            .stop_at
            .store(count.unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Where the CPUs stand in their run: exact for who holds the locks in a recording or replay, and while they are
    /// stopped.
    pub fn instant(&self) -> Instant {
        *self.shared.instant.lock()
    }

    /// Where the stopped CPUs stand beside their own states: for a snapshot.
    pub fn schedule(&self) -> Schedule {
        let moved = self.shared.orders.lock().schedule;
        moved.unwrap_or_else(|| *self.shared.schedule.lock())
    }

    /// Has the stopped CPUs go on from another moment of the machine's life: their states and the clock are set first.
    pub fn set_schedule(&self, schedule: Schedule) {
        self.shared.orders.lock().schedule = Some(schedule);
    }

    /// Whether the CPUs are stopped, or about to be.
    pub fn is_paused(&self) -> bool {
        self.shared.orders.lock().stop
    }

    /// Runs `work` on CPU `n`, on its thread, between two instructions, and waits for its result. Works on paused CPUs
    /// too. First in, first out. No CPU of the thread executes meanwhile. Not from the CPUs' own thread.
    ///
    /// # Panics
    /// If the thread has ended ([`is_finished`](Self::is_finished)), or there is no such CPU.
    pub fn run_on_cpu<R: Send + 'static>(
        &self,
        big: &mut BigLockGuard<'_>,
        n: usize,
        work: impl FnOnce(&mut Vcpu) -> R + Send + 'static,
    ) -> R {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        self.async_run_on_cpu(n, move |vcpu| *slot.lock() = Some(work(vcpu)));
        loop {
            if let Some(result) = result.lock().take() {
                return result;
            }
            assert!(!self.is_finished(), "work for a CPU whose thread has ended");
            self.shared.answered.wait(big);
        }
    }

    /// What the engine of CPU `n` has done so far. As [`run_on_cpu`](Self::run_on_cpu).
    ///
    /// # Panics
    /// As [`run_on_cpu`](Self::run_on_cpu).
    pub fn report(&self, big: &mut BigLockGuard<'_>, n: usize) -> Report {
        self.run_on_cpu(big, n, |_| ());
        self.shared.reports.lock()[n]
    }

    /// Queues `work` for CPU `n`. First in, first out.
    ///
    /// # Panics
    /// If there is no such CPU.
    pub fn async_run_on_cpu(&self, n: usize, work: impl FnOnce(&mut Vcpu) + Send + 'static) {
        assert!(n < self.count(), "work for a CPU that is not there");
        self.queue(n, false, Box::new(work));
    }

    /// The same, while no CPU executes anything: for what changes more than CPU `n`. The big lock is not held then.
    ///
    /// # Panics
    /// If there is no such CPU.
    pub fn async_run_alone_on_cpu(&self, n: usize, work: impl FnOnce(&mut Vcpu) + Send + 'static) {
        assert!(n < self.count(), "work for a CPU that is not there");
        self.queue(n, true, Box::new(work));
    }

    fn queue(&self, cpu: usize, alone: bool, work: Work) {
        let thread = self.shared.thread_of(cpu);
        let task = Task { cpu, alone, work };
        self.shared.orders.lock().work[thread].push_back(task);
        if self.shared.group.is_some() {
            self.shared.signals[cpu].kick();
        } else {
            self.shared.kick();
        }
    }

    /// Ends the threads and waits for them. Not under the big lock.
    pub fn join(&self) {
        self.shared.orders.lock().quit = true;
        self.shared.kick();
        // The thread may be between its test and its wait: notify under the lock that it tests under.
        drop(self.shared.lock.lock_unless_held());
        self.shared.notify_threads();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a CPU thread panicked");
            }
        }
    }

    /// Whether a thread has ended (it panicked, or was joined).
    pub fn is_finished(&self) -> bool {
        self.shared.orders.lock().gone
    }
}

impl Drop for Cpus {
    /// A machine that is dropped without [`join`](Self::join) leaves no thread behind.
    fn drop(&mut self) {
        let current = std::thread::current().id();
        let own = self.threads.lock().iter().any(|t| t.thread().id() == current);
        if own || self.shared.lock.held() {
            // Waiting here would be waiting for ourselves: the thread ends by itself.
            self.shared.orders.lock().quit = true;
            self.shared.kick();
            self.shared.notify_threads();
        } else {
            self.join();
        }
    }
}

/// Tells everybody who waits for the CPUs' thread that it has ended, however that came.
struct Announce {
    shared: Arc<Shared>,
    events: Arc<dyn CpuEvents>,
}

impl Drop for Announce {
    fn drop(&mut self) {
        self.shared.orders.lock().gone = true;
        // Whoever waits tests under the big lock: notified while we hold it, nobody is between test and wait.
        drop(self.shared.lock.lock_unless_held());
        self.shared.answered.notify_all();
        self.events.ended();
    }
}

/// What a boundary decides.
enum Step {
    /// A turn of so many instructions.
    Run(u64),
    /// Another boundary: time or orders have changed.
    Again,
    /// The end.
    Quit,
}

/// The thread's own side.
struct Runner {
    shared: Arc<Shared>,
    /// Of the thread.
    number: usize,
    round: Round,
    /// Counted time.
    timeline: Option<Timeline>,
    /// Nothing of the next instruction has happened: see [`Timeline::come_to`].
    settled: bool,
    events: Arc<dyn CpuEvents>,
}

impl Runner {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut period = shared.lock.period();
        loop {
            match self.boundary(&mut period) {
                Step::Run(budget) => {
                    let before = self.round.instructions();
                    let reason = self.round.run(&mut period, budget);
                    // A debugger's stop behind the last instruction of a budget is one by the budget, too.
                    let used_up = self.round.instructions().wrapping_sub(before) >= budget;
                    self.settled = used_up || !matches!(reason, StopReason::ExitRequest | StopReason::Debug);
                    match reason {
                        StopReason::Shutdown => self.events.triple_fault(),
                        StopReason::Debug => self.events.debug_stop(),
                        _ => {}
                    }
                }
                Step::Again => {}
                Step::Quit => return,
            }
        }
    }

    /// Between two turns, in this order: orders, what comes from outside, timers that are due, and whose turn it is for how
    /// long. Sleeps if nobody can run.
    fn boundary(&mut self, period: &mut Period<'_>) -> Step {
        self.round.take_kicks();
        // Asked for after kicks were taken: a thread stands in line before it kicks.
        if self.timeline.as_ref().is_some_and(Timeline::others_wait) {
            self.put_down(period, |period, _| period.yield_now());
        }
        self.do_queued_work(period);
        if self.is_told_to_stop() {
            period.without_gate(|big| self.wait_for_orders(big));
            return Step::Again;
        }
        let (quit, schedule) = {
            let mut orders = self.shared.orders.lock();
            (orders.quit, orders.schedule.take())
        };
        if quit {
            return Step::Quit;
        }
        if let Some(schedule) = schedule {
            schedule.apply(&mut self.round, self.timeline.as_mut());
            self.settled = schedule.settled;
        }
        let Some(timeline) = &mut self.timeline else {
            return match self.round.next(u64::MAX) {
                Next::Run(budget) => self.turn(budget),
                Next::Idle => {
                    self.wait_for_kick(period);
                    Step::Again
                }
            };
        };
        let stop_at = self.shared.stop_at.load(Ordering::Acquire);
        if stop_at != u64::MAX && timeline.now().count >= stop_at {
            self.shared.stop_at.store(u64::MAX, Ordering::Release);
            self.events.reached();
            return Step::Again;
        }
        let settled = self.settled || self.round.is_idle();
        if timeline.come_to(settled, || self.round.vcpus().collect()) == Standing::Again {
            return Step::Again;
        }
        if self.round.is_idle() {
            self.settled = true;
            self.idle(period);
            return Step::Again;
        }
        let Some(limit) = timeline.budget(settled) else {
            // A replay waits for a completion, or is over.
            self.wait_for_kick(period);
            return Step::Again;
        };
        let limit = match stop_at {
            u64::MAX => limit,
            _ => limit.min(stop_at - timeline.now().count),
        };
        match self.round.next(limit) {
            Next::Run(budget) => self.turn(budget),
            Next::Idle => Step::Again,
        }
    }

    /// Whether no CPU may execute; if so, everybody knows that none does.
    fn is_told_to_stop(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut orders = shared.orders.lock();
        if orders.quit || !orders.stop {
            return false;
        }
        if !orders.stopped[self.number] {
            orders.stopped[self.number] = true;
            self.note_instant();
            let schedule = Schedule::of(&self.round, self.timeline.as_mut(), self.settled);
            *shared.schedule.lock() = schedule;
            shared.answered.notify_all();
        }
        true
    }

    fn turn(&self, budget: u64) -> Step {
        self.shared.current.store(self.round.current(), Ordering::Release);
        Step::Run(budget)
    }

    fn note_instant(&mut self) {
        if let Some(timeline) = &mut self.timeline {
            *self.shared.instant.lock() = timeline.now();
        }
    }

    /// Calls `f`, which puts down the locks.
    fn put_down<R>(&mut self, period: &mut Period<'_>, f: impl FnOnce(&mut Period<'_>, &Self) -> R) -> R {
        self.note_instant();
        f(period, self)
    }

    fn do_queued_work(&mut self, period: &mut Period<'_>) {
        loop {
            let Some(Task { cpu, alone, work }) = self.shared.orders.lock().work[self.number].pop_front()
            else {
                return;
            };
            let shared = Arc::clone(&self.shared);
            // Of this thread's.
            let n = cpu - if shared.group.is_some() { self.number } else { 0 };
            shared.reports.lock()[cpu] = self.round.report(n);
            let vcpu = self.round.vcpu_mut(n);
            match &shared.group {
                // Whoever executes may want the big lock before he leaves.
                Some(group) if alone => period.without_big(|| group.alone(|| shared.kick(), || work(vcpu))),
                _ => work(vcpu),
            }
            shared.answered.notify_all();
        }
    }

    /// Sleeps until there is something new; returns at once if it came since the orders were read.
    fn wait_for_orders(&self, big: &mut BigLockGuard<'_>) {
        let has_news = || {
            let orders = self.shared.orders.lock();
            !orders.work[self.number].is_empty() || orders.quit || !orders.stop
        };
        if !has_news() {
            self.shared.orders_changed[self.number].wait(big);
        }
    }

    /// Sleeps until somebody asks for attention; returns at once if that has happened since the orders were read.
    fn wait_for_kick(&mut self, period: &mut Period<'_>) {
        self.put_down(period, |period, this| {
            period.without_gate(|big| {
                if !this.round.is_kicked() {
                    this.shared.orders_changed[this.number].wait(big);
                }
            });
        });
    }

    /// All halted with nothing to deliver: counted time warps to the next deadline.
    fn idle(&mut self, period: &mut Period<'_>) {
        // Somebody asked for attention since the orders were read, without the big lock.
        if self.round.is_kicked() {
            return;
        }
        let Some(timeline) = &mut self.timeline else {
            return;
        };
        match timeline.idle() {
            Idle::Over => {}
            Idle::Wait => self.wait_for_kick(period),
            // An idle guest must not keep the main loop from its lock: it could never be told to stop.
            Idle::Warp(ns) => {
                timeline.warp(ns);
                self.put_down(period, |period, _| period.yield_now());
            }
            // Slept through: the clock shows exactly the deadline, whatever the host's timer did. Woken early
            // (input, a monitor command): the time slept, which is as much of an outside event as the input is.
            Idle::Sleep(ns) => {
                let host = MonotonicClock;
                let start = host.now_ns();
                let woken = self.put_down(period, |period, this| {
                    period
                        .without_gate(|big| this.shared.orders_changed[this.number].wait_for(big, ns as u64))
                });
                let slept = if woken {
                    (host.now_ns() - start).min(ns)
                } else {
                    ns
                };
                if let Some(timeline) = &self.timeline {
                    timeline.warp(slept);
                }
            }
        }
    }
}
