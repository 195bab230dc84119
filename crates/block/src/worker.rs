//! Threads that carry out requests to one image.
//!
//! Requests flow from any thread into a [`Queue`], results from the queue's threads into the callback that came with the
//! request. Several are carried out at a time, in any order but for this: requests that overlap, one of which changes
//! something, are carried out in the order in which they were submitted. A flush covers every write that was completed
//! before it was submitted.

use crate::BlockError;
use crate::image::Image;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What is asked of an image. Offsets and lengths are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read `length` bytes.
    Read {
        /// From here.
        offset: u64,
        /// So many.
        length: u32,
    },
    /// Write.
    Write {
        /// Here.
        offset: u64,
        /// These bytes.
        data: Vec<u8>,
        /// And have them on stable storage.
        durable: bool,
    },
    /// Have everything on stable storage.
    Flush,
    /// The contents are not needed any more.
    Discard {
        /// From here.
        offset: u64,
        /// So many.
        length: u64,
    },
    /// Write zeros.
    WriteZeroes {
        /// From here.
        offset: u64,
        /// So many.
        length: u64,
        /// Storage may be given back.
        may_unmap: bool,
    },
}

/// What was read, or nothing; or why not.
pub type Outcome = Result<Vec<u8>, BlockError>;

/// What is done with an outcome, on a thread of the queue's that holds no lock.
pub type Callback = Box<dyn FnOnce(Outcome) + Send>;

/// Where a request reaches: bytes from, bytes to, and whether it changes them.
#[derive(Clone, Copy, Debug)]
struct Reach {
    start: u64,
    end: u64,
    changes: bool,
}

impl Reach {
    fn of(request: &Request) -> Self {
        let (offset, length, changes) = match *request {
            Request::Read { offset, length } => (offset, length.into(), false),
            Request::Write { offset, ref data, .. } => (offset, data.len() as u64, true),
            Request::Flush => (0, 0, false),
            Request::Discard { offset, length } | Request::WriteZeroes { offset, length, .. } => {
                (offset, length, true)
            }
        };
        Self {
            start: offset,
            end: offset.saturating_add(length),
            changes,
        }
    }

    fn conflicts(&self, other: &Self) -> bool {
        (self.changes || other.changes) && self.start < other.end && other.start < self.end
    }
}

impl Request {
    /// Carries the request out on the calling thread.
    ///
    /// # Errors
    /// As of the image's methods.
    pub fn execute(&self, image: &dyn Image) -> Outcome {
        match *self {
            Self::Read { offset, length } => {
                // Before there is a buffer of what a guest says.
                crate::image::check_range(image.size(), offset, length.into())?;
                let mut data = vec![0; length as usize];
                image.read_at(offset, &mut data)?;
                return Ok(data);
            }
            Self::Write {
                offset,
                ref data,
                durable,
            } => {
                image.write_at(offset, data)?;
                if durable {
                    image.flush()?;
                }
            }
            Self::Flush => image.flush()?,
            Self::Discard { offset, length } => image.discard(offset, length)?,
            Self::WriteZeroes {
                offset,
                length,
                may_unmap,
            } => image.write_zeroes(offset, length, may_unmap)?,
        }
        Ok(Vec::new())
    }
}

struct Job {
    reach: Reach,
    request: Request,
    callback: Callback,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Reaches of what is being carried out, by thread.
    running: Vec<Option<Reach>>,
    /// Threads that wait for work.
    idle: usize,
    closing: bool,
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.iter().all(Option::is_none)
    }

    /// The first request that overlaps none before it.
    fn next(&mut self) -> Option<Job> {
        let index = (0..self.waiting.len()).find(|&index| {
            let reach = self.waiting[index].reach;
            let before = self.waiting.iter().take(index).map(|job| &job.reach);
            !self
                .running
                .iter()
                .flatten()
                .chain(before)
                .any(|other| reach.conflicts(other))
        })?;
        self.waiting.remove(index)
    }
}

struct Shared {
    image: Arc<dyn Image>,
    state: Mutex<State>,
    /// There is something to do, or nothing more will come.
    work: Condvar,
    /// Nothing is left to do.
    empty: Condvar,
}

/// The requests to one image, and the threads that carry them out.
pub struct Queue {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    limit: usize,
}

