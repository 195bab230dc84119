//! Writing a log.
//!
//! Events gather in a block of memory; a full block, or a flush, becomes a frame. When nothing can be written any
//! more (disk full, size limit) the recorder says so once, in the log too if there is room, and takes no more events:
//! the run is not disturbed, what was written stays good.

use crate::log::frame::{self, ENDS, INDEX, STOPS};
use crate::log::output::{Memory, Ring};
use crate::log::{FRAME_PAYLOAD, FrameInfo, Header, LogError, MAX_EVENT, codec};
use crate::{Event, Instant, Position, Statistics};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Room that a size limit leaves for the last frame, which says that it was reached.
const CLOSING_ROOM: u64 = 512;

/// The smallest limit that is taken, behind the header.
const SMALLEST_LIMIT: u64 = 4096;

/// The smallest ring.
const SMALLEST_RING: u64 = 16 << 10;

/// Writes one log.
pub struct Recorder {
    header: Header,
    out: Box<dyn Write + Send>,
    ring: Option<Ring>,
    max_bytes: u64,
    /// Payload of a frame: of a small ring, a small part of it.
    frame_payload: usize,
    /// Bytes of the file so far.
    written: u64,
    /// Frames of the file so far.
    frames: Vec<FrameInfo>,
    sequence: u64,
    /// Of the next event.
    index: u64,
    /// Of the last event or flush.
    last: Instant,
    block: Vec<u8>,
    /// Of the block.
    first: u64,
    from: Instant,
    closing: u32,
    stopped: Option<String>,
    pub(crate) statistics: Statistics,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("position", &self.position())
            .field("written", &self.written)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Records into a file, which is replaced. With `max_bytes` recording stops before the file gets larger.
    ///
    /// # Errors
    /// The file cannot be made, or its limit is too small for anything.
    pub fn file(path: &Path, header: Header, max_bytes: Option<u64>) -> Result<Self, LogError> {
        Self::new(Box::new(File::create(path)?), header, max_bytes)
    }

    /// Records into memory; the second value shows what was written.
    pub fn memory(header: Header) -> (Self, Memory) {
        let memory = Memory::default();
        let recorder = Self::new(Box::new(memory.clone()), header, None);
        (recorder.expect("memory takes everything"), memory)
    }

    /// Records into a directory that keeps about the last `max_bytes`, in segments that begin at snapshots.
    ///
    /// A segment ends where [`Event::Snapshot`] is recorded; the machine takes snapshots when
    /// [`wants_snapshot`](Self::wants_snapshot). Segments left from an earlier ring are removed.
    ///
    /// # Errors
    /// The directory cannot be made, or holds something else; or the ring is too small for anything.
    pub fn ring(directory: &Path, header: Header, max_bytes: u64) -> Result<Self, LogError> {
        if max_bytes < SMALLEST_RING {
            return Err(too_small(max_bytes));
        }
        let mut ring = Ring::create(directory, max_bytes)?;
        let head = header.encode();
        let file = ring.begin(header.start.segment, &head, None)?;
        let mut recorder = Self::over(Box::new(file), header);
        recorder.written = head.len() as u64;
        recorder.frame_payload = FRAME_PAYLOAD.min((max_bytes / 8) as usize);
        recorder.ring = Some(ring);
        Ok(recorder)
    }

    /// Records into anything.
    ///
    /// # Errors
    /// It cannot take the header.
    pub fn new(out: Box<dyn Write + Send>, header: Header, max_bytes: Option<u64>) -> Result<Self, LogError> {
        let mut recorder = Self::over(out, header);
        let head = recorder.header.encode();
        recorder.max_bytes = max_bytes.unwrap_or(u64::MAX);
        if recorder.max_bytes < head.len() as u64 + SMALLEST_LIMIT {
            return Err(too_small(recorder.max_bytes));
        }
        recorder.written = head.len() as u64;
        recorder.out.write_all(&head)?;
        Ok(recorder)
    }

    fn over(out: Box<dyn Write + Send>, header: Header) -> Self {
        let start = header.start;
        Self {
            header,
            out,
            ring: None,
            max_bytes: u64::MAX,
            frame_payload: FRAME_PAYLOAD,
            written: 0,
            frames: Vec::new(),
            sequence: start.sequence,
            index: start.index,
            last: start.from,
            block: Vec::new(),
            first: start.index,
            from: start.from,
            closing: 0,
            stopped: None,
            statistics: Statistics::default(),
        }
    }

    /// The log's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Why nothing is recorded any more.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Where the next event will be.
    pub fn position(&self) -> Position {
        Position {
            log: self.header.id,
            index: self.index,
            frame: self.sequence,
            instant: self.last,
        }
    }

    /// Writes an event down.
    ///
    /// # Panics
    /// If `at` is before an earlier event.
    pub(crate) fn record(&mut self, at: Instant, event: &Event) {
        if self.stopped.is_some() {
            return;
        }
        if let (Some(_), Event::Snapshot { name }) = (&self.ring, event) {
            self.rotate(at, name.clone());
        }
        let before = self.block.len();
        codec::encode(&mut self.block, self.last, at, event);
        let length = self.block.len() - before;
        if length > MAX_EVENT {
            self.block.truncate(before);
            return self.stop(format!("a {} event of {length} bytes", event.kind().name()));
        }
        // A block that would get too long is written without its last event, which then begins the next one:
        // with differences to the end of the former, so it stays as it is encoded.
        if before > 0 && self.block.len() > self.frame_payload {
            let tail = self.block.split_off(before);
            self.write_block(self.last);
            if self.stopped.is_some() {
                return;
            }
            self.block = tail;
        }
        self.statistics.count(event.kind(), length as u64);
        self.index += 1;
        self.last = at;
        match event {
            Event::End { .. } => self.closing = ENDS,
            Event::Stopped { .. } => self.closing = STOPS,
            _ => {}
        }
    }

