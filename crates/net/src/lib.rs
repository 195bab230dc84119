#![doc = include_str!("../README.md")]

mod dump;
mod outlet;
mod socket;
mod spec;
mod user;
mod watch;
mod wire;

pub use dump::{Dump, SNAP_LENGTH};
pub use socket::{Socket, SocketSpec};
pub use spec::{Kind, Spec, SpecError};
pub use user::{Config, GuestForward, HostForward, RuleError, Target, User};
pub use wire::{Abilities, Card, MAX_FRAME, Network, Offload, Segment};

use std::sync::Arc;
use util_mainloop::LoopHandle;
use util_mainloop::timer::TimerList;

/// What networks need of the process they run in.
#[derive(Clone, Debug)]
pub struct Context {
    /// Everything happens on this loop.
    pub main_loop: LoopHandle,
    /// Timers on host time, run by that loop: for what is overdue. The guest's clock is none of a network's business.
    pub realtime: Arc<TimerList>,
}
