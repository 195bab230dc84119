//! I/O windows: where a device's registers appear, as a value the board turns into a memory region.
//!
//! Accesses flow from the region to one pair of functions of the device. A device with several windows (the two
//! 8259s and their edge/level registers) names a pair for each; the board maps them and need not know which.

use softmmu::{AccessRules, DispatchLock, IoOps, IoResult, MemoryRegion};
use std::sync::Arc;

/// A row of registers with its usual address.
#[derive(Clone)]
pub struct IoWindow {
    /// Name of the region, for `info mtree`.
    pub name: &'static str,
    /// Usual address, in the port or memory space as the device documents.
    pub base: u64,
    /// Bytes.
    pub size: u64,
    /// Sizes accepted and implemented.
    pub rules: AccessRules,
    /// The registers.
    pub ops: Arc<dyn IoOps>,
    /// Accesses take the machine's big lock.
    locked: bool,
}

/// Reads `size` bytes at an offset of the window.
pub type ReadFn<D> = fn(&D, u64, u32) -> IoResult<u64>;
/// Writes `size` bytes at an offset of the window.
pub type WriteFn<D> = fn(&D, u64, u32, u64) -> IoResult<()>;

struct Ops<D> {
    device: Arc<D>,
    read: ReadFn<D>,
    write: WriteFn<D>,
}

impl<D: Send + Sync> IoOps for Ops<D> {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        (self.read)(&self.device, offset, size)
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        (self.write)(&self.device, offset, size, value)
    }
}

impl IoWindow {
    /// A window of `size` bytes at `base` whose accesses go to `read` and `write` of `device`.
    pub fn new<D: Send + Sync + 'static>(
        name: &'static str,
        (base, size): (u64, u64),
        rules: AccessRules,
        device: &Arc<D>,
        read: ReadFn<D>,
        write: WriteFn<D>,
    ) -> Self {
        let device = Arc::clone(device);
        let ops = Arc::new(Ops { device, read, write });
        Self {
            name,
            base,
            size,
            rules,
            ops,
            locked: true,
        }
    }

    /// The same, with reads that do not wait for the machine's big lock, which is `lock`; writes do. For registers that
    /// many vCPUs read at the same time, clocks above all: a read must need nothing but the device's own state, and read
    /// the clock while it holds that.
    #[must_use]
    pub fn with_unlocked_reads(mut self, lock: &Arc<dyn DispatchLock>) -> Self {
        self.locked = false;
        self.ops = Arc::new(UnlockedReads {
            ops: self.ops,
            lock: Arc::clone(lock),
        });
        self
    }

    /// A region of these registers, to be added at [`base`](Self::base) or elsewhere.
    pub fn region(&self) -> MemoryRegion {
        let region = MemoryRegion::io(self.name, self.size, Arc::clone(&self.ops), self.rules);
        if !self.locked {
            region.clear_global_locking();
        }
        region
    }
}

/// Registers in a region without the big lock, which is taken for writes.
struct UnlockedReads {
    ops: Arc<dyn IoOps>,
    lock: Arc<dyn DispatchLock>,
}

impl IoOps for UnlockedReads {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        self.ops.read(offset, size)
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let mut result = Ok(());
        self.lock
            .with(&mut || result = self.ops.write(offset, size, value));
        result
    }
}
