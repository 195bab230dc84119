//! The device trait and three-phase reset.
//!
//! Mirrors QEMU's resettable interface: *enter* changes local state only, *hold* may act on others (drop
//! interrupt lines), *exit* leaves reset (may start timers).

use crate::{SavedState, StateError};
use std::sync::Arc;

/// The three phases, in order. No device sees a phase before every device has finished the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResetPhase {
    /// Reset local state; touch no line, no memory map and no other device.
    Enter,
    /// Outputs take their reset level: interrupt lines, memory windows.
    Hold,
    /// Reset is over; what runs by itself starts.
    Exit,
}

/// What the machine asks of every device model. Bus capabilities (`softmmu::IoOps`, PCI, …) are traits of their own.
pub trait Device: Send + Sync {
    /// Unique name in the machine, such as `pic0`; the name of its snapshot section.
    fn name(&self) -> &str;

    /// One reset phase; see [`ResetPhase`] for what is allowed in each.
    fn reset(&self, phase: ResetPhase);

    /// Everything volatile, in a versioned type of the device's own.
    fn save(&self) -> SavedState;

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// An unknown version or bytes that are no such state; the device is then unchanged.
    fn load(&self, state: &SavedState) -> Result<(), StateError>;
}

/// Takes `devices` through all phases of a reset, each phase over all devices, in list order.
pub fn reset_all(devices: &[Arc<dyn Device>]) {
    for phase in [ResetPhase::Enter, ResetPhase::Hold, ResetPhase::Exit] {
        for device in devices {
            device.reset(phase);
        }
    }
}
