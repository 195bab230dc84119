//! System control port A (92h): fast A20 gate and fast reset.
//!
//! PS/2 hardware interface reference: bit 1 opens address line 20, a 0 to 1 transition of bit 0 resets.

use crate::MachineRequests;
use crate::a20::A20Gate;
use hw_core::{Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use softmmu::{AccessRules, IoResult};
use std::sync::Arc;

const RESET: u8 = 1;
const A20: u8 = 2;

/// The port.
pub struct Port92 {
    requests: Arc<dyn MachineRequests>,
    gate: Arc<A20Gate>,
    value: DeviceCell<u8>,
}

impl Port92 {
    /// A port that drives `gate`.
    pub fn new(gate: Arc<A20Gate>, requests: Arc<dyn MachineRequests>) -> Arc<Self> {
        Arc::new(Self {
            requests,
            gate,
            value: DeviceCell::new(A20),
        })
    }

    /// Port 92h.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "port92",
            (0x92, 1),
            AccessRules::BYTES,
            self,
            Self::read,
            Self::write,
        )
    }

    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(*self.value.lock() as u64)
    }

    fn write(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let value = value as u8;
        let before = std::mem::replace(&mut *self.value.lock(), value);
        self.gate.set(value & A20 != 0);
        if value & RESET != 0 && before & RESET == 0 {
            self.requests.reset();
        }
        Ok(())
    }
}

/// State version 1: the register.
const VERSION: u16 = 1;

impl Device for Port92 {
    fn name(&self) -> &str {
        "port92"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.value.lock() = A20;
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.value.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let value = state.decode(VERSION)?;
        *self.value.lock() = value;
        Ok(())
    }
}
