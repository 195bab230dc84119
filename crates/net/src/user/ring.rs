//! Bytes of a stream that wait: appended at one end, looked at anywhere, taken from the other end.
//!
//! Grows with what it holds up to a capacity fixed from the start; the host reads into it without a copy between.

/// A bounded queue of bytes.
pub(crate) struct Ring {
    bytes: Vec<u8>,
    head: usize,
    len: usize,
    capacity: usize,
}

/// Room it begins with, and grows from by doubling.
const FIRST: usize = 16 << 10;

impl Ring {
    /// Empty, for at most `capacity` bytes (a power of two of 16 KiB or more).
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            bytes: Vec::new(),
            head: 0,
            len: 0,
            capacity,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that can be appended.
    pub(crate) fn room(&self) -> usize {
        self.capacity - self.len
    }

    fn reserve(&mut self, more: usize) {
        let needed = (self.len + more).min(self.capacity);
        if needed <= self.bytes.len() {
            return;
        }
        let size = needed.next_power_of_two().clamp(FIRST, self.capacity);
        let mut bytes = vec![0; size];
        let (first, second) = self.slices();
        bytes[..first.len()].copy_from_slice(first);
        bytes[first.len()..self.len].copy_from_slice(second);
        self.bytes = bytes;
        self.head = 0;
    }

    /// Appends what there is room for; how much that is.
    pub(crate) fn push(&mut self, data: &[u8]) -> usize {
        let data = &data[..data.len().min(self.room())];
        self.reserve(data.len());
        let mut done = 0;
        while done < data.len() {
            let space = self.space();
            let part = space.len().min(data.len() - done);
            space[..part].copy_from_slice(&data[done..done + part]);
            self.len += part;
            done += part;
        }
        done
    }

    /// Room that is in one piece now, at most; to be filled from its start and then [`commit`](Self::commit)ted.
    pub(crate) fn writable(&mut self) -> &mut [u8] {
        if self.len == self.bytes.len() {
            self.reserve(self.len.max(FIRST));
        }
        self.space()
    }

    fn space(&mut self) -> &mut [u8] {
        let size = self.bytes.len();
        if size == 0 {
            return &mut [];
        }
        let start = (self.head + self.len) % size;
        let end = (start + size - self.len).min(size);
        &mut self.bytes[start..end]
    }

    /// The first `count` bytes of [`writable`](Self::writable) are data now.
    pub(crate) fn commit(&mut self, count: usize) {
        self.len = (self.len + count).min(self.bytes.len());
    }

    /// All of it, in two pieces.
    pub(crate) fn slices(&self) -> (&[u8], &[u8]) {
        let first = (self.bytes.len() - self.head).min(self.len);
        (
            &self.bytes[self.head..self.head + first],
            &self.bytes[..self.len - first],
        )
    }

    /// Appends `count` bytes from `offset` on, or what there is of them, to `to`.
    pub(crate) fn copy(&self, offset: usize, count: usize, to: &mut Vec<u8>) {
        let (first, second) = self.slices();
        let end = offset.saturating_add(count).min(self.len);
        let cut = |at: usize| at.min(first.len());
        to.extend_from_slice(&first[cut(offset)..cut(end)]);
        let cut = |at: usize| at.saturating_sub(first.len()).min(second.len());
        to.extend_from_slice(&second[cut(offset)..cut(end)]);
    }

    /// Forgets the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        self.head = if self.len == 0 {
            0
        } else {
            (self.head + count) % self.bytes.len()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Fill(usize),
        Consume(usize),
        Copy(usize, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0usize..40_000).prop_map(Step::Push),
            (0usize..40_000).prop_map(Step::Fill),
            (0usize..50_000).prop_map(Step::Consume),
            (0usize..70_000, 0usize..70_000).prop_map(|(a, b)| Step::Copy(a, b)),
        ]
    }

    proptest! {
        #[test]
        fn as_a_deque(steps in proptest::collection::vec(step(), 1..60)) {
            let mut ring = Ring::new(64 << 10);
            let mut model = VecDeque::new();
            let mut next = 0u32;
            let mut bytes = |count: usize| -> Vec<u8> {
                (0..count).map(|_| { next = next.wrapping_add(77); (next >> 3) as u8 }).collect()
            };
            for step in steps {
                match step {
                    Step::Push(count) => {
                        let data = bytes(count);
                        let pushed = ring.push(&data);
                        prop_assert_eq!(pushed, count.min((64 << 10) - model.len()));
                        model.extend(&data[..pushed]);
                    }
                    Step::Fill(count) => {
                        let space = ring.writable();
                        let count = count.min(space.len());
                        let data = bytes(count);
                        space[..count].copy_from_slice(&data);
                        ring.commit(count);
                        model.extend(&data);
                    }
                    Step::Consume(count) => {
                        ring.consume(count);
                        model.drain(..count.min(model.len()));
                    }
                    Step::Copy(offset, count) => {
                        let mut seen = Vec::new();
                        ring.copy(offset, count, &mut seen);
                        prop_assert_eq!(seen, model.iter().skip(offset).take(count).copied().collect::<Vec<_>>());
                    }
                }
                prop_assert_eq!(ring.len(), model.len());
                prop_assert!(ring.room() == 0 || !ring.writable().is_empty());
            }
            let (first, second) = ring.slices();
            prop_assert_eq!([first, second].concat(), Vec::from(model));
        }
    }
}
