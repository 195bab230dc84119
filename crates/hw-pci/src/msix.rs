//! The MSI-X table: an address and a value for each vector, masks, and what waits behind them.
//!
//! Software writes entries through a window in a BAR; the port asks for a vector's message. PCI 3.0, 6.8.2.

use crate::port::{Inner, PciPort};
use hw_core::DeviceCell;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, Endian, IoOps, IoResult, MemoryRegion};
use std::sync::{Arc, Weak};

/// Bytes of an entry.
const ENTRY: u64 = 16;
/// Largest table there can be.
pub const MAX_VECTORS: u16 = 2048;

/// One vector: message address (low, high), data, control (bit 0: masked).
type Entry = [u32; 4];

/// Volatile state, which is the saved one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MsixState {
    entries: Vec<Entry>,
    pending: Vec<u64>,
}

impl MsixState {
    fn new(vectors: u16) -> Self {
        Self {
            entries: vec![[0, 0, 0, 1]; vectors.into()],
            pending: vec![0; usize::from(vectors).div_ceil(64)],
        }
    }

    fn is_pending(&self, vector: usize) -> bool {
        self.pending[vector / 64] >> (vector % 64) & 1 != 0
    }
}

/// The table of one function.
pub struct Msix {
    // Configuration.
    vectors: u16,
    capability: u8,
    // Host glue: whom unmasking concerns. Weak: the port owns the table.
    port: Mutex<Weak<Inner>>,
    // Volatile state.
    state: DeviceCell<MsixState>,
}

/// Entries are read and written whole or in halves.
const RULES: AccessRules = AccessRules {
    valid: (4, 8),
    impl_: (4, 4),
    unaligned: false,
    endian: Endian::Little,
};

impl Msix {
    /// A table of `vectors` (1 to [`MAX_VECTORS`]) whose capability lies at `capability`.
    pub fn new(vectors: u16, capability: u8) -> Arc<Self> {
        let vectors = vectors.clamp(1, MAX_VECTORS);
        Arc::new(Self {
            vectors,
            capability,
            port: Mutex::default(),
            state: DeviceCell::new(MsixState::new(vectors)),
        })
    }

    /// Number of vectors.
    pub fn vectors(&self) -> u16 {
        self.vectors
    }

    /// Where in configuration space it is announced.
    pub fn capability(&self) -> u8 {
        self.capability
    }

    /// The windows of the table and of the pending bits, for a BAR of the function.
    pub fn windows(self: &Arc<Self>) -> (MemoryRegion, MemoryRegion) {
        let table = MemoryRegion::io(
            "msix-table",
            u64::from(self.vectors) * ENTRY,
            Arc::new(Table(Arc::downgrade(self))),
            RULES,
        );
        let bits = MemoryRegion::io(
            "msix-pba",
            u64::from(self.vectors).div_ceil(64) * 8,
            Arc::new(PendingBits(Arc::downgrade(self))),
            RULES,
        );
        (table, bits)
    }

    pub(crate) fn set_port(&self, port: &PciPort) {
        *self.port.lock() = port.downgrade();
    }

    /// A vector's message; none if it is masked, when it is remembered, or does not exist.
    pub(crate) fn raise(&self, vector: u16, all_masked: bool) -> Option<(u64, u32)> {
        let mut state = self.state.lock();
        let at = usize::from(vector);
        let &[low, high, data, control] = state.entries.get(at)?;
        if all_masked || control & 1 != 0 {
            state.pending[at / 64] |= 1 << (at % 64);
            return None;
        }
        Some((u64::from(low) | u64::from(high) << 32, data))
    }

    /// The messages that waited and may leave now.
    pub(crate) fn take_pending(&self) -> Vec<(u64, u32)> {
        let mut state = self.state.lock();
        let mut messages = Vec::new();
        for at in 0..state.entries.len() {
            let [low, high, data, control] = state.entries[at];
            if control & 1 == 0 && state.is_pending(at) {
                state.pending[at / 64] &= !(1 << (at % 64));
                messages.push((u64::from(low) | u64::from(high) << 32, data));
            }
        }
        messages
    }

    pub(crate) fn reset(&self) {
        *self.state.lock() = MsixState::new(self.vectors);
    }

    pub(crate) fn save(&self) -> MsixState {
        self.state.lock().clone()
    }

    pub(crate) fn load(&self, saved: &MsixState) -> bool {
        let mut state = self.state.lock();
        let fits = saved.entries.len() == state.entries.len() && saved.pending.len() == state.pending.len();
        if fits {
            *state = saved.clone();
        }
        fits
    }

    fn write(&self, offset: u64, value: u32) {
        let unmasked = {
            let mut state = self.state.lock();
            let Some(entry) = state.entries.get_mut((offset / ENTRY) as usize) else {
                return;
            };
            let word = (offset % ENTRY / 4) as usize;
            let before = entry[3];
            entry[word] = match word {
                0 => value & !3,
                3 => value & 1,
                _ => value,
            };
            before & 1 != 0 && entry[3] & 1 == 0
        };
        let port = self.port.lock().upgrade();
        if let (true, Some(port)) = (unmasked, port) {
            PciPort::from(port).flush();
        }
    }
}

/// The table as a window. Weak: the function owns the table and its windows.
struct Table(Weak<Msix>);

impl IoOps for Table {
    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        let value = self.0.upgrade().and_then(|table| {
            let entry = *table.state.lock().entries.get((offset / ENTRY) as usize)?;
            Some(entry[(offset % ENTRY / 4) as usize])
        });
        Ok(value.unwrap_or(0).into())
    }

    fn write(&self, offset: u64, _size: u32, value: u64) -> IoResult<()> {
        if let Some(table) = self.0.upgrade() {
            table.write(offset, value as u32);
        }
        Ok(())
    }
}

/// The pending bits as a window: read-only.
struct PendingBits(Weak<Msix>);

impl IoOps for PendingBits {
    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        let value = self.0.upgrade().and_then(|table| {
            let word = *table.state.lock().pending.get((offset / 8) as usize)?;
            Some((word >> (offset % 8 * 8)) as u32)
        });
        Ok(value.unwrap_or(0).into())
    }

    fn write(&self, _offset: u64, _size: u32, _value: u64) -> IoResult<()> {
        Ok(())
    }
}
