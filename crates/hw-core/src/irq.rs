//! Interrupt lines: one wire from a device's output to some controller's input pin.
//!
//! Levels flow from the device to the sink; a line remembers nothing, the sink does. Mirrors QEMU's `hw/irq.h`.

use std::fmt;
use std::sync::Arc;

/// The receiving end of interrupt lines: an interrupt controller, a CPU pin, a splitter.
pub trait IrqSink: Send + Sync {
    /// Input `pin` now has this `level`. Called under the big lock; repeated levels are allowed.
    fn set_irq(&self, pin: u32, level: bool);
}

/// A wire to one pin of an [`IrqSink`]. Cheap to clone; clones are the same wire without any OR-ing.
#[derive(Clone)]
pub struct IrqLine(Option<(Arc<dyn IrqSink>, u32)>);

impl IrqLine {
    /// A wire to `pin` of `sink`.
    pub fn new(sink: Arc<dyn IrqSink>, pin: u32) -> Self {
        Self(Some((sink, pin)))
    }

    /// A wire that ends nowhere.
    pub fn disconnected() -> Self {
        Self(None)
    }

    /// Drives the wire.
    pub fn set(&self, level: bool) {
        if let Some((sink, pin)) = &self.0 {
            sink.set_irq(*pin, level);
        }
    }

    /// Drives the wire high.
    pub fn raise(&self) {
        self.set(true);
    }

    /// Drives the wire low.
    pub fn lower(&self) {
        self.set(false);
    }

    /// High, then low: one edge.
    pub fn pulse(&self) {
        self.raise();
        self.lower();
    }
}

impl fmt::Debug for IrqLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((_, pin)) => write!(f, "IrqLine(pin {pin})"),
            None => write!(f, "IrqLine(disconnected)"),
        }
    }
}
