//! The instant: where between two instructions something happens.
//!
//! ARCHITECTURE.md, "how every instant is derived". Instants are ordered and never go back; virtual time is a function
//! of the first two parts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment of a counted run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant {
    /// Instructions completed by all vCPUs together.
    pub count: u64,
    /// Nanoseconds that virtual time jumped while all vCPUs were idle; never negative in a log.
    pub warp_ns: i64,
    /// How often timers have run since the other two last changed.
    pub round: u32,
}

impl Instant {
    /// The first instant of a run.
    pub const START: Self = Self::new(0, 0, 0);

    /// The instant of these parts.
    pub const fn new(count: u64, warp_ns: i64, round: u32) -> Self {
        Self {
            count,
            warp_ns,
            round,
        }
    }

    /// Virtual time in nanoseconds when an instruction takes `1 << shift` of them.
    pub fn virtual_ns(self, shift: u32) -> i64 {
        let counted = i64::try_from(self.count)
            .ok()
            .and_then(|count| count.checked_mul(1i64.checked_shl(shift)?));
        counted.unwrap_or(i64::MAX).saturating_add(self.warp_ns)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)?;
        if self.warp_ns != 0 {
            write!(f, "+{}ns", self.warp_ns)?;
        }
        if self.round != 0 {
            write!(f, "/{}", self.round)?;
        }
        Ok(())
    }
}
