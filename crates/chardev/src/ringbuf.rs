//! A device that keeps the last output in memory, for the monitor's `ringbuf_read` and for tests.

use crate::port::Port;
use crate::{Chardev, Frontend, InUse};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// The newest bytes written; older ones make room. Input comes from [`feed`](Self::feed) only.
pub struct Ringbuf {
    port: Arc<Port>,
    size: usize,
    bytes: Mutex<VecDeque<u8>>,
}

impl Ringbuf {
    /// Room for `size` bytes.
    pub fn new(size: usize) -> Self {
        Self {
            port: Port::new(true),
            size,
            bytes: Mutex::default(),
        }
    }

    /// Takes out up to `limit` bytes, oldest first.
    pub fn read(&self, limit: usize) -> Vec<u8> {
        let mut bytes = self.bytes.lock();
        let count = limit.min(bytes.len());
        bytes.drain(..count).collect()
    }

    /// Gives `data` to the frontend, as far as it has room; returns how much that was. On the main loop's thread.
    pub fn feed(&self, data: &[u8]) -> usize {
        let count = self.port.room().min(data.len());
        if count > 0 {
            self.port.receive(&data[..count]);
        }
        count
    }
}

impl Chardev for Ringbuf {
    fn write(&self, data: &[u8]) {
        let mut bytes = self.bytes.lock();
        bytes.extend(&data[data.len().saturating_sub(self.size)..]);
        let excess = bytes.len().saturating_sub(self.size);
        bytes.drain(..excess);
    }

    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        self.port.attach(frontend)
    }

    fn accept_input(&self) {}

    fn flush(&self) {}

    fn describe(&self) -> String {
        "ringbuf".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest() {
        for (writes, kept) in [
            (&["abc"][..], "abc"),
            (&["abc", "de"], "bcde"),
            (&["abcdefg"], "defg"),
            (&["ab", "cdefgh", "i"], "fghi"),
            (&[], ""),
        ] {
            let ring = Ringbuf::new(4);
            writes.iter().for_each(|text| ring.write(text.as_bytes()));
            assert_eq!(ring.read(2), kept.as_bytes()[..kept.len().min(2)]);
            assert_eq!(ring.read(9), kept.as_bytes()[kept.len().min(2)..]);
        }
    }
}
