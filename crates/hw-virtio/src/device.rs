//! What stands behind a transport: one device's meaning of its queues and its configuration.
//!
//! A transport hands on what registers meant ([`Effect`]) and accesses of the device's own configuration; the device
//! takes and returns chains by its [`Core`]. All of it is called under the big lock, with nothing of the core's locked.

use crate::core::{Core, Effect};
use hw_core::{SavedState, StateError};
use std::sync::Arc;

/// A virtio device without its transport.
pub trait VirtioDevice: Send + Sync {
    /// What it has in common with the others.
    fn core(&self) -> &Arc<Core>;

    /// Reads its configuration (2.5); bytes past its end are zero.
    fn read_config(&self, offset: u64, to: &mut [u8]);

    /// Writes its configuration.
    fn write_config(&self, _offset: u64, _from: &[u8]) {}

    /// The driver did something.
    fn effect(&self, effect: Effect);

    /// Everything volatile that is not the core's.
    fn save(&self) -> SavedState;

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// It is no such state; the device is then unchanged.
    fn load(&self, state: &SavedState) -> Result<(), StateError>;

    /// Both states, the core's and its own, were loaded.
    fn restored(&self) {}
}

/// Reads `to.len()` bytes at `offset` of a configuration structure; zeros past its end.
pub(crate) fn copy_config(config: &[u8], offset: u64, to: &mut [u8]) {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| config.get(offset..))
        .unwrap_or_default();
    to.fill(0);
    let len = rest.len().min(to.len());
    to[..len].copy_from_slice(&rest[..len]);
}
