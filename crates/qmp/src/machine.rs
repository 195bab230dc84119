//! What the protocol asks of a machine. Every call finds the CPUs between two instructions.

use crate::Error;

/// Whether the guest runs, and if not, why; by the names that QEMU has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Executing.
    Running,
    /// Stopped by a command.
    Paused,
    /// Not started yet.
    Prelaunch,
    /// Stopped by a debugger.
    Debug,
    /// Switched off and kept.
    Shutdown,
    /// Stopped because the host failed a drive.
    IoError,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Prelaunch => "prelaunch",
            Self::Debug => "debug",
            Self::Shutdown => "shutdown",
            Self::IoError => "io-error",
        }
    }
}

/// A virtual CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// The host's number of its thread; 0 if that is not known.
    pub thread_id: i64,
    /// Where it is: socket, core of it, thread of that.
    pub place: [u32; 3],
}

/// What replaying the machine does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayMode {
    /// Nothing.
    #[default]
    None,
    /// It is recorded.
    Record,
    /// It is replayed.
    Play,
}

/// `query-replay`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayInfo {
    /// What it does.
    pub mode: ReplayMode,
    /// The log, if there is one.
    pub filename: Option<String>,
    /// Instructions completed.
    pub icount: u64,
}

/// A machine.
pub trait Machine {
    /// Its name, if it has one.
    fn name(&mut self) -> Option<String>;
    /// Whether it runs.
    fn status(&mut self) -> Status;
    /// Its CPUs.
    fn cpus(&mut self) -> Vec<Cpu>;
    /// Stops it; nothing if it does not run.
    fn stop(&mut self);
    /// Lets it run.
    ///
    /// # Errors
    /// It is switched off.
    fn cont(&mut self) -> Result<(), Error>;
    /// Ends the emulator.
    fn quit(&mut self);
    /// Resets it.
    fn system_reset(&mut self);
    /// Presses the power button.
    fn system_powerdown(&mut self);
    /// Sends an NMI to every CPU.
    fn inject_nmi(&mut self);
    /// Why nobody may change what it does, in one line, if so: it is a replay.
    fn refuses_changes(&mut self) -> Option<String> {
        None
    }
    /// Runs a line of the human monitor; its text.
    fn monitor_command(&mut self, line: &str) -> String;

    /// What replaying does.
    fn replay(&mut self) -> ReplayInfo {
        ReplayInfo::default()
    }

    /// Stops before the instruction with this number.
    ///
    /// # Errors
    /// It is not replayed, or the number is behind it.
    fn replay_break(&mut self, icount: u64) -> Result<(), Error> {
        let _ = icount;
        Err(Error::generic(
            "setting the breakpoint is allowed only in play mode",
        ))
    }

    /// Takes that back.
    ///
    /// # Errors
    /// It is not replayed.
    fn replay_delete_break(&mut self) -> Result<(), Error> {
        Err(Error::generic("replay breakpoints are allowed only in play mode"))
    }

    /// Goes to the instruction with this number.
    ///
    /// # Errors
    /// It is not replayed, or the number is not in the recording.
    fn replay_seek(&mut self, icount: u64) -> Result<(), Error> {
        let _ = icount;
        Err(Error::generic("replay must be enabled to seek"))
    }
}
