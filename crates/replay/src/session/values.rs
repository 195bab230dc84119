//! What is asked for or made by the machine itself: values of the host, and remarks both runs must make.

use super::{Replay, Session, compare};
use crate::divergence::{Difference, Divergence};
use crate::{Checkpoint, ClockKind, Event, Instant, Kind, Mode};

impl Replay {
    /// The host's clock as the guest may see it at `now`: `read` and written down, or taken from the log.
    ///
    /// # Errors
    /// In a replay: the recorded run did not read this clock at this instant.
    #[inline]
    pub fn clock(
        &self,
        now: Instant,
        kind: ClockKind,
        read: impl FnOnce() -> i64,
    ) -> Result<i64, Divergence> {
        if self.mode() == Mode::None {
            return Ok(read());
        }
        let make = || Event::Clock { kind, ns: read() };
        let same = |event: &Event| matches!(event, Event::Clock { kind: k, .. } if *k == kind);
        match self.value(now, Kind::Clock, make, same)? {
            Event::Clock { ns, .. } => Ok(ns),
            _ => unreachable!("the kind was asked for"),
        }
    }

    /// Fills `bytes` with random numbers: by `fill` and written down, or from the log.
    ///
    /// # Errors
    /// In a replay: the recorded run did not draw as many at this instant.
    pub fn random(
        &self,
        now: Instant,
        bytes: &mut [u8],
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<(), Divergence> {
        if self.mode() == Mode::None {
            fill(bytes);
            return Ok(());
        }
        let length = bytes.len();
        let make = || {
            let mut bytes = vec![0; length];
            fill(&mut bytes);
            Event::Random { bytes }
        };
        let same = |event: &Event| matches!(event, Event::Random { bytes } if bytes.len() == length);
        match self.value(now, Kind::Random, make, same)? {
            Event::Random { bytes: drawn } => bytes.copy_from_slice(&drawn),
            _ => unreachable!("the kind was asked for"),
        }
        Ok(())
    }

    /// How a write to a backend ended, as the guest may see it: `write` gives result and offset. It is called in a
    /// replay too, so that the output appears, but the log's answer counts.
    ///
    /// # Errors
    /// In a replay: the recorded run did not write to this backend at this instant.
    pub fn char_write(
        &self,
        now: Instant,
        driver: u32,
        write: impl FnOnce() -> (i32, u32),
    ) -> Result<(i32, u32), Divergence> {
        let (result, offset) = write();
        if self.mode() == Mode::None {
            return Ok((result, offset));
        }
        let make = || Event::CharWrite {
            driver,
            result,
            offset,
        };
        let same = |event: &Event| matches!(event, Event::CharWrite { driver: d, .. } if *d == driver);
        match self.value(now, Kind::CharWrite, make, same)? {
            Event::CharWrite { result, offset, .. } => Ok((result, offset)),
            _ => unreachable!("the kind was asked for"),
        }
    }

    /// Bytes that a device waited for, or the number of an error.
    ///
    /// # Errors
    /// In a replay: the recorded run did not read from this backend at this instant.
    pub fn char_read_all(
        &self,
        now: Instant,
        driver: u32,
        read: impl FnOnce() -> Result<Vec<u8>, i32>,
    ) -> Result<Result<Vec<u8>, i32>, Divergence> {
        if self.mode() == Mode::None {
            return Ok(read());
        }
        // The kind depends on what was recorded, so the log is asked first.
        let kind = match &mut *self.session() {
            Session::Play(player) => match player.next_event() {
                Some((_, Event::CharReadAllError { .. })) => Kind::CharReadAllError,
                _ => Kind::CharReadAll,
            },
            _ => Kind::CharReadAll,
        };
        let make = || match read() {
            Ok(bytes) => Event::CharReadAll { driver, bytes },
            Err(error) => Event::CharReadAllError { driver, error },
        };
        let same = |event: &Event| match event {
            Event::CharReadAll { driver: d, .. } | Event::CharReadAllError { driver: d, .. } => *d == driver,
            _ => false,
        };
        match self.value(now, kind, make, same)? {
            Event::CharReadAll { bytes, .. } => Ok(Ok(bytes)),
            Event::CharReadAllError { error, .. } => Ok(Err(error)),
            _ => unreachable!("the kind was asked for"),
        }
    }

    /// Any other value of the host, as an event: `make` in a recording, the log's in a replay if it is of `kind` and
    /// the `same` question.
    ///
    /// # Errors
    /// In a replay: the log's next event is not that, or not at `now`.
    pub fn value(
        &self,
        now: Instant,
        kind: Kind,
        make: impl FnOnce() -> Event,
        same: impl Fn(&Event) -> bool,
    ) -> Result<Event, Divergence> {
        if let Session::Play(player) = &mut *self.session() {
            return player.expect(now, kind, || None, same);
        }
        // Without the lock of the log: whoever is asked may have a queue of its own.
        let event = make();
        if let Session::Record(recorder) = &mut *self.session() {
            recorder.record(now, &event);
            self.note_stop(recorder);
        }
        Ok(event)
    }

    /// Something that both runs do by themselves, at the same instant and with the same contents: a digest, the guest's
    /// shutdown, an interrupt. Written, or compared with the log's next event.
    ///
    /// # Errors
    /// In a replay: it is not what was recorded.
    pub fn note(&self, now: Instant, event: Event) -> Result<(), Divergence> {
        if self.mode() == Mode::None {
            return Ok(());
        }
        match &mut *self.session() {
            Session::None => Ok(()),
            Session::Record(recorder) => {
                recorder.record(now, &event);
                self.note_stop(recorder);
                Ok(())
            }
            Session::Play(_) if event.is_remark() => Ok(()),
            Session::Play(player) => compare(player, now, &event),
        }
    }

    /// An interrupt was taken; nothing unless the log is strict.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    #[inline]
    pub fn note_interrupt(&self, now: Instant, vcpu: u32, vector: u8) -> Result<(), Divergence> {
        if !self.is_strict() {
            return Ok(());
        }
        self.note(now, Event::Interrupt { vcpu, vector })
    }

    /// An exception was delivered; nothing unless the log is strict.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    #[inline]
    pub fn note_exception(&self, now: Instant, vcpu: u32, vector: u8) -> Result<(), Divergence> {
        if !self.is_strict() {
            return Ok(());
        }
        self.note(now, Event::Exception { vcpu, vector })
    }

    /// A point that both runs pass in the same order. A recording writes it; a replay may pass, and takes it from the
    /// log, only if it is there: otherwise it is too early, and false.
    pub fn checkpoint(&self, now: Instant, id: Checkpoint) -> bool {
        match self.mode() {
            Mode::None => true,
            Mode::Record => self.note(now, Event::Checkpoint(id)).is_ok(),
            Mode::Play => self.next_is(now, |event| *event == Event::Checkpoint(id), true),
        }
    }

    /// In a strict replay: whether an exception was delivered at `now`. Takes nothing.
    pub fn has_exception(&self, now: Instant) -> bool {
        self.is_strict() && self.next_is(now, |event| event.kind() == Kind::Exception, false)
    }

    /// In a strict replay: whether an interrupt was taken at `now`. Takes nothing.
    pub fn has_interrupt(&self, now: Instant) -> bool {
        self.is_strict() && self.next_is(now, |event| event.kind() == Kind::Interrupt, false)
    }

    fn next_is(&self, now: Instant, test: impl Fn(&Event) -> bool, take: bool) -> bool {
        let Session::Play(player) = &mut *self.session() else {
            return false;
        };
        let is = player
            .next_event()
            .is_some_and(|(at, event)| at == now && test(event));
        if is && take {
            player.take();
        }
        is
    }

    /// Panics if the replay lock is not held although there is a log: for those who are about to do what a log
    /// will have to repeat.
    pub fn assert_held(&self) {
        assert!(
            self.mode() == Mode::None || self.held(),
            "the replay lock is not held"
        );
    }

    /// The report for a machine that has made no progress in a replay; see [`divergence`](Self::divergence).
    pub fn stuck(&self, now: Instant) -> Divergence {
        self.divergence(Difference::Stuck, now)
    }
}
