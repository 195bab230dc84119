//! Record and replay of one machine: what the vCPU loop, the backends and the machine hold.

mod outside;
mod values;

pub use outside::Stop;

use crate::divergence::{Difference, Divergence, Stamped};
use crate::lock::{ReplayGuard, ReplayLock};
use crate::queue::{Arrived, Queue};
use crate::{Blocked, Blocker, Ending, Event, Facts, Header, Instant, LogError, Mode};
use crate::{Player, Recorder, Shutdown, Statistics};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use util_mainloop::{BigLock, Gate};

/// A place in a log, for snapshots: what follows it is what followed the instant of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The log's number.
    pub log: u64,
    /// Events before it.
    pub index: u64,
    /// The frame it is in; informs only.
    pub frame: u64,
    /// Of the last event before it.
    pub instant: Instant,
}

/// What is done with the log.
#[derive(Debug)]
enum Session {
    None,
    Record(Box<Recorder>),
    Play(Box<Player>),
}

/// Record and replay of one machine.
#[derive(Debug)]
pub struct Replay {
    /// [`Mode`], which changes once at most: when a replay goes live.
    mode: AtomicU8,
    strict: bool,
    lock: ReplayLock,
    blockers: Mutex<Vec<Blocker>>,
    /// Changed by the holder of the replay lock only; others look for a moment.
    session: Mutex<Session>,
    queue: Mutex<Queue>,
    /// Length of the queue, to be looked at without its lock.
    waiting: AtomicUsize,
    arrived: Mutex<Arrived>,
    refused: AtomicU64,
    /// Mirrors [`Recorder::stopped`].
    stopped: AtomicBool,
    /// The log that is replayed may still grow.
    following: AtomicBool,
}

impl Replay {
    /// Makes the replay lock and puts it before `big_lock` in the order. Recording goes to memory and the log that is
    /// played is empty: see [`recorder`](Self::recorder) and [`player`](Self::player) for real ones.
    ///
    /// # Panics
    /// If `big_lock` has a gate already.
    pub fn new(mode: Mode, big_lock: &BigLock) -> Arc<Self> {
        let nothing = || Header::new(0, "", Vec::new(), Facts::default());
        match mode {
            Mode::None => Self::make(big_lock, Session::None),
            Mode::Record => Self::recorder(big_lock, Recorder::memory(nothing()).0),
            Mode::Play => {
                let empty = Player::from_bytes(Recorder::memory(nothing()).1.bytes());
                Self::player(big_lock, empty.expect("a log without events"))
            }
        }
    }

    /// Records.
    ///
    /// # Panics
    /// If `big_lock` has a gate already.
    pub fn recorder(big_lock: &BigLock, recorder: Recorder) -> Arc<Self> {
        Self::make(big_lock, Session::Record(Box::new(recorder)))
    }

    /// Replays.
    ///
    /// # Panics
    /// If `big_lock` has a gate already.
    pub fn player(big_lock: &BigLock, player: Player) -> Arc<Self> {
        Self::make(big_lock, Session::Play(Box::new(player)))
    }

