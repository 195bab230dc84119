//! The `reprise` command: reads argv, assembles the machine, prints errors.
//!
//! Arguments flow through [`options`] into a [`machine::Config`]; the machine runs; its end becomes the exit status.
//! A first argument without a dash can name one of [`commands`] instead.
//! Whatever is wrong with the options is one line on standard error and status 1, before the guest runs.

mod commands;
mod log;
mod options;

use options::Request;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(command) = commands::find(&args) {
        return match command(&args[1..]) {
            Ok(status) => status,
            Err(error) => refuse(&format!("{error:#}")),
        };
    }
    let request = match options::parse(args.into_iter()) {
        Ok(request) => request,
        Err(error) => return refuse(&error.to_string()),
    };
    let (mut config, log) = match request {
        Request::Print(text) => {
            // Whoever closes the pipe early has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Request::Run(config, log) => (*config, log),
    };
    let started = log::start(&log).and_then(|()| log::look(&log, &mut config.look));
    if let Err(error) = started {
        return refuse(&format!("{error:#}"));
    }
    match machine::run(config) {
        Ok(status) => ExitCode::from(status),
        Err(error) => refuse(&format!("{error:#}")),
    }
}

fn refuse(message: &str) -> ExitCode {
    // One line, whatever a file's name or a library's message contains.
    let line = message.replace(|c: char| c.is_control(), " ");
    let _ = writeln!(std::io::stderr(), "reprise: {line}");
    ExitCode::FAILURE
}
