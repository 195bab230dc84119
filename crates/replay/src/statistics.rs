//! Counters of a recording or a replay.

use crate::Kind;

/// How much happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    events: [u64; Kind::ALL.len()],
    bytes: [u64; Kind::ALL.len()],
    /// Frames written or read.
    pub frames: u64,
    /// Bytes of frames written.
    pub written: u64,
    /// Events that the queue refused: in a replay all, in a recording those of a flood.
    pub refused: u64,
}

impl Statistics {
    pub(crate) fn count(&mut self, kind: Kind, bytes: u64) {
        self.events[kind as usize] += 1;
        self.bytes[kind as usize] += bytes;
    }

    /// Events of one kind.
    pub fn events(&self, kind: Kind) -> u64 {
        self.events[kind as usize]
    }

    /// Bytes of one kind, encoded but not compressed, with their instants.
    pub fn bytes(&self, kind: Kind) -> u64 {
        self.bytes[kind as usize]
    }

    /// All events.
    pub fn total_events(&self) -> u64 {
        self.events.iter().sum()
    }

    /// Bytes of all events.
    pub fn total_bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// Kinds that occurred, with events and bytes.
    pub fn by_kind(&self) -> impl Iterator<Item = (Kind, u64, u64)> {
        Kind::ALL
            .iter()
            .map(|&kind| (kind, self.events(kind), self.bytes(kind)))
            .filter(|(_, events, _)| *events != 0)
    }
}
