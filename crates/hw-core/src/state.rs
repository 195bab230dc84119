//! Saved device state: versioned bytes, and a digest over them.
//!
//! Data flows from a device's own `…State` type (serde) into postcard bytes and back. The same bytes serve
//! snapshots and the digests by which two runs are compared.

use crate::Device;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// One device's state, framed by a version of the type it encodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// Version of the encoded type; raised when its fields change.
    pub version: u16,
    /// The postcard encoding of the device's state type.
    pub bytes: Vec<u8>,
}

/// Why a state was refused.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Written by a version this build does not know.
    #[error("state version {found} is not supported (this build knows {known})")]
    Version {
        /// Version in the state.
        found: u16,
        /// Version this build writes.
        known: u16,
    },
    /// Not an encoding of the state type, or values out of range.
    #[error("state is damaged: {0}")]
    Damaged(String),
}

impl SavedState {
    /// Encodes `state`.
    pub fn encode<T: Serialize>(version: u16, state: &T) -> Self {
        let bytes = postcard::to_stdvec(state).expect("device state types are plain data");
        Self { version, bytes }
    }

    /// Decodes a state of `known` version.
    ///
    /// # Errors
    /// Another version, or bytes that are not a `T`.
    pub fn decode<T: DeserializeOwned>(&self, known: u16) -> Result<T, StateError> {
        if self.version != known {
            return Err(StateError::Version {
                found: self.version,
                known,
            });
        }
        postcard::from_bytes(&self.bytes).map_err(|e| StateError::Damaged(e.to_string()))
    }
}

/// One number for the state of all `devices`, in list order.
pub fn digest(devices: &[Arc<dyn Device>]) -> u64 {
    let mut hash = Xxh3::new();
    for device in devices {
        let state = device.save();
        hash.update(device.name().as_bytes());
        hash.update(&state.version.to_le_bytes());
        hash.update(&(state.bytes.len() as u64).to_le_bytes());
        hash.update(&state.bytes);
    }
    hash.digest()
}
