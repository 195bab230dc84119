//! The A20 gate: with address line 20 held low, every odd MiB the CPU sees is the even one below it.
//!
//! A set of aliases over the CPU's view, switched as one: page walks, code fetches and TLB flushes follow by
//! themselves. Only low RAM is folded; device windows above it are not. Last writer wins, as on QEMU's pc.

use crate::ram_layout::MIB;
use hw_core::{Device, DeviceCell, ResetPhase, SavedState, StateError};
use softmmu::{MemoryMap, MemoryRegion};
use std::sync::{Arc, OnceLock};

/// The gate of one machine.
pub struct A20Gate {
    map: MemoryMap,
    system: MemoryRegion,
    cpu_root: MemoryRegion,
    low_ram: u64,
    /// Made when the line first goes low, which in most runs is never.
    folded: OnceLock<MemoryRegion>,
    open: DeviceCell<bool>,
}

impl A20Gate {
    /// A gate in `cpu_root`, which shows `system` at priority 0; open.
    pub fn new(map: &MemoryMap, cpu_root: &MemoryRegion, system: &MemoryRegion, low_ram: u64) -> Arc<Self> {
        Arc::new(Self {
            map: map.clone(),
            system: system.clone(),
            cpu_root: cpu_root.clone(),
            low_ram,
            folded: OnceLock::new(),
            open: DeviceCell::new(true),
        })
    }

    /// Whether the line is free (address bit 20 works).
    pub fn is_open(&self) -> bool {
        *self.open.lock()
    }

    /// Drives the line.
    pub fn set(&self, open: bool) {
        if std::mem::replace(&mut *self.open.lock(), open) != open {
            self.follow(open);
        }
    }

    fn follow(&self, open: bool) {
        if open && self.folded.get().is_none() {
            return;
        }
        self.map.transaction(|_| {
            let folded = self.folded.get_or_init(|| self.fold());
            folded.set_enabled(!open);
        });
    }

    fn fold(&self) -> MemoryRegion {
        let end = self.low_ram.max(2 * MIB);
        let folded = MemoryRegion::container("a20-low", end);
        for odd in (MIB..end).step_by(2 * MIB as usize) {
            let even = odd - MIB;
            let alias = MemoryRegion::alias("a20-fold", &self.system, even, MIB.min(end - odd));
            folded.add_subregion(odd, &alias, 0);
        }
        self.cpu_root.add_subregion(0, &folded, 1);
        folded
    }
}

/// State version 1: whether the line is free.
const VERSION: u16 = 1;

impl Device for A20Gate {
    fn name(&self) -> &str {
        "a20"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {}
            ResetPhase::Hold => self.set(true),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &self.is_open())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let open = state.decode(VERSION)?;
        self.set(open);
        Ok(())
    }
}
