//! One PCI function: configuration space, base address windows, and what else its registers do.
//!
//! Configuration writes flow into the masks of [`ConfigSpace`]; afterwards the windows follow the BARs and the
//! function's [`Behaviour`] hears of it. Mirrors QEMU's `hw/pci/pci.c` for type 0 headers.

use crate::config::{Bar, BarKind, ConfigSpace};
use crate::port::{PciPort, PortState};
use crate::spec::{STATUS, STATUS_INTERRUPT};
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
    /// Software reads; the answer, where that is made at the moment. `bytes` is configuration space as stored.
    fn read(&self, _bytes: &[u8; 256], _offset: u8, _size: u32) -> Option<u32> {
        None
    }
    /// Software has written, changed or not. `bytes` is configuration space now.
    fn written(&self, _bytes: &[u8; 256], _offset: u8, _size: u32) {}
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
    rom: Option<MemoryRegion>,
    port: Option<PciPort>,
    behaviour: B,
    // Volatile state.
    config: DeviceCell<ConfigSpace>,
}

impl<B: Behaviour> Function<B> {
    /// A function without interrupts and DMA; see [`with_port`](Self::with_port).
    ///
    /// # Panics
    /// If there are not as many windows as BARs.
    pub fn new(
        name: impl Into<String>,
        spaces: &PciSpaces,
        behaviour: B,
        windows: Vec<MemoryRegion>,
    ) -> Arc<Self> {
        Self::with_port(name, spaces, behaviour, windows, None)
    }

    /// A function whose BARs, in the order of its configuration space, open `windows`; the expansion ROM, if it has
    /// one, comes last. The port follows its configuration.
    ///
    /// # Panics
    /// If there are not as many windows as BARs, and ROM.
    pub fn with_port(
        name: impl Into<String>,
        spaces: &PciSpaces,
        behaviour: B,
        mut windows: Vec<MemoryRegion>,
        port: Option<PciPort>,
    ) -> Arc<Self> {
        let config = behaviour.fresh();
        let rom = config.rom_size().and_then(|_| windows.pop());
        assert_eq!(config.rom_size().is_some(), rom.is_some(), "a window for the ROM");
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
        if let Some(region) = &rom {
            region.set_enabled(false);
            spaces.memory.add_subregion(0, region, 1);
        }
        Arc::new(Self {
            name: name.into(),
            map: spaces.map.clone(),
            windows,
            rom,
            port,
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
            let bars = self
                .windows
                .iter()
                .map(|(bar, region)| (region, config.bar_address(bar)));
            let rom = self.rom.iter().map(|region| (region, config.rom_address()));
            for (region, address) in bars.chain(rom) {
                if let Some(address) = address {
                    region.set_address(address);
                }
                region.set_enabled(address.is_some());
            }
            self.behaviour.changed(&config);
        });
        if let Some(port) = &self.port {
            port.follow(&config);
        }
    }
}

impl<B: Behaviour> PciFunction for Function<B> {
    fn config_read(&self, offset: u8, size: u32) -> u32 {
        let (value, bytes) = {
            let config = self.config.lock();
            (config.read(offset, size), *config.bytes())
        };
        if let Some(value) = self.behaviour.read(&bytes, offset, size) {
            return value;
        }
        let asserted = self
            .port
            .as_ref()
            .is_some_and(|port| port.level() && !port.is_message());
        match (STATUS as u8).checked_sub(offset) {
            Some(byte) if asserted && u32::from(byte) < size => {
                value | u32::from(STATUS_INTERRUPT) << (8 * byte)
            }
            _ => value,
        }
    }

    fn config_write(&self, offset: u8, size: u32, value: u32) {
        let (changed, bytes) = {
            let mut config = self.config.lock();
            let before = *config.bytes();
            config.write(offset, size, value);
            (*config.bytes() != before, *config.bytes())
        };
        if changed {
            self.follow();
        }
        self.behaviour.written(&bytes, offset, size);
    }

    fn config(&self) -> ConfigSpace {
        self.config.lock().clone()
    }
}

/// State version 2: the 256 bytes of configuration space, and the port's.
const VERSION: u16 = 2;

impl<B: Behaviour> Device for Function<B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.config.lock() = self.behaviour.fresh(),
            ResetPhase::Hold => {
                if let Some(port) = &self.port {
                    port.reset();
                }
                self.follow();
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        let port = self.port.as_ref().map(PciPort::save);
        SavedState::encode(VERSION, &(self.config.lock().bytes().as_slice(), port))
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let (bytes, port): (Vec<u8>, Option<PortState>) = state.decode(VERSION)?;
        let bytes: [u8; 256] = bytes
            .try_into()
            .map_err(|_| StateError::Damaged("configuration space is not 256 bytes".into()))?;
        let fits = match (&self.port, &port) {
            (Some(own), Some(port)) => own.load(port),
            (None, None) => true,
            _ => false,
        };
        if !fits {
            return Err(StateError::Damaged(
                "its interrupts are not this function's".into(),
            ));
        }
        self.config.lock().restore(&bytes);
        self.follow();
        Ok(())
    }
}
