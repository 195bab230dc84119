//! Reading a log: its header, the list of its frames, and one frame after the other.
//!
//! A log that ended in order has an index, so opening reads header and index only. Otherwise every frame is read once,
//! and the list ends before the first that is not whole: the longest prefix that can be trusted.

use super::frame::{self, ENDS, HEADER_LEN, INDEX, STOPS};
use super::header::FIXED_LEN;
use super::{FrameInfo, Header, LogError, output};
use crate::Instant;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

/// The index frame's offset, and this.
pub(crate) const FOOTER_MAGIC: [u8; 8] = *b"RRINDEX\n";
/// Bytes of the footer.
pub(crate) const FOOTER_LEN: usize = 16;

/// A file of a log, or its bytes.
pub trait Source: Read + Seek + Send + std::fmt::Debug {}

impl<T: Read + Seek + Send + std::fmt::Debug> Source for T {}

/// Why there is nothing more in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The recording ended in order.
    End,
    /// The recorder gave up, for the reason in its last event.
    Stopped,
    /// The recorder was killed, or the rest was lost.
    Torn {
        /// What is wrong with what follows the last good frame.
        reason: String,
    },
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End => f.write_str("the recording ends here"),
            Self::Stopped => f.write_str("the recorder stopped here"),
            Self::Torn { reason } => write!(f, "the log ends here without END: {reason}"),
        }
    }
}

#[derive(Debug)]
struct Segment {
    source: Box<dyn Source>,
    len: u64,
}

/// A log, open for reading.
#[derive(Debug)]
pub struct LogReader {
    segments: Vec<Segment>,
    header: Header,
    frames: Vec<FrameInfo>,
    ending: Ending,
    /// Behind the last good frame of the last segment.
    good_len: u64,
    indexed: bool,
}

impl LogReader {
    /// Opens a file, or the directory of a ring.
    ///
    /// # Errors
    /// See [`LogError`]. A log without an end is none: see [`ending`](Self::ending).
    pub fn open(path: &Path) -> Result<Self, LogError> {
        Self::open_with(path, true)
    }

