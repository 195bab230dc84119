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
use crate::pace::Due;
use crate::round::{Next, Round, Seat};
use crate::schedule::Schedule;
use crate::timeline::{Idle, Journal, Standing, Timeline};
use parking_lot::Mutex;
use replay::Instant;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use target_i386::{CpuSignals, Others, StopReason, Vcpu};
use util_mainloop::Exclusive;
use util_mainloop::clock::{ClockSource, MonotonicClock};
use util_mainloop::crew::{Attended, Crew, Member};
use util_mainloop::lock::{BigLock, BigLockGuard, Period};
use util_mainloop::timer::TimerList;

/// What the CPU tells the machine, on the CPU's thread.
pub trait CpuEvents: Send + Sync {
    /// Triple fault. The CPU has stopped; the machine decides between reset and exit. Under the big lock.
    fn triple_fault(&self);

    /// The CPU has stopped for a debugger ([`Vcpu::debugger`] says why). Under the big lock.
    fn debug_stop(&self) {}

    /// The guest's clock is behind the host's by `seconds`, and less than one more; said now and then. Under the big lock.
    fn late(&self, _seconds: i64) {}

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

struct Shared {
    lock: Arc<BigLock>,
    /// The threads and their orders.
    crew: Crew<Task>,
    /// Where to go on, if that is elsewhere. For CPUs that take turns.
    moved: Mutex<Option<Schedule>>,
    /// For each thread: nanoseconds of host time that it is to sleep.
    naps: Mutex<Vec<Option<i64>>>,
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
            crew: Crew::new(Arc::clone(&lock), rounds.len()),
            lock,
            naps: Mutex::new(vec![None; rounds.len()]),
            moved: Mutex::default(),
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
                    shared.crew.ring(thread);
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
                nap_ends: None,
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
        self.shared.crew.request_stop(|| self.shared.kick());
    }

    /// Stops the CPUs and waits until they have, or have ended. Not from their own thread.
    pub fn pause(&self, big: &mut BigLockGuard<'_>) {
        self.shared.crew.pause(big, || self.shared.kick());
    }

    /// Lets the CPUs execute.
    pub fn resume(&self) {
        self.shared.crew.resume();
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
        let moved = *self.shared.moved.lock();
        moved.unwrap_or_else(|| *self.shared.schedule.lock())
    }

    /// Has the stopped CPUs go on from another moment of the machine's life: their states and the clock are set first.
    pub fn set_schedule(&self, schedule: Schedule) {
        *self.shared.moved.lock() = Some(schedule);
    }

    /// Whether the CPUs are stopped, or about to be.
    pub fn is_paused(&self) -> bool {
        self.shared.crew.is_paused()
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
        self.shared.crew.wait_for_answer(big, || {
            let result = result.lock().take();
            assert!(
                result.is_some() || !self.is_finished(),
                "work for a CPU whose thread has ended"
            );
            result
        })
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
        let task = Task { cpu, alone, work };
        self.shared
            .crew
            .queue(self.shared.thread_of(cpu), task, || match self.shared.group {
                Some(_) => self.shared.signals[cpu].kick(),
                None => self.shared.kick(),
            });
    }

    /// Has each thread sleep for `ns` nanoseconds of host time before it executes anything more. One that has a sleep
    /// before it or is asleep gets no other; [`pause`](Self::pause) ends them. The guest cannot tell under counted time.
    pub fn nap(&self, ns: i64) {
        for nap in &mut *self.shared.naps.lock() {
            nap.get_or_insert(ns);
        }
        self.shared.kick();
    }

    /// Ends the threads and waits for them. Not under the big lock.
    pub fn join(&self) {
        self.shared.crew.quit(|| self.shared.kick());
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a CPU thread panicked");
            }
        }
    }

    /// Whether a thread has ended (it panicked, or was joined).
    pub fn is_finished(&self) -> bool {
        self.shared.crew.is_gone()
    }
}

impl Drop for Cpus {
    /// A machine that is dropped without [`join`](Self::join) leaves no thread behind.
    fn drop(&mut self) {
        let current = std::thread::current().id();
        let own = self.threads.lock().iter().any(|t| t.thread().id() == current);
        if own || self.shared.lock.held() {
            // Waiting here would be waiting for ourselves: the thread ends by itself.
            self.shared.crew.quit(|| self.shared.kick());
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
        self.shared.crew.leave();
        self.events.ended();
    }
}

/// The longest sleep of a guest that is ahead of the host, before it looks again.
const LONGEST_WAIT_NS: i64 = 100_000_000;

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
    /// Until when it sleeps whoever asks for attention: host time.
    nap_ends: Option<i64>,
    events: Arc<dyn CpuEvents>,
}

