//! What a device holds of its PCI function: bus-master access to memory, the interrupt pin, interrupt messages.
//!
//! The device drives a level or names a vector; the function's configuration decides which way it goes: a message of
//! MSI-X or MSI where software has enabled it, the INTx pin otherwise. Mirrors `pci_set_irq`, `msi_notify` and
//! `msix_notify` of QEMU.

use crate::config::ConfigSpace;
use crate::msix::{Msix, MsixState};
use crate::spec::*;
use hw_core::{DeviceCell, Dma, IrqLine};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};

/// A function's connections; clones are the same.
#[derive(Clone)]
pub struct PciPort(Arc<Inner>);

pub(crate) struct Inner {
    dma: Dma,
    pin: IrqLine,
    msix: Option<Arc<Msix>>,
    /// Where the MSI capability is, if there is one.
    msi: Option<u8>,
    state: DeviceCell<State>,
}

/// How interrupts leave the function now; all but `level` follows from configuration space.
#[derive(Default)]
struct State {
    level: bool,
    driven: bool,
    pin_off: bool,
    msix: bool,
    masked: bool,
    message: Option<(u64, u32, u32)>,
}

/// What of a port is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PortState {
    level: bool,
    msix: Option<MsixState>,
}

impl From<Arc<Inner>> for PciPort {
    fn from(inner: Arc<Inner>) -> Self {
        Self(inner)
    }
}

impl PciPort {
    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    /// A port with this way to memory and this pin. `msix` vectors and an MSI capability at `msi` are what the
    /// function's configuration space announces, too.
    pub fn new(dma: Dma, pin: IrqLine, msix: Option<Arc<Msix>>, msi: Option<u8>) -> Self {
        // Bus mastering is off until software switches it on.
        dma.set_enabled(false);
        Self(Arc::new(Inner {
            dma,
            pin,
            msix,
            msi,
            state: DeviceCell::default(),
        }))
    }

    /// Memory, as far as software lets the function be a bus master.
    pub fn dma(&self) -> &Dma {
        &self.0.dma
    }

    /// The level the device wants on its pin. The pin stays low while software has switched to messages, or it off.
    pub fn set_level(&self, level: bool) {
        self.change(|state| state.level = level);
    }

    /// The level the device wants.
    pub fn level(&self) -> bool {
        self.0.state.lock().level
    }

    /// Whether software has switched to messages, so that the pin says nothing.
    pub fn is_message(&self) -> bool {
        let state = self.0.state.lock();
        state.msix || state.message.is_some()
    }

    /// Sends the message of `vector` if software has switched to messages; otherwise nothing happens, and the device
    /// drives its [level](Self::set_level).
    pub fn notify(&self, vector: u16) {
        let (msix, masked, message) = {
            let state = self.0.state.lock();
            (state.msix, state.masked, state.message)
        };
        if let (true, Some(table)) = (msix, &self.0.msix) {
            if let Some((address, data)) = table.raise(vector, masked) {
                self.send(address, data);
            }
        } else if let Some((address, data, vectors)) = message {
            // Vectors beyond those that software granted share the last one's number.
            let vector = u32::from(vector).min(vectors - 1);
            self.send(address, data & !(vectors - 1) | vector);
        }
    }

    fn send(&self, address: u64, data: u32) {
        // An address where nobody listens: the message is lost, as on the bus.
        let _ = self.0.dma.store(address, data.to_le_bytes());
    }

    /// The table of MSI-X, if the function has one.
    pub fn msix(&self) -> Option<&Arc<Msix>> {
        self.0.msix.as_ref()
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        let driven = {
            let mut state = self.0.state.lock();
            f(&mut state);
            let driven = state.level && !state.pin_off && !state.msix && state.message.is_none();
            (std::mem::replace(&mut state.driven, driven) != driven).then_some(driven)
        };
        if let Some(level) = driven {
            self.0.pin.set(level);
        }
    }

    /// Follows configuration space.
    pub(crate) fn follow(&self, config: &ConfigSpace) {
        let command = config.get16(COMMAND);
        self.0.dma.set_enabled(command & COMMAND_MASTER != 0);
        let msix = self
            .0
            .msix
            .as_ref()
            .map_or(0, |table| config.get16(table.capability() as usize + 2));
        let message = self.0.msi.and_then(|at| message(config, at as usize));
        self.change(|state| {
            state.pin_off = command & COMMAND_INTX_OFF != 0;
            state.msix = msix & MSIX_ENABLE != 0;
            state.masked = msix & MSIX_MASK_ALL != 0;
            state.message = message;
        });
        if let Some(table) = &self.0.msix {
            table.set_port(self);
            if msix & MSIX_ENABLE != 0 && msix & MSIX_MASK_ALL == 0 {
                self.flush();
            }
        }
    }

    /// Sends what waited for a vector to be unmasked.
    pub(crate) fn flush(&self) {
        let (on, masked) = {
            let state = self.0.state.lock();
            (state.msix, state.masked)
        };
        if !on || masked {
            return;
        }
        if let Some(table) = &self.0.msix {
            for (address, data) in table.take_pending() {
                self.send(address, data);
            }
        }
    }

    /// Power-on state of what is not in configuration space.
    pub(crate) fn reset(&self) {
        if let Some(table) = &self.0.msix {
            table.reset();
        }
        self.set_level(false);
    }

    pub(crate) fn save(&self) -> PortState {
        PortState {
            level: self.level(),
            msix: self.0.msix.as_ref().map(|table| table.save()),
        }
    }

    /// Takes a state back; false, and nothing has changed, if it is not of such a port.
    pub(crate) fn load(&self, state: &PortState) -> bool {
        let table = match (&self.0.msix, &state.msix) {
            (Some(table), Some(saved)) => table.load(saved),
            (None, None) => true,
            _ => false,
        };
        if table {
            // The controller behind the pin has its own memory of the level, and is restored later.
            self.set_level(state.level);
        }
        table
    }
}

/// Address, data and number of vectors of an enabled MSI capability (PCI 3.0, 6.8.1; 64-bit addresses, no masks).
fn message(config: &ConfigSpace, at: usize) -> Option<(u64, u32, u32)> {
    let control = config.get16(at + 2);
    if control & MSI_ENABLE == 0 {
        return None;
    }
    let address = u64::from(config.get32(at + 4)) | u64::from(config.get32(at + 8)) << 32;
    let capable = 1u32 << (control >> 1 & 7).min(5);
    let granted = 1u32 << (control >> 4 & 7).min(5);
    Some((address, u32::from(config.get16(at + 12)), granted.min(capable)))
}
