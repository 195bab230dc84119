//! What time is: the host's clock on the wall, or the CPU time of the emulator's process.
//!
//! The wall clock is the yardstick. On a machine that is busy with other things, CPU time says more: it leaves out the
//! waiting for a turn. It counts every thread, also those that translate in the background, and not what the guest
//! waits for. Linux: proc(5), `schedstat`.
#![allow(clippy::disallowed_methods)] // a bench measures host time

use std::time::{Duration, Instant};

/// Which time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Of the host, from one marker to the next.
    Wall,
    /// Of all threads of the emulator, from one marker to the next.
    Cpu,
}

/// A moment on both clocks.
#[derive(Clone, Copy)]
pub struct Stamp {
    /// On the wall.
    pub wall: Instant,
    /// CPU time of a process so far; zero once it is gone.
    cpu: Duration,
}

impl Stamp {
    /// The start of a process.
    pub fn start(wall: Instant) -> Self {
        Self {
            wall,
            cpu: Duration::ZERO,
        }
    }

    /// This moment, for the process `pid`.
    pub fn now(pid: u32) -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_time(pid).unwrap_or_default(),
        }
    }

    /// Seconds since `earlier`.
    pub fn since(self, earlier: Self, clock: Clock) -> f64 {
        match clock {
            Clock::Wall => self.wall.saturating_duration_since(earlier.wall),
            Clock::Cpu => self.cpu.saturating_sub(earlier.cpu),
        }
        .as_secs_f64()
    }
}

/// Of all living threads.
fn cpu_time(pid: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of = |text: String| text.split_whitespace().next()?.parse::<u64>().ok();
    let nanoseconds: u64 = threads
        .filter_map(|thread| {
            let file = thread.ok()?.path().join("schedstat");
            of(std::fs::read_to_string(file).ok()?)
        })
        .sum();
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_takes_time_on_the_wall_only() {
        let pid = std::process::id();
        let begin = Stamp::now(pid);
        let mut sum = 1u64;
        while begin.wall.elapsed() < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_mul(3));
        }
        let busy = Stamp::now(pid);
        assert!(busy.since(begin, Clock::Wall) >= 0.02);
        assert!(busy.since(begin, Clock::Cpu) > 0.0);
        assert_eq!(begin.since(busy, Clock::Wall), 0.0, "never negative");
        // No process has this number.
        assert_eq!(cpu_time(u32::MAX), None);
    }
}
