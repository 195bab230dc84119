//! What of the controller is saved.

use super::State;
use super::drive::DriveState;
use super::port::Registers;
use super::spec::PORTS;
use hw_core::{SavedState, StateError};
use serde::{Deserialize, Serialize};

/// The saved state, version 1.
#[derive(Serialize, Deserialize)]
struct AhciState {
    interrupts: bool,
    pending: u32,
    ports: Vec<(Registers, Option<DriveState>)>,
}

const VERSION: u16 = 1;

impl State {
    pub(super) fn save(&self) -> SavedState {
        let ports = self
            .ports
            .iter()
            .map(|port| (port.regs.clone(), port.drive.as_ref().map(|drive| drive.save())));
        SavedState::encode(
            VERSION,
            &AhciState {
                interrupts: self.interrupts,
                pending: self.pending,
                ports: ports.collect(),
            },
        )
    }

    pub(super) fn load(&mut self, saved: &SavedState) -> Result<(), StateError> {
        let saved: AhciState = saved.decode(VERSION)?;
        let fits = saved.ports.len() == PORTS
            && self
                .ports
                .iter()
                .zip(&saved.ports)
                .all(|(port, (_, drive))| match (&port.drive, drive) {
                    (Some(own), Some(drive)) => own.check(drive),
                    (None, None) => true,
                    _ => false,
                });
        if !fits {
            return Err(StateError::Damaged(
                "its drives or requests are not this controller's".into(),
            ));
        }
        (self.interrupts, self.pending) = (saved.interrupts, saved.pending);
        for (port, (registers, state)) in self.ports.iter_mut().zip(saved.ports) {
            port.regs = registers;
            if let (Some(drive), Some(state)) = (&mut port.drive, state) {
                drive.load(state);
            }
        }
        Ok(())
    }
}
