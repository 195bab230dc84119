//! The thread that runs a virtual CPU: turns of execution, sleep while halted, queued work, pause and resume.
//!
//! Everything here happens under the big lock, which is dropped around guest execution and sleep. Other threads
//! reach the CPU through [`CpuThread`]'s methods; the CPU reaches the machine through [`CpuEvents`].
//! With counted time this thread also owns the virtual clock: it runs expired timers between turns and sizes each
//! turn to end exactly at the next deadline.

use crate::Report;
use crate::counted::{CountedClock, Sleep};
use crate::engine::Execution;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use target_i386::flags::bit;
use target_i386::signals::request;
use target_i386::state::Activity;
use target_i386::{StopReason, Vcpu};
use util_mainloop::clock::{ClockSource, MonotonicClock};
use util_mainloop::lock::{BigCondvar, BigLock, BigLockGuard};
use util_mainloop::timer::TimerList;

/// What the CPU tells the machine, on the CPU's thread.
pub trait CpuEvents: Send + Sync {
    /// Triple fault. The CPU has stopped; the machine decides between reset and exit. Under the big lock.
    fn triple_fault(&self);

    /// The CPU has stopped for a debugger ([`Vcpu::debugger`] says why). Under the big lock.
    fn debug_stop(&self) {}

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
    },
}

type Work = Box<dyn FnOnce(&mut Vcpu) + Send>;

#[derive(Default)]
struct Orders {
    /// The CPU may not execute.
    stop: bool,
    /// It does not: confirmed by its thread.
    stopped: bool,
    /// The thread ends.
    quit: bool,
    /// It has ended.
    gone: bool,
    work: VecDeque<Work>,
}

struct Shared {
    lock: Arc<BigLock>,
    /// Signalled to the CPU's thread: new orders, requests or timers.
    orders_changed: BigCondvar,
    /// Signalled by the CPU's thread: stopped, or a piece of work is done.
    answered: BigCondvar,
    orders: Mutex<Orders>,
    /// As of the last piece of work.
    report: Mutex<Report>,
    signals: Arc<target_i386::CpuSignals>,
}

/// Handle to the thread of one virtual CPU.
pub struct CpuThread {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl CpuThread {
    /// Starts a thread that runs `vcpu` by `execution`, stopped; [`resume`](Self::resume) lets it run.
    ///
    /// # Errors
    /// The host cannot start a thread.
    pub fn spawn(
        vcpu: Box<Vcpu>,
        execution: Execution,
        lock: Arc<BigLock>,
        time: TimeBase,
        events: Arc<dyn CpuEvents>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            lock,
            orders_changed: BigCondvar::new(),
            answered: BigCondvar::new(),
            orders: Mutex::new(Orders {
                stop: true,
                ..Orders::default()
            }),
            report: Mutex::new(execution.report(&vcpu)),
            signals: Arc::clone(&vcpu.signals),
        });
        // A weak handle: the CPU's signals outlive the thread in devices that hold them.
        let waker = Arc::downgrade(&shared);
        shared.signals.set_waker(move || {
            if let Some(shared) = waker.upgrade() {
                shared.orders_changed.notify_all();
            }
        });
        if let TimeBase::Counted { timers, .. } = &time {
            // A new earliest deadline shortens the turn: end it after the current instruction and size it anew.
            let signals = Arc::clone(&shared.signals);
            timers.set_notify(Arc::new(move || signals.kick()));
        }
        let runner = Runner {
            shared: Arc::clone(&shared),
            execution,
            vcpu,
            time,
            events,
        };
        let thread = std::thread::Builder::new()
            .name("CPU 0/TCG".into())
            .spawn(move || {
                let _announce = Announce {
                    shared: Arc::clone(&runner.shared),
                    events: Arc::clone(&runner.events),
                };
                runner.run();
            })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks the CPU to stop executing, without waiting. Callable from the CPU's own thread (a device that asks for
    /// reset): no further instruction executes after the current one.
    pub fn request_stop(&self) {
        self.shared.orders.lock().stop = true;
        self.shared.signals.kick();
    }

