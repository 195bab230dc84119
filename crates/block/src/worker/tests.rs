//! The order that matters, and what the quick way may not overtake.

use super::*;
use crate::image::{Result, check_range};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Memory whose reads and writes take as long as others need to overtake.
struct Slow {
    bytes: Mutex<Vec<u8>>,
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Slow {
    fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: Mutex::new(vec![0; size]),
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    fn take_time(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        std::thread::sleep(Duration::from_micros(20));
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Image for Slow {
    fn format(&self) -> &'static str {
        "slow"
    }
    fn size(&self) -> u64 {
        self.bytes.lock().len() as u64
    }
    fn read_only(&self) -> bool {
        false
    }
    fn can_discard(&self) -> bool {
        false
    }
    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        check_range(self.size(), offset, to.len() as u64)?;
        self.take_time();
        let at = offset as usize;
        to.copy_from_slice(&self.bytes.lock()[at..at + to.len()]);
        Ok(())
    }
    fn try_read_at(&self, offset: u64, to: &mut [u8]) -> Option<Result<()>> {
        Some(self.read_at(offset, to))
    }
    fn write_at(&self, offset: u64, from: &[u8]) -> Result<()> {
        check_range(self.size(), offset, from.len() as u64)?;
        let at = offset as usize;
        for (index, byte) in from.iter().enumerate() {
            self.bytes.lock()[at + index] = *byte;
            if index % 16 == 0 {
                self.take_time();
            }
        }
        Ok(())
    }
    fn flush(&self) -> Result<()> {
        Ok(())
    }
    fn discard(&self, _offset: u64, _length: u64) -> Result<()> {
        Ok(())
    }
    fn write_zeroes(&self, offset: u64, length: u64, _may_unmap: bool) -> Result<()> {
        self.write_at(offset, &vec![0; length as usize])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn as_if_in_order(ops in prop::collection::vec((0..6_u8, 0..200_u64, 1..57_u64, any::<u8>()), 1..80)) {
        let queue = Queue::new(Slow::new(256));
        let mut model = vec![0; 256];
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut expected = Vec::new();
        for (index, (kind, offset, length, value)) in ops.into_iter().enumerate() {
            let range = offset as usize..(offset + length) as usize;
            let request = match kind {
                0 | 1 => {
                    let data = vec![value; length as usize];
                    model[range].copy_from_slice(&data);
                    Request::Write { offset, data, durable: kind == 0 }
                }
                2 => {
                    model[range].fill(0);
                    Request::WriteZeroes { offset, length, may_unmap: false }
                }
                3 => Request::Flush,
                _ => Request::Read { offset, length: length as u32 },
            };
            if let Request::Read { .. } = request {
                let should = model[offset as usize..(offset + length) as usize].to_vec();
                match queue.try_now(&request) {
                    Some(got) if kind == 4 => {
                        prop_assert_eq!(got, Ok(should));
                        continue;
                    }
                    _ => expected.push((index, should)),
                }
            } else {
                expected.push((index, Vec::new()));
            }
            let seen = Arc::clone(&seen);
            queue.submit(request, move |outcome| seen.lock().push((index, outcome.unwrap())));
        }
        queue.drain();
        let mut seen = std::mem::take(&mut *seen.lock());
        seen.sort();
        prop_assert_eq!(seen, expected);
        let mut bytes = vec![0; 256];
        queue.image().read_at(0, &mut bytes).unwrap();
        prop_assert_eq!(bytes, model);
    }
}

#[test]
fn several_at_a_time() {
    let image = Slow::new(1 << 16);
    let queue = Queue::new(Arc::clone(&image) as Arc<dyn Image>);
    for block in 0..200 {
        let data = vec![1; 256];
        queue.submit(
            Request::Write {
                offset: block * 256,
                data,
                durable: false,
            },
            |outcome| assert!(outcome.is_ok()),
        );
    }
    queue.drain();
    assert!((2..=Queue::THREADS).contains(&image.most.load(Ordering::SeqCst)));
}

#[test]
fn all_is_done_before_it_goes() {
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let queue = Arc::new(Queue::with_threads(Slow::new(4096), 3));
        for _ in 0..4 {
            // The last reference goes in a callback.
            let (own, done) = (Arc::clone(&queue), Arc::clone(&done));
            queue.submit(
                Request::Read {
                    offset: 0,
                    length: 64,
                },
                move |_| {
                    done.fetch_add(1, Ordering::SeqCst);
                    drop(own);
                },
            );
        }
    }
    while done.load(Ordering::SeqCst) < 200 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_cannot_be_is_an_error() {
    let queue = Queue::new(Slow::new(4096));
    for (request, error) in [
        (
            Request::Read {
                offset: 4000,
                length: u32::MAX,
            },
            BlockError::OutOfRange,
        ),
        (
            Request::Read {
                offset: u64::MAX,
                length: 1,
            },
            BlockError::OutOfRange,
        ),
        (
            Request::Write {
                offset: u64::MAX,
                data: vec![1; 3],
                durable: true,
            },
            BlockError::OutOfRange,
        ),
    ] {
        let seen = Arc::new(Mutex::new(None));
        let place = Arc::clone(&seen);
        queue.submit(request, move |outcome| *place.lock() = Some(outcome));
        queue.drain();
        assert_eq!(seen.lock().take(), Some(Err(error)));
    }
}