impl Runner {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut period = shared.lock.period();
        loop {
            match self.boundary(&shared, &mut period) {
                Step::Run(budget) => {
                    let before = self.round.instructions();
                    let reason = self.round.run(&mut period, budget);
                    if let Some(timeline) = self.timeline.as_mut().filter(|timeline| timeline.is_strict()) {
                        let (cpu, list) = self.round.take_deliveries();
                        timeline.note_deliveries(cpu, &list);
                    }
                    // A debugger's stop behind the last instruction of a budget is one by the budget, too.
                    let used_up = self.round.instructions().wrapping_sub(before) >= budget;
                    // So is one right behind an instruction: of a step, of a watched access.
                    let behind = reason == StopReason::Debug
                        && self.round.vcpu(self.round.current()).has_stopped_behind();
                    self.settled =
                        used_up || behind || !matches!(reason, StopReason::ExitRequest | StopReason::Debug);
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
    fn boundary(&mut self, shared: &Shared, period: &mut Period<'_>) -> Step {
        match shared.crew.attend(self.number, period, self) {
            Attended::Go => {}
            Attended::Again => return Step::Again,
            Attended::Quit => return Step::Quit,
        }
        let schedule = shared.moved.lock().take();
        if let Some(schedule) = schedule {
            schedule.apply(&mut self.round, self.timeline.as_mut());
            self.settled = schedule.settled;
        }
        if self.naps(period) {
            return Step::Again;
        }
        let Some(timeline) = &mut self.timeline else {
            return match self.round.next(u64::MAX) {
                Next::Run(budget) => self.turn(budget),
                Next::Idle => {
                    self.sleep_unless(period, |round| round.is_kicked() || !round.is_idle());
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
        match timeline.come_to(settled, || self.round.vcpus_mut().collect()) {
            Standing::Clear => {}
            Standing::Again => return Step::Again,
            Standing::Wait => {
                self.wait_for_kick(period);
                return Step::Again;
            }
        }
        if self.round.is_idle() {
            self.settled = true;
            self.idle(period);
            return Step::Again;
        }
        match timeline.align() {
            Due::Nothing => {}
            Due::Warn(seconds) => self.events.late(seconds),
            Due::Wait(ns) => {
                self.sleep(period, ns.min(LONGEST_WAIT_NS));
                return Step::Again;
            }
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

    /// Sleeps until somebody asks for attention; returns at once if that has happened since the orders were read.
    fn wait_for_kick(&mut self, period: &mut Period<'_>) {
        self.sleep_unless(period, Round::is_kicked);
    }

    fn sleep_unless(&mut self, period: &mut Period<'_>, has_news: impl FnOnce(&Round) -> bool) {
        self.put_down(period, |period, this| {
            let has_news = || has_news(&this.round);
            period.without_gate(|big| this.shared.crew.sleep(this.number, big, has_news));
        });
    }

    /// Sleeps for `ns` nanoseconds of host time, unless somebody asks for attention; for how long.
    fn sleep(&mut self, period: &mut Period<'_>, ns: i64) -> i64 {
        if self.round.is_kicked() {
            return 0;
        }
        let host = MonotonicClock;
        let start = host.now_ns();
        let woken = self.put_down(period, |period, this| {
            let kicked = || this.round.is_kicked();
            period.without_gate(|big| this.shared.crew.sleep_for(this.number, big, kicked, ns as u64))
        });
        if woken {
            (host.now_ns() - start).min(ns)
        } else {
            ns
        }
    }

    /// Sleeps for a while if it is to, between orders, which a stop ends. False: it is not to any more.
    fn naps(&mut self, period: &mut Period<'_>) -> bool {
        let Some(ns) = self.shared.naps.lock()[self.number] else {
            return false;
        };
        let now = MonotonicClock.now_ns();
        let end = *self.nap_ends.get_or_insert(now.saturating_add(ns));
        if end <= now {
            self.end_nap();
            return false;
        }
        self.sleep(period, end - now);
        true
    }

    fn end_nap(&mut self) {
        self.nap_ends = None;
        self.shared.naps.lock()[self.number] = None;
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
                let slept = self.sleep(period, ns);
                if let Some(timeline) = &self.timeline {
                    timeline.warp_slept(slept);
                }
            }
        }
    }
}

impl Member<Task> for Runner {
    fn take_kicks(&mut self) {
        self.round.take_kicks();
    }

    fn relieve(&mut self, period: &mut Period<'_>) {
        if self.timeline.as_ref().is_some_and(Timeline::others_wait) {
            self.put_down(period, |period, _| period.yield_now());
        }
    }

    fn work(&mut self, period: &mut Period<'_>, Task { cpu, alone, work }: Task) {
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
    }

    fn stopped(&mut self) {
        self.end_nap();
        self.note_instant();
        let schedule = Schedule::of(&self.round, self.timeline.as_mut(), self.settled);
        *self.shared.schedule.lock() = schedule;
    }
}
