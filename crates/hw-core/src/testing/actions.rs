//! A device driven by arbitrary actions: nothing the guest does may panic, and a state loaded half-way behaves on
//! as the device it came from.

use super::TestClock;
use crate::{Device, IoWindow, IrqSink};
use std::sync::Arc;

/// One thing that happens to a device.
#[derive(Clone, Debug)]
pub enum Action {
    /// The guest reads: window, offset and size are taken modulo what there is.
    Read(u8, u64, u8),
    /// The guest writes.
    Write(u8, u64, u8, u64),
    /// Virtual nanoseconds pass.
    Pass(u32),
    /// An input pin changes.
    Pin(u8, bool),
    /// The machine is reset.
    Reset,
}

/// A device on a clock, and the ways to reach it.
pub struct Rig {
    /// The clock it was made on.
    pub clock: TestClock,
    /// The device.
    pub device: Arc<dyn Device>,
    /// Its registers.
    pub windows: Vec<IoWindow>,
    /// Its inputs, and how many.
    pub pins: Option<(Arc<dyn IrqSink>, u32)>,
}

impl Rig {
    /// Does `action`; the value read, if that is what it was.
    fn act(&self, action: &Action) -> Option<u64> {
        match *action {
            Action::Read(window, offset, size) => {
                let (window, offset, size) = self.place(window, offset, size)?;
                window.ops.read(offset, size).ok()
            }
            Action::Write(window, offset, size, value) => {
                let (window, offset, size) = self.place(window, offset, size)?;
                // softmmu hands over the low bytes only.
                let value = if size < 8 {
                    value & ((1 << (8 * size)) - 1)
                } else {
                    value
                };
                let _ = window.ops.write(offset, size, value);
                None
            }
            Action::Pass(ns) => {
                self.clock.advance_with(ns.into(), 100);
                None
            }
            Action::Pin(pin, level) => {
                if let Some((sink, pins)) = &self.pins {
                    sink.set_irq(u32::from(pin) % pins, level);
                }
                None
            }
            Action::Reset => {
                super::reset(&*self.device);
                None
            }
        }
    }

    /// An access the window's rules let through.
    fn place(&self, window: u8, offset: u64, size: u8) -> Option<(&IoWindow, u64, u32)> {
        let window = self
            .windows
            .get(usize::from(window) % self.windows.len().max(1))?;
        let (min, max) = window.rules.impl_;
        let size = (1 << (size % 4)).clamp(min, max);
        let offset = offset % window.size;
        let offset = if window.rules.unaligned {
            offset
        } else {
            offset & !u64::from(size - 1)
        };
        Some((window, offset, size))
    }
}

/// Does `before` on a new device, loads its state into another new one, does `after` on both, and asserts that both
/// answer alike and end alike.
///
/// # Panics
/// If they do not, or if the device panics.
pub fn check_actions(make: impl Fn() -> Rig, before: &[Action], after: &[Action]) {
    let first = make();
    for action in before {
        first.act(action);
    }
    let second = make();
    second
        .clock
        .advance_with(first.clock.now_ns() - second.clock.now_ns(), 100);
    let saved = first.device.save();
    second.device.load(&saved).expect("own state");
    assert_eq!(second.device.save(), saved, "state differs after load");
    for action in after {
        assert_eq!(
            first.act(action),
            second.act(action),
            "{action:?} answers differently after load"
        );
    }
    assert_eq!(
        first.device.save(),
        second.device.save(),
        "the loaded device went another way"
    );
}
