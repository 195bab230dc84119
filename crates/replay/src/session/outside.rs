//! What comes from outside: into the queue, out of it at a boundary; in a replay out of the log.

use super::{Replay, Session};
use crate::divergence::{Difference, Divergence};
use crate::queue::CHAR_LIMIT;
use crate::{Ending, Event, Instant, Mode, Player};
use std::sync::atomic::Ordering;

/// How far a replaying machine may go before it must come to a boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// Instructions may run until this many are completed; no limit if none.
    pub count: Option<u64>,
    /// An idle machine may warp until this; no limit if none.
    pub warp_ns: Option<i64>,
    /// The log's next event is due at this very instant: begin the boundary again. That is so after a
    /// [`note`](Replay::note) at the boundary (a digest) if an event from outside came behind it, and as long as a
    /// completion is [awaited](Replay::awaited).
    pub waiting: bool,
}

impl Replay {
    /// Something for the guest, from any thread. It comes back if it is to be applied at once: in an ordinary run.
    /// A recording queues it and kicks the vCPU thread. A replay drops it, as the log has what came, but keeps
    /// that a completion has come.
    ///
    /// # Panics
    /// If the event is not [asynchronous](Event::is_asynchronous).
    pub fn submit(&self, event: Event) -> Option<Event> {
        assert!(
            event.is_asynchronous(),
            "a {} event in the queue",
            event.kind().name()
        );
        match self.mode() {
            Mode::None => return Some(event),
            Mode::Record => {
                let mut queue = self.queue.lock();
                let taken = queue.push(event);
                self.waiting.store(queue.len(), Ordering::Release);
                drop(queue);
                if !taken {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
            }
            Mode::Play => {
                if !self.arrived.lock().put(&event) {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
            }
        }
        self.lock.kick();
        None
    }

    /// Events that wait in the queue.
    #[inline]
    pub fn pending(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Forgets what waits in the queue.
    pub fn clear(&self) {
        let mut queue = self.queue.lock();
        queue.clear();
        self.waiting.store(0, Ordering::Release);
    }

    /// Bytes of a character backend that wait in the queue.
    pub fn queued_bytes(&self, driver: u32) -> usize {
        self.queue.lock().char_bytes(driver)
    }

    /// Whether the queue would take a frame of any length from a network.
    pub fn has_room_for_frames(&self) -> bool {
        self.queue.lock().has_room_for_frames()
    }

    /// Bytes of a character backend that the queue would take. In a replay all that comes is dropped, so there is
    /// always room.
    pub fn room(&self, driver: u32) -> usize {
        CHAR_LIMIT.saturating_sub(self.queued_bytes(driver))
    }

    /// At a boundary: the next event that is to be applied at `now`, if there is one. A recording takes it from the
    /// queue and writes it down; a replay takes it from the log.
    ///
    /// To be called again until there is none. A completion is handed out only when it has come; until then
    /// [`awaited`](Self::awaited) names it, and nothing else may happen at this boundary.
    ///
    /// # Errors
    /// In a replay: the log's next event is before `now`.
    pub fn due(&self, now: Instant) -> Result<Option<Event>, Divergence> {
        match self.mode() {
            Mode::None => return Ok(None),
            Mode::Record if self.pending() == 0 => return Ok(None),
            _ => {}
        }
        match &mut *self.session() {
            Session::None => Ok(None),
            Session::Record(recorder) => {
                let mut queue = self.queue.lock();
                let event = queue.pop();
                self.waiting.store(queue.len(), Ordering::Release);
                drop(queue);
                // The end is written by `finish`, which comes next.
                if let Some(event) = &event
                    && !matches!(event, Event::Shutdown { .. })
                {
                    recorder.record(now, event);
                    self.note_stop(recorder);
                }
                Ok(event)
            }
            Session::Play(player) => {
                let Some((at, event)) = player.next_event() else {
                    return Ok(None);
                };
                if at < now {
                    return Err(player.divergence(Difference::TooLate, now, None));
                }
                if at > now || !event.is_asynchronous() || !self.arrived.lock().take(event) {
                    return Ok(None);
                }
                Ok(player.take().map(|stamped| stamped.event))
            }
        }
    }

    /// In a replay: the completion that the recorded run got at `now` and this one has yet to get, from its own disk or
    /// bottom half. The vCPU thread leaves the boundary, lets the main loop have its turn, sleeps until
    /// [`submit`](Self::submit) kicks, and begins the boundary again.
    pub fn awaited(&self, now: Instant) -> Option<Event> {
        if self.mode() != Mode::Play {
            return None;
        }
        let Session::Play(player) = &mut *self.session() else {
            return None;
        };
        let (at, event) = player.next_event()?;
        let awaited = at == now && matches!(event, Event::Block { .. } | Event::BottomHalf { .. });
        awaited.then(|| event.clone())
    }

    /// At a boundary, after [`due`](Self::due) and the timers of `now`: how far the machine may go. No limit unless it
    /// replays.
    ///
    /// An event of the log that the machine makes itself is not stopped at but after: it belongs to what happens
    /// from its instant on, and if that does not come, the next boundary finds the event too late.
    ///
    /// A vCPU that could run but gets no instruction (`count` is the present one, and it is not `waiting`) has not
    /// been running in the recording: that is [`Difference::NotIdle`].
    ///
    /// # Errors
    /// The log's next event is before `now`, or its timers have not run, or the machine was idle for longer than it
    /// was before that event.
    pub fn next_stop(&self, now: Instant) -> Result<Stop, Divergence> {
        if self.mode() != Mode::Play {
            return Ok(Stop::default());
        }
        let Session::Play(player) = &mut *self.session() else {
            return Ok(Stop::default());
        };
        let until = player.until();
        let (at, exactly, is_event) = match player.next_event() {
            Some((at, event)) => (at, event.is_asynchronous() || is_last(event), true),
            None => (until, true, false),
        };
        if at < now && is_event {
            return Err(player.divergence(Difference::TooLate, now, None));
        }
        // Idle time never goes back: from here no way leads to that instant.
        if at.count > now.count && at.warp_ns < now.warp_ns {
            return Err(player.divergence(Difference::TooLate, now, None));
        }
        let same = at.count == now.count;
        if same && at.warp_ns == now.warp_ns && at.round > now.round && is_event {
            return Err(player.divergence(Difference::Round, now, None));
        }
        let after = i64::from(!exactly);
        Ok(Stop {
            count: Some(at.count.max(now.count).saturating_add(after as u64)),
            warp_ns: same.then(|| at.warp_ns.saturating_add(after)),
            waiting: exactly && is_event && at == now && !player.stops_here(now),
        })
    }

    /// Whether this is a replay whose log says more than what the machine at `now` has done.
    pub fn expects_more(&self, now: Instant) -> bool {
        match &mut *self.session() {
            Session::Play(player) => {
                let until = player.until();
                player.next_event().is_some() || (now.count, now.warp_ns) < (until.count, until.warp_ns)
            }
            _ => false,
        }
    }

    /// In a replay: why there is nothing more to follow at `now`. None while there is.
    pub fn ended(&self, now: Instant) -> Option<Ending> {
        if self.mode() != Mode::Play {
            return None;
        }
        match &mut *self.session() {
            Session::Play(player) => player.stops_here(now).then(|| player.ending().clone()),
            _ => None,
        }
    }
}

/// Whether an event stands for the end of what was recorded.
pub(super) fn is_last(event: &Event) -> bool {
    matches!(event, Event::Stopped { .. } | Event::End { .. })
}

impl Player {
    /// Whether the machine at `now` has come to where the log ends.
    pub(super) fn stops_here(&mut self, now: Instant) -> bool {
        let until = self.until();
        match self.next_event() {
            Some((at, event)) => at <= now && is_last(event),
            // Timers of the last instant may or may not have been seen by the last flush.
            None => (now.count, now.warp_ns) >= (until.count, until.warp_ns),
        }
    }
}
