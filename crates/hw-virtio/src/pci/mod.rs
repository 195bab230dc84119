//! Virtio on PCI: a transitional or modern function, its windows and its messages (VIRTIO 1.2, 4.1).
//!
//! Guest accesses flow from three windows (the legacy header in ports, MSI-X, the modern structures in memory), or from
//! configuration space by the fifth capability, to [`Core`]'s registers and the device's configuration; what they mean
//! goes on to the [`VirtioDevice`]. Mirrors QEMU's `hw/virtio/virtio-pci.c`.

mod capabilities;
pub mod spec;

use crate::core::{Core, CoreState, Effect, Interrupts, Offer, legacy};
use crate::device::VirtioDevice;
use capabilities::Layout;
use hw_core::{Device, Dma, ResetPhase, SavedState, StateError};
use hw_pci::{PciCard, PciPort, PciSlot};
use softmmu::{AccessRules, Endian, IoOps, IoResult, MemoryRegion};
use std::sync::{Arc, Weak};

/// How a device is put on PCI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Interfaces and rings.
    pub offer: Offer,
    /// MSI-X vectors; 0 for none.
    pub vectors: u16,
}

/// A virtio function's registers and the device behind them.
pub struct VirtioPci {
    // Configuration.
    name: String,
    // Host glue.
    core: Arc<Core>,
    device: Arc<dyn VirtioDevice>,
    port: PciPort,
}

impl Interrupts for PciPort {
    fn message(&self, vector: u16) {
        self.notify(vector);
    }

    fn pin(&self, level: bool) {
        self.set_level(level);
    }

    fn messages(&self) -> bool {
        self.is_message()
    }
}

/// Ports and the modern structures: any size, at any offset.
const RULES: AccessRules = AccessRules {
    valid: (1, 8),
    impl_: (1, 4),
    unaligned: true,
    endian: Endian::Little,
};

/// Which window an access came through.
#[derive(Clone, Copy)]
enum Side {
    Legacy,
    Modern,
}

/// A window. Weak: the function owns its windows, and the device.
struct Window(Weak<VirtioPci>, Side);

impl IoOps for Window {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        let Some(device) = self.0.upgrade() else {
            return Ok(0);
        };
        Ok(match self.1 {
            Side::Legacy => device.read_legacy(offset, size),
            Side::Modern => device.read_modern(offset, size),
        })
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        if let Some(device) = self.0.upgrade() {
            match self.1 {
                Side::Legacy => device.write_legacy(offset, size, value),
                Side::Modern => device.write_modern(offset, size, value),
            }
        }
        Ok(())
    }
}

/// Puts a device into a slot: `make` makes it around its way to memory, `config_len` is the length of its configuration.
pub fn card(
    slot: &PciSlot,
    transport: Transport,
    config_len: u64,
    make: impl FnOnce(Dma, Offer) -> Arc<dyn VirtioDevice>,
) -> PciCard {
    let msix = Layout::msix(transport.vectors);
    let port = slot.port_with(msix, None);
    let device = make(port.dma().clone(), transport.offer);
    let core = Arc::clone(device.core());
    core.connect(Arc::new(port.clone()));
    let layout = Layout::new(core.kind(), transport, config_len);
    let virtio = Arc::new(VirtioPci {
        name: slot.name.clone(),
        core,
        device,
        port: port.clone(),
    });
    let windows = virtio.windows(&layout);
    let function = slot.function(&port, capabilities::Access::new(layout, &virtio), windows);
    PciCard::new(function, virtio)
}

impl VirtioPci {
    /// The device.
    pub fn device(&self) -> &Arc<dyn VirtioDevice> {
        &self.device
    }

    fn windows(self: &Arc<Self>, layout: &Layout) -> Vec<MemoryRegion> {
        let window = |name, size, side| {
            MemoryRegion::io(name, size, Arc::new(Window(Arc::downgrade(self), side)), RULES)
        };
        let mut windows = Vec::new();
        if let Some(size) = layout.legacy_size() {
            windows.push(window("virtio-legacy", size, Side::Legacy));
        }
        if let Some(msix) = self.port.msix() {
            windows.push(layout.msix_window(msix));
        }
        if layout.is_modern() {
            windows.push(window("virtio-modern", spec::MODERN_SIZE, Side::Modern));
        }
        windows
    }

    fn vectors(&self) -> u16 {
        self.port.msix().map_or(0, |msix| msix.vectors())
    }

    fn apply(&self, effect: Effect) {
        if effect != Effect::None {
            self.device.effect(effect);
        }
    }

    fn read_config(&self, offset: u64, size: u32) -> u64 {
        let mut bytes = [0; 8];
        self.device
            .read_config(offset, &mut bytes[..(size as usize).min(8)]);
        u64::from_le_bytes(bytes)
    }

    fn write_config(&self, offset: u64, size: u32, value: u64) {
        self.device
            .write_config(offset, &value.to_le_bytes()[..(size as usize).min(8)]);
    }

    fn read_legacy(&self, offset: u64, size: u32) -> u64 {
        let header = legacy::header_size(self.port.is_message());
        match offset.checked_sub(header) {
            Some(offset) => self.read_config(offset, size),
            None => self.core.read_legacy(offset),
        }
    }

    fn write_legacy(&self, offset: u64, size: u32, value: u64) {
        let header = legacy::header_size(self.port.is_message());
        match offset.checked_sub(header) {
            Some(offset) => self.write_config(offset, size, value),
            None => self.apply(self.core.write_legacy(offset, value, self.vectors())),
        }
    }

    fn read_modern(&self, offset: u64, size: u32) -> u64 {
        let (part, offset) = (offset & !(spec::PART - 1), offset % spec::PART);
        match part {
            spec::COMMON => self.core.read_common(offset),
            spec::ISR if offset == 0 => self.core.read_isr().into(),
            spec::DEVICE => self.read_config(offset, size),
            _ => 0,
        }
    }

    fn write_modern(&self, offset: u64, size: u32, value: u64) {
        let (part, offset) = (offset & !(spec::PART - 1), offset % spec::PART);
        match part {
            spec::COMMON => self.apply(self.core.write_common(offset, value, self.vectors())),
            spec::DEVICE => self.write_config(offset, size, value),
            spec::NOTIFY => {
                let queue = offset / u64::from(spec::NOTIFY_MULTIPLIER);
                self.apply(self.core.notified(queue as u16));
            }
            _ => {}
        }
    }
}

/// State version 1: the core's, and the device's with its version.
const VERSION: u16 = 1;

impl Device for VirtioPci {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => self.core.reset(),
            ResetPhase::Hold => {
                self.core.quieten();
                self.device.effect(Effect::Reset);
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        let device = self.device.save();
        SavedState::encode(VERSION, &(self.core.save(), device.version, device.bytes))
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let (core, version, bytes): (CoreState, u16, Vec<u8>) = state.decode(VERSION)?;
        self.core.check(&core)?;
        self.device.load(&SavedState { version, bytes })?;
        self.core.load(&core)?;
        self.device.restored();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
