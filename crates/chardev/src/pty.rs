//! A pseudo-terminal for `screen`, `minicom` and their like.
//!
//! While nobody has the other end open the host reports a hang-up without end, so the pty is then not watched but
//! looked at: twice a second, and whenever there is output. Output that nobody is there to read is dropped.

use crate::port::Port;
use crate::reader::Reader;
use crate::terminal;
use crate::writer::Writer;
use crate::{Chardev, Context, Frontend, InUse, OpenError};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use util_mainloop::timer::{Timer, TimerList};

/// How often to look whether somebody has come, nanoseconds.
const LOOK_NS: i64 = 500_000_000;

struct Inner {
    master: Arc<OwnedFd>,
    port: Arc<Port>,
    context: Context,
    /// Present while somebody has the other end open.
    reader: Mutex<Option<Arc<Reader>>>,
    writer: Mutex<Option<Arc<Writer>>>,
    look: Mutex<Option<Timer>>,
}

/// The master side of a pseudo-terminal.
pub struct Pty {
    inner: Arc<Inner>,
    path: String,
}

impl Pty {
    /// Makes a pseudo-terminal; [`path`](Self::path) is what to open on the other side.
    ///
    /// # Errors
    /// The host has none.
    pub fn open(context: &Context) -> Result<Self, OpenError> {
        let (master, path) = make().map_err(|e| OpenError::host("pty")(e.into()))?;
        let inner = Arc::new(Inner {
            master: Arc::new(master),
            port: Port::new(false),
            context: context.clone(),
            reader: Mutex::default(),
            writer: Mutex::default(),
            look: Mutex::default(),
        });
        let weak = Arc::downgrade(&inner);
        let realtime: &Arc<TimerList> = &context.realtime;
        let look = realtime.timer(Box::new(move || {
            if let Some(inner) = weak.upgrade() {
                inner.look();
            }
        }));
        look.arm(realtime.now_ns() + LOOK_NS);
        *inner.look.lock() = Some(look);
        Ok(Self { inner, path })
    }

    /// The device file of the other side.
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn make() -> rustix::io::Result<(OwnedFd, String)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let path = ptsname(&master, Vec::new())?;
    let slave = open(
        &path,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    // No echo of our output back at us before a program on the other side sets its own mode.
    let mut termios = terminal::raw(&tcgetattr(&slave)?, false);
    termios.output_modes -= rustix::termios::OutputModes::OPOST;
    tcsetattr(&slave, OptionalActions::Now, &termios)?;
    fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
    Ok((master, path.to_string_lossy().into_owned()))
}

impl Inner {
    fn somebody_there(&self) -> bool {
        let mut set = [PollFd::new(&self.master, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut set, Some(&now)).is_ok() && !set[0].revents().contains(PollFlags::HUP)
    }

    /// Begins to watch if somebody has come; else looks again later. On the loop's thread.
    fn look(self: &Arc<Self>) {
        if !self.port.is_open() && self.somebody_there() {
            self.connect();
            self.port.set_open(true);
        }
        if !self.port.is_open()
            && let Some(timer) = &*self.look.lock()
        {
            timer.anticipate(self.context.realtime.now_ns() + LOOK_NS);
        }
    }

    fn connect(self: &Arc<Self>) {
        self.writer();
        let weak = Arc::downgrade(self);
        let left = Box::new(move || {
            if let Some(inner) = weak.upgrade() {
                // What was to be written was for the one who left.
                let (writer, reader) = (inner.writer.lock().take(), inner.reader.lock().take());
                drop((writer, reader));
                inner.port.set_open(false);
                inner.look();
            }
        });
        let reader = Reader::new(
            &self.context.main_loop,
            Arc::clone(&self.master),
            Arc::clone(&self.port),
            left,
        );
        *self.reader.lock() = Some(reader);
    }

    /// The writer, as long as somebody is there. From any thread.
    fn writer(&self) -> Option<Arc<Writer>> {
        let mut writer = self.writer.lock();
        if writer.is_none() && self.somebody_there() {
            *writer = Some(Writer::new(&self.context.main_loop, Arc::clone(&self.master)));
            if let Some(timer) = &*self.look.lock() {
                timer.anticipate(0); // the loop finds out too
            }
        }
        writer.clone()
    }
}

impl Chardev for Pty {
    fn write(&self, data: &[u8]) {
        if let Some(writer) = self.inner.writer() {
            writer.write(data);
        }
    }

    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        self.inner.port.attach(frontend)?;
        self.accept_input();
        Ok(())
    }

    fn accept_input(&self) {
        let reader = self.inner.reader.lock().clone();
        if let Some(reader) = reader {
            reader.accept_input();
        }
    }

    fn flush(&self) {
        let writer = self.inner.writer.lock().clone();
        if let Some(writer) = writer {
            writer.flush();
        }
    }

    fn describe(&self) -> String {
        format!("pty:{}", self.path)
    }
}

#[cfg(test)]
mod tests;