    /// Stops the CPU and waits until it has, or has ended. Not from the CPU's own thread.
    pub fn pause(&self, big: &mut BigLockGuard<'_>) {
        self.request_stop();
        let is_still = || {
            let orders = self.shared.orders.lock();
            orders.stopped || orders.gone
        };
        while !is_still() {
            self.shared.answered.wait(big);
        }
    }

    /// Lets the CPU execute.
    pub fn resume(&self) {
        let mut orders = self.shared.orders.lock();
        orders.stop = false;
        orders.stopped = false;
        drop(orders);
        self.shared.orders_changed.notify_all();
    }

    /// Whether the CPU is stopped, or about to be.
    pub fn is_paused(&self) -> bool {
        self.shared.orders.lock().stop
    }

    /// Runs `work` on the CPU's thread, between two instructions, and waits for its result. Works on a paused CPU
    /// too. First in, first out. Not from the CPU's own thread.
    ///
    /// # Panics
    /// If the thread has ended ([`is_finished`](Self::is_finished)).
    pub fn run_on_cpu<R: Send + 'static>(
        &self,
        big: &mut BigLockGuard<'_>,
        work: impl FnOnce(&mut Vcpu) -> R + Send + 'static,
    ) -> R {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        self.async_run_on_cpu(move |vcpu| *slot.lock() = Some(work(vcpu)));
        loop {
            if let Some(result) = result.lock().take() {
                return result;
            }
            assert!(!self.is_finished(), "work for a CPU whose thread has ended");
            self.shared.answered.wait(big);
        }
    }

    /// What the engine has done so far. As [`run_on_cpu`](Self::run_on_cpu).
    ///
    /// # Panics
    /// As [`run_on_cpu`](Self::run_on_cpu).
    pub fn report(&self, big: &mut BigLockGuard<'_>) -> Report {
        self.run_on_cpu(big, |_| ());
        *self.shared.report.lock()
    }

    /// Queues `work` for the CPU's thread. First in, first out.
    pub fn async_run_on_cpu(&self, work: impl FnOnce(&mut Vcpu) + Send + 'static) {
        self.shared.orders.lock().work.push_back(Box::new(work));
        self.shared.signals.kick();
    }

    /// Ends the thread and waits for it. Not under the big lock.
    pub fn join(&self) {
        self.shared.orders.lock().quit = true;
        self.shared.signals.kick();
        // The thread may be between its test and its wait: notify under the lock that it tests under.
        drop(self.shared.lock.lock_unless_held());
        self.shared.orders_changed.notify_all();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the CPU thread panicked");
        }
    }

    /// Whether the thread has ended (it panicked, or was joined).
    pub fn is_finished(&self) -> bool {
        self.shared.orders.lock().gone
    }
}

impl Drop for CpuThread {
    /// A machine that is dropped without [`join`](Self::join) leaves no thread behind.
    fn drop(&mut self) {
        let own = self
            .thread
            .lock()
            .as_ref()
            .is_some_and(|t| t.thread().id() == std::thread::current().id());
        if own || self.shared.lock.held() {
            // Waiting here would be waiting for ourselves: the thread ends by itself.
            self.shared.orders.lock().quit = true;
            self.shared.signals.kick();
            self.shared.orders_changed.notify_all();
        } else {
            self.join();
        }
    }
}

/// Tells everybody who waits for the CPU's thread that it has ended, however that came.
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

/// Whether a pending request would end the CPU's sleep.
pub(crate) fn can_wake(vcpu: &Vcpu) -> bool {
    let pending = vcpu.signals.pending();
    match vcpu.state.activity {
        Activity::Running => true,
        Activity::Halted => {
            pending & (request::INIT) != 0
                || pending & request::NMI != 0 && !vcpu.state.nmi_blocked
                || pending & request::INTR != 0 && vcpu.state.flags.has(bit::IF)
        }
        Activity::WaitForSipi => pending & (request::INIT | request::SIPI) != 0,
        Activity::Shutdown => pending & (request::INIT | request::NMI) != 0,
    }
}

