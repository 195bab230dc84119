//! A guest on pipes: wait for text on its console, type at it, wait for its end.
//!
//! Output flows from the child's stdout and stderr through a reader thread into one growing transcript that
//! [`Console::expect`] searches from where the last match ended.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A running emulator whose console is a pipe.
pub struct Console {
    child: Child,
    stdin: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    transcript: String,
    seen: usize,
    deadline: Instant,
    shown: bool,
}

impl Console {
    /// Starts `program` with `args`; everything must be over within `limit` of host time. The limit is a safety
    /// net against a hung guest, not a measurement.
    ///
    /// # Errors
    /// The program cannot be started.
    #[allow(clippy::disallowed_methods)] // xtask watches over processes on the host's clock.
    pub fn start(program: &Path, args: &[String], limit: Duration) -> Result<Self> {
        // One pipe for what the guest and what the emulator says, so that both stay in the order in which they were said.
        let (mut stream, both) = std::io::pipe().context("making a pipe")?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(both.try_clone().context("sharing a pipe")?)
            .stderr(both)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let deadline = Instant::now() + limit;
        Ok(Self {
            child,
            stdin,
            output,
            transcript: String::new(),
            seen: 0,
            deadline,
            shown: false,
        })
    }

    /// Whether what the guest prints is shown as it comes.
    pub fn show(&mut self, shown: bool) {
        self.shown = shown;
    }

    /// Process id of the emulator.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `text` appears after the last match.
    ///
    /// # Errors
    /// The guest ended or the time limit came first.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        loop {
            if let Some(at) = self.transcript[self.seen..].find(text) {
                self.seen += at + text.len();
                return Ok(());
            }
            if !self.more()? {
                bail!("ended without printing {text:?}\n{}", self.tail());
            }
        }
    }

    /// Types `text`.
    ///
    /// # Errors
    /// The guest is gone.
    pub fn send(&mut self, text: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("console is closed")?;
        stdin.write_all(text.as_bytes())?;
        Ok(stdin.flush()?)
    }

    /// Kills the emulator as nothing else does; returns what it had printed.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(mut self) -> Result<String> {
        self.child.kill()?;
        self.child.wait()?;
        while self.more()? {}
        Ok(std::mem::take(&mut self.transcript))
    }

    /// Waits for the end; returns the exit status and everything printed.
    ///
    /// # Errors
    /// The time limit came first, or a signal ended the emulator.
    pub fn finish(mut self) -> Result<(i32, String)> {
        while self.more()? {}
        let status = self.child.wait()?;
        let code = status
            .code()
            .with_context(|| format!("emulator ended by {status}\n{}", self.tail()))?;
        Ok((code, std::mem::take(&mut self.transcript)))
    }

    /// Takes in more output; false at its end.
    #[allow(clippy::disallowed_methods)] // see `start`
    fn more(&mut self) -> Result<bool> {
        match self
            .output
            .recv_timeout(self.deadline.saturating_duration_since(Instant::now()))
        {
            Ok(bytes) => {
                if self.shown {
                    std::io::stdout().write_all(&bytes)?;
                    std::io::stdout().flush()?;
                }
                self.transcript.push_str(&String::from_utf8_lossy(&bytes));
                Ok(true)
            }
            Err(RecvTimeoutError::Disconnected) => Ok(false),
            Err(RecvTimeoutError::Timeout) => bail!("time limit reached\n{}", self.tail()),
        }
    }

    /// The last of what was printed, without the control sequences of full-screen programs.
    fn tail(&self) -> String {
        const SHOWN: usize = 2000;
        let start = self.transcript.len().saturating_sub(SHOWN);
        let start = (start..)
            .find(|&at| self.transcript.is_char_boundary(at))
            .unwrap_or(0);
        self.transcript[start..].replace('\x1b', "")
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
