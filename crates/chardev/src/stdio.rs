//! The process's standard input and output.
//!
//! The descriptors are shared with whoever started us, so they are not made non-blocking where that can be helped:
//! a terminal or pipe is opened again, with a file description of our own. What cannot be (a socket) gets the flag
//! and loses it again when we go.

use crate::port::Port;
use crate::reader::Reader;
use crate::terminal::RawTerminal;
use crate::writer::Writer;
use crate::{Chardev, Context, Frontend, InUse, OpenError};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open};
use rustix::io::Result;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// There is one standard input.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Claims standard input and output for one device.
struct Claim;

impl Claim {
    fn new() -> Option<Self> {
        (!IN_USE.swap(true, Ordering::AcqRel)).then_some(Self)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        IN_USE.store(false, Ordering::Release);
    }
}

/// A descriptor that does not block, and what must be undone when it is no longer used.
struct Private {
    fd: Arc<OwnedFd>,
    undo: Option<OFlags>,
}

impl Private {
    fn new(shared: BorrowedFd<'_>, access: OFlags) -> Result<Self> {
        let kind = FileType::from_raw_mode(fstat(shared)?.st_mode);
        if matches!(kind, FileType::CharacterDevice | FileType::Fifo) {
            let path = format!("/proc/self/fd/{}", shared.as_raw_fd());
            let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            if let Ok(fd) = open(path, flags, Mode::empty()) {
                return Ok(Self {
                    fd: Arc::new(fd),
                    undo: None,
                });
            }
        }
        let fd = Arc::new(rustix::io::fcntl_dupfd_cloexec(shared, 3)?);
        let before = fcntl_getfl(&fd)?;
        // A disk file never blocks, and a copy of its descriptor shares the position, which is what `>>log` wants.
        if kind == FileType::RegularFile || before.contains(OFlags::NONBLOCK) {
            return Ok(Self { fd, undo: None });
        }
        fcntl_setfl(&fd, before | OFlags::NONBLOCK)?;
        Ok(Self {
            fd,
            undo: Some(before),
        })
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Some(before) = self.undo {
            let _ = fcntl_setfl(&self.fd, before);
        }
    }
}

/// Standard input and output; a terminal is raw for as long as this lives.
pub struct Stdio {
    // In the order in which they must go: output is flushed, flags and terminal restored, then others may claim.
    reader: Arc<Reader>,
    writer: Arc<Writer>,
    port: Arc<Port>,
    _terminal: Option<RawTerminal>,
    _fds: [Private; 2],
    _claim: Claim,
}

impl Stdio {
    /// Takes standard input and output. With `signals`, Ctrl-C on a terminal still interrupts the process.
    ///
    /// # Errors
    /// They are in use by another device, or the host refuses.
    pub fn open(signals: bool, context: &Context) -> std::result::Result<Self, OpenError> {
        let claim = Claim::new().ok_or(OpenError::StdioInUse)?;
        let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
        Self::over(claim, stdin.as_fd(), stdout.as_fd(), signals, context)
            .map_err(|e| OpenError::host("stdio")(e.into()))
    }

    fn over(
        claim: Claim,
        input: BorrowedFd<'_>,
        output: BorrowedFd<'_>,
        signals: bool,
        context: &Context,
    ) -> Result<Self> {
        let fds = [
            Private::new(input, OFlags::RDONLY)?,
            Private::new(output, OFlags::WRONLY)?,
        ];
        let terminal = RawTerminal::enter(rustix::io::fcntl_dupfd_cloexec(&fds[0].fd, 3)?, signals)?;
        let port = Port::new(true);
        // The end of input is not the end of the machine: it runs on, and its output too.
        let ended = Arc::clone(&port);
        let reader = Reader::new(
            &context.main_loop,
            Arc::clone(&fds[0].fd),
            Arc::clone(&port),
            Box::new(move || ended.set_open(false)),
        );
        let writer = Writer::new(&context.main_loop, Arc::clone(&fds[1].fd));
        Ok(Self {
            reader,
            writer,
            port,
            _terminal: terminal,
            _fds: fds,
            _claim: claim,
        })
    }
}

impl Chardev for Stdio {
    fn write(&self, data: &[u8]) {
        self.writer.write(data);
    }

    fn attach(&self, frontend: Weak<dyn Frontend>) -> std::result::Result<(), InUse> {
        self.port.attach(frontend)?;
        self.reader.accept_input();
        Ok(())
    }

    fn accept_input(&self) {
        self.reader.accept_input();
    }

    fn flush(&self) {
        self.writer.flush();
    }

    fn describe(&self) -> String {
        "stdio".into()
    }
}

#[cfg(test)]
mod tests;
