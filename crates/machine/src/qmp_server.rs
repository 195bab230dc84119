//! QMP's place in a machine: `-qmp`, what its commands do, and the events it sends.
//!
//! ```text
//! character device -> Line -> Session (qmp) -> MonitorTarget: the same actions as the human monitor's
//! stop, start, reset, power-off, end -> Machine::tell -> every session that has negotiated
//! ```
//!
//! Everything is on the main thread, between two turns of its loop; the CPUs stand still while a command is carried out.

use crate::debug::{Line, News};
use crate::rr::interruptions::Look;
use crate::running::{Machine, RunState};
use crate::target::MonitorTarget;
use monitor::{Monitor, ReplayAction};
use qmp::{Cause, Cpu, Error, Event, ReplayInfo, ReplayMode, Session, Status, Timestamp};
use replay::{Mode, Shutdown};
use util_mainloop::clock::{ClockSource, WallClock};
use util_mainloop::{MainLoop, Period};

/// One client's connection.
pub struct QmpServer {
    line: Line,
    /// None while nobody is connected.
    session: Option<Session>,
    /// Events that a client lost who does not read.
    lost: u64,
}

impl QmpServer {
    /// Serves on `line`.
    pub fn new(line: Line) -> Self {
        Self {
            line,
            session: None,
            lost: 0,
        }
    }

    /// Whether the client on `line` has had enough of a journey through a replay.
    pub fn look(line: &Line) -> Look {
        Box::new(line.look(|news| match news {
            News::Bytes(bytes) => qmp::wants_end(bytes),
            News::Opened | News::Closed => false,
        }))
    }

    /// Whether there is something to do.
    pub fn has_news(&self) -> bool {
        self.line.has_news()
    }

    fn event(&mut self, event: Event) {
        let Some(session) = &mut self.session else {
            return;
        };
        if self.line.is_clogged() {
            if self.lost == 0 {
                tracing::warn!("a QMP client does not read; it misses events");
            }
            self.lost += 1;
            return;
        }
        session.event(event, Timestamp::from_ns(WallClock.now_ns()));
        self.line.send(&session.take_output());
    }

    /// Waits until the client has been told everything. For the end.
    pub fn end(&self) {
        self.line.flush();
    }
}

impl From<RunState> for Status {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Running => Self::Running,
            RunState::Prelaunch => Self::Prelaunch,
            RunState::Paused => Self::Paused,
            RunState::Debug => Self::Debug,
            RunState::Shutdown => Self::Shutdown,
            RunState::IoError => Self::IoError,
        }
    }
}

/// Why the machine ends, as QMP words it.
pub fn cause(shutdown: Shutdown) -> Cause {
    match shutdown {
        Shutdown::GuestShutdown | Shutdown::GuestPanic => Cause::GuestShutdown,
        Shutdown::GuestReset | Shutdown::SubsystemReset => Cause::GuestReset,
        Shutdown::QmpQuit => Cause::HostQuit,
        Shutdown::QmpReset => Cause::HostReset,
        Shutdown::HostSignal => Cause::HostSignal,
        Shutdown::None | Shutdown::HostError | Shutdown::HostUi | Shutdown::SnapshotLoad => Cause::HostUi,
    }
}

impl Machine {
    /// Works on what QMP clients sent. The CPUs are stopped.
    pub(crate) fn qmp_turn(&mut self, period: &mut Period<'_>, main_loop: &mut MainLoop) {
        for n in 0..self.qmp.len() {
            while let Some(news) = self.qmp[n].line.next() {
                match news {
                    News::Opened => {
                        let mut session = Session::new();
                        self.qmp[n].line.send(&session.take_output());
                        self.qmp[n].session = Some(session);
                        self.qmp[n].lost = 0;
                    }
                    News::Closed => self.qmp[n].session = None,
                    News::Bytes(bytes) => {
                        let Some(mut session) = self.qmp[n].session.take() else {
                            continue;
                        };
                        session.feed(
                            &bytes,
                            &mut MonitorTarget {
                                machine: self,
                                period,
                                main_loop,
                            },
                        );
                        self.qmp[n].line.send(&session.take_output());
                        self.qmp[n].session = Some(session);
                        self.tell_events();
                    }
                }
            }
        }
    }

