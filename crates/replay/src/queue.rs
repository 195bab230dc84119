//! The queue: the one way from outside into a recorded machine.
//!
//! Whoever has something for the guest appends it and kicks the vCPU thread, which takes the head at its next boundary.
//! Nothing grows without bound: what the guest did not ask for (characters, packets, keys) has limits, what it waits for
//! (completions) or what a person does is bounded by the asking.

use crate::Event;
use std::collections::{HashMap, HashSet, VecDeque};

/// Bytes that may wait of one character backend, which is told its room in advance.
pub const CHAR_LIMIT: usize = 16 << 10;

/// Bytes that may wait of all packets; more are dropped, as a full network card does.
pub const NET_LIMIT: usize = 1 << 20;

/// Events without contents (keys, changes of backends) that may wait.
pub const PLAIN_LIMIT: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: VecDeque<Event>,
    char_bytes: HashMap<u32, usize>,
    net_bytes: usize,
    plain: usize,
}

impl Queue {
    /// Appends an event, unless its kind has reached its limit.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        let fits = match &event {
            Event::CharInput { driver, bytes } => {
                let waiting = self.char_bytes.entry(*driver).or_default();
                let fits = bytes.len() <= CHAR_LIMIT.saturating_sub(*waiting);
                *waiting += if fits { bytes.len() } else { 0 };
                fits
            }
            Event::Net { bytes, .. } => {
                let fits = bytes.len() <= NET_LIMIT - self.net_bytes;
                self.net_bytes += if fits { bytes.len() } else { 0 };
                fits
            }
            event if is_plain(event) => {
                let fits = self.plain < PLAIN_LIMIT;
                self.plain += usize::from(fits);
                fits
            }
            _ => true,
        };
        if fits {
            self.events.push_back(event);
        }
        fits
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        match &event {
            Event::CharInput { driver, bytes } => {
                if let Some(waiting) = self.char_bytes.get_mut(driver) {
                    *waiting -= bytes.len();
                }
            }
            Event::Net { bytes, .. } => self.net_bytes -= bytes.len(),
            event if is_plain(event) => self.plain -= 1,
            _ => {}
        }
        Some(event)
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a frame of any length would be taken.
    pub(crate) fn has_room_for_frames(&self) -> bool {
        const LONGEST: usize = 1 << 17;
        self.net_bytes <= NET_LIMIT - LONGEST
    }

    pub(crate) fn char_bytes(&self, driver: u32) -> usize {
        self.char_bytes.get(&driver).copied().unwrap_or(0)
    }
}

fn is_plain(event: &Event) -> bool {
    matches!(
        event,
        Event::CharEvent { .. } | Event::Input(_) | Event::InputSync
    )
}

/// Completions that came in a replay before the log wanted them.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    blocks: HashSet<u64>,
    halves: HashSet<u64>,
}

impl Arrived {
    /// Whether `event` is a completion, which is kept.
    pub(crate) fn put(&mut self, event: &Event) -> bool {
        match event {
            Event::Block { id } => self.blocks.insert(*id),
            Event::BottomHalf { id } => self.halves.insert(*id),
            _ => return false,
        };
        true
    }

    /// Whether `event` may be applied: it is no completion, or it has come, and is taken.
    pub(crate) fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Block { id } => self.blocks.remove(id),
            Event::BottomHalf { id } => self.halves.remove(id),
            _ => true,
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
