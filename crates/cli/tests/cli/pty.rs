//! A person at a terminal: the command on a pseudo-terminal, keys in, screen out.

use crate::process::PATIENCE;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The command on a terminal of its own.
pub struct Session {
    child: Child,
    master: OwnedFd,
    /// Kept open, so that the terminal's modes can be seen after the end.
    slave: File,
    before: Termios,
    screen: String,
    /// What has been looked at already.
    seen: usize,
}

/// The part of a terminal's state that a shell cares about.
fn modes(terminal: &Termios) -> String {
    format!(
        "{:?} {:?} {:?}",
        terminal.input_modes, terminal.output_modes, terminal.local_modes
    )
}

impl Session {
    /// Starts the command with `args`.
    pub fn start(args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the host has pseudo-terminals");
        grantpt(&master)
            .and_then(|()| unlockpt(&master))
            .expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let name = name.into_string().expect("ASCII");
        let slave = File::options()
            .read(true)
            .write(true)
            .open(name)
            .expect("it can be opened");
        let before = tcgetattr(&slave).expect("it is a terminal");
        let end = || Stdio::from(slave.try_clone().expect("descriptors are left"));
        let child = Command::new(env!("CARGO_BIN_EXE_reprise"))
            .args(args)
            .env("RUST_BACKTRACE", "1")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the command starts");
        Self {
            child,
            master,
            slave,
            before,
            screen: String::new(),
            seen: 0,
        }
    }

    /// Types `keys`.
    pub fn press(&mut self, keys: &str) {
        let mut rest = keys.as_bytes();
        while !rest.is_empty() {
            let taken = rustix::io::write(&self.master, rest).expect("the terminal takes keys");
            rest = &rest[taken..];
        }
    }

    /// Reads until `text` appears behind what was seen before; returns everything up to its end.
    pub fn expect(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(at) = self.screen[self.seen..].find(text) {
                let from = self.seen;
                self.seen += at + text.len();
                return self.screen[from..self.seen].to_owned();
            }
            let waited = start.elapsed();
            assert!(waited < PATIENCE, "no {text:?} on the screen: {}", self.screen);
            self.read();
        }
    }

    /// Takes what is on the screen now, or comes within a tenth of a second.
    fn read(&mut self) {
        let mut set = [PollFd::new(&self.master, PollFlags::IN)];
        let tenth = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        if poll(&mut set, Some(&tenth)).is_ok_and(|ready| ready > 0) {
            let mut buffer = [0; 4096];
            if let Ok(got) = rustix::io::read(&self.master, &mut buffer) {
                self.screen.push_str(&String::from_utf8_lossy(&buffer[..got]));
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process has a number");
        kill_process(pid, signal).expect("it is our child");
    }

    /// Whether keys reach the process at once and unechoed, Ctrl-C included.
    pub fn is_raw(&self) -> bool {
        let now = tcgetattr(&self.slave).expect("it is a terminal");
        !now.local_modes
            .intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Changes the modes behind the command's back, as a shell does.
    pub fn make_cooked(&self) {
        rustix::termios::tcsetattr(&self.slave, rustix::termios::OptionalActions::Now, &self.before)
            .expect("it is a terminal");
    }

    /// Waits for the end: status, and the whole screen. The terminal must be as it was.
    pub fn end(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        let status = loop {
            self.read();
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("no end; on the screen: {}", self.screen);
            }
        };
        self.read();
        let after = tcgetattr(&self.slave).expect("it is a terminal");
        assert_eq!(
            modes(&after),
            modes(&self.before),
            "the terminal is not as it was"
        );
        (status.code(), std::mem::take(&mut self.screen))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A failed test must not leave a machine running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
