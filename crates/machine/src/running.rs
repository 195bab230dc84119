//! A machine that runs: its main loop, run state, and what requests do to it.
//!
//! Everything here is on the main thread, in periods that hold the replay lock (when there is one) and the big lock
//! and put them down while polling. Mirrors QEMU's `system/runstate.c`.

use crate::console::MonitorConsole;
use crate::debug::GdbServer;
use crate::digest::{self, Digest};
use crate::drives::Drives;
use crate::nets::Nets;
use crate::qmp_server::{self, QmpServer};
use crate::requests::{Pending, Requests, ResetCause};
use crate::rr::history::History;
use crate::rr::interruptions::Interruptions;
use crate::rr::log_care::LogCare;
use crate::rr::travel::Halt;
use crate::rr::{BesideLog, Outsides};
use crate::screen::Screen;
use crate::serial::Shown;
use crate::snapshot::Past;
use crate::symbols::Symbols;
use crate::target::MonitorTarget;
use crate::virtual_time::VirtualTime;
use accel_tcg::{Cpus, Report};
use anyhow::Result;
use hw_i386::pc::Pc;
use migration::Store;
use parking_lot::Mutex;
use replay::{Control, Event, Replay, Shutdown};
use std::sync::Arc;
use target_i386::Vcpu;
use ui::vnc;
use util_mainloop::{BigLock, FdToken, MainLoop, Period, Timeout};

/// Whether the guest runs, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Executing.
    Running,
    /// Not started yet (`-S`).
    Prelaunch,
    /// Stopped by the monitor.
    Paused,
    /// Stopped by the debugger: its order, a breakpoint, a step.
    Debug,
    /// Switched off and kept (`-no-shutdown`).
    Shutdown,
    /// Stopped because the host failed a drive.
    IoError,
}

impl RunState {
    /// As `info status` shows it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Prelaunch => "paused (prelaunch)",
            Self::Paused => "paused",
            Self::Debug => "paused (debug)",
            Self::Shutdown => "paused (shutdown)",
            Self::IoError => "paused (io-error)",
        }
    }
}

/// What happens at the two ends that a guest can choose.
#[derive(Clone, Copy, Debug)]
pub struct EndPolicy {
    /// A guest reset ends the emulator.
    pub exit_on_reset: bool,
    /// Power-off pauses instead of ending.
    pub stay_after_shutdown: bool,
}

/// The assembled machine.
pub struct Machine {
    pub(crate) name: Option<String>,
    pub(crate) pc: Arc<Pc>,
    pub(crate) cpus: Arc<Cpus>,
    /// The CPU that the monitor shows.
    pub(crate) monitored: usize,
    pub(crate) lock: Arc<BigLock>,
    pub(crate) time: VirtualTime,
    pub(crate) requests: Arc<Requests>,
    pub(crate) state: RunState,
    pub(crate) ends: EndPolicy,
    pub(crate) replay: Arc<Replay>,
    pub(crate) outsides: Arc<Outsides>,
    /// What snapshots are made of beside the parts above.
    pub(crate) past: Arc<Mutex<Past>>,
    /// Where snapshots with names are.
    pub(crate) snapshots: Store,
    /// The snapshot to begin with (`-loadvm`).
    pub(crate) begin_with: Option<String>,
    /// What belongs to the log but is not in it.
    pub(crate) beside_log: BesideLog,
    /// The replay was not what was recorded.
    pub(crate) diverged: bool,
    /// Instructions that were complete when the run began.
    pub(crate) began_at: u64,
    /// Stay where the reset leaves us (`-S`).
    pub(crate) start_stopped: bool,
    /// The debugger's connection.
    pub(crate) gdb: Option<GdbServer>,
    /// A replay's past, from when somebody wanted to be able to go back.
    pub(crate) history: Option<Box<History>>,
    /// Memory that it may take, in bytes.
    pub(crate) history_bytes: u64,
    /// It begins with the replay.
    pub(crate) keeps_history: bool,
    /// Nobody needs to ask for snapshots on the way.
    pub(crate) automatic_history: bool,
    /// Why the machine stopped, if it did by itself.
    pub(crate) halt: Option<Halt>,
    /// A debugger is connected.
    pub(crate) debugging: bool,
    /// On the way to another moment: nobody is told of stops.
    pub(crate) travelling: bool,
    /// Who can end a journey.
    pub(crate) interruptions: Arc<Interruptions>,
    /// What of the guest's output was shown.
    pub(crate) shown: Arc<Shown>,
    /// Connections of QMP clients.
    pub(crate) qmp: Vec<QmpServer>,
    /// What they have not been told yet.
    pub(crate) events: Vec<qmp::Event>,
    /// What they have been told last.
    pub(crate) told_running: bool,
    /// Names for the addresses in reports.
    pub(crate) symbols: Option<Arc<Symbols>>,
    /// Where the report on a replay that differs is kept.
    pub(crate) report: Option<Arc<Mutex<String>>>,
    /// Looks, about a second apart, at which a replay may be found where it was.
    pub(crate) patience: u32,
    /// A recording ends where its log cannot say so.
    pub(crate) ends_unsaid: bool,
    /// The count at which the replay was found not to be what was recorded.
    pub(crate) difference: Option<u64>,
    /// Its drives.
    pub(crate) drives: Arc<Drives>,
    /// Its networks.
    pub(crate) nets: Arc<Nets>,
    /// What it shows, and where keys go.
    pub(crate) screen: Arc<Screen>,
    /// Viewers.
    pub(crate) vnc: Option<Arc<vnc::Server>>,
    /// Signals are watched as long as the machine lives.
    pub(crate) _signals: Option<FdToken>,
}

