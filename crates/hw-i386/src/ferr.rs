//! FERR#: x87 errors as IRQ 13, the way of the PC/AT, and port F0h that answers them.
//!
//! The level flows in from the CPU when an x87 exception is pending with CR0.NE clear; IRQ 13 flows out until
//! software writes port F0h. Mirrors `hw/i386/fpu` handling in QEMU's `target/i386/tcg/sysemu/fpu_helper.c`.

use hw_core::{Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError};
use softmmu::AccessRules;
use std::sync::Arc;

/// Port whose write clears the interrupt and lets the CPU go on (IGNNE#).
pub const PORT: u64 = 0xf0;

/// The FERR# flip-flop.
pub struct Ferr {
    // Host glue.
    irq13: IrqLine,
    // Volatile state.
    pending: DeviceCell<bool>,
}

impl Ferr {
    /// Drives `irq13`.
    pub fn new(irq13: IrqLine) -> Arc<Self> {
        let pending = DeviceCell::default();
        Arc::new(Self { irq13, pending })
    }

    /// Port F0h.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "ferr",
            (PORT, 1),
            AccessRules::BYTES,
            self,
            |_: &Self, _, _| Ok(0xff),
            |d, _, _, _| {
                d.set(false);
                Ok(())
            },
        )
    }

    /// FERR# as the CPU drives it: an error sets the flip-flop, only port F0h or reset clears it.
    pub fn set_ferr(&self, level: bool) {
        if level {
            self.set(true);
        }
    }

    fn set(&self, pending: bool) {
        *self.pending.lock() = pending;
        self.irq13.set(pending);
    }
}

impl Device for Ferr {
    fn name(&self) -> &str {
        "ferr"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.pending.lock() = false,
            ResetPhase::Hold => self.irq13.lower(),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &*self.pending.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.pending.lock() = state.decode(1)?;
        Ok(())
    }
}
