//! The saved state of a block device: its cache, and what is at the disk.

use super::State;
use super::request::Request;
use hw_core::{SavedState, StateError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// State version 1.
const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct BlkState {
    writeback: bool,
    next_tag: u64,
    stalled: bool,
    in_flight: BTreeMap<u64, Request>,
}

pub(super) fn save(state: &State) -> SavedState {
    SavedState::encode(
        VERSION,
        &BlkState {
            writeback: state.writeback,
            next_tag: state.next_tag,
            stalled: state.stalled,
            in_flight: state.in_flight.clone(),
        },
    )
}

pub(super) fn load(saved: &SavedState, queues: usize) -> Result<State, StateError> {
    let saved: BlkState = saved.decode(VERSION)?;
    if saved
        .in_flight
        .values()
        .any(|request| usize::from(request.queue) >= queues)
    {
        return Err(StateError::Damaged(
            "a request of a queue that is not there".into(),
        ));
    }
    let bytes = saved
        .in_flight
        .values()
        .fold(0_u64, |sum, request| sum.saturating_add(request.bytes));
    Ok(State {
        writeback: saved.writeback,
        next_tag: saved.next_tag,
        in_flight: saved.in_flight,
        bytes,
        stalled: saved.stalled,
        spare: Vec::new(),
    })
}
