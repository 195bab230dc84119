//! Both directions of a port: frames that wait for the main loop, and the card that frames go to.
//!
//! Frames of the card flow into an [`Inbox`] from any thread and out of it on the main loop's thread, many at a time;
//! nothing of the network runs on the card's thread, so no call into a network comes back as a call into the card.

use crate::wire::{Card, Offload};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Bytes that may wait; more than the windows of a few busy connections. Beyond that frames are lost.
const CAPACITY: usize = 4 << 20;

/// Frames of any length, one behind the other in one buffer.
#[derive(Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    ends: Vec<(usize, Offload)>,
}

impl Frames {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Offload)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|&(end, _)| end));
        starts
            .zip(&self.ends)
            .map(|(start, &(end, offload))| (&self.bytes[start..end], offload))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        // A burst does not keep its memory for ever.
        self.bytes.shrink_to(CAPACITY / 4);
    }
}

/// Frames on their way to the main loop.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Frames>);

impl Inbox {
    /// Appends a frame. True if it is the first: the main loop is to be told.
    pub(crate) fn push(&self, frame: &[u8], offload: Offload) -> bool {
        let mut frames = self.0.lock();
        if frame.len() > crate::MAX_FRAME || frames.bytes.len() + frame.len() > CAPACITY {
            tracing::debug!(bytes = frame.len(), "a frame is lost");
            return false;
        }
        frames.bytes.extend_from_slice(frame);
        let end = frames.bytes.len();
        frames.ends.push((end, offload));
        frames.ends.len() == 1
    }

    /// Exchanges what waits for `old`, which is emptied.
    pub(crate) fn take(&self, mut old: Frames) -> Frames {
        old.clear();
        std::mem::replace(&mut *self.0.lock(), old)
    }
}

/// The card, if there is one.
#[derive(Default)]
pub(crate) struct Outlet(Mutex<Option<Weak<dyn Card>>>);

impl Outlet {
    pub(crate) fn attach(&self, card: Weak<dyn Card>) {
        *self.0.lock() = Some(card);
    }

    /// The card, if it lives and has room.
    pub(crate) fn ready(&self) -> Option<Arc<dyn Card>> {
        self.card().filter(|card| card.can_receive())
    }

    /// The card, if it lives.
    pub(crate) fn card(&self) -> Option<Arc<dyn Card>> {
        self.0.lock().as_ref().and_then(Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_order_and_their_work() {
        let inbox = Inbox::default();
        let work = Offload {
            verified: true,
            ..Offload::default()
        };
        assert!(inbox.push(b"one", Offload::default()));
        assert!(!inbox.push(b"", Offload::default()));
        assert!(!inbox.push(b"three", work));
        let frames = inbox.take(Frames::default());
        let seen: Vec<_> = frames.iter().collect();
        assert_eq!(
            seen,
            [
                (&b"one"[..], Offload::default()),
                (&b""[..], Offload::default()),
                (&b"three"[..], work)
            ]
        );
        assert!(inbox.push(b"four", Offload::default()), "empty again");
    }

    #[test]
    fn what_waits_is_bounded() {
        let inbox = Inbox::default();
        let frame = vec![0; 60_000];
        for _ in 0..1000 {
            inbox.push(&frame, Offload::default());
        }
        inbox.push(&[0; 70_000], Offload::default());
        let frames = inbox.take(Frames::default());
        assert_eq!(frames.iter().count(), CAPACITY / 60_000);
    }
}
