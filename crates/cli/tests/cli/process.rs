//! Runs the command with pipes instead of a terminal, and never waits for ever.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long anything may take before a test gives up; generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What was left when the command ended.
#[derive(Debug)]
pub struct Finished {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The command with `args`, with nothing on its standard input.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
    // Errors must stay one line even where somebody asked for backtraces.
    command.args(args).env("RUST_BACKTRACE", "1");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the command to its end.
pub fn run(args: &[&str]) -> Finished {
    finish(start(args), args)
}

/// A running command; a failed test leaves none behind.
pub struct Running(Child);

impl Running {
    /// Its process number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the command with `args`.
pub fn start(args: &[&str]) -> Running {
    Running(command(args).spawn().expect("the command starts"))
}

/// Waits for the end of `child`, whose output is piped.
pub fn finish(mut child: Running, what: &[&str]) -> Finished {
    let child = &mut child.0;
    let stdout = drain(child.stdout.take().expect("piped"));
    let stderr = drain(child.stderr.take().expect("piped"));
    // Both pipes close when the process ends, and not before.
    let Ok(stdout) = stdout.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        panic!(
            "{what:?} did not end; stderr: {}",
            stderr.recv().unwrap_or_default()
        );
    };
    let stderr = stderr.recv_timeout(PATIENCE).unwrap_or_default();
    Finished {
        status: child.wait().expect("it is our child").code(),
        stdout,
        stderr,
    }
}

fn drain(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// A path for a test's own file; `name` must be unique among the tests.
pub fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Writes `bytes` to a scratch file and returns its path.
pub fn file(name: &str, bytes: &[u8]) -> String {
    let path = scratch(name);
    std::fs::write(&path, bytes).expect("the scratch directory is writable");
    path.into_os_string()
        .into_string()
        .expect("the build directory's name is text")
}