    /// Writes what is waiting, and that up to `now` there is nothing more. Writes nothing if nothing waits.
    pub(crate) fn flush(&mut self, now: Instant) {
        if !self.block.is_empty() && self.stopped.is_none() {
            self.last = self.last.max(now);
            self.write_block(self.last);
        }
    }

    /// Writes the last frame and the index.
    pub(crate) fn close(&mut self) {
        self.flush(self.last);
        if self.stopped.is_none() && self.ring.is_none() {
            self.write_index();
        }
        self.stopped
            .get_or_insert_with(|| "the recording has ended".to_owned());
    }

    fn write_block(&mut self, until: Instant) {
        if self.block.is_empty() || self.stopped.is_some() {
            return;
        }
        let mut info = FrameInfo {
            segment: 0,
            offset: self.written,
            stored: 0,
            raw: 0,
            sequence: self.sequence,
            index: self.first,
            events: (self.index - self.first) as u32,
            from: self.from,
            until,
            flags: self.closing,
        };
        let bytes = frame::encode(&mut info, &self.block, self.header.id);
        let index_room = (self.frames.len() as u64 + 2) * 64 + 256;
        let room = CLOSING_ROOM + index_room;
        if self.closing & STOPS == 0 && self.written + bytes.len() as u64 + room > self.max_bytes {
            // What is waiting is lost, so that what is there says how it ended.
            self.block.clear();
            self.index = self.first;
            self.last = self.from;
            return self.stop(format!("the limit of {} bytes is reached", self.max_bytes));
        }
        if let Err(error) = self.out.write_all(&bytes) {
            self.stopped = Some(error.to_string());
            return;
        }
        self.written += bytes.len() as u64;
        self.statistics.written += bytes.len() as u64;
        self.statistics.frames += 1;
        self.frames.push(info);
        self.block.clear();
        self.sequence += 1;
        self.first = self.index;
        self.from = until;
        if let Some(ring) = &mut self.ring {
            let grown = ring.grew(bytes.len() as u64);
            if let Err(error) = grown {
                self.stopped = Some(error.to_string());
            } else if self.closing & STOPS == 0 && self.ring.as_ref().is_some_and(Ring::is_over) {
                let limit = self.ring.as_ref().map_or(0, Ring::max_bytes);
                self.stop(format!("no snapshot was taken within {limit} bytes"));
            }
        }
    }

    fn write_index(&mut self) {
        let payload = postcard::to_stdvec(&self.frames).expect("memory takes everything");
        let mut info = FrameInfo {
            segment: 0,
            offset: self.written,
            stored: 0,
            raw: 0,
            sequence: self.sequence,
            index: self.index,
            events: 0,
            from: self.last,
            until: self.last,
            flags: INDEX,
        };
        let mut bytes = frame::encode(&mut info, &payload, self.header.id);
        bytes.extend(self.written.to_le_bytes());
        bytes.extend(crate::log::FOOTER_MAGIC);
        match self.out.write_all(&bytes) {
            Ok(()) => self.written += bytes.len() as u64,
            Err(error) => self.stopped = Some(error.to_string()),
        }
    }

    /// Records that nothing more is, and why.
    pub(crate) fn stop(&mut self, reason: String) {
        let event = Event::Stopped {
            reason: reason.clone(),
        };
        self.record(self.last, &event);
        self.write_block(self.last);
        self.close();
        self.stopped = Some(reason);
    }

    /// Begins a segment.
    fn rotate(&mut self, at: Instant, snapshot: String) {
        self.flush(at);
        let Some(ring) = self.ring.as_mut().filter(|_| self.stopped.is_none()) else {
            return;
        };
        self.header.start.segment += 1;
        self.header.start.sequence = self.sequence;
        self.header.start.index = self.index;
        // Nothing waits, so this is where the last frame left off.
        self.header.start.from = self.from;
        let head = self.header.encode();
        match ring.begin(self.header.start.segment, &head, Some(snapshot)) {
            Ok(file) => {
                self.out = Box::new(file);
                self.written = head.len() as u64;
                self.frames.clear();
            }
            Err(error) => self.stopped = Some(error.to_string()),
        }
    }

    /// Whether a ring's newest segment is long enough for a snapshot to begin the next. False without a ring.
    pub fn wants_snapshot(&self) -> bool {
        self.stopped.is_none() && self.ring.as_ref().is_some_and(Ring::wants_snapshot)
    }

    /// Adds the size of a segment's snapshot to what a ring may keep.
    pub(crate) fn account(&mut self, bytes: u64) {
        if let Some(Err(error)) = self.ring.as_mut().map(|ring| ring.grew(bytes)) {
            self.stopped = Some(error.to_string());
        }
    }

    /// Snapshots whose segments a ring has dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> Vec<String> {
        self.ring.as_mut().map(Ring::take_dropped).unwrap_or_default()
    }
}

fn too_small(limit: u64) -> LogError {
    let message = format!("a limit of {limit} bytes is too small");
    std::io::Error::new(std::io::ErrorKind::InvalidInput, message).into()
}

/// A machine that ends out of order (a host error, a panic) leaves all that was recorded, without END.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.flush(self.last);
    }
}