    /// Like [`open`](Self::open), but reads all frames and believes no index.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_whole(path: &Path) -> Result<Self, LogError> {
        Self::open_with(path, false)
    }

    fn open_with(path: &Path, believe: bool) -> Result<Self, LogError> {
        let open = |path: &Path| -> Result<Box<dyn Source>, LogError> { Ok(Box::new(File::open(path)?)) };
        if !path.is_dir() {
            return Self::from_sources([open(path)?], believe);
        }
        let mut sources = Vec::new();
        for path in output::segments(path)? {
            sources.push(open(&path)?);
        }
        Self::from_sources(sources, false)
    }

    /// Opens a log in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, LogError> {
        Self::from_sources([Box::new(Cursor::new(bytes)) as Box<dyn Source>], true)
    }

    fn from_sources(
        sources: impl IntoIterator<Item = Box<dyn Source>>,
        believe: bool,
    ) -> Result<Self, LogError> {
        let mut reader: Option<Self> = None;
        for mut source in sources {
            let len = source.seek(SeekFrom::End(0))?;
            let mut segment = Segment { source, len };
            let (header, offset) = match segment.header() {
                Ok(found) => found,
                // Killed while it made a segment: the log ends with the one before.
                Err(LogError::NoHeader) if reader.is_some() => break,
                Err(error) => return Err(error),
            };
            let reader = match &mut reader {
                Some(reader) => {
                    // The longest prefix: what follows a gap is not what followed the frame before.
                    if let Err(error) = reader.follow(&header) {
                        reader.ending = torn(error.to_string());
                        break;
                    }
                    reader
                }
                none => none.insert(Self {
                    segments: Vec::new(),
                    header,
                    frames: Vec::new(),
                    ending: torn("no frames"),
                    good_len: 0,
                    indexed: false,
                }),
            };
            reader.segments.push(segment);
            let from_index = believe && reader.read_index().is_some();
            if !from_index {
                reader
                    .frames
                    .retain(|f| (f.segment as usize) < reader.segments.len() - 1);
                reader.scan(offset);
            }
        }
        reader.ok_or(LogError::Empty)
    }

    /// Whether a segment with `header` continues what was read so far.
    fn follow(&self, header: &Header) -> Result<(), LogError> {
        let start = header.start;
        let previous = self.header.start.segment + self.segments.len() as u64 - 1;
        let expected = Header {
            start,
            ..self.header.clone()
        };
        if *header != expected {
            return Err(LogError::OtherLog);
        }
        let (index, sequence, from) = self.next();
        if (start.segment, start.index, start.sequence, start.from) != (previous + 1, index, sequence, from) {
            return Err(LogError::Gap {
                previous,
                found: start.segment,
            });
        }
        Ok(())
    }

    /// Event, frame and instant that follow the last good frame.
    fn next(&self) -> (u64, u64, Instant) {
        match self.frames.last() {
            Some(last) => (last.index + u64::from(last.events), last.sequence + 1, last.until),
            None => (
                self.header.start.index,
                self.header.start.sequence,
                self.header.start.from,
            ),
        }
    }

    /// Takes the list of frames from the index of the only segment, if it has one that holds together.
    fn read_index(&mut self) -> Option<()> {
        let id = self.header.id;
        let segment = self.segments.last_mut()?;
        let footer_at = segment.len.checked_sub(FOOTER_LEN as u64)?;
        let mut footer = [0; FOOTER_LEN];
        segment.read_at(footer_at, &mut footer).ok()?;
        if footer[8..] != FOOTER_MAGIC {
            return None;
        }
        let at = u64::from_le_bytes(footer[..8].try_into().expect("eight bytes"));
        let (info, payload) = segment.frame(0, at, footer_at, id).ok()?;
        if info.flags & INDEX == 0 || at.checked_add(info.file_len())? != footer_at {
            return None;
        }
        let (frames, rest): (Vec<FrameInfo>, _) = postcard::take_from_bytes(&payload).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let saved = std::mem::take(&mut self.frames);
        for frame in frames {
            let whole = frame.segment == 0
                && frame.flags & INDEX == 0
                && frame.raw as usize <= frame::MAX_PAYLOAD
                && frame.offset.checked_add(frame.file_len())? <= at;
            if !whole || self.add(frame).is_err() {
                self.frames = saved;
                return None;
            }
        }
        self.good_len = at;
        self.indexed = true;
        Some(())
    }

    /// Reads the last segment's frames from `offset` until one is not good.
    fn scan(&mut self, mut offset: u64) {
        let id = self.header.id;
        let number = self.segments.len() as u32 - 1;
        self.ending = torn("it was not finished");
        loop {
            let segment = self.segments.last_mut().expect("one was pushed");
            let len = segment.len;
            self.good_len = offset;
            if offset == len {
                return;
            }
            let read = segment.frame(number, offset, len, id).and_then(|(info, _)| {
                if info.flags & INDEX == 0 {
                    self.add(info)?;
                }
                Ok(info)
            });
            match read {
                Ok(info) if info.flags & INDEX != 0 => return,
                Ok(info) => offset += info.file_len(),
                Err(error) => {
                    // After the end nothing is missed but the index.
                    if !self.is_finished() {
                        self.ending = torn(error.to_string());
                    }
                    return;
                }
            }
        }
    }

    fn is_finished(&self) -> bool {
        matches!(self.ending, Ending::End | Ending::Stopped)
    }

    /// Adds a frame if it continues what is there.
    fn add(&mut self, info: FrameInfo) -> Result<(), LogError> {
        let damaged = |reason| LogError::Damaged {
            offset: info.offset,
            reason,
        };
        if self.is_finished() {
            return Err(damaged("a frame after the end"));
        }
        if (info.index, info.sequence, info.from) != self.next() {
            return Err(damaged("a frame that does not follow the one before"));
        }
        if info.events == 0 {
            return Err(damaged("a frame without events"));
        }
        let ordered = info.until >= info.from && info.until.warp_ns >= info.from.warp_ns;
        if !ordered || info.index.checked_add(info.events.into()).is_none() {
            return Err(damaged("a frame that goes back"));
        }
        self.ending = match info.flags & (ENDS | STOPS) {
            0 => torn("it was not finished"),
            STOPS => Ending::Stopped,
            _ => Ending::End,
        };
        self.frames.push(info);
        Ok(())
    }

    /// Looks whether a log that was not finished has grown since: for following a recorder that still writes it, into
    /// a file. True if there are more frames.
    ///
    /// # Errors
    /// The host said so.
    pub fn refresh(&mut self) -> Result<bool, LogError> {
        let frames = self.frames.len();
        if self.is_finished() {
            return Ok(false);
        }
        let segment = self.segments.last_mut().ok_or(LogError::Empty)?;
        let len = segment.source.seek(SeekFrom::End(0))?;
        if len > segment.len {
            segment.len = len;
            self.scan(self.good_len);
        }
        Ok(self.frames.len() > frames)
    }

    /// The header of the first segment.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All good frames.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    /// What comes after the last good frame.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The first event that is kept, and one more than the last.
    pub fn events(&self) -> std::ops::Range<u64> {
        self.header.start.index..self.next().0
    }

    /// Up to where it is known what happened.
    pub fn until(&self) -> Instant {
        self.next().2
    }

    /// Where the log begins: the first instant of a run, or of a ring's first segment that is kept.
    pub fn from(&self) -> Instant {
        self.header.start.from
    }

    /// Bytes of all files, and those of them that are header and good frames of the last file.
    pub fn sizes(&self) -> (u64, u64) {
        (self.segments.iter().map(|s| s.len).sum(), self.good_len)
    }

    /// Number of files: more than one only in a ring.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Whether the frames are known from the index.
    pub fn is_indexed(&self) -> bool {
        self.indexed
    }

    /// Reads frame `number` of [`frames`](Self::frames).
    ///
    /// # Errors
    /// It is not what the list says.
    pub(crate) fn payload(&mut self, number: usize) -> Result<Vec<u8>, LogError> {
        let expected = self.frames[number];
        let segment = &mut self.segments[expected.segment as usize];
        let len = segment.len;
        let (info, payload) = segment.frame(expected.segment, expected.offset, len, self.header.id)?;
        if info != expected {
            return Err(LogError::Damaged {
                offset: info.offset,
                reason: "a frame that is not what the index says",
            });
        }
        Ok(payload)
    }
}

