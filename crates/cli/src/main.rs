//! The `reprise` command: reads argv, assembles the machine, prints errors.
//!
//! Arguments flow through [`options`] into a [`machine::Config`]; the machine runs; its end becomes the exit status.
//! A first argument without a dash can name one of [`commands`] instead.
//! Whatever is wrong with the options is one line on standard error and status 1, before the guest runs.

mod commands;
mod log;
mod options;

use options::Request;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match commands::find(&args) {
        Some(command) => command(&args[1..]),
        None => options::parse(args.into_iter())
            .map_err(anyhow::Error::from)
            .and_then(obey),
    };
    done.unwrap_or_else(|error| refuse(&format!("{error:#}")))
}

/// Prints a text, or runs a machine to its end.
fn obey(request: Request) -> anyhow::Result<ExitCode> {
    let (mut config, log) = match request {
        Request::Print(text) => {
            // Whoever closes the pipe early has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return Ok(ExitCode::SUCCESS);
        }
        Request::Run(config, log) => (*config, log),
    };
    log::start(&log)?;
    log::look(&log, &mut config.look)?;
    Ok(ExitCode::from(machine::run(config)?))
}

fn refuse(message: &str) -> ExitCode {
    // One line, whatever a file's name or a library's message contains.
    let line = message.replace(|c: char| c.is_control(), " ");
    let _ = writeln!(std::io::stderr(), "reprise: {line}");
    ExitCode::FAILURE
}
