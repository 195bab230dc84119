//! The poll loop: level-triggered, in a fixed order, woken from any thread.
//!
//! Mirrors QEMU's `main_loop_wait`. One turn: notifiers fill the poll set; the timeout is the soonest of theirs, the
//! timer lists' and the bottom halves'; locks are put down; poll; locks are taken again in their order; then
//! descriptors, bottom halves, notifiers, timers. Work flows in through [`LoopHandle`].

#[cfg(all(test, not(loom)))]
mod tests;

use crate::bh::{BottomHalf, BottomHalves};
use crate::fd::{FdToken, Fds, Interest, LoopFd, Ready};
use crate::lock::Held;
use crate::notifier::{Found, Notifier, NotifierToken, Notifiers};
use crate::os::EventFd;
use crate::thread;
use crate::timeout::Timeout;
use crate::timer::TimerList;
use crate::wake::Wakeup;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io;
use std::fmt;
use std::os::fd::AsFd;
use std::sync::Arc;

struct Shared {
    /// The only thread that turns this loop.
    thread: u64,
    wakeup: Wakeup<EventFd>,
    halves: Arc<BottomHalves>,
    fds: Fds,
    notifiers: Notifiers,
    timers: Mutex<Vec<Arc<TimerList>>>,
}

/// The loop. Belongs to the thread that made it, which alone turns it; everyone else has a [`LoopHandle`].
///
/// ```
/// use util_mainloop::{MainLoop, Timeout};
///
/// let mut main_loop = MainLoop::new()?;
/// let handle = main_loop.handle();
/// let worker = std::thread::spawn(move || handle.oneshot(|| println!("on the loop's thread")));
/// main_loop.run_once(&mut (), Timeout::NEVER)?;
/// # worker.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct MainLoop {
    shared: Arc<Shared>,
    /// Keeps the loop on its thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl fmt::Debug for MainLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MainLoop")
            .field("bottom_halves", &self.shared.halves)
            .finish_non_exhaustive()
    }
}

impl MainLoop {
    /// A loop for the calling thread.
    ///
    /// # Errors
    /// The host has no descriptor left for the bell.
    pub fn new() -> std::io::Result<Self> {
        let shared = Shared {
            thread: thread::number(),
            wakeup: Wakeup::new(EventFd::new()?),
            halves: Arc::new(BottomHalves::new()),
            fds: Fds::default(),
            notifiers: Notifiers::default(),
            timers: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            _not_send: std::marker::PhantomData,
        })
    }

    /// A handle for any thread.
    pub fn handle(&self) -> LoopHandle {
        LoopHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// One turn: waits at most `timeout` for something to do, and does it. True if anything ran.
    ///
    /// `held` is what the caller holds, `&mut ()` for nothing: it is put down during the wait and held during
    /// every callback.
    ///
    /// # Errors
    /// What `ppoll` failed with. An interruption by a signal is no error.
    pub fn run_once(&mut self, held: &mut dyn Held, timeout: Timeout) -> std::io::Result<bool> {
        self.shared.turn(held, timeout)
    }
}

impl Drop for MainLoop {
    fn drop(&mut self) {
        // Callbacks own handles, and handles own the loop: cut the circle.
        self.shared.fds.clear();
        self.shared.halves.clear();
        self.shared.notifiers.clear();
        self.shared.timers.lock().clear();
    }
}

impl Shared {
    fn turn(&self, held: &mut dyn Held, limit: Timeout) -> std::io::Result<bool> {
        // Announced before looking for work: whatever comes after the look rings the bell.
        self.wakeup.announce();
        let waits = self.notifiers.fill();
        let watched = self.fds.snapshot();
        let timers = self.timers.lock().clone();
        let timeout = waits
            .iter()
            .map(|(_, wait)| wait.timeout)
            .chain(
                timers
                    .iter()
                    .map(|list| Timeout::until(list.deadline(), list.now_ns())),
            )
            .fold(limit.soonest(self.halves.timeout()), Timeout::soonest);

        let mut set = vec![PollFd::new(self.wakeup.bell(), PollFlags::IN)];
        set.extend(
            watched
                .iter()
                .map(|(_, fd, interest)| PollFd::from_borrowed_fd(fd.as_fd(), interest.flags())),
        );
        for (_, wait) in &waits {
            set.extend(
                wait.fds
                    .iter()
                    .map(|(fd, i)| PollFd::from_borrowed_fd(fd.as_fd(), i.flags())),
            );
        }
        let mut result = Ok(0);
        // Also when there is work already: a busy loop must not keep the others from the locks for ever.
        held.unlocked(&mut || result = poll_for(&mut set, timeout));
        let ready: Vec<Ready> = match result {
            Ok(_) => set.iter().map(|fd| Ready::from_flags(fd.revents())).collect(),
            Err(_) => vec![Ready::default(); set.len()],
        };
        self.wakeup.awake(ready[0].read);

        let mut ready = ready.into_iter().skip(1);
        let mut progress = false;
        for ((token, _, _), ready) in watched.iter().zip(&mut ready) {
            if ready.any() {
                progress = true;
                self.fds.dispatch(*token, ready);
            }
        }
        progress |= self.halves.poll();
        for (token, wait) in &waits {
            let found = Found {
                ready: ready.by_ref().take(wait.fds.len()).collect(),
                result: result.map(|_| ()),
            };
            progress |= found.ready.iter().any(|ready| ready.any());
            self.notifiers.poll(*token, &found);
        }
        for list in &timers {
            progress |= list.run_expired();
        }
        result?;
        Ok(progress)
    }
}