impl Queue {
    /// How many threads a queue has for [`new`](Self::new).
    pub const THREADS: usize = 4;

    /// A queue for `image`. Threads begin when they are needed.
    pub fn new(image: Arc<dyn Image>) -> Self {
        Self::with_threads(image, Self::THREADS)
    }

    /// The same with another number of threads, at least one.
    pub fn with_threads(image: Arc<dyn Image>, threads: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                image,
                state: Mutex::default(),
                work: Condvar::new(),
                empty: Condvar::new(),
            }),
            threads: Mutex::default(),
            limit: threads.max(1),
        }
    }

    /// The image.
    pub fn image(&self) -> &Arc<dyn Image> {
        &self.shared.image
    }

    /// Has `request` carried out. `callback` is called once, on a thread of the queue's, and may submit more.
    pub fn submit(&self, request: Request, callback: impl FnOnce(Outcome) + Send + 'static) {
        let job = Job {
            reach: Reach::of(&request),
            request,
            callback: Box::new(callback),
        };
        let mut state = self.shared.state.lock();
        state.waiting.push_back(job);
        if state.idle < state.waiting.len() && state.running.len() < self.limit {
            let index = state.running.len();
            state.running.push(None);
            drop(state);
            self.begin(index);
        } else {
            drop(state);
            self.shared.work.notify_one();
        }
    }

    fn begin(&self, index: usize) {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("block".into())
            .spawn(move || work(&shared, index));
        match thread {
            Ok(thread) => self.threads.lock().push(thread),
            // Others do it; if there are none, here and now.
            Err(error) => {
                tracing::warn!("no thread for a disk: {error}");
                if self.threads.lock().is_empty() {
                    let mut state = self.shared.state.lock();
                    while let Some(job) = state.next() {
                        parking_lot::MutexGuard::unlocked(&mut state, || {
                            (job.callback)(job.request.execute(&*self.shared.image));
                        });
                    }
                }
            }
        }
    }

    /// Reads on the calling thread if that needs no waiting: the host has the bytes at hand, and nothing that is in
    /// flight changes them. `None`: submit it.
    pub fn try_now(&self, request: &Request) -> Option<Outcome> {
        let &Request::Read { offset, length } = request else {
            return None;
        };
        let reach = Reach::of(request);
        {
            let state = self.shared.state.try_lock()?;
            let waiting = state.waiting.iter().map(|job| &job.reach);
            if state
                .running
                .iter()
                .flatten()
                .chain(waiting)
                .any(|other| reach.conflicts(other))
            {
                return None;
            }
        }
        if let Err(error) = crate::image::check_range(self.shared.image.size(), offset, length.into()) {
            return Some(Err(error));
        }
        let mut data = vec![0; length as usize];
        let result = self.shared.image.try_read_at(offset, &mut data)?;
        Some(result.map(|()| data))
    }

    /// Waits until all requests have been carried out and their callbacks have returned. Not from a callback.
    pub fn drain(&self) {
        let mut state = self.shared.state.lock();
        while !state.is_empty() {
            self.shared.empty.wait(&mut state);
        }
    }
}

impl Drop for Queue {
    /// Everything submitted is carried out first.
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_all();
        let own = std::thread::current().id();
        for thread in self.threads.lock().drain(..) {
            // The last reference may go in a callback.
            if thread.thread().id() != own {
                let _ = thread.join();
            }
        }
    }
}

/// A thread's life.
fn work(shared: &Shared, index: usize) {
    let mut state = shared.state.lock();
    loop {
        let Some(job) = state.next() else {
            if state.closing && state.waiting.is_empty() {
                return;
            }
            state.idle += 1;
            shared.work.wait(&mut state);
            state.idle -= 1;
            continue;
        };
        state.running[index] = Some(job.reach);
        drop(state);
        let outcome = job.request.execute(&*shared.image);
        // A write's data goes before the callback, which may take long.
        drop(job.request);
        (job.callback)(outcome);
        state = shared.state.lock();
        state.running[index] = None;
        if state.is_empty() {
            shared.empty.notify_all();
        }
        if state.idle > 0 && (state.closing || !state.waiting.is_empty()) {
            // What overlapped this one can go on, or everybody can go.
            shared.work.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
