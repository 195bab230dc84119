//! The four clocks of a machine, and where their time comes from.
//!
//! Mirrors QEMU's `QEMUClockType`. A clock is a source of nanoseconds; timers hang on a
//! [`TimerList`](crate::timer::TimerList) over one. With counted instructions the machine puts its own source in
//! the place of the virtual clock and nobody else notices.

use crate::os;
use crate::sync::{AtomicI64, AtomicU32, Mutex, Ordering, fence, spin_loop};
use std::fmt;
use std::sync::Arc;

/// Which clock. The order is the order in which the main loop runs their timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockKind {
    /// Host monotonic time; runs while the machine is stopped. For what the guest never sees.
    Realtime,
    /// Guest time: stands still while the machine is stopped; the only clock of device models.
    Virtual,
    /// Host wall-clock time since 1970; may jump.
    Host,
    /// Host monotonic time that stands still while the machine is stopped, also where [`Virtual`](Self::Virtual)
    /// counts instructions.
    VirtualRt,
}

impl ClockKind {
    /// All clocks, in order.
    pub const ALL: [Self; 4] = [Self::Realtime, Self::Virtual, Self::Host, Self::VirtualRt];
}

/// Something that tells the time.
pub trait ClockSource: Send + Sync {
    /// Nanoseconds since this source's own beginning.
    fn now_ns(&self) -> i64;
}

/// Host monotonic time (`CLOCK_MONOTONIC`).
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicClock;

impl ClockSource for MonotonicClock {
    fn now_ns(&self) -> i64 {
        os::monotonic_ns()
    }
}

/// Host wall-clock time since 1970 (`CLOCK_REALTIME`).
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl ClockSource for WallClock {
    fn now_ns(&self) -> i64 {
        os::wall_ns()
    }
}

impl WallClock {
    /// Seconds that the host's local time is ahead of UTC now.
    pub fn zone_s(self) -> i64 {
        os::offset_s(self.now_ns().div_euclid(1_000_000_000))
    }
}

impl<S: ClockSource + ?Sized> ClockSource for Arc<S> {
    fn now_ns(&self) -> i64 {
        (**self).now_ns()
    }
}

/// A clock that somebody sets: counted time, tests, examples.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `ns`.
    pub const fn new(ns: i64) -> Self {
        Self(std::sync::atomic::AtomicI64::new(ns))
    }

    /// Sets the time.
    pub fn set(&self, ns: i64) {
        self.0.store(ns, Ordering::Release);
    }

    /// Moves the time by `ns`.
    pub fn advance(&self, ns: i64) {
        self.0.fetch_add(ns, Ordering::AcqRel);
    }
}

impl ClockSource for ManualClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A monotonic clock that can be stopped: begins at 0, stopped, and shows the sum of its running spans.
///
/// Readers never wait for a lock and never see time go back, also when they race with `stop`: a sequence number is
/// odd while the state changes, and a reader that overlapped a change reads again (QEMU's `vm_clock_seqlock`).
pub struct HostClock<S = MonotonicClock> {
    source: S,
    sequence: AtomicU32,
    /// What to add to the source while running, or the frozen time while stopped.
    value: AtomicI64,
    running: AtomicU32,
    /// One change at a time.
    change: Mutex<()>,
}

impl HostClock {
    /// A stopped clock at 0 over host monotonic time.
    pub fn new() -> Self {
        Self::over(MonotonicClock)
    }
}

impl Default for HostClock {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: ClockSource> fmt::Debug for HostClock<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostClock")
            .field("now_ns", &self.now_ns())
            .field("running", &self.is_running())
            .finish()
    }
}

impl<S: ClockSource> HostClock<S> {
    /// A stopped clock at 0 over `source`, which must never go back.
    pub fn over(source: S) -> Self {
        Self {
            source,
            sequence: AtomicU32::new(0),
            value: AtomicI64::new(0),
            running: AtomicU32::new(0),
            change: Mutex::new(()),
        }
    }

    /// Lets time pass. Does nothing to a running clock.
    pub fn start(&self) {
        self.switch(true);
    }

    /// Freezes the time. Does nothing to a stopped clock.
    pub fn stop(&self) {
        self.switch(false);
    }

    /// Has a stopped clock show `ns`, which may be earlier than what it showed: a snapshot is restored. False, and
    /// nothing done, while it runs.
    pub fn set(&self, ns: i64) -> bool {
        let _one = self.change.lock();
        if self.is_running() {
            return false;
        }
        // Stopped, the value alone is the time: a reader sees the old or the new one.
        self.value.store(ns, Ordering::Release);
        true
    }

