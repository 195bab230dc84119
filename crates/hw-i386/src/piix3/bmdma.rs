//! Bus master IDE registers of two channels without drives.
//!
//! Programming Interface for Bus Master IDE Controller 1.0: what software writes can be read back; nothing is ever
//! transferred. The window is the IDE function's BAR 4.

use crate::piix3::spec::BMDMA_SIZE;
use hw_core::{Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use softmmu::{AccessRules, IoResult};
use std::sync::Arc;

/// The registers of both channels, eight bytes each: command, -, status, -, descriptor table (4).
#[derive(Default)]
pub struct BusMaster {
    registers: DeviceCell<[u8; BMDMA_SIZE as usize]>,
}

impl BusMaster {
    /// Idle.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// For BAR 4.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        let size = BMDMA_SIZE;
        IoWindow::new(
            "bmdma",
            (0, size),
            AccessRules::BYTES,
            self,
            Self::read,
            Self::write,
        )
    }

    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        Ok(self.registers.lock()[offset as usize & 15] as u64)
    }

    fn write(&self, offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let (mut registers, value) = (self.registers.lock(), value as u8);
        let register = &mut registers[offset as usize & 15];
        match offset & 7 {
            // Start is not kept: there is nothing to transfer.
            0 => *register = value & 0x08,
            // Drive capabilities are stored; error and interrupt clear by writing ones.
            2 => *register = value & 0x60 | *register & !value & 0x06,
            4 => *register = value & 0xfc,
            5..=7 => *register = value,
            _ => {}
        }
        Ok(())
    }
}

/// State version 1: the sixteen registers.
const VERSION: u16 = 1;

impl Device for BusMaster {
    fn name(&self) -> &str {
        "bmdma"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.registers.lock() = Default::default();
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.registers.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let registers = state.decode(VERSION)?;
        *self.registers.lock() = registers;
        Ok(())
    }
}
