//! Record and replay: the log, the queue from outside, the replay lock, and what stands in the way.
//!
//! Known by what records (backends, the vCPU loop, the machine), never by a device model. Mirrors the role of
//! QEMU's `replay/`; the rules are on the page "Record and replay" of ARCHITECTURE.md. Order flows through one lock:
//! whoever holds it may touch the log, and periods of the main loop and of the vCPU thread follow each other in the
//! order in which they asked. Events flow from a backend through [`Replay::submit`], the queue and
//! [`Replay::due`] into the log and the guest, and in a replay from the log through the same `due` into the guest.
//!
//! ```
//! use replay::{ClockKind, Event, Facts, Header, Instant, Player, Recorder, Replay, Shutdown};
//! use util_mainloop::BigLock;
//!
//! // A run: a key arrives after 100 instructions, the guest looks at the clock after 150.
//! let big_lock = BigLock::new();
//! let header = Header::new(1, "example", vec![], Facts::default());
//! let (recorder, memory) = Recorder::memory(header);
//! let replay = Replay::recorder(&big_lock, recorder);
//! replay.start().unwrap();
//! let typed = Event::CharInput { driver: 0, bytes: b"a".to_vec() };
//! replay.submit(typed.clone()); // on any thread
//! let period = replay.lock();
//! assert_eq!(replay.due(Instant::new(100, 0, 0)).unwrap(), Some(typed.clone()));
//! replay.clock(Instant::new(150, 0, 0), ClockKind::Host, || 77).unwrap();
//! replay.finish(Instant::new(200, 0, 0), Shutdown::GuestShutdown, 0xd1).unwrap();
//! drop(period);
//!
//! // The same run again.
//! let big_lock = BigLock::new();
//! let replay = Replay::player(&big_lock, Player::from_bytes(memory.bytes()).unwrap());
//! let period = replay.lock();
//! let stop = replay.next_stop(Instant::START).unwrap();
//! assert_eq!(stop.count, Some(100)); // run to there, then take what is due
//! assert_eq!(replay.due(Instant::new(100, 0, 0)).unwrap(), Some(typed));
//! let shown = replay.clock(Instant::new(150, 0, 0), ClockKind::Host, || unreachable!());
//! assert_eq!(shown.unwrap(), 77);
//! replay.finish(Instant::new(200, 0, 0), Shutdown::GuestShutdown, 0xd1).unwrap();
//! # drop(period);
//! ```

mod blocker;
mod divergence;
mod event;
pub mod inspect;
mod instant;
mod lock;
mod log;
mod player;
mod queue;
mod recorder;
mod session;
mod statistics;

pub use blocker::{Blocked, Blocker};
pub use divergence::{Difference, Divergence, Stamped};
pub use event::{CharChange, Checkpoint, ClockKind, Control, Event, Input, Kind, Shutdown};
pub use instant::Instant;
pub use lock::{ReplayGuard, ReplayLock};
pub use log::{
    Disk, Ending, FORMAT, FRAME_PAYLOAD, Facts, FrameInfo, Header, LogError, LogReader, MAX_EVENT, Memory,
    Source,
};
pub use player::Player;
pub use queue::{CHAR_LIMIT, NET_LIMIT, PLAIN_LIMIT};
pub use recorder::Recorder;
pub use session::{Position, Replay, Stop};
pub use statistics::Statistics;

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What a run does with the order of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// Nothing: an ordinary run.
    #[default]
    None,
    /// Writes it down.
    Record,
    /// Follows what was written.
    Play,
}

#[cfg(test)]
mod tests;