    /// Whether time passes.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) != 0
    }

    fn switch(&self, run: bool) {
        let _one = self.change.lock();
        if self.is_running() == run {
            return;
        }
        let begun = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        self.sequence.store(begun, Ordering::Relaxed);
        // The source is read only once every reader that could still use the old state knows of the change:
        // otherwise it might return a time later than the one frozen here.
        fence(Ordering::SeqCst);
        let source = self.source.now_ns();
        let value = self.value.load(Ordering::Relaxed);
        // Running to stopped: offset + source = frozen. Stopped to running: frozen - source = offset.
        self.value.store(
            if run { value - source } else { value + source },
            Ordering::Relaxed,
        );
        self.running.store(run.into(), Ordering::Relaxed);
        self.sequence.store(begun.wrapping_add(1), Ordering::Release);
    }
}

impl<S: ClockSource> ClockSource for HostClock<S> {
    fn now_ns(&self) -> i64 {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            let value = self.value.load(Ordering::Relaxed);
            let running = self.running.load(Ordering::Relaxed) != 0;
            let now = if running {
                value + self.source.now_ns()
            } else {
                value
            };
            fence(Ordering::SeqCst);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return now;
            }
            spin_loop();
        }
    }
}

/// The four sources of one machine.
#[derive(Clone)]
pub struct Clocks {
    sources: [Arc<dyn ClockSource>; 4],
    ticks: Arc<HostClock>,
}

impl Clocks {
    /// Host time on all clocks; virtual and virtual-rt share one [`HostClock`], stopped at 0.
    pub fn host() -> Self {
        let ticks = Arc::new(HostClock::new());
        let sources: [Arc<dyn ClockSource>; 4] = [
            Arc::new(MonotonicClock),
            ticks.clone(),
            Arc::new(WallClock),
            ticks.clone(),
        ];
        Self { sources, ticks }
    }

    /// These clocks, with another source for `kind`.
    pub fn with(mut self, kind: ClockKind, source: Arc<dyn ClockSource>) -> Self {
        self.set(kind, source);
        self
    }

    /// Gives `kind` another source. Timer lists made before keep the old one.
    pub fn set(&mut self, kind: ClockKind, source: Arc<dyn ClockSource>) {
        self.sources[kind as usize] = source;
    }

    /// The source of `kind`.
    pub fn source(&self, kind: ClockKind) -> &Arc<dyn ClockSource> {
        &self.sources[kind as usize]
    }

    /// The time on `kind`, nanoseconds.
    pub fn now_ns(&self, kind: ClockKind) -> i64 {
        self.source(kind).now_ns()
    }

    /// The host clock that stops with the machine; virtual and virtual-rt read it unless replaced.
    pub fn ticks(&self) -> &Arc<HostClock> {
        &self.ticks
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(ClockKind::ALL.map(|kind| (kind, self.now_ns(kind))))
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn host_clock_counts_running_spans_only() {
        let clock = HostClock::over(Arc::new(ManualClock::new(500)));
        let source = Arc::clone(&clock.source);
        let steps: &[(bool, i64, i64)] = &[
            // running during the step, source advance, time shown after it
            (false, 100, 0),
            (true, 7, 7),
            (true, 3, 10),
            (false, 1000, 10),
            (true, 5, 15),
        ];
        for &(run, advance, shown) in steps {
            if run {
                clock.start()
            } else {
                clock.stop()
            }
            source.advance(advance);
            assert_eq!(clock.now_ns(), shown);
        }
    }

    #[test]
    fn a_stopped_clock_can_be_set() {
        let clock = HostClock::over(Arc::new(ManualClock::new(500)));
        assert!(clock.set(40));
        assert_eq!(clock.now_ns(), 40);
        clock.start();
        clock.source.advance(3);
        assert!(!clock.set(7));
        assert_eq!(clock.now_ns(), 43);
    }

    #[test]
    fn monotonic_under_stop_and_start() {
        let clock = Arc::new(HostClock::new());
        let reader = {
            let clock = Arc::clone(&clock);
            std::thread::spawn(move || {
                let mut last = 0;
                for _ in 0..200_000 {
                    let now = clock.now_ns();
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            })
        };
        while !reader.is_finished() {
            clock.start();
            clock.stop();
        }
        reader.join().unwrap();
    }

    #[test]
    fn clocks_can_be_replaced() {
        let virt = Arc::new(ManualClock::new(42));
        let clocks = Clocks::host().with(ClockKind::Virtual, virt);
        assert_eq!(clocks.now_ns(ClockKind::Virtual), 42);
        assert_eq!(clocks.now_ns(ClockKind::VirtualRt), 0);
        assert!(clocks.now_ns(ClockKind::Host) > 1_600_000_000_000_000_000);
        assert!(WallClock.zone_s().abs() <= 14 * 3600, "as far as the world goes");
    }
}