    fn make(big_lock: &BigLock, session: Session) -> Arc<Self> {
        let (mode, strict) = match &session {
            Session::None => (Mode::None, false),
            Session::Record(recorder) => (Mode::Record, recorder.header().facts.strict),
            Session::Play(player) => (Mode::Play, player.header().facts.strict),
        };
        let following = matches!(&session, Session::Play(player) if player.is_following());
        let replay = Arc::new(Self {
            following: AtomicBool::new(following),
            mode: AtomicU8::new(mode as u8),
            strict,
            lock: ReplayLock::new(mode, big_lock.witness()),
            blockers: Mutex::default(),
            session: Mutex::new(session),
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
            arrived: Mutex::default(),
            refused: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        big_lock.set_gate(replay.clone());
        replay
    }

    /// What this run does.
    #[inline]
    pub fn mode(&self) -> Mode {
        match self.mode.load(Ordering::Relaxed) {
            1 => Mode::Record,
            2 => Mode::Play,
            _ => Mode::None,
        }
    }

    /// Whether interrupts and exceptions are events of their own.
    #[inline]
    pub fn is_strict(&self) -> bool {
        self.strict && self.mode() != Mode::None
    }

    /// Takes the replay lock alone, for a slice of guest execution; see [`ReplayLock::lock`].
    pub fn lock(&self) -> ReplayGuard<'_> {
        self.lock.lock()
    }

    /// Whether the calling thread holds the replay lock; false in a run that does nothing with it.
    pub fn held(&self) -> bool {
        self.lock.held()
    }

    /// Whether a thread waits for the replay lock, so that its holder should hand it over.
    #[inline]
    pub fn contended(&self) -> bool {
        self.lock.contended()
    }

    /// Names what makes the vCPU thread leave its turn: called when a thread waits for the lock or the queue got an
    /// event. See [`ReplayLock::set_kick`].
    ///
    /// # Panics
    /// If there is one already.
    pub fn set_kick(&self, kick: Box<dyn Fn() + Send + Sync>) {
        self.lock.set_kick(kick);
    }

    /// Notes that `what` (an option or device, by the name the user gave it) cannot be recorded, and why.
    pub fn add_blocker(&self, what: impl Into<String>, reason: impl Into<String>) {
        self.blockers.lock().push(Blocker {
            what: what.into(),
            reason: reason.into(),
        });
    }

    /// To be called when the machine is complete and before it runs.
    ///
    /// # Errors
    /// Something in the machine cannot be recorded; all of it is named. Never in [`Mode::None`].
    pub fn start(&self) -> Result<(), Blocked> {
        let blockers = self.blockers.lock();
        if self.mode() == Mode::None || blockers.is_empty() {
            return Ok(());
        }
        Err(Blocked {
            mode: self.mode(),
            blockers: blockers.clone(),
        })
    }

    /// The end of the run, at `now`: writes the cause, the digest of the whole machine and END, or compares them.
    /// A replay that somebody leaves before the recording's end is not compared.
    ///
    /// # Errors
    /// The recording did not end here, or otherwise.
    pub fn finish(&self, now: Instant, cause: Shutdown, digest: u64) -> Result<(), Divergence> {
        let shutdown = Event::Shutdown { cause };
        let end = Event::End { digest };
        match &mut *self.session() {
            Session::None => Ok(()),
            Session::Record(recorder) => {
                recorder.record(now, &shutdown);
                recorder.record(now, &end);
                recorder.close();
                Ok(())
            }
            Session::Play(player) => {
                let early = match player.next_event() {
                    // `due` has handed out the cause.
                    Some((_, Event::End { .. })) => return compare(player, now, &end),
                    Some(_) => !cause.is_guests(),
                    None => *player.ending() != Ending::End || now >= player.until(),
                };
                if early || player.stops_here(now) {
                    return Ok(());
                }
                compare(player, now, &shutdown)?;
                compare(player, now, &end)
            }
        }
    }

    /// Makes a replay an ordinary run from here on: nothing is read from the log any more, nothing is recorded.
    pub fn go_live(&self) {
        let mut session = self.session();
        if matches!(*session, Session::Play(_)) {
            *session = Session::None;
            self.mode.store(Mode::None as u8, Ordering::Relaxed);
            self.arrived.lock().clear();
        }
    }

    /// The header of the log, in a recording or a replay.
    pub fn header(&self) -> Option<Header> {
        match &*self.session.lock() {
            Session::None => None,
            Session::Record(recorder) => Some(recorder.header().clone()),
            Session::Play(player) => Some(player.header().clone()),
        }
    }

    /// Where the next event will be, or is; none in an ordinary run.
    pub fn position(&self) -> Option<Position> {
        match &*self.session() {
            Session::None => None,
            Session::Record(recorder) => Some(recorder.position()),
            Session::Play(player) => Some(player.position()),
        }
    }

    /// In a replay: goes on at another place of the log. Completions that have come are forgotten: the requests that
    /// the restored machine waits for are made again.
    ///
    /// # Errors
    /// Not a place in this log, or no replay.
    pub fn seek(&self, position: &Position) -> Result<(), LogError> {
        let Session::Play(player) = &mut *self.session() else {
            return Err(LogError::OtherLog);
        };
        self.arrived.lock().clear();
        player.seek(position)
    }

    /// In a replay beside the recording: looks whether the log has grown, and wakes the vCPU thread if it waits for that.
    /// `is_done` says that nothing is written any more. True if there may be more later.
    ///
    /// # Errors
    /// The host said so; nothing is waited for any more.
    pub fn follow(&self, is_done: bool) -> Result<bool, LogError> {
        let (grown, more) = match &mut *self.session() {
            Session::Play(player) => {
                let grown = player.refresh();
                if is_done || grown.is_err() {
                    player.follow_no_more();
                }
                let more = player.is_following();
                self.following.store(more, Ordering::Release);
                (grown, more)
            }
            _ => return Ok(false),
        };
        if !matches!(grown, Ok(false)) || !more {
            self.lock.kick();
        }
        grown.map(|_| more)
    }

    /// In a replay beside the recording: whether what comes at `now` is not written yet.
    #[inline]
    pub fn must_wait(&self, now: Instant) -> bool {
        if !self.following.load(Ordering::Acquire) {
            return false;
        }
        match &mut *self.session() {
            Session::Play(player) => {
                let until = player.until();
                player.next_event().is_none()
                    && player.is_following()
                    && (now.count, now.warp_ns) >= (until.count, until.warp_ns)
            }
            _ => false,
        }
    }

    /// Whether a snapshot taken now would be complete: nothing waits in the queue.
    pub fn can_snapshot(&self) -> bool {
        self.pending() == 0
    }

    /// Writes out what the recorder holds, and that nothing more happened up to `now`. About once a second is enough:
    /// what was not written is lost if the process is killed. Writes nothing if nothing waits.
    pub fn flush(&self, now: Instant) {
        if let Session::Record(recorder) = &mut *self.session() {
            recorder.flush(now);
            self.note_stop(recorder);
        }
    }

    /// Why the recorder has given up (a size limit, a full disk); the run is not recorded any more.
    pub fn stopped(&self) -> Option<String> {
        if !self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        match &*self.session.lock() {
            Session::Record(recorder) => recorder.stopped().map(str::to_owned),
            _ => None,
        }
    }

    /// Whether a flight recorder wants a snapshot, so that it can drop what is before. The machine takes one when it
    /// [can](Self::can_snapshot), and says so by [`note`](Self::note) of [`Event::Snapshot`].
    pub fn wants_snapshot(&self) -> bool {
        match &*self.session() {
            Session::Record(recorder) => recorder.wants_snapshot(),
            _ => false,
        }
    }

    /// Adds `bytes`, the size of the newest snapshot, to what a flight recorder's ring holds.
    pub fn account(&self, bytes: u64) {
        if let Session::Record(recorder) = &mut *self.session() {
            recorder.account(bytes);
            self.note_stop(recorder);
        }
    }

    /// Ends the log here, for a reason that is not the recorder's own; the run goes on without it.
    pub fn give_up(&self, reason: &str) {
        if let Session::Record(recorder) = &mut *self.session() {
            recorder.stop(reason.to_owned());
            self.note_stop(recorder);
        }
    }

    /// The snapshot that a replay of a flight recorder's ring has to begin with; none if the log has its beginning.
    pub fn begins_with(&self) -> Option<String> {
        match &*self.session() {
            Session::Play(player) => player.starts_with().map(|(_, name)| name.to_owned()),
            _ => None,
        }
    }

    /// Passes over all that needs the snapshot which [`begins_with`](Self::begins_with) named: it is lost.
    pub fn skip_snapshot(&self) {
        if let Session::Play(player) = &mut *self.session() {
            player.skip_snapshot();
        }
    }

    /// Names of snapshots whose part of the ring is gone, to be deleted.
    pub fn take_dropped(&self) -> Vec<String> {
        match &mut *self.session() {
            Session::Record(recorder) => recorder.take_dropped(),
            _ => Vec::new(),
        }
    }

    /// Counters.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = match &*self.session.lock() {
            Session::None => Statistics::default(),
            Session::Record(recorder) => recorder.statistics.clone(),
            Session::Play(player) => player.statistics.clone(),
        };
        statistics.refused = self.refused.load(Ordering::Relaxed);
        statistics
    }

    /// In a replay: the last events, oldest first.
    pub fn history(&self) -> Vec<Stamped> {
        match &*self.session.lock() {
            Session::Play(player) => player.history(),
            _ => Vec::new(),
        }
    }

    /// A report that the machine at `now` does not do what the log says, for what only the machine can see:
    /// [`Difference::Stuck`], [`Difference::NotIdle`].
    pub fn divergence(&self, difference: Difference, now: Instant) -> Divergence {
        match &mut *self.session.lock() {
            Session::Play(player) => {
                player.next_event();
                player.divergence(difference, now, None)
            }
            _ => Divergence::new(difference, 0, None, now, None, Vec::new()),
        }
    }

    /// The log, for the holder of the replay lock.
    fn session(&self) -> parking_lot::MutexGuard<'_, Session> {
        assert!(
            self.mode() == Mode::None || self.lock.held(),
            "the replay log is touched without the replay lock"
        );
        self.session.lock()
    }

    fn note_stop(&self, recorder: &Recorder) {
        if recorder.stopped().is_some() {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// Takes the log's next event, which has to be `event` at `now`.
fn compare(player: &mut Player, now: Instant, event: &Event) -> Result<(), Divergence> {
    let actual = || Some(event.clone());
    player.expect(now, event.kind(), actual, |recorded| recorded == event)?;
    Ok(())
}

impl Gate for Replay {
    fn enter(&self) {
        self.lock.acquire();
    }

    fn leave(&self) {
        self.lock.release();
    }

    fn held(&self) -> bool {
        self.lock.held()
    }
}
