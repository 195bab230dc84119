//! The device that swallows everything and says nothing.

use crate::port::Port;
use crate::{Chardev, Frontend, InUse};
use std::sync::{Arc, Weak};

/// Output is dropped; there is no input.
pub struct Null(Arc<Port>);

impl Null {
    /// A null device.
    pub fn new() -> Self {
        Self(Port::new(true))
    }
}

impl Default for Null {
    fn default() -> Self {
        Self::new()
    }
}

impl Chardev for Null {
    fn write(&self, _data: &[u8]) {}

    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        self.0.attach(frontend)
    }

    fn accept_input(&self) {}

    fn flush(&self) {}

    fn describe(&self) -> String {
        "null".into()
    }
}
