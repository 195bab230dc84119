//! Input from a descriptor: read on the main loop, and only what the frontend has room for.
//!
//! Without room the descriptor is not watched, so a full frontend costs no turns of the loop. The room is looked
//! at once more *after* the watch is off: a frontend that made room in between has asked for input too early to be
//! heard otherwise.

use crate::port::Port;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use util_mainloop::{FdToken, Interest, LoopHandle};

/// Read at most this much at a time, so that other descriptors get their turn.
const CHUNK: usize = 4096;

/// The reading half of a stream.
pub(crate) struct Reader {
    fd: Arc<OwnedFd>,
    main_loop: LoopHandle,
    token: OnceLock<FdToken>,
    port: Arc<Port>,
    ended: AtomicBool,
    on_end: Box<dyn Fn() + Send + Sync>,
}

impl Reader {
    /// Watches `fd`, which must not block, for `port`. `on_end` is called once, on the loop's thread, at the end of
    /// the input or on an error.
    pub(crate) fn new(
        main_loop: &LoopHandle,
        fd: Arc<OwnedFd>,
        port: Arc<Port>,
        on_end: Box<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        let reader = Arc::new(Self {
            fd: Arc::clone(&fd),
            main_loop: main_loop.clone(),
            token: OnceLock::new(),
            port,
            ended: AtomicBool::new(false),
            on_end,
        });
        let weak = Arc::downgrade(&reader);
        // Watched only when the token is in place, because the handler uses it.
        let token = main_loop.add_fd(fd, Interest::NONE, move |_| {
            if let Some(reader) = Weak::upgrade(&weak) {
                reader.pump();
            }
        });
        let _ = reader.token.set(token);
        reader.accept_input();
        reader
    }

    /// Watches again, if there is more to come. The handler finds out whether there is room.
    pub(crate) fn accept_input(&self) {
        if !self.ended.load(Ordering::Acquire) {
            self.watch(Interest::READ);
        }
    }

    fn watch(&self, interest: Interest) {
        if let Some(&token) = self.token.get() {
            self.main_loop.set_interest(token, interest);
        }
    }

    fn pump(&self) {
        let room = self.port.room().min(CHUNK);
        if room == 0 {
            self.watch(Interest::NONE);
            if self.port.room() > 0 {
                self.accept_input();
            }
            return;
        }
        let mut buffer = [0; CHUNK];
        match rustix::io::read(&self.fd, &mut buffer[..room]) {
            Ok(0) => self.end(),
            Ok(got) => self.port.receive(&buffer[..got]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => {
                // A pty or terminal whose other side has gone says EIO; a socket, reset.
                tracing::debug!(%error, "end of input");
                self.end();
            }
        }
    }

    fn end(&self) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.watch(Interest::NONE);
            (self.on_end)();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(&token) = self.token.get() {
            self.main_loop.remove_fd(token);
        }
    }
}
