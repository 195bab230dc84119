//! What `reprise` does besides running a machine by options: a first argument without a dash that names a command.

pub mod record;
mod replay;
mod replay_log;

use std::ffi::OsString;
use std::process::ExitCode;

/// A command: arguments after its name in; output on stdout, and the exit status or one line of error out.
type Command = fn(&[OsString]) -> anyhow::Result<ExitCode>;

/// The commands, by name.
const COMMANDS: &[(&str, Command)] = &[
    ("record", record::run),
    ("replay", replay::run),
    ("replay-log", replay_log::run),
];

/// The command that `args`, the arguments after the program's name, begin with.
pub fn find(args: &[OsString]) -> Option<Command> {
    let first = args.first()?.to_str()?;
    COMMANDS
        .iter()
        .find(|(name, _)| *name == first)
        .map(|&(_, command)| command)
}