impl Segment {
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.source.seek(SeekFrom::Start(offset))?;
        self.source.read_exact(bytes)
    }

    /// The header, and where the frames begin.
    fn header(&mut self) -> Result<(Header, u64), LogError> {
        let mut fixed = [0; FIXED_LEN];
        let there = (self.len.min(FIXED_LEN as u64)) as usize;
        self.read_at(0, &mut fixed[..there])?;
        if there < FIXED_LEN {
            // Whose file it is shows in the first eight bytes already.
            let foreign = there >= 8 && matches!(Header::body_len(&fixed), Err(LogError::Foreign));
            return Err(if foreign {
                LogError::Foreign
            } else {
                LogError::NoHeader
            });
        }
        let length = Header::body_len(&fixed)?;
        let end = (FIXED_LEN + length) as u64;
        if end > self.len {
            return Err(LogError::NoHeader);
        }
        let mut body = vec![0; length];
        self.read_at(FIXED_LEN as u64, &mut body)?;
        Ok((Header::decode(&fixed, &body)?, end))
    }

    /// The frame at `offset`, which ends before `end`.
    fn frame(
        &mut self,
        number: u32,
        offset: u64,
        end: u64,
        id: u64,
    ) -> Result<(FrameInfo, Vec<u8>), LogError> {
        let damaged = |reason| LogError::Damaged { offset, reason };
        let left = end
            .checked_sub(offset)
            .ok_or(damaged("a frame behind the end of the file"))?;
        if left < HEADER_LEN as u64 {
            return Err(damaged("the file ends inside a frame"));
        }
        let mut header = [0; HEADER_LEN];
        self.read_at(offset, &mut header)?;
        let info = frame::decode_header(&header, number, offset, left)?;
        let mut stored = vec![0; info.stored as usize];
        self.read_at(offset + HEADER_LEN as u64, &mut stored)?;
        let payload = frame::decode_payload(&info, &header, stored, id)?;
        Ok((info, payload))
    }
}

fn torn(reason: impl Into<String>) -> Ending {
    Ending::Torn {
        reason: reason.into(),
    }
}
