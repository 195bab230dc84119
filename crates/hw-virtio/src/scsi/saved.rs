//! The saved state of a SCSI host: its units, and what is at their disks.

use super::request::Request;
use super::spec::MAX_SIZE;
use super::{Scsi, State};
use hw_core::{SavedState, StateError};
use hw_storage::scsi::UnitState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State version 1.
const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct ScsiState {
    sense_size: u32,
    cdb_size: u32,
    next_tag: u64,
    stalled: bool,
    in_flight: BTreeMap<u64, Request>,
    units: BTreeMap<u8, UnitState>,
}

impl Scsi {
    pub(super) fn save_state(&self) -> SavedState {
        let targets = self.all_targets().into_iter();
        let units = targets.map(|(number, target)| (number, target.with(|unit| unit.state().clone())));
        let units = units.collect();
        let state = self.state.lock();
        SavedState::encode(
            VERSION,
            &ScsiState {
                sense_size: state.sense_size,
                cdb_size: state.cdb_size,
                next_tag: state.next_tag,
                stalled: state.stalled,
                in_flight: state.in_flight.clone(),
                units,
            },
        )
    }

    pub(super) fn load_state(&self, saved: &SavedState) -> Result<(), StateError> {
        let saved: ScsiState = saved.decode(VERSION)?;
        let targets = self.all_targets();
        let fits = targets.iter().map(|(number, _)| number).eq(saved.units.keys())
            && saved.sense_size.max(saved.cdb_size) <= MAX_SIZE
            && saved.in_flight.values().all(|request| {
                usize::from(request.queue) < self.core.queues()
                    && request.data_in <= u64::from(MAX_SIZE) + 12
                    && request.data_in >= 12
            });
        if !fits {
            return Err(StateError::Damaged(
                "its targets or requests are not this host's".into(),
            ));
        }
        for ((_, target), state) in targets.iter().zip(saved.units.into_values()) {
            target.with(|unit| unit.set_state(state));
        }
        let bytes = saved
            .in_flight
            .values()
            .fold(0_u64, |sum, request| sum.saturating_add(request.bytes));
        *self.state.lock() = State {
            sense_size: saved.sense_size,
            cdb_size: saved.cdb_size,
            next_tag: saved.next_tag,
            in_flight: saved.in_flight,
            bytes,
            stalled: saved.stalled,
        };
        Ok(())
    }
}
