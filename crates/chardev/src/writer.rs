//! Output to a descriptor: at once if the host takes it, else from the main loop, in order, nothing lost.

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock, Weak};
use util_mainloop::{FdToken, Interest, LoopHandle};

/// With this much waiting a writer waits too: a guest that prints faster than the host reads must not fill the
/// host's memory, and what it has printed must not be lost.
const LIMIT: usize = 16 << 20;

/// How long the end of the process waits for a host that takes nothing.
const PATIENCE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

#[derive(Default)]
struct State {
    waiting: VecDeque<u8>,
    /// Writing failed for good; what comes now is dropped.
    broken: bool,
}

impl State {
    /// The other side has gone for good.
    fn give_up(&mut self) {
        if !self.waiting.is_empty() {
            tracing::warn!(
                lost = self.waiting.len(),
                "character device output dropped: nobody reads it any more"
            );
        }
        self.broken = true;
        self.waiting = VecDeque::new();
    }
}

/// The writing half of a stream.
pub(crate) struct Writer {
    fd: Arc<OwnedFd>,
    main_loop: LoopHandle,
    token: OnceLock<FdToken>,
    state: Mutex<State>,
}

impl Writer {
    /// Output to `fd`, which must not block.
    pub(crate) fn new(main_loop: &LoopHandle, fd: Arc<OwnedFd>) -> Arc<Self> {
        let writer = Arc::new(Self {
            fd: Arc::clone(&fd),
            main_loop: main_loop.clone(),
            token: OnceLock::new(),
            state: Mutex::default(),
        });
        let weak = Arc::downgrade(&writer);
        let token = main_loop.add_fd(fd, Interest::NONE, move |ready| {
            if let Some(writer) = Weak::upgrade(&weak) {
                let mut state = writer.state.lock();
                writer.push(&mut state);
                if !ready.write && (ready.hangup || ready.error) {
                    state.give_up();
                }
                if state.waiting.is_empty() {
                    writer.watch(Interest::NONE);
                }
            }
        });
        let _ = writer.token.set(token);
        writer
    }

    fn watch(&self, interest: Interest) {
        if let Some(&token) = self.token.get() {
            self.main_loop.set_interest(token, interest);
        }
    }

    pub(crate) fn write(&self, data: &[u8]) {
        let mut state = self.state.lock();
        if state.broken {
            return;
        }
        let idle = state.waiting.is_empty();
        state.waiting.extend(data);
        if idle {
            self.push(&mut state);
            if !state.waiting.is_empty() {
                self.watch(Interest::WRITE);
            }
        }
        while state.waiting.len() > LIMIT {
            self.wait(&mut state, None);
            self.push(&mut state);
        }
    }

    /// Bytes that the host has not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Writes as much as the host takes now.
    fn push(&self, state: &mut State) {
        while !state.waiting.is_empty() {
            match rustix::io::write(&self.fd, state.waiting.as_slices().0) {
                Ok(taken) => drop(state.waiting.drain(..taken)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(error) => {
                    tracing::debug!(%error, "character device output ends");
                    state.give_up();
                }
            }
        }
    }

    /// Waits until the host takes more. False: the time is over, or it never will.
    fn wait(&self, state: &mut State, timeout: Option<&Timespec>) -> bool {
        let mut set = [PollFd::new(&self.fd, PollFlags::OUT)];
        let ready = !matches!(poll(&mut set, timeout), Ok(0));
        let found = set[0].revents();
        if !found.contains(PollFlags::OUT)
            && found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
        {
            state.give_up();
        }
        ready && !state.broken
    }

    pub(crate) fn flush(&self) {
        let mut state = self.state.lock();
        self.push(&mut state);
        while !state.waiting.is_empty() && self.wait(&mut state, Some(&PATIENCE)) {
            self.push(&mut state);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.flush();
        if let Some(&token) = self.token.get() {
            self.main_loop.remove_fd(token);
        }
    }
}

#[cfg(test)]
mod tests;
