//! The built `reprise` command, as a person or a script sees it: arguments and keys in; text, exit status and the
//! state of the terminal out.
//!
//! One test program, so that it links once. Guests are a few bytes made by [`images`], or the embedded one.

// Waiting for another process is about host time.
#![allow(clippy::disallowed_methods)]

mod bad_input;
mod exit_status;
mod flight;
mod images;
mod lists;
mod looking;
mod monitor;
mod process;
mod protocols;
mod pty;
mod replay_log;
mod snapshots;
mod terminal;
mod travel;
