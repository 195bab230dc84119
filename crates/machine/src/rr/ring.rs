//! The flight recorder: a snapshot for each segment of the ring, and none for those that are gone.
//!
//! The recorder says when a segment is long enough; the machine comes to the next count, stops there before anything
//! else of that instant happens, is written beside the segments, and the log goes on in a new one. So the ring begins
//! at a snapshot whatever was dropped and whenever the recorder is killed: a segment appears after its snapshot, which
//! goes after its segment.

use crate::running::Machine;
use migration::{SnapshotError, Store};
use replay::Event;
use util_mainloop::Period;

impl Machine {
    /// In a turn of the main loop: has the CPUs come to a place for a snapshot, if the ring wants one.
    pub(crate) fn plan_rotation(&self) {
        if self.replay.wants_snapshot() && self.replay.can_snapshot() {
            self.cpus.set_stop_at(Some(self.cpus.instant().count + 1));
        }
    }

    /// Takes the snapshot. The CPUs are stopped at the first boundary of a count.
    pub(crate) fn rotate(&mut self, period: &mut Period<'_>) {
        let Some(directory) = &self.beside_log.ring else {
            return;
        };
        let store = Store::new(directory);
        let name = format!("snapshot-{}", self.count());
        let now = self.cpus.instant();
        let saved = self.held_still(period, |whole, _| store.save(&name, |to| whole.write(to)));
        if let Err(error) = saved {
            return self.replay.give_up(&format!("{name}: {error}"));
        }
        let noted = self.replay.note(now, Event::Snapshot { name });
        debug_assert!(noted.is_ok(), "only a replay can differ");
        self.replay.flush(now);
        self.delete_dropped();
    }

    /// Deletes the snapshots of segments that are gone.
    pub(crate) fn delete_dropped(&self) {
        let Some(directory) = &self.beside_log.ring else {
            return;
        };
        let store = Store::new(directory);
        for name in self.replay.take_dropped() {
            match store.delete(&name) {
                Ok(()) | Err(SnapshotError::Missing) => {}
                Err(error) => tracing::warn!("{name}: {error}"),
            }
        }
    }
}
