//! The wire between a device that speaks bytes and whatever is at its other end.
//!
//! Output flows from the device into a [`CharSink`] at once; input flows the other way through [`CharInput`],
//! whose side first says how much it can take. The board connects both to a `chardev` backend; neither side knows
//! the other's crate.

use std::sync::Weak;

/// Where a device's output goes. Called under the big lock.
pub trait CharSink: Send + Sync {
    /// Takes all of `bytes`; what a slow backend cannot take now it keeps or drops by its own rules.
    fn write(&self, bytes: &[u8]);

    /// The device can take input again after [`CharInput::can_receive`] was 0.
    fn accepts_input(&self) {}

    /// The device holds the line in the break condition, or ends it.
    fn send_break(&self, _on: bool) {}

    /// Names the device's side for input, if the device does that by itself. It is held weakly.
    fn attach(&self, _input: Weak<dyn CharInput>) {}

    /// The device changed the line's speed in bits per second.
    fn set_speed(&self, _baud: u32) {}
}

/// A sink that forgets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl CharSink for NullSink {
    fn write(&self, _bytes: &[u8]) {}
}

/// The receiving side of a device. Called under the big lock, on any thread.
pub trait CharInput: Send + Sync {
    /// How many bytes [`receive`](Self::receive) takes now.
    fn can_receive(&self) -> usize;

    /// Gives the device bytes; more than it can receive are lost as they would be on a wire.
    fn receive(&self, bytes: &[u8]);

    /// A break condition arrived.
    fn receive_break(&self) {}
}
