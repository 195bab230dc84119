//! Notifiers: code that adds descriptors and a timeout of its own to every poll, such as a network stack.
//!
//! Mirrors QEMU's main-loop poll notifiers: *fill* before the poll, *poll* after it, in the order of registration.

use crate::fd::{Interest, LoopFd, Ready};
use crate::timeout::Timeout;
use parking_lot::Mutex;

/// Takes part in every turn of a loop. Both calls come on the loop's thread with its locks held.
pub trait Notifier: Send {
    /// Before the poll: what to wait for.
    fn fill(&mut self, wait: &mut Wait);

    /// After the poll and the loop's own descriptors and bottom halves: what was found. The default does nothing.
    fn poll(&mut self, found: &Found) {
        let _ = found;
    }
}

/// What one notifier waits for in one turn.
#[derive(Debug)]
pub struct Wait {
    pub(crate) fds: Vec<(LoopFd, Interest)>,
    pub(crate) timeout: Timeout,
}

impl Wait {
    pub(crate) fn new() -> Self {
        Self {
            fds: Vec::new(),
            timeout: Timeout::NEVER,
        }
    }

    /// Watches `fd` in this turn; the number returned asks [`Found::ready`] for the outcome.
    pub fn add_fd(&mut self, fd: impl Into<LoopFd>, interest: Interest) -> usize {
        self.fds.push((fd.into(), interest));
        self.fds.len() - 1
    }

    /// Has the poll last no longer than `timeout`.
    pub fn at_most(&mut self, timeout: Timeout) {
        self.timeout = self.timeout.soonest(timeout);
    }
}

/// What a poll found for one notifier.
#[derive(Debug)]
pub struct Found {
    pub(crate) ready: Vec<Ready>,
    pub(crate) result: rustix::io::Result<()>,
}

impl Found {
    /// The state of the descriptor that [`Wait::add_fd`] numbered `index`.
    pub fn ready(&self, index: usize) -> Ready {
        self.ready.get(index).copied().unwrap_or_default()
    }

    /// Whether the poll itself worked. If not, nothing is ready.
    ///
    /// # Errors
    /// What `ppoll` failed with, other than an interruption.
    pub fn result(&self) -> rustix::io::Result<()> {
        self.result
    }
}

/// Names a registered notifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifierToken(u64);

#[derive(Default)]
struct List {
    /// Absent notifier: it is being called.
    entries: Vec<(NotifierToken, Option<Box<dyn Notifier>>)>,
    last: u64,
}

/// The notifiers of one loop.
#[derive(Default)]
pub(crate) struct Notifiers(Mutex<List>);

impl Notifiers {
    pub(crate) fn add(&self, notifier: Box<dyn Notifier>) -> NotifierToken {
        let mut list = self.0.lock();
        list.last += 1;
        let token = NotifierToken(list.last);
        list.entries.push((token, Some(notifier)));
        token
    }

    pub(crate) fn remove(&self, token: NotifierToken) {
        let mut list = self.0.lock();
        let index = list.entries.iter().position(|(t, _)| *t == token);
        let removed = index.map(|index| list.entries.remove(index));
        drop(list);
        drop(removed);
    }

    pub(crate) fn clear(&self) {
        let entries = std::mem::take(&mut self.0.lock().entries);
        drop(entries);
    }

    pub(crate) fn fill(&self) -> Vec<(NotifierToken, Wait)> {
        let tokens: Vec<_> = self.0.lock().entries.iter().map(|(token, _)| *token).collect();
        let mut waits = Vec::with_capacity(tokens.len());
        for token in tokens {
            self.call(token, |notifier| {
                let mut wait = Wait::new();
                notifier.fill(&mut wait);
                waits.push((token, wait));
            });
        }
        waits
    }

    pub(crate) fn poll(&self, token: NotifierToken, found: &Found) {
        self.call(token, |notifier| notifier.poll(found));
    }

    /// Calls `f` on the notifier with the list unlocked, so that it may add and remove notifiers.
    fn call(&self, token: NotifierToken, f: impl FnOnce(&mut dyn Notifier)) {
        let find = |list: &mut List| list.entries.iter().position(|(t, _)| *t == token);
        let taken = {
            let mut list = self.0.lock();
            find(&mut list).and_then(|index| list.entries[index].1.take())
        };
        let Some(mut notifier) = taken else { return };
        f(&mut *notifier);
        let mut list = self.0.lock();
        match find(&mut list) {
            Some(index) => list.entries[index].1 = Some(notifier),
            None => {
                drop(list);
                drop(notifier);
            }
        }
    }
}