    /// Keeps an event for the QMP clients.
    pub(crate) fn tell(&mut self, event: Event) {
        if !self.qmp.is_empty() {
            self.events.push(event);
        }
    }

    /// Keeps STOP or RESUME for the QMP clients, if that has changed since the last call.
    fn tell_run_state(&mut self) {
        let running = self.state == RunState::Running;
        if std::mem::replace(&mut self.told_running, running) != running {
            self.tell(if running { Event::Resume } else { Event::Stop });
        }
    }

    /// Sends the events.
    pub(crate) fn tell_events(&mut self) {
        self.tell_run_state();
        for event in std::mem::take(&mut self.events) {
            for server in &mut self.qmp {
                server.event(event);
            }
        }
    }
}

impl qmp::Machine for MonitorTarget<'_, '_> {
    fn name(&mut self) -> Option<String> {
        self.machine.name.clone()
    }

    fn status(&mut self) -> Status {
        self.machine.state.into()
    }

    fn cpus(&mut self) -> Vec<Cpu> {
        let place = |n: usize| {
            let topology = self.machine.on_cpu(self.period, n, |vcpu| vcpu.topology);
            let id = topology.apic_id;
            let (threads, cores) = (topology.thread_bits(), topology.core_bits());
            let below = |bits: u32| (1u32 << bits) - 1;
            Cpu {
                // The CPUs share one, whose number nobody needs: it cannot be moved without moving all of them.
                thread_id: 0,
                place: [
                    id >> topology.package_bits(),
                    id >> threads & below(cores),
                    id & below(threads),
                ],
            }
        };
        (0..self.machine.cpus.count()).map(place).collect()
    }

    fn stop(&mut self) {
        monitor::Target::stop(self);
        self.machine.tell_run_state();
    }

    fn cont(&mut self) -> Result<(), Error> {
        if self.machine.state == RunState::Shutdown {
            return Err(Error::generic("Resetting the Virtual Machine is required"));
        }
        monitor::Target::cont(self);
        self.machine.tell_run_state();
        Ok(())
    }

    fn quit(&mut self) {
        monitor::Target::quit(self);
    }

    fn system_reset(&mut self) {
        monitor::Target::system_reset(self);
    }

    fn system_powerdown(&mut self) {
        monitor::Target::system_powerdown(self);
    }

    fn inject_nmi(&mut self) {
        monitor::Target::nmi(self);
    }

    fn refuses_changes(&mut self) -> Option<String> {
        monitor::Target::refuses_changes(self).map(str::to_owned)
    }

    fn monitor_command(&mut self, line: &str) -> String {
        Monitor::new().command(line, self)
    }

    fn replay(&mut self) -> ReplayInfo {
        ReplayInfo {
            mode: match self.machine.replay.mode() {
                Mode::None => ReplayMode::None,
                Mode::Record => ReplayMode::Record,
                Mode::Play => ReplayMode::Play,
            },
            filename: None,
            icount: self.machine.count(),
        }
    }

    fn replay_break(&mut self, icount: u64) -> Result<(), Error> {
        self.must_replay("setting the breakpoint is allowed only in play mode")?;
        monitor::Target::replay(self, ReplayAction::Break(icount)).map_err(Error::generic)
    }

    fn replay_delete_break(&mut self) -> Result<(), Error> {
        self.must_replay("replay breakpoints are allowed only in play mode")?;
        monitor::Target::replay(self, ReplayAction::DeleteBreak).map_err(Error::generic)
    }

    fn replay_seek(&mut self, icount: u64) -> Result<(), Error> {
        self.must_replay("replay must be enabled to seek")?;
        monitor::Target::replay(self, ReplayAction::Seek(icount)).map_err(Error::generic)
    }
}

impl MonitorTarget<'_, '_> {
    fn must_replay(&self, otherwise: &str) -> Result<(), Error> {
        match self.machine.replay.mode() {
            Mode::Play => Ok(()),
            _ => Err(Error::generic(otherwise)),
        }
    }
}