impl Machine {
    /// Runs until something asks for the end; returns the exit status, and the state's digest if that is wanted
    /// here or in the log.
    ///
    /// # Errors
    /// The host's poll fails, or the snapshot to begin with cannot be loaded.
    pub fn run(
        &mut self,
        main_loop: &mut MainLoop,
        monitors: &mut [MonitorConsole],
        digest: bool,
    ) -> Result<(u8, Option<Digest>)> {
        let lock = Arc::clone(&self.lock);
        let mut period = lock.period();
        self.reset(&mut period);
        if let Err(error) = self.begin(&mut period) {
            drop(period);
            self.cpus.join();
            return Err(error);
        }
        if self.keeps_history {
            self.begin_history(&mut period);
        }
        if let Some(history) = &mut self.history {
            history.automatic = self.automatic_history;
        }
        if self.start_stopped {
            self.state = RunState::Prelaunch;
        } else {
            self.start();
        }
        let mut log = LogCare::new(self);
        let (status, cause) = loop {
            // What arrived on the way through a replay rings no bell any more.
            let waits = self.gdb.as_ref().is_some_and(GdbServer::has_news)
                || self.qmp.iter().any(QmpServer::has_news)
                || monitors.iter().any(MonitorConsole::has_news);
            let timeout = if waits { Timeout::from_ns(0) } else { log.timeout() };
            main_loop.run_once(&mut period, timeout)?;
            if self.cpus.is_finished() {
                anyhow::bail!("a CPU thread ended unexpectedly");
            }
            // The guest holds still while the monitor looks at it, so that an answer is one moment of its life.
            let debugger = self.gdb.as_ref().is_some_and(GdbServer::has_news);
            let clients = self.qmp.iter().any(QmpServer::has_news);
            let asked = debugger || clients || monitors.iter().any(MonitorConsole::has_news);
            if asked {
                period.without_gate(|big| self.cpus.pause(big));
            }
            for monitor in &mut *monitors {
                monitor.turn(&mut MonitorTarget {
                    machine: self,
                    period: &mut period,
                    main_loop,
                });
            }
            if debugger {
                self.debugger_turn(&mut period, main_loop);
            }
            if clients {
                self.qmp_turn(&mut period, main_loop);
            }
            if let Some(end) = self.carry_out(&mut period) {
                break end;
            }
            log.turn(self);
            if self.requests.is_leaving() && self.state != RunState::Running {
                // The log's end is at a boundary, and only a CPU that runs comes to one.
                self.start();
            }
            self.debugger_report();
            self.tell_events();
            if asked && self.state == RunState::Running {
                self.cpus.resume();
            }
        };
        self.tell(qmp::Event::Shutdown(qmp_server::cause(cause)));
        self.tell_events();
        self.stop(&mut period, RunState::Shutdown);
        let status = self.finish(&mut period, status, cause);
        if let Some(server) = &mut self.gdb {
            server.end(status);
        }
        self.qmp.iter().for_each(QmpServer::end);
        let logged = tracing::enabled!(target: "machine::digest", tracing::Level::INFO);
        let digest = (digest || logged).then(|| self.digest(&mut period));
        if let Some(digest) = digest {
            tracing::info!(target: "machine::digest", "{digest}");
        }
        if tracing::enabled!(target: "stats", tracing::Level::INFO) {
            for n in 0..self.cpus.count() {
                for line in self.report(&mut period, n).to_string().lines() {
                    tracing::info!(target: "stats", "{line}");
                }
            }
        }
        drop(period);
        self.cpus.join();
        Ok((status, digest))
    }

