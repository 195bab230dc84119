//! Reset control register CF9h of the PIIX3.
//!
//! 82371SB data sheet, 2.5.5: a 0 to 1 transition of bit 2 resets; bit 1 chooses the kind, which is all one to us.
//! Its byte lies inside the PCI address register's range, so [`PciBus`](hw_pci::PciBus) hands accesses on.

use crate::MachineRequests;
use hw_core::{Device, DeviceCell, ResetPhase, SavedState, StateError};
use hw_pci::ResetRegister;
use std::sync::Arc;

/// Bit 2: reset the processor.
const RESET_CPU: u8 = 4;
/// Bits that can be read back.
const STORED: u8 = 2;

/// The register.
pub struct ResetControl {
    requests: Arc<dyn MachineRequests>,
    value: DeviceCell<u8>,
}

impl ResetControl {
    /// A register whose resets go to `requests`.
    pub fn new(requests: Arc<dyn MachineRequests>) -> Arc<Self> {
        Arc::new(Self {
            requests,
            value: DeviceCell::default(),
        })
    }
}

impl ResetRegister for ResetControl {
    fn read(&self) -> u8 {
        *self.value.lock()
    }

    fn write(&self, value: u8) {
        *self.value.lock() = value & STORED;
        if value & RESET_CPU != 0 {
            self.requests.reset();
        }
    }
}

/// State version 1: the register.
const VERSION: u16 = 1;

impl Device for ResetControl {
    fn name(&self) -> &str {
        "reset-control"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.value.lock() = 0;
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.value.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let value: u8 = state.decode(VERSION)?;
        *self.value.lock() = value & STORED;
        Ok(())
    }
}
