//! A machine that runs: its main loop, run state, and what requests do to it.
//!
//! Everything here is on the main thread, in periods that hold the replay lock (when there is one) and the big lock
//! and put them down while polling. Mirrors QEMU's `system/runstate.c`.

use crate::console::MonitorConsole;
use crate::debug::{GdbServer, Past};
use crate::digest::{self, Digest};
use crate::requests::{Pending, Requests, ResetCause};
use crate::target::MonitorTarget;
use crate::virtual_time::VirtualTime;
use accel_tcg::{CpuThread, Report};
use anyhow::Result;
use hw_i386::pc::Pc;
use std::sync::Arc;
use target_i386::Vcpu;
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
    pub(crate) cpu: Arc<CpuThread>,
    pub(crate) lock: Arc<BigLock>,
    pub(crate) time: VirtualTime,
    pub(crate) requests: Arc<Requests>,
    pub(crate) state: RunState,
    pub(crate) ends: EndPolicy,
    /// Stay where the reset leaves us (`-S`).
    pub(crate) start_stopped: bool,
    /// The debugger's connection.
    pub(crate) gdb: Option<GdbServer>,
    /// Where the debugger goes back to.
    pub(crate) past: Option<Box<dyn Past>>,
    /// Signals are watched as long as the machine lives.
    pub(crate) _signals: Option<FdToken>,
}

impl Machine {
    /// Runs until something asks for the end; returns the exit status, and the state's digest if that is wanted
    /// here or in the log.
    ///
    /// # Errors
    /// The host's poll fails.
    pub fn run(
        &mut self,
        main_loop: &mut MainLoop,
        monitors: &mut [MonitorConsole],
        digest: bool,
    ) -> Result<(u8, Option<Digest>)> {
        let lock = Arc::clone(&self.lock);
        let mut period = lock.period();
        self.reset(&mut period);
        if self.start_stopped {
            self.state = RunState::Prelaunch;
        } else {
            self.start();
        }
        let status = loop {
            main_loop.run_once(&mut period, Timeout::NEVER)?;
            if self.cpu.is_finished() {
                anyhow::bail!("the CPU thread ended unexpectedly");
            }
            // The guest holds still while the monitor looks at it, so that an answer is one moment of its life.
            let debugger = self.gdb.as_ref().is_some_and(GdbServer::has_news);
            let asked = debugger || monitors.iter().any(MonitorConsole::has_news);
            if asked {
                period.without_gate(|big| self.cpu.pause(big));
            }
            for monitor in &mut *monitors {
                monitor.turn(&mut MonitorTarget {
                    machine: self,
                    period: &mut period,
                });
            }
            if debugger {
                self.debugger_turn(&mut period);
            }
            if let Some(status) = self.carry_out(&mut period) {
                break status;
            }
            self.debugger_report(&mut period);
            if asked && self.state == RunState::Running {
                self.cpu.resume();
            }
        };
        self.stop(&mut period, RunState::Shutdown);
        if let Some(server) = &mut self.gdb {
            server.end(status);
        }
        let logged = tracing::enabled!(target: "machine::digest", tracing::Level::INFO);
        let digest = (digest || logged).then(|| self.digest(&mut period));
        if let Some(digest) = digest {
            tracing::info!(target: "machine::digest", "{digest}");
        }
        if tracing::enabled!(target: "stats", tracing::Level::INFO) {
            for line in self.report(&mut period).to_string().lines() {
                tracing::info!(target: "stats", "{line}");
            }
        }
        drop(period);
        self.cpu.join();
        Ok((status, digest))
    }

    /// Lets the guest and its clock run.
    pub fn start(&mut self) {
        self.state = RunState::Running;
        self.time.start();
        self.cpu.resume();
    }

    /// Stops the guest between two instructions, and its clock.
    pub fn stop(&mut self, period: &mut Period<'_>, why: RunState) {
        period.without_gate(|big| self.cpu.pause(big));
        self.time.stop();
        self.state = why;
    }

    /// Runs `work` on the CPU's thread, between two instructions.
    pub fn on_cpu<R: Send + 'static>(
        &self,
        period: &mut Period<'_>,
        work: impl FnOnce(&mut Vcpu) -> R + Send + 'static,
    ) -> R {
        period.without_gate(|big| self.cpu.run_on_cpu(big, work))
    }

    /// What the engine has done so far.
    pub fn report(&self, period: &mut Period<'_>) -> Report {
        period.without_gate(|big| self.cpu.report(big))
    }

    /// Puts everything into its first state and loads the kernel again. The CPU must be stopped.
    fn reset(&mut self, period: &mut Period<'_>) {
        self.pc.reset();
        let pc = Arc::clone(&self.pc);
        self.on_cpu(period, move |vcpu| {
            target_i386::reset::reset(vcpu);
            pc.reset_cpu(0, &mut vcpu.state);
            vcpu.refresh_mode();
        });
    }

    fn digest(&self, period: &mut Period<'_>) -> Digest {
        let (instructions, cpu) = self.on_cpu(period, |vcpu| (vcpu.icount, digest::cpu(vcpu)));
        let memory = digest::memory(self.pc.ram());
        let devices = hw_core::digest(&self.pc.devices);
        Digest {
            instructions,
            cpu,
            memory,
            devices,
        }
    }

    /// Does what was asked since the last turn; the exit status, if that ends the emulator.
    fn carry_out(&mut self, period: &mut Period<'_>) -> Option<u8> {
        let Pending {
            exit,
            power_off,
            reset,
            debug,
        } = self.requests.take();
        let power_off_ends = power_off && !self.ends.stay_after_shutdown;
        let reset_ends = reset == Some(ResetCause::Guest) && self.ends.exit_on_reset;
        if let Some(status) = exit.or((power_off_ends || reset_ends).then_some(0)) {
            return Some(status);
        }
        if power_off {
            self.stop(period, RunState::Shutdown);
        } else if reset.is_some() {
            let before = self.state;
            self.stop(period, RunState::Paused);
            self.reset(period);
            // A machine that was switched off comes back with a reset; one that was paused stays so.
            if matches!(before, RunState::Running | RunState::Shutdown) {
                self.start();
            } else {
                self.state = before;
            }
        } else if debug {
            self.stop(period, RunState::Debug);
        }
        None
    }
}
