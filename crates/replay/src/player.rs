//! Following a log: its next event, and the comparison of what the machine does with what it did.

use crate::divergence::{Difference, Divergence, Stamped};
use crate::log::{Ending, Header, LogError, LogReader, codec};
use crate::{Event, Instant, Kind, Position, Statistics};
use std::collections::VecDeque;
use std::path::Path;

/// Events kept for the report.
const HISTORY: usize = 20;

/// Reads one log from front to back, or from wherever a snapshot was taken.
#[derive(Debug)]
pub struct Player {
    log: LogReader,
    /// The frame whose events are read, of the log's list, and one more than the last at the end.
    frame: usize,
    payload: Vec<u8>,
    /// Read of it.
    taken: usize,
    /// The event that comes next, and its encoded length.
    next: Option<(Instant, Event, u64)>,
    /// Its number.
    index: u64,
    /// Instant of the event before it, or of the start of its frame.
    last: Instant,
    /// Set when a frame turned out bad: the log ends before it.
    broken: Option<Ending>,
    /// The log is still written: its end is not where the run ended.
    following: bool,
    history: VecDeque<Stamped>,
    pub(crate) statistics: Statistics,
}

impl Player {
    /// Opens a log (a file, or a ring's directory) at its first event.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn open(path: &Path) -> Result<Self, LogError> {
        Ok(Self::new(LogReader::open(path)?))
    }

    /// Plays a log in memory.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, LogError> {
        Ok(Self::new(LogReader::from_bytes(bytes)?))
    }

    /// Plays what `log` reads.
    pub fn new(log: LogReader) -> Self {
        let mut player = Self {
            frame: 0,
            payload: Vec::new(),
            taken: 0,
            next: None,
            index: log.events().start,
            last: log.from(),
            log,
            broken: None,
            following: false,
            history: VecDeque::new(),
            statistics: Statistics::default(),
        };
        player.enter(0);
        player
    }

    /// The log's header.
    pub fn header(&self) -> &Header {
        self.log.header()
    }

    /// The log itself.
    pub fn log(&self) -> &LogReader {
        &self.log
    }

    /// The snapshot a replay has to begin with, if the log's beginning was not kept.
    pub fn starts_with(&self) -> Option<(Instant, &str)> {
        match &self.next {
            Some((at, Event::Snapshot { name }, _)) if self.log.events().start != 0 => Some((*at, name)),
            _ => None,
        }
    }

    /// Passes over all up to the next snapshot behind the present one: to begin with that, if the log's first is lost.
    pub(crate) fn skip_snapshot(&mut self) {
        self.take();
        while self
            .next
            .as_ref()
            .is_some_and(|(_, event, _)| !matches!(event, Event::Snapshot { .. }))
        {
            self.take();
        }
        self.history.clear();
    }

    /// The next event. Remarks are shown too; [`next_event`](Self::next_event) passes over them.
    pub fn peek(&self) -> Option<(Instant, &Event)> {
        self.next.as_ref().map(|(at, event, _)| (*at, event))
    }

    /// The number of the next event.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Up to where it is known what happened.
    pub fn until(&self) -> Instant {
        if self.broken.is_some() {
            self.last
        } else {
            self.log.until()
        }
    }

    /// What comes after the last event.
    pub fn ending(&self) -> &Ending {
        self.broken.as_ref().unwrap_or_else(|| self.log.ending())
    }

    /// The last events that were taken, oldest first.
    pub fn history(&self) -> Vec<Stamped> {
        self.history.iter().cloned().collect()
    }

    /// The log is still written: at its end the replay waits for more, until [`Replay::follow`](crate::Replay::follow)
    /// is told that there will be none.
    pub fn follow(&mut self) {
        self.following = true;
    }

    /// Whether the log may still grow.
    pub(crate) fn is_following(&self) -> bool {
        self.following && self.broken.is_none() && matches!(self.log.ending(), Ending::Torn { .. })
    }

    /// What is there is all.
    pub(crate) fn follow_no_more(&mut self) {
        self.following = false;
    }

    /// Looks whether the log has grown: see [`LogReader::refresh`].
    ///
    /// # Errors
    /// The host said so.
    pub fn refresh(&mut self) -> Result<bool, LogError> {
        let grown = self.log.refresh()?;
        if grown && self.next.is_none() && self.broken.is_none() {
            self.enter(self.frame);
        }
        Ok(grown)
    }

    /// Passes over remarks, then shows the next event.
    pub(crate) fn next_event(&mut self) -> Option<(Instant, &Event)> {
        while matches!(&self.next, Some((_, event, _)) if event.is_remark()) {
            self.take();
        }
        self.peek()
    }

    /// Takes the next event.
    pub(crate) fn take(&mut self) -> Option<Stamped> {
        let (at, event, length) = self.next.take()?;
        let stamped = Stamped {
            index: self.index,
            at,
            event,
        };
        self.statistics.count(stamped.event.kind(), length);
        // Marks of the trail say nothing to people, and would leave no room for what does.
        if stamped.event.kind() != Kind::Trail {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(stamped.clone());
        }
        self.index += 1;
        self.last = at;
        self.read();
        Some(stamped)
    }

    /// Takes the next event if it is at `now` and passes `test`.
    ///
    /// # Errors
    /// It is not; nothing is taken. The report says that the machine did `actual`.
    pub(crate) fn expect(
        &mut self,
        now: Instant,
        kind: Kind,
        actual: impl Fn() -> Option<Event>,
        test: impl Fn(&Event) -> bool,
    ) -> Result<Event, Divergence> {
        let difference = match self.next_event() {
            None => Difference::AfterEnd,
            Some((at, _)) if at < now => Difference::TooLate,
            Some((at, _)) if at > now => Difference::TooEarly,
            Some((_, event)) if event.kind() != kind => Difference::Kind,
            Some((_, event)) if !test(event) => Difference::Content,
            Some(_) => return Ok(self.take().expect("it was seen").event),
        };
        Err(self.divergence(difference, now, actual()))
    }

    pub(crate) fn divergence(
        &self,
        difference: Difference,
        now: Instant,
        actual: Option<Event>,
    ) -> Divergence {
        let expected = self.next.as_ref().map(|(at, event, _)| (*at, event.clone()));
        Divergence::new(difference, self.index, expected, now, actual, self.history())
    }

    /// Where the log stands.
    pub fn position(&self) -> Position {
        Position {
            log: self.header().id,
            index: self.index,
            frame: self
                .log
                .frames()
                .get(self.frame)
                .map_or(u64::MAX, |frame| frame.sequence),
            instant: self.last,
        }
    }

    /// Goes on behind another event.
    ///
    /// # Errors
    /// The position is of another log, or not in what was kept of this one.
    pub fn seek(&mut self, position: &Position) -> Result<(), LogError> {
        if position.log != self.header().id {
            return Err(LogError::OtherLog);
        }
        let events = self.log.events();
        if position.index < events.start || position.index > events.end {
            return Err(LogError::NotThere {
                index: position.index,
                first: events.start,
                end: events.end,
            });
        }
        let frames = self.log.frames();
        let behind = frames.partition_point(|frame| frame.index <= position.index);
        self.broken = None;
        self.history.clear();
        self.enter(behind.saturating_sub(1));
        while self.index < position.index && self.next.is_some() {
            self.take();
        }
        if self.index == position.index {
            return Ok(());
        }
        Err(LogError::NotThere {
            index: position.index,
            first: events.start,
            end: self.index,
        })
    }

    /// Begins to read frame `number`, or stands behind the last.
    fn enter(&mut self, number: usize) {
        self.frame = number;
        self.payload.clear();
        self.taken = 0;
        self.next = None;
        let Some(info) = self.log.frames().get(number).copied() else {
            return;
        };
        self.index = info.index;
        self.last = info.from;
        match self.log.payload(number) {
            Ok(payload) => {
                self.payload = payload;
                self.statistics.frames += 1;
                self.read();
            }
            Err(error) => self.break_off(error),
        }
    }

    /// Reads the next event, of the next frame if this one is used up.
    fn read(&mut self) {
        let Some(info) = self.log.frames().get(self.frame).copied() else {
            return;
        };
        let damaged = |reason| LogError::Damaged {
            offset: info.offset,
            reason,
        };
        let mut rest = &self.payload[self.taken..];
        let left = info.index + u64::from(info.events) - self.index;
        if left == 0 {
            return if rest.is_empty() {
                self.enter(self.frame + 1);
            } else {
                self.break_off(damaged("bytes behind the last event of a frame"));
            };
        }
        match codec::decode(&mut rest, self.last) {
            Ok((at, event)) if at <= info.until => {
                let length = self.payload.len() - self.taken - rest.len();
                self.taken += length;
                self.next = Some((at, event, length as u64));
            }
            Ok(_) => self.break_off(damaged("an event behind the end of its frame")),
            Err(codec::Malformed) => self.break_off(damaged("an event that is none")),
        }
    }

    fn break_off(&mut self, error: LogError) {
        self.next = None;
        self.broken = Some(Ending::Torn {
            reason: error.to_string(),
        });
    }
}
