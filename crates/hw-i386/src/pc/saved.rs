//! The board's state as a whole: what all devices save, and how all of them take it back.
//!
//! Devices are restored from the end of the list to its beginning. The list has interrupt controllers first and what
//! drives their lines behind them, so whatever a device drives while it comes back (a moved PCI interrupt, a router's
//! line) falls on a controller whose own state, levels included, is still to come. That it worked is not believed:
//! every device is asked for its state again.

use super::Pc;
use hw_core::{Device, SavedState, StateError};
use softmmu::RamBlock;

/// Why the board's devices could not become what was saved.
#[derive(Debug, thiserror::Error)]
pub enum PcStateError {
    /// There is no state for a device.
    #[error("no state of {0}")]
    Missing(String),
    /// A device refuses its state.
    #[error("{device}: {reason}")]
    Refused {
        /// Its name.
        device: String,
        /// What it says.
        reason: StateError,
    },
    /// A device took its state and is in another.
    #[error("{0}: its state does not come back")]
    Differs(String),
}

impl Pc {
    /// The states of all devices, by name, in their order.
    pub fn save_devices(&self) -> Vec<(String, SavedState)> {
        let save = |device: &std::sync::Arc<dyn Device>| (device.name().to_owned(), device.save());
        self.devices.iter().map(save).collect()
    }

    /// Has all devices take back the state that `saved` knows by their name. Clock and instruction count must be those
    /// of the states; memory windows move with their registers, timers are armed in no particular order, and the CPUs'
    /// interrupt requests are theirs to restore afterwards. Under the big lock.
    ///
    /// # Errors
    /// A device has no state or refuses it, and the devices are then in a mixture of states: the caller has to give
    /// them another.
    pub fn load_devices<'a>(
        &self,
        saved: impl Fn(&str) -> Option<&'a SavedState>,
    ) -> Result<(), PcStateError> {
        let state = |device: &dyn Device| {
            let name = device.name();
            saved(name).ok_or_else(|| PcStateError::Missing(name.to_owned()))
        };
        self.map.transaction(|_| {
            for device in self.devices.iter().rev() {
                device
                    .load(state(&**device)?)
                    .map_err(|reason| PcStateError::Refused {
                        device: device.name().to_owned(),
                        reason,
                    })?;
            }
            Ok(())
        })?;
        for device in &self.devices {
            if device.save() != *state(&**device)? {
                return Err(PcStateError::Differs(device.name().to_owned()));
            }
        }
        Ok(())
    }

    /// All memory whose contents can change, in the order in which it was made.
    pub fn ram_blocks(&self) -> Vec<RamBlock> {
        let parts = &self.parts;
        let mut blocks = vec![parts.ram.clone(), parts.bios.clone(), parts.text.clone()];
        blocks.extend(self.firmware.memory().cloned());
        blocks.extend(self.cards.memory().cloned());
        blocks
    }
}
