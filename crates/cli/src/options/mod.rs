//! The command line: one table of options, QEMU's names and forms.
//!
//! argv flows word by word through [`table`]; each row's function changes a [`Draft`]; at the end the
//! draft is checked as a whole and becomes a [`machine::Config`]. Nothing is opened for writing before that.

mod device;
mod draft;
mod drive;
mod firmware;
mod keyval;
mod network;
pub mod size;
mod table;
#[cfg(test)]
mod tests;

use crate::log::LogConfig;
use draft::Draft;
use std::ffi::OsString;

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Print this and end: help, lists, version.
    Print(String),
    /// Run a machine.
    Run(Box<machine::Config>, LogConfig),
}

/// A refused command line; its text is one line without the program's name.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// `-option value: reason`.
    #[error("-{option} {value}: {reason}")]
    Value {
        /// The option's name.
        option: &'static str,
        /// Its argument.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// Anything that is not about one argument.
    #[error("{0}")]
    Line(String),
    /// No error at all: the option asks for a text to print.
    #[error("help")]
    Help(String),
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Request, OptionError> {
    let args: Vec<OsString> = args.collect();
    let words = args.iter().map(|word| word.to_string_lossy().into_owned());
    let words = words.collect();
    let mut draft = Draft::default();
    match read(args.into_iter(), &mut draft).and_then(|()| draft.finish(words)) {
        Ok((config, log)) => Ok(Request::Run(Box::new(config), log)),
        Err(OptionError::Help(text)) => Ok(Request::Print(text)),
        Err(error) => Err(error),
    }
}

fn read(mut args: impl Iterator<Item = OsString>, draft: &mut Draft) -> Result<(), OptionError> {
    let text = |word: OsString| {
        word.into_string()
            .map_err(|word| OptionError::Line(format!("{}: not valid UTF-8", word.to_string_lossy())))
    };
    while let Some(word) = args.next() {
        let word = text(word)?;
        let Some(name) = word
            .strip_prefix("--")
            .or_else(|| word.strip_prefix('-'))
            .filter(|name| !name.is_empty())
        else {
            drive::bare(draft, &word);
            continue;
        };
        let Some(option) = table::find(name) else {
            return Err(OptionError::Line(format!(
                "-{name}: invalid option{}",
                did_you_mean(name, table::names())
            )));
        };
        let value = match option.argument {
            None => String::new(),
            Some(_) => match args.next() {
                Some(value) => text(value)?,
                None => return Err(OptionError::Line(format!("-{name}: requires an argument"))),
            },
        };
        (option.apply)(draft, &value).map_err(|error| match error {
            draft::Refusal::Help(text) => OptionError::Help(text),
            draft::Refusal::Reason(reason) => OptionError::Value {
                option: option.name,
                value,
                reason,
            },
        })?;
    }
    Ok(())
}

/// ` (did you mean 'x'?)` for the candidate nearest to `name`, if one is near.
pub fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let near = |candidate: &&str| strsim::damerau_levenshtein(name, candidate) <= 1 + name.len() / 4;
    candidates
        .filter(near)
        .min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate))
        .map_or_else(String::new, |candidate| format!(" (did you mean '{candidate}'?)"))
}