    /// Lets the guest and its clock run.
    pub fn start(&mut self) {
        self.state = RunState::Running;
        self.halt = None;
        self.plan_stop();
        self.time.start();
        self.drives.all.iter().for_each(|drive| drive.retry());
        self.cpus.resume();
    }

    /// Stops the guest between two instructions, and its clock.
    pub fn stop(&mut self, period: &mut Period<'_>, why: RunState) {
        period.without_gate(|big| self.cpus.pause(big));
        self.time.stop();
        self.state = why;
    }

    /// Runs `work` on CPU `n`, on its thread, between two instructions.
    pub fn on_cpu<R: Send + 'static>(
        &self,
        period: &mut Period<'_>,
        n: usize,
        work: impl FnOnce(&mut Vcpu) -> R + Send + 'static,
    ) -> R {
        period.without_gate(|big| self.cpus.run_on_cpu(big, n, work))
    }

    /// What the engine of CPU `n` has done so far.
    pub fn report(&self, period: &mut Period<'_>, n: usize) -> Report {
        period.without_gate(|big| self.cpus.report(big, n))
    }

    /// Puts everything into its first state and loads the kernel again. The CPU must be stopped.
    pub(crate) fn reset(&mut self, period: &mut Period<'_>) {
        self.pc.reset();
        for n in 0..self.cpus.count() {
            let pc = Arc::clone(&self.pc);
            self.on_cpu(period, n, move |vcpu| {
                target_i386::reset::reset(vcpu);
                pc.reset_cpu(n, &mut vcpu.state);
                vcpu.refresh_mode();
            });
        }
    }

    pub(crate) fn digest(&self, period: &mut Period<'_>) -> Digest {
        let each = |n| self.on_cpu(period, n, |vcpu| (vcpu.icount, digest::cpu(vcpu)));
        let each: Vec<(u64, u64)> = (0..self.cpus.count()).map(each).collect();
        let instructions = each.iter().map(|&(count, _)| count).sum();
        let cpu = digest::of_cpus(each.iter().map(|&(_, digest)| digest));
        let memory = digest::memory(self.pc.ram());
        let devices = hw_core::digest(&self.pc.devices);
        Digest {
            instructions,
            cpu,
            memory,
            devices,
        }
    }

    /// Somebody outside does something to the machine. Into a replay nobody reaches.
    pub fn control(&self, control: Control) {
        if let Some(Event::Control(control)) = self.replay.submit(Event::Control(control)) {
            self.outsides.control(&control);
        }
    }

    /// The count at which a replay was not what was recorded any more, if so.
    pub fn take_difference(&mut self) -> Option<u64> {
        self.difference.take()
    }

    /// Does what was asked since the last turn; exit status and cause, if that ends the emulator.
    pub(crate) fn carry_out(&mut self, period: &mut Period<'_>) -> Option<(u8, Shutdown)> {
        let Pending {
            exit,
            power_off,
            reset,
            debug,
            reached,
            io_error,
            is_recorded,
        } = self.requests.take();
        let power_off_ends = power_off && !self.ends.stay_after_shutdown;
        let reset_ends = reset == Some(ResetCause::Guest) && self.ends.exit_on_reset;
        let guests = match (power_off_ends, reset_ends) {
            (true, _) => Some((0, Shutdown::GuestShutdown)),
            (_, true) => Some((0, Shutdown::GuestReset)),
            _ => None,
        };
        if let Some((status, cause)) = exit.or(guests) {
            if self.holds_at_end(period, status, cause, is_recorded) {
                return None;
            }
            return Some((status, cause));
        }
        if power_off {
            self.stop(period, RunState::Shutdown);
            self.tell(qmp::Event::Shutdown(qmp::Cause::GuestShutdown));
        } else if let Some(cause) = reset {
            let before = self.state;
            self.stop(period, RunState::Paused);
            self.reset(period);
            self.tell(qmp::Event::Reset(match cause {
                ResetCause::Guest => qmp::Cause::GuestReset,
                ResetCause::Monitor => qmp::Cause::HostReset,
            }));
            // A machine that was switched off comes back with a reset; one that was paused stays so.
            if matches!(before, RunState::Running | RunState::Shutdown) {
                self.start();
            } else {
                self.state = before;
            }
        }
        if io_error && self.state == RunState::Running {
            self.stop(period, RunState::IoError);
        }
        // An instruction can ask for a reset and be what the debugger waited for.
        if debug {
            self.stop(period, RunState::Debug);
            self.note_debug_stop(period);
        } else if reached {
            self.came_to_stop(period);
        }
        None
    }
}