/// Polls; an interruption finds nothing.
fn poll_for(set: &mut [PollFd<'_>], timeout: Timeout) -> io::Result<usize> {
    let timeout = timeout.ns().map(|ns| Timespec {
        tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: (ns % 1_000_000_000) as _,
    });
    match poll(set, timeout.as_ref()) {
        Err(io::Errno::INTR) => {
            set.iter_mut().for_each(PollFd::clear_revents);
            Ok(0)
        }
        result => result,
    }
}

/// Access to a loop from any thread. Cheap to clone.
#[derive(Clone)]
pub struct LoopHandle {
    shared: Arc<Shared>,
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle")
            .field("bottom_halves", &self.shared.halves)
            .finish_non_exhaustive()
    }
}

impl LoopHandle {
    /// Watches `fd`; `handler` is called on the loop's thread for as long as the fd is ready (level-triggered), and
    /// on a hang-up or error until it gives up its interest or removes the fd.
    pub fn add_fd(
        &self,
        fd: impl Into<LoopFd>,
        interest: Interest,
        handler: impl FnMut(Ready) + Send + 'static,
    ) -> FdToken {
        let token = self.shared.fds.add(fd.into(), interest, Box::new(handler));
        self.notify();
        token
    }

    /// Changes what `token` is watched for. Unknown tokens are ignored: the fd may just have been removed.
    pub fn set_interest(&self, token: FdToken, interest: Interest) {
        if self.shared.fds.set_interest(token, interest) {
            self.notify();
        }
    }

    /// Stops watching. A handler that is running on the loop's thread goes on to its end. The loop's hold on the
    /// fd goes when a poll under way ends.
    pub fn remove_fd(&self, token: FdToken) {
        self.shared.fds.remove(token);
        self.notify();
    }

    /// A new bottom half; see [`BottomHalf`].
    pub fn bottom_half(&self, callback: impl FnMut() + Send + 'static) -> BottomHalf {
        let shared = Arc::downgrade(&self.shared);
        let wake = Arc::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.wakeup.notify();
            }
        });
        self.shared.halves.bottom_half(Box::new(callback), wake)
    }

    /// Runs `callback` on the loop's thread, once, in its next slice.
    pub fn oneshot(&self, callback: impl FnOnce() + Send + 'static) {
        self.shared.halves.oneshot(Box::new(callback));
        self.notify();
    }

    /// Has `notifier` take part in every turn from the next on.
    pub fn add_notifier(&self, notifier: Box<dyn Notifier>) -> NotifierToken {
        let token = self.shared.notifiers.add(notifier);
        self.notify();
        token
    }

    /// Takes a notifier out.
    pub fn remove_notifier(&self, token: NotifierToken) {
        self.shared.notifiers.remove(token);
    }

    /// Has the loop run `list` from now on, after those added before, and sleep no longer than its deadline. Takes
    /// over the list's notify callback.
    pub fn add_timers(&self, list: &Arc<TimerList>) {
        let handle = Arc::downgrade(&self.shared);
        list.set_notify(Arc::new(move || {
            if let Some(shared) = handle.upgrade() {
                shared.wakeup.notify();
            }
        }));
        self.shared.timers.lock().push(Arc::clone(list));
        self.notify();
    }

    /// Has the loop forget `list`; whoever owns its clock from now on sets its notify callback.
    pub fn remove_timers(&self, list: &Arc<TimerList>) {
        self.shared
            .timers
            .lock()
            .retain(|known| !Arc::ptr_eq(known, list));
    }

    /// Ends the loop's sleep, or keeps it from falling asleep, for one turn.
    pub fn notify(&self) {
        self.shared.wakeup.notify();
    }

    /// A turn inside a callback, for code that has to wait for an event in the middle of its work. Locks stay held.
    ///
    /// # Errors
    /// As [`MainLoop::run_once`].
    ///
    /// # Panics
    /// On any other thread than the loop's.
    pub fn run_nested(&self, timeout: Timeout) -> std::io::Result<bool> {
        assert!(self.on_loop_thread(), "a loop is turned by its own thread only");
        self.shared.turn(&mut (), timeout)
    }

    /// Whether the caller is the loop's thread.
    pub fn on_loop_thread(&self) -> bool {
        self.shared.thread == thread::number()
    }
}
