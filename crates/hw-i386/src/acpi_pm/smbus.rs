//! The SMBus host controller of the 82371AB, with nothing on the bus.
//!
//! Mirrors QEMU's `hw/i2c/pm_smbus.c` in behaviour for absent devices: each transaction ends at once, without an
//! acknowledgement. Memory testers look for SPD EEPROMs here and conclude there are none.

use super::spec::{self, smbus};
use hw_core::{Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use softmmu::AccessRules;
use std::sync::Arc;

/// The host controller.
#[derive(Default)]
pub struct SmbusHost {
    // Volatile state.
    state: DeviceCell<SmbusState>,
}

impl SmbusHost {
    /// After reset.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The registers in port space; the PCI function moves them.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "smbus",
            (spec::SMBUS_PORT, spec::SMBUS_SIZE),
            AccessRules::BYTES,
            self,
            |d: &Self, offset, _| Ok(d.state.lock().read(offset).into()),
            |d, offset, _, value| {
                d.state.lock().write(offset, value as u8);
                Ok(())
            },
        )
    }
}

impl Device for SmbusHost {
    fn name(&self) -> &str {
        "smbus"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.state.lock() = SmbusState::default();
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(SmbusState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(SmbusState::VERSION)?;
        Ok(())
    }
}

/// The registers, saved as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SmbusState {
    status: u8,
    control: u8,
    command: u8,
    address: u8,
    data: [u8; 2],
    block: Vec<u8>,
    place: u8,
}

impl SmbusState {
    const VERSION: u16 = 1;
    /// Bytes of the block buffer.
    const BLOCK: usize = 32;

    fn read(&mut self, offset: u64) -> u8 {
        match offset {
            smbus::STATUS => self.status,
            smbus::CONTROL => {
                // Reading the control register starts the block buffer over.
                self.place = 0;
                self.control
            }
            smbus::COMMAND => self.command,
            smbus::ADDRESS => self.address,
            smbus::DATA0 => self.data[0],
            smbus::DATA1 => self.data[1],
            smbus::BLOCK => {
                let byte = self.block.get(usize::from(self.place)).copied().unwrap_or(0);
                self.step();
                byte
            }
            _ => 0,
        }
    }

    fn write(&mut self, offset: u64, value: u8) {
        match offset {
            smbus::STATUS => self.status &= !(value & smbus::STATUS_BITS),
            smbus::CONTROL => {
                self.control = value & !smbus::START;
                if value & smbus::KILL != 0 {
                    self.status = smbus::FAILED;
                } else if value & smbus::START != 0 {
                    self.status = smbus::DEVICE_ERROR;
                }
            }
            smbus::COMMAND => self.command = value,
            smbus::ADDRESS => self.address = value,
            smbus::DATA0 => self.data[0] = value,
            smbus::DATA1 => self.data[1] = value,
            smbus::BLOCK => {
                self.block.resize(Self::BLOCK, 0);
                if let Some(byte) = self.block.get_mut(usize::from(self.place)) {
                    *byte = value;
                }
                self.step();
            }
            _ => {}
        }
    }

    fn step(&mut self) {
        self.place = self.place.wrapping_add(1) % Self::BLOCK as u8;
    }
}
