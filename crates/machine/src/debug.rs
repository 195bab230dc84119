//! The debugger's place in a machine: `-gdb`, `-s`, and what its orders do.
//!
//! ```text
//! character device -> Line -> Session (gdb-server) -> Attached: registers, memory, breakpoints
//!                                `-> Order -> start, stop, step, monitor command, end
//! vCPU: StopReason::Debug -> Requests -> main loop: RunState::Debug -> Session::stopped
//! ```
//!
//! Everything is on the main thread, between two turns of its loop; the CPUs stand still while a debugger's packet is
//! worked on. Backwards goes through [`History`], which a machine has that replays.

mod attached;
mod line;
mod registers;

pub use attached::Attached;
pub use line::{Line, News};

use crate::running::{Machine, RunState};
use crate::target::MonitorTarget;
use gdb_server::{Motion, Order, Session, Stop, WatchKind};
use monitor::Monitor;
use replay::Shutdown;
use target_i386::debugger::{DebugStop, WatchKind as CpuWatchKind};
use util_mainloop::Period;
use util_mainloop::lock::Held;

/// A machine's past: who replays it from a recording can go there.
///
/// Motions are begun here and end later, by [`Machine::debugger_stopped`]; meanwhile the machine is
/// [`RunState::Running`] to everybody.
pub trait History {
    /// Goes back: [`Motion::StepBack`] or [`Motion::Back`].
    fn go_back(&mut self, machine: &mut Machine, period: &mut Period<'_>, motion: &Motion);

    /// Stops wherever the machine is.
    fn interrupt(&mut self, machine: &mut Machine, period: &mut Period<'_>);

    /// Has the replay stop before the instruction with this number (`replay-break`), or at none.
    ///
    /// # Errors
    /// It cannot, in words.
    fn set_break(
        &mut self,
        machine: &mut Machine,
        period: &mut Period<'_>,
        icount: Option<u64>,
    ) -> Result<(), String>;

    /// Goes to the instruction with this number (`replay-seek`).
    ///
    /// # Errors
    /// It cannot, in words.
    fn seek(&mut self, machine: &mut Machine, period: &mut Period<'_>, icount: u64) -> Result<(), String>;
}

/// A debugger's connection to the machine.
pub struct GdbServer {
    line: Line,
    session: Session<Attached>,
    monitor: Monitor,
}

impl GdbServer {
    /// Serves `attached` on `line`.
    pub fn new(line: Line, attached: Attached) -> Self {
        Self {
            line,
            session: Session::new(attached),
            monitor: Monitor::new(),
        }
    }

    /// Whether there is something to do.
    pub fn has_news(&self) -> bool {
        self.line.has_news()
    }

    /// Tells the debugger of the machine's end, and waits until it is told.
    pub fn end(&mut self, status: u8) {
        self.session.stopped(Stop::Exited(status));
        self.line.send(&self.session.take_output());
        self.line.flush();
    }
}

impl Machine {
    /// Works on what the debugger sent. The CPUs are stopped.
    pub(crate) fn debugger_turn(&mut self, period: &mut Period<'_>) {
        let Some(mut server) = self.gdb.take() else {
            return;
        };
        server.session.debuggee().set_replays(self.history.is_some());
        while let Some(news) = server.line.next() {
            match news {
                News::Opened => {
                    if self.state == RunState::Running {
                        self.stop(period, RunState::Debug);
                    }
                    period.unlocked(&mut || server.session.begin());
                }
                // The machine stays as it is: another debugger may come.
                News::Closed => period.unlocked(&mut || server.session.end()),
                News::Bytes(bytes) => {
                    let mut orders = Vec::new();
                    period.unlocked(&mut || orders = server.session.feed(&bytes));
                    for order in orders {
                        self.obey(&mut server, period, order);
                    }
                }
            }
            server.line.send(&server.session.take_output());
        }
        self.gdb = Some(server);
    }

    fn obey(&mut self, server: &mut GdbServer, period: &mut Period<'_>, order: Order) {
        match order {
            Order::Resume(Motion::Forward { steps, held }) => {
                for n in 0..self.cpus.count() {
                    let steps = steps.contains(&n);
                    self.on_cpu(period, n, move |vcpu| {
                        vcpu.debugger.disarm_step();
                        if steps {
                            vcpu.debugger.arm_step();
                        }
                    });
                }
                // CPUs that take turns cannot be held alone: the others wait for them with locks in their hands.
                let _ = held;
                if self.state == RunState::Shutdown {
                    server.session.stopped(Stop::Interrupted { cpu: 0 });
                } else {
                    self.start();
                }
            }
            Order::Resume(motion) => match self.history.take() {
                Some(mut history) => {
                    history.go_back(self, period, &motion);
                    self.history = Some(history);
                }
                None => server.session.stopped(Stop::Begin { cpu: 0 }),
            },
            Order::Interrupt => {
                if let Some(mut history) = self.history.take() {
                    history.interrupt(self, period);
                    self.history = Some(history);
                }
                if self.state == RunState::Running {
                    self.stop(period, RunState::Debug);
                }
                server.session.stopped(Stop::Interrupted { cpu: 0 });
            }
            Order::Monitor(line) => {
                let text = server.monitor.command(
                    &line,
                    &mut MonitorTarget {
                        machine: self,
                        period,
                    },
                );
                server.session.answer(&text);
            }
            Order::Detach => {
                if matches!(
                    self.state,
                    RunState::Debug | RunState::Paused | RunState::Prelaunch
                ) {
                    self.start();
                }
            }
            Order::Kill => self.requests.leave(0, Shutdown::HostUi),
            Order::Broken(reason) => {
                tracing::warn!(target: "gdb", "the debugger's connection starts anew: {reason}");
            }
        }
    }

    /// If the machine has stopped while the debugger waits for that, tells it why.
    pub(crate) fn debugger_report(&mut self, period: &mut Period<'_>) {
        let waits = self
            .gdb
            .as_ref()
            .is_some_and(|server| server.session.is_running());
        if !waits || self.state == RunState::Running {
            return;
        }
        let stops =
            (0..self.cpus.count()).map(|n| (n, self.on_cpu(period, n, |vcpu| vcpu.debugger.take_stop())));
        let stop = stops.fold(None, |first, (n, stop)| first.or(stop.map(|stop| (n, stop))));
        self.debugger_stopped(
            stop.map_or(Stop::Interrupted { cpu: 0 }, |(cpu, stop)| match stop {
                DebugStop::Stop(addr) => Stop::Breakpoint { cpu, addr },
                DebugStop::Step => Stop::Step { cpu },
                DebugStop::Watch(addr, watch) => Stop::Watch {
                    cpu,
                    addr,
                    kind: match watch.kind {
                        CpuWatchKind::Write => WatchKind::Write,
                        CpuWatchKind::Read => WatchKind::Read,
                        CpuWatchKind::Access => WatchKind::Access,
                    },
                },
            }),
        );
    }

    /// Tells a waiting debugger that the machine has stopped, and why.
    pub fn debugger_stopped(&mut self, stop: Stop) {
        if let Some(server) = &mut self.gdb {
            server.session.stopped(stop);
            server.line.send(&server.session.take_output());
        }
    }
}
