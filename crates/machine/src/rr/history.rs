//! Moments of a replay that are kept in memory: which, where in the log, and which are dropped when there are too many.
//!
//! [`travel`](super::travel) takes snapshots while the machine runs, and starts from them on the way to a moment in the
//! past. Each is of the first boundary of its count, before anything that came from outside or a timer that was due: a
//! count names one such moment, however it was reached.
//!
//! **Spacing.** Snapshots are as dense as they are near: one at the distance `d` from the present may go if those around
//! it are at most `d / DENSITY` apart. So a point is reached by running a fixed part of its distance, and the number of
//! snapshots grows with the logarithm of the run. Over the budget of memory, the density is halved until it holds.

use super::Verdict;
use migration::Snapshot;
use replay::{Position, Shutdown};
use std::sync::Arc;

/// Instructions between snapshots of a machine that runs on: a tenth of a second, or so.
pub const EVERY: u64 = 1 << 25;
/// Distances from a target at which the way there leaves snapshots: steps around it begin nearby.
const APPROACH: [u64; 4] = [1 << 22, 1 << 18, 1 << 14, 1 << 10];
/// Parts of its distance that a snapshot's neighbours may be apart.
const DENSITY: u64 = 128;

/// One moment.
#[derive(Clone)]
pub struct Kept {
    /// Instructions completed.
    pub count: u64,
    /// Where the log stands.
    pub position: Position,
    /// The machine.
    pub snapshot: Arc<Snapshot>,
}

/// The end of what was recorded, at which the machine was held instead.
pub struct HeldEnd {
    /// The emulator's exit status.
    pub status: u8,
    /// The guest's way to end, or none.
    pub cause: Shutdown,
    /// The log's end.
    pub verdict: Option<Verdict>,
}

/// What a replay keeps of its past.
pub struct History {
    /// By count, ascending, no count twice.
    kept: Vec<Kept>,
    /// Bytes of pages that all snapshots may hold.
    budget: u64,
    every: u64,
    /// Somebody may go back: snapshots are taken while the machine runs.
    pub automatic: bool,
    /// Where the monitor wants it to stop.
    pub break_at: Option<u64>,
    /// The machine stands at the end.
    pub end: Option<HeldEnd>,
}

impl History {
    /// Nothing yet; at most `budget` bytes of pages are to be held.
    pub fn new(budget: u64, every: u64) -> Self {
        Self {
            kept: Vec::new(),
            budget,
            every: every.max(1),
            automatic: false,
            break_at: None,
            end: None,
        }
    }

    /// The earliest moment that can be reached.
    pub fn first(&self) -> Option<u64> {
        self.kept.first().map(|kept| kept.count)
    }

    /// How many moments there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// The last moment that is not after `count`.
    pub fn not_after(&self, count: u64) -> Option<&Kept> {
        let behind = self.kept.partition_point(|kept| kept.count <= count);
        self.kept[..behind].last()
    }

    /// Whether there is a moment of this count.
    pub fn has(&self, count: u64) -> bool {
        self.not_after(count).is_some_and(|kept| kept.count == count)
    }

    /// Where a machine that runs on from `count` stops next: for a snapshot, or for the monitor.
    pub fn next_stop(&self, count: u64) -> Option<u64> {
        let snapshot = self.automatic.then(|| self.next_regular(count));
        let wanted = self.break_at.filter(|&at| at > count);
        snapshot.into_iter().chain(wanted).min()
    }

    fn next_regular(&self, count: u64) -> u64 {
        (count / self.every + 1).saturating_mul(self.every)
    }

    /// Where a machine on its way from `count` to `target` stops next: for a snapshot, or there.
    pub fn next_of_way(&self, count: u64, target: u64) -> u64 {
        let near = APPROACH.iter().filter_map(|before| target.checked_sub(*before));
        let ways = near.chain([self.next_regular(count), target]);
        ways.filter(|&at| at > count).min().unwrap_or(target)
    }

    /// Keeps a moment, which is the present.
    pub fn keep(&mut self, new: Kept, held_bytes: impl Fn() -> u64) {
        let now = new.count;
        let at = self.kept.partition_point(|kept| kept.count < now);
        if self.kept.get(at).is_none_or(|kept| kept.count != now) {
            self.kept.insert(at, new);
        }
        let mut density = DENSITY;
        loop {
            self.thin(now, density);
            density /= 2;
            if density == 0 || held_bytes() <= self.budget {
                return;
            }
        }
    }

    /// Drops what is denser than it need be, never the first and the last.
    fn thin(&mut self, now: u64, density: u64) {
        let mut left: Vec<Kept> = Vec::with_capacity(self.kept.len());
        let mut rest = std::mem::take(&mut self.kept).into_iter().peekable();
        while let Some(kept) = rest.next() {
            let apart = match (left.last(), rest.peek()) {
                (Some(before), Some(after)) => after.count - before.count,
                _ => u64::MAX,
            };
            if apart > kept.count.abs_diff(now) / density {
                left.push(kept);
            }
        }
        self.kept = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migration::{Head, Identity, Summary};
    use replay::Instant;

    fn moment(count: u64) -> Kept {
        let summary = Summary {
            created: 0,
            instructions: count,
            virtual_ns: 0,
        };
        let head = Head {
            identity: Identity::default(),
            summary,
            base: None,
        };
        let position = Position {
            log: 0,
            index: 0,
            frame: 0,
            instant: Instant::START,
        };
        let snapshot = Snapshot {
            head,
            sections: Vec::new(),
            blocks: Vec::new(),
        };
        Kept {
            count,
            position,
            snapshot: Arc::new(snapshot),
        }
    }

    /// After any run, what is to be executed to a point in the past is a part of its distance, and snapshots are few.
    #[test]
    fn spacing() {
        let mut history = History::new(u64::MAX, EVERY);
        let mut now = 0;
        while now < 20_000_000_000 {
            history.keep(moment(now), || 0);
            now += EVERY;
        }
        let now = now - EVERY;
        assert!(history.len() < 600, "{} snapshots", history.len());
        assert_eq!(history.first(), Some(0));
        for n in 0..1000 {
            let target = now / 1000 * n;
            let from = history.not_after(target).expect("there is the first").count;
            assert!(
                target - from <= EVERY + (now - from) / DENSITY,
                "to {target} from {from}"
            );
        }
    }

    #[test]
    fn budget_of_memory() {
        let mut history = History::new(10, 100);
        for n in 0..1000 {
            history.keep(moment(n * 100), || 0);
        }
        let before = history.len();
        // Whatever is dropped is not enough: only the ends and what is next to the present stay.
        history.keep(moment(100_000), || 11);
        assert!(history.len() < before / 2, "{} of {before}", history.len());
        assert!(history.has(0) && history.has(100_000));
    }

    #[test]
    fn stops_on_the_way() {
        let mut history = History::new(0, 1 << 25);
        assert_eq!(history.next_stop(5), None);
        history.break_at = Some(9);
        assert_eq!(history.next_stop(5), Some(9));
        assert_eq!(history.next_stop(9), None);
        history.automatic = true;
        assert_eq!(history.next_stop(9), Some(1 << 25));
        for (count, target, stop) in [
            (0, 100, 100),
            (0, 1100, 76),
            (76, 1100, 1100),
            (0, 1 << 26, 1 << 25),
            ((1 << 26) - (1 << 14), 1 << 26, (1 << 26) - (1 << 10)),
        ] {
            assert_eq!(history.next_of_way(count, target), stop, "{count} to {target}");
        }
    }
}
