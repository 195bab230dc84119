//! What device tests are made of: a clock moved by hand, a sink that remembers, and the suite every device passes.
//!
//! A test makes the device on a [`TestClock`], drives it, and hands two equal instances to
//! [`check_saved_state`] and one to [`check_reset`]; see the crate's example.

mod actions;
mod memory_disk;
mod test_net;

pub use actions::{Action, Rig, check_actions};
pub use memory_disk::MemoryDisk;
pub use test_net::TestNet;

use crate::{Device, IrqLine, IrqSink, ResetPhase, SavedState, VirtualClock};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use util_mainloop::clock::ClockSource;
use util_mainloop::timer::TimerList;

struct Hand(AtomicI64);

impl ClockSource for Hand {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A virtual clock that stands still until told.
pub struct TestClock {
    hand: Arc<Hand>,
    list: Arc<TimerList>,
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl TestClock {
    /// At 0.
    pub fn new() -> Self {
        let hand = Arc::new(Hand(AtomicI64::new(0)));
        let list = TimerList::new(Arc::clone(&hand) as Arc<dyn ClockSource>);
        Self { hand, list }
    }

    /// What devices take.
    pub fn clock(&self) -> VirtualClock {
        VirtualClock::new(Arc::clone(&self.list))
    }

    /// Nanoseconds.
    pub fn now_ns(&self) -> i64 {
        self.hand.now_ns()
    }

    /// Moves to `ns`, also backwards, and runs nothing: the time of a snapshot.
    pub fn set(&self, ns: i64) {
        self.hand.0.store(ns, Ordering::Relaxed);
    }

    /// The timers.
    pub fn timers(&self) -> &Arc<TimerList> {
        &self.list
    }

    /// When the next timer expires.
    pub fn deadline(&self) -> Option<i64> {
        self.list.deadline()
    }

    /// Moves to `ns`, stopping at each deadline on the way to run its timers. Going backwards does nothing.
    pub fn advance_to(&self, ns: i64) {
        while let Some(at) = self.list.deadline().filter(|&at| at <= ns) {
            self.hand.0.fetch_max(at, Ordering::Relaxed);
            self.list.run_expired();
        }
        self.hand.0.fetch_max(ns, Ordering::Relaxed);
    }

    /// Moves on by `ns`, stopping at no more than `stops` deadlines: beyond those the host does not keep up.
    pub fn advance_with(&self, ns: i64, stops: usize) {
        let end = self.now_ns().saturating_add(ns);
        for _ in 0..stops {
            let Some(at) = self.list.deadline().filter(|&at| at <= end) else {
                break;
            };
            self.jump_to(at);
        }
        self.jump_to(end);
    }

    /// Moves on by `ns`.
    pub fn advance(&self, ns: i64) {
        self.advance_to(self.now_ns().saturating_add(ns));
    }

    /// Moves to `ns` at once and runs what has expired late: a host that did not keep up.
    pub fn jump_to(&self, ns: i64) {
        self.hand.0.fetch_max(ns, Ordering::Relaxed);
        self.list.run_expired();
    }
}

/// Remembers every change of every pin.
#[derive(Default)]
pub struct RecordingSink {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    levels: u64,
    rising: Vec<u32>,
    changes: Vec<(u32, bool)>,
}

impl RecordingSink {
    /// All pins low, of 64.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A wire to `pin`.
    pub fn line(self: &Arc<Self>, pin: u32) -> IrqLine {
        IrqLine::new(Arc::clone(self) as Arc<dyn IrqSink>, pin)
    }

    /// The present level of `pin`.
    pub fn level(&self, pin: u32) -> bool {
        self.seen.lock().levels >> pin & 1 != 0
    }

    /// How often `pin` went high.
    pub fn rises(&self, pin: u32) -> usize {
        self.seen.lock().rising.iter().filter(|&&p| p == pin).count()
    }

    /// All changes since the last call, oldest first.
    pub fn take(&self) -> Vec<(u32, bool)> {
        let mut seen = self.seen.lock();
        seen.rising.clear();
        std::mem::take(&mut seen.changes)
    }
}

impl IrqSink for RecordingSink {
    fn set_irq(&self, pin: u32, level: bool) {
        let mut seen = self.seen.lock();
        if (seen.levels >> pin & 1 != 0) == level {
            return;
        }
        seen.levels ^= 1 << pin;
        seen.changes.push((pin, level));
        if level {
            seen.rising.push(pin);
        }
    }
}

/// Takes one device through all reset phases.
pub fn reset(device: &dyn Device) {
    for phase in [ResetPhase::Enter, ResetPhase::Hold, ResetPhase::Exit] {
        device.reset(phase);
    }
}

/// Saves `used`, whose state the test has changed, loads that into `fresh`, and asserts that both are the same
/// device now, that loading is repeatable, and that damaged or unknown states are refused without effect.
///
/// # Panics
/// If any of that does not hold.
pub fn check_saved_state(used: &dyn Device, fresh: &dyn Device) {
    let name = used.name();
    let saved = used.save();
    assert_eq!(saved, used.save(), "{name}: saving changes the state");
    let before = fresh.save();
    assert_ne!(
        before, saved,
        "{name}: the test has not changed anything worth saving"
    );

    let unknown = SavedState {
        version: saved.version.wrapping_add(1),
        bytes: saved.bytes.clone(),
    };
    assert!(fresh.load(&unknown).is_err(), "{name}: unknown version accepted");
    let cut = SavedState {
        version: saved.version,
        bytes: saved.bytes[..saved.bytes.len() - 1].to_vec(),
    };
    assert!(fresh.load(&cut).is_err(), "{name}: truncated state accepted");
    assert_eq!(fresh.save(), before, "{name}: a refused state left traces");

    for _ in 0..2 {
        fresh.load(&saved).expect("own state");
        assert_eq!(fresh.save(), saved, "{name}: state differs after load");
    }
    used.load(&before).expect("own state");
    assert_eq!(used.save(), before, "{name}: going back differs");
    used.load(&saved).expect("own state");
    assert_eq!(used.save(), saved, "{name}: going forward again differs");
}

/// Resets `device` twice with `change` in between and asserts that the second reset gives the state of the first.
///
/// # Panics
/// If it does not, or if `change` changes nothing.
pub fn check_reset(device: &dyn Device, change: impl FnOnce()) {
    reset(device);
    let clean = device.save();
    change();
    assert_ne!(
        device.save(),
        clean,
        "{}: the test has not changed anything",
        device.name()
    );
    reset(device);
    assert_eq!(device.save(), clean, "{}: reset leaves traces", device.name());
}