/// The thread's own side.
struct Runner {
    shared: Arc<Shared>,
    vcpu: Box<Vcpu>,
    execution: Execution,
    time: TimeBase,
    events: Arc<dyn CpuEvents>,
}

impl Runner {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut big = shared.lock.lock();
        loop {
            shared.signals.take(request::EXIT);
            self.do_queued_work();
            {
                let mut orders = shared.orders.lock();
                if orders.quit {
                    return;
                }
                if orders.stop && !orders.stopped {
                    orders.stopped = true;
                    shared.answered.notify_all();
                }
            }
            if shared.orders.lock().stop {
                self.wait_for_orders(&mut big);
                continue;
            }
            if let TimeBase::Counted { timers, .. } = &self.time {
                timers.run_expired();
            }
            if self.is_idle() {
                self.idle(&mut big);
                continue;
            }
            let budget = self.budget();
            let reason = big.unlocked(|| self.execution.run(&mut self.vcpu, budget));
            match reason {
                StopReason::Shutdown => self.events.triple_fault(),
                StopReason::Debug => self.events.debug_stop(),
                StopReason::Budget | StopReason::Halted | StopReason::ExitRequest => {}
            }
        }
    }

    fn do_queued_work(&mut self) {
        loop {
            let Some(work) = self.shared.orders.lock().work.pop_front() else {
                return;
            };
            *self.shared.report.lock() = self.execution.report(&self.vcpu);
            work(&mut self.vcpu);
            self.shared.answered.notify_all();
        }
    }

    /// Sleeps until there is something new; returns at once if it came since the orders were read.
    fn wait_for_orders(&self, big: &mut BigLockGuard<'_>) {
        let has_news = || {
            let orders = self.shared.orders.lock();
            !orders.work.is_empty() || orders.quit || !orders.stop
        };
        if !has_news() {
            self.shared.orders_changed.wait(big);
        }
    }

    fn is_idle(&self) -> bool {
        self.vcpu.state.activity != Activity::Running && !can_wake(&self.vcpu)
    }

    /// Halted with nothing to deliver: counted time warps to the next deadline, host time just sleeps.
    fn idle(&self, big: &mut BigLockGuard<'_>) {
        // Somebody asked for attention since the orders were read, without the big lock.
        if self.shared.signals.pending() & request::EXIT != 0 {
            return;
        }
        let TimeBase::Counted { clock, timers, sleep } = &self.time else {
            self.shared.orders_changed.wait(big);
            return;
        };
        // With no timer armed only the outside can end this; time stands still.
        let Some(deadline) = timers.deadline() else {
            self.shared.orders_changed.wait(big);
            return;
        };
        let ahead = deadline - timers.now_ns();
        match sleep {
            // An idle guest must not keep the main loop from its lock: it could never be told to stop.
            Sleep::Off => {
                clock.warp(ahead);
                big.unlocked(|| ());
            }
            // Slept through: the clock shows exactly the deadline, whatever the host's timer did. Woken early
            // (input, a monitor command): the time slept, which is as much of an outside event as the input is.
            Sleep::On => {
                let host = MonotonicClock;
                let start = host.now_ns();
                let woken = self.shared.orders_changed.wait_for(big, ahead.max(0) as u64);
                clock.warp(if woken {
                    (host.now_ns() - start).min(ahead)
                } else {
                    ahead
                });
            }
        }
    }

    /// Instructions until the next virtual deadline.
    fn budget(&self) -> u64 {
        match &self.time {
            TimeBase::Host => u64::MAX,
            TimeBase::Counted { clock, timers, .. } => timers
                .deadline()
                .map_or(u64::MAX, |deadline| clock.budget_until(deadline)),
        }
    }
}
