//! The debugger's place in a machine: `-gdb`, `-s`, and what its orders do.
//!
//! ```text
//! character device -> Line -> Session (gdb-server) -> Attached: registers, memory, breakpoints
//!                                `-> Order -> start, stop, step, monitor command, end
//! vCPU: StopReason::Debug -> Requests -> main loop: RunState::Debug -> Session::stopped
//! ```
//!
//! Everything is on the main thread, between two turns of its loop; the CPUs stand still while a debugger's packet is
//! worked on. Backwards is for machines that replay ([`travel`](crate::rr::travel)); Ctrl-C ends the journey.

mod attached;
mod line;
mod registers;

pub use attached::{ALL_REGISTERS, Attached, set_registers, write_physical};
pub use line::{Line, News};

use crate::rr::interruptions::Look;
use crate::rr::travel::{Halt, Trip, as_told};
use crate::running::{Machine, RunState};
use crate::target::MonitorTarget;
use gdb_server::{Motion, Order, Session, Stop};
use monitor::Monitor;
use replay::{Mode, Shutdown};
use std::sync::Arc;
use util_mainloop::lock::Held;
use util_mainloop::{MainLoop, Period};

/// Why `set scheduler-locking on` is not obeyed.
const ITS_TURN: &str = "the recording says whose turn it is: no CPU can be held (set scheduler-locking off, or monitor replay_live)\n";

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

    /// Whether the debugger on `line` has had enough of a journey: Ctrl-C, or it has gone.
    pub fn look(line: &Line) -> Look {
        Box::new(line.look(|news| match news {
            News::Bytes(bytes) => bytes.contains(&0x03),
            News::Opened | News::Closed => true,
        }))
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
    pub(crate) fn debugger_turn(&mut self, period: &mut Period<'_>, main_loop: &mut MainLoop) {
        let Some(mut server) = self.gdb.take() else {
            return;
        };
        self.debugging = server.session.is_open();
        server.session.debuggee().set_replays(self.history.is_some());
        while let Some(news) = server.line.next() {
            match news {
                News::Opened => {
                    if self.state == RunState::Running {
                        self.stop(period, RunState::Debug);
                    }
                    self.begin_history(period);
                    if let Some(history) = &mut self.history {
                        history.automatic = true;
                        server.session.debuggee().set_replays(true);
                    }
                    self.debugging = true;
                    period.unlocked(&mut || server.session.begin());
                }
                // The machine stays as it is: another debugger may come.
                News::Closed => {
                    self.debugging = false;
                    self.cpus.hold(&[]);
                    period.unlocked(&mut || server.session.end());
                }
                News::Bytes(bytes) => {
                    let mut orders = Vec::new();
                    period.unlocked(&mut || orders = server.session.feed(&bytes));
                    for order in orders {
                        self.obey(&mut server, period, main_loop, order);
                    }
                }
            }
            server.line.send(&server.session.take_output());
        }
        self.gdb = Some(server);
    }

    fn obey(
        &mut self,
        server: &mut GdbServer,
        period: &mut Period<'_>,
        main_loop: &mut MainLoop,
        order: Order,
    ) {
        match order {
            // A step among CPUs that wait is how gdb leaves a breakpoint: the log's order makes it.
            Order::Resume(Motion::Forward { steps, held })
                if steps.is_empty() && !held.is_empty() && self.replay.mode() != Mode::None =>
            {
                server.session.say(ITS_TURN);
                server.session.stopped(Stop::Interrupted { cpu: 0 });
            }
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
                if self.replay.mode() == Mode::None {
                    self.cpus.hold(&held);
                }
                if self.is_at_end() {
                    server.session.stopped(Stop::End { cpu: 0 });
                } else if self.state == RunState::Shutdown {
                    server.session.stopped(Stop::Interrupted { cpu: 0 });
                } else {
                    self.start();
                }
            }
            Order::Resume(motion) if self.history.is_some() => {
                let interruptions = Arc::clone(&self.interruptions);
                let mut trip = Trip {
                    period,
                    main_loop,
                    interrupted: &|| interruptions.any(),
                };
                let told = self.go_back(&mut trip, &motion);
                server.session.stopped(told);
            }
            Order::Resume(_) => server.session.stopped(Stop::Begin { cpu: 0 }),
            Order::Interrupt => {
                self.cpus.hold(&[]);
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
                        main_loop,
                    },
                );
                server.session.answer(&text);
            }
            Order::Detach => {
                self.cpus.hold(&[]);
                self.debugging = false;
                if self.let_end() {
                    // What was held comes.
                } else if matches!(
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
    pub(crate) fn debugger_report(&mut self) {
        let waits = self
            .gdb
            .as_ref()
            .is_some_and(|server| server.session.is_running());
        if !waits || self.state == RunState::Running {
            return;
        }
        self.cpus.hold(&[]);
        self.debugger_stopped(match self.halt {
            Some(Halt::Debug(cpu, stop, _)) => as_told(cpu, stop),
            Some(Halt::End) => Stop::End { cpu: 0 },
            Some(Halt::Reached) | None => Stop::Interrupted { cpu: 0 },
        });
    }

    /// Tells a waiting debugger that the machine has stopped, and why.
    pub fn debugger_stopped(&mut self, stop: Stop) {
        if let Some(server) = &mut self.gdb {
            server.session.stopped(stop);
            server.line.send(&server.session.take_output());
        }
    }
}
