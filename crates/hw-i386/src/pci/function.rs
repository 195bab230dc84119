//! One PCI function: configuration space, base address windows, and what else its registers do.
//!
//! Configuration writes flow into the masks of [`ConfigSpace`]; afterwards the windows follow the BARs and the
//! function's [`Behaviour`] hears of it. Mirrors QEMU's `hw/pci/pci.c` for type 0 headers.

use super::config::{Bar, BarKind, ConfigSpace};
use hw_core::{Device, DeviceCell, ResetPhase, SavedState, StateError};
use softmmu::{MemoryMap, MemoryRegion};
use std::sync::Arc;

/// What answers configuration accesses at one device and function number.
pub trait PciFunction: Device {
    /// Reads `size` bytes at `offset`.
    fn config_read(&self, offset: u8, size: u32) -> u32;
    /// Writes `size` bytes at `offset`.
    fn config_write(&self, offset: u8, size: u32, value: u32);
    /// A copy of the configuration space.
    fn config(&self) -> ConfigSpace;
}

/// What a function's registers do beyond being stored.
pub trait Behaviour: Send + Sync {
    /// Configuration space after reset.
    fn fresh(&self) -> ConfigSpace;
    /// The configuration changed, or was reset or restored.
    fn changed(&self, _config: &ConfigSpace) {}
}

/// Where windows appear.
#[derive(Clone)]
pub struct PciSpaces {
    /// The machine's memory, for transactions.
    pub map: MemoryMap,
    /// PCI memory.
    pub memory: MemoryRegion,
    /// Ports.
    pub io: MemoryRegion,
}

/// A function.
pub struct Function<B> {
    // Configuration.
    name: String,
    // Host glue.
    map: MemoryMap,
    windows: Vec<(Bar, MemoryRegion)>,
    behaviour: B,
    // Volatile state.
    config: DeviceCell<ConfigSpace>,
}

impl<B: Behaviour> Function<B> {
    /// A function whose BARs, in the order of its configuration space, open `windows`.
    ///
    /// # Panics
    /// If there are not as many windows as BARs.
    pub fn new(
        name: impl Into<String>,
        spaces: &PciSpaces,
        behaviour: B,
        windows: Vec<MemoryRegion>,
    ) -> Arc<Self> {
        let config = behaviour.fresh();
        assert_eq!(config.bars().len(), windows.len(), "one window for each BAR");
        let windows: Vec<_> = config.bars().iter().copied().zip(windows).collect();
        for (bar, region) in &windows {
            region.set_enabled(false);
            let parent = if bar.kind == BarKind::Io {
                &spaces.io
            } else {
                &spaces.memory
            };
            parent.add_subregion(0, region, 1);
        }
        Arc::new(Self {
            name: name.into(),
            map: spaces.map.clone(),
            windows,
            behaviour,
            config: DeviceCell::new(config),
        })
    }

    /// What it does beyond storing.
    pub fn behaviour(&self) -> &B {
        &self.behaviour
    }

    /// Makes windows and behaviour follow the configuration.
    fn follow(&self) {
        let config = self.config.lock().clone();
        self.map.transaction(|_| {
            for (bar, region) in &self.windows {
                match config.bar_address(bar) {
                    Some(address) => {
                        region.set_address(address);
                        region.set_enabled(true);
                    }
                    None => region.set_enabled(false),
                }
            }
            self.behaviour.changed(&config);
        });
    }
}

impl<B: Behaviour> PciFunction for Function<B> {
    fn config_read(&self, offset: u8, size: u32) -> u32 {
        self.config.lock().read(offset, size)
    }

    fn config_write(&self, offset: u8, size: u32, value: u32) {
        let changed = {
            let mut config = self.config.lock();
            let before = config.clone();
            config.write(offset, size, value);
            *config != before
        };
        if changed {
            self.follow();
        }
    }

    fn config(&self) -> ConfigSpace {
        self.config.lock().clone()
    }
}

/// State version 1: the 256 bytes of configuration space.
const VERSION: u16 = 1;

impl<B: Behaviour> Device for Function<B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.config.lock() = self.behaviour.fresh(),
            ResetPhase::Hold => self.follow(),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &self.config.lock().bytes().as_slice())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let bytes: Vec<u8> = state.decode(VERSION)?;
        let bytes: [u8; 256] = bytes
            .try_into()
            .map_err(|_| StateError::Damaged("configuration space is not 256 bytes".into()))?;
        self.config.lock().restore(&bytes);
        self.follow();
        Ok(())
    }
}
