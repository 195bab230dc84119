//! The wake-up handshake: ringing a sleeper's bell only when it sleeps, and never missing one that is about to.
//!
//! Mirrors QEMU's `aio_notify` and `notify_me`. The sleeper *announces* itself, then looks for work, then sleeps.
//! A producer makes its work visible, then looks for an announcement. Between the two steps each side has a full
//! barrier, so at least one of them sees the other (store buffering cannot hide both): either the sleeper finds the
//! work and does not sleep, or the producer rings. The bell is a level (an eventfd), so ringing before the sleep
//! begins ends it too. `tests/loom.rs` runs this very code through all interleavings.

use crate::sync::{AtomicBool, Ordering, fence};

/// Something that ends a sleep, now or when it begins, until it is silenced.
pub trait Bell {
    /// Ends the sleep.
    fn ring(&self);
    /// Makes the next sleep last again.
    fn silence(&self);
}

/// The handshake between one sleeper and any number of producers.
#[derive(Debug)]
pub struct Wakeup<B> {
    notify_me: AtomicBool,
    bell: B,
}

impl<B: Bell> Wakeup<B> {
    /// A handshake over `bell`; nobody sleeps yet.
    pub fn new(bell: B) -> Self {
        Self {
            notify_me: AtomicBool::new(false),
            bell,
        }
    }

    /// Sleeper: I am going to sleep. Look for work *after* this call, and sleep only if there is none.
    pub fn announce(&self) {
        // A swap, not a store: it orders this announcement after a producer's answer to an earlier one.
        self.notify_me.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Sleeper: I am awake and shall look for work. `rung` says whether the bell was what ended the sleep.
    pub fn awake(&self, rung: bool) {
        self.notify_me.swap(false, Ordering::AcqRel);
        if rung {
            self.bell.silence();
        }
        // Work that came before a ring is seen by the search that follows the silence.
        fence(Ordering::SeqCst);
    }

    /// Producer: there is work; call *after* making it visible. Cheap while nobody sleeps.
    pub fn notify(&self) {
        fence(Ordering::SeqCst);
        // The first producer to take the announcement rings for all.
        if self.notify_me.load(Ordering::Relaxed) && self.notify_me.swap(false, Ordering::AcqRel) {
            self.bell.ring();
        }
    }

    /// The bell, to wait on.
    pub fn bell(&self) -> &B {
        &self.bell
    }
}
