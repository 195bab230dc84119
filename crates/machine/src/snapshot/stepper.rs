//! Snapshots of a machine in its caller's hands.

use super::{Cpus, Memory, MemoryDigest, Past, Whole};
use crate::lockstep::Stepper;
use accel_tcg::{Schedule, Turns};
use migration::{PageStore, Snapshot, SnapshotError};
use std::sync::Arc;
use target_i386::VcpuImage;

/// vCPUs that the caller holds.
struct Held<'a>(&'a mut Turns);

impl Cpus for Held<'_> {
    fn count(&self) -> usize {
        self.0.vcpus().count()
    }

    fn image(&mut self, index: usize) -> VcpuImage {
        self.0.vcpu_mut(index).image()
    }

    fn restore(&mut self, index: usize, image: VcpuImage) {
        self.0.vcpu_mut(index).restore(&image);
    }

    fn schedule(&mut self) -> Schedule {
        self.0.schedule()
    }

    fn set_schedule(&mut self, schedule: Schedule) {
        self.0.set_schedule(schedule);
    }

    fn protect_cleaned(&mut self) {
        for n in 0..self.count() {
            self.0.vcpu_mut(n).protect_cleaned();
        }
    }
}

impl Stepper {
    /// The machine as it is. Costs what changed in memory since the last snapshot that was taken or loaded; pages are
    /// shared with those.
    pub fn save_snapshot(&mut self) -> Snapshot {
        self.as_whole(|whole, memory| whole.save(memory))
    }

    /// The machine becomes what it was, in this machine or in another one of the same making. Costs what differs in
    /// memory.
    ///
    /// # Errors
    /// A snapshot of another machine, or a damaged one; nothing has changed then.
    pub fn load_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.as_whole(|whole, memory| whole.load(memory, snapshot))
    }

    /// Calls `work` with the machine and what it keeps of its memory, under the big lock.
    fn as_whole<R>(&mut self, work: impl FnOnce(&mut Whole<'_>, &mut Memory) -> R) -> R {
        let lock = Arc::clone(&self.lock);
        let _big = lock.lock();
        let past = Arc::clone(&self.past);
        let Past {
            identity,
            memory,
            drives,
        } = &mut *past.lock();
        let mut whole = Whole {
            pc: &self.pc,
            time: &self.time,
            identity,
            cpus: &mut Held(&mut self.turns),
            drives,
            position: None,
        };
        work(&mut whole, memory)
    }

    /// Where the pages of this machine's snapshots are counted.
    pub fn snapshot_pages(&self) -> PageStore {
        self.past.lock().memory.store().clone()
    }

    /// A digest of all memory, and what `digest` has of it from its last call makes it cheap.
    pub fn memory_digest(&mut self, digest: &mut MemoryDigest) -> u64 {
        let sum = {
            let mut past = self.past.lock();
            let (log, blocks) = past.memory.log_and_blocks();
            digest.update(log, blocks)
        };
        Held(&mut self.turns).protect_cleaned();
        sum
    }

    /// The same, computed from all of memory.
    pub fn memory_digest_in_full(&mut self) -> u64 {
        MemoryDigest::full(self.past.lock().memory.log_and_blocks().1)
    }
}
