//! The I/O APIC: 24 interrupt pins, each with an entry that says what message its interrupt becomes.
//!
//! Mirrors QEMU's `hw/intc/ioapic.c` in behaviour. Levels flow in from the pins, messages flow out on the
//! [`ApicBus`], ends of level-triggered interrupts flow back and re-send if the pin is still asserted. The
//! polarity bit is kept but means nothing: a level here says whether the pin is asserted.

pub mod spec;
#[cfg(test)]
mod tests;

use crate::apic::{ApicBus, EoiSink, Message, spec::Delivery};
use hw_core::{Device, DeviceCell, IoWindow, IrqSink, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, Endian, IoResult};
use spec::reg;
use std::sync::{Arc, Weak};

/// An I/O APIC. As an [`IrqSink`] it has pins 0 to 23.
pub struct IoApic {
    // Host glue.
    bus: Arc<ApicBus>,
    // Volatile state.
    state: DeviceCell<IoApicState>,
}

impl IoApic {
    /// After reset, everything masked, sending on `bus`.
    pub fn new(bus: &Arc<ApicBus>) -> Arc<Self> {
        Arc::new_cyclic(|weak: &Weak<Self>| {
            bus.add_listener(weak.clone() as Weak<dyn EoiSink>);
            Self {
                bus: Arc::clone(bus),
                state: DeviceCell::default(),
            }
        })
    }

    /// The registers in memory space.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        let rules = AccessRules {
            valid: (1, 4),
            impl_: (4, 4),
            unaligned: false,
            endian: Endian::Little,
        };
        IoWindow::new(
            "ioapic",
            (spec::BASE, spec::SIZE),
            rules,
            self,
            |d: &Self, offset, _| Ok(d.read_register(offset).into()),
            |d, offset, _, value| d.write_register(offset, value as u32),
        )
    }

    /// Runs `change`, then sends what is due.
    fn change(&self, change: impl FnOnce(&mut IoApicState)) {
        change(&mut self.state.lock());
        // Once over the pins, so that a message nobody takes is not sent for ever.
        let mut from = 0;
        loop {
            let due = self.state.lock().take_message_from(from);
            let Some((pin, message)) = due else { return };
            if !self.bus.deliver(&message) && message.level {
                // Nobody holds this interrupt, so nobody will end it.
                self.state.lock().entries[pin] &= !spec::REMOTE_IRR;
            }
            from = pin + 1;
        }
    }

    fn read_register(&self, offset: u64) -> u32 {
        let state = self.state.lock();
        match offset & 0xff {
            spec::INDEX => state.index.into(),
            spec::DATA => state.read(),
            _ => 0,
        }
    }

    fn write_register(&self, offset: u64, value: u32) -> IoResult<()> {
        match offset & 0xff {
            spec::INDEX => self.state.lock().index = value as u8,
            spec::DATA => self.change(|state| state.write(value)),
            spec::EOI => self.change(|state| state.end(value as u8)),
            _ => {}
        }
        Ok(())
    }

    /// All entries, for people.
    pub fn describe(&self) -> String {
        use std::fmt::Write;
        let state = self.state.lock();
        let mut text = format!(
            "ioapic: id {} inputs {:06x} irr {:06x}\n",
            state.id, state.inputs, state.irr
        );
        for (pin, entry) in state.entries.iter().enumerate() {
            let _ = writeln!(
                text,
                "pin {pin:2} {entry:016x} vector {:02x} {:?} {} {}{}",
                entry & 0xff,
                Delivery::of(*entry as u32),
                if entry & spec::LEVEL != 0 { "level" } else { "edge" },
                if entry & spec::MASKED != 0 { "masked" } else { "" },
                if entry & spec::REMOTE_IRR != 0 {
                    "remote-irr"
                } else {
                    ""
                },
            );
        }
        text
    }
}

impl IrqSink for IoApic {
    fn set_irq(&self, pin: u32, level: bool) {
        if (pin as usize) < spec::PINS {
            self.change(|state| state.set_input(pin as usize, level));
        }
    }
}

impl EoiSink for IoApic {
    fn end_of_interrupt(&self, vector: u8) {
        self.change(|state| state.end(vector));
    }
}

impl Device for IoApic {
    fn name(&self) -> &str {
        "ioapic"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.state.lock() = IoApicState::default();
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(IoApicState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(IoApicState::VERSION)?;
        Ok(())
    }
}

/// The registers, saved as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct IoApicState {
    id: u8,
    index: u8,
    /// Levels of the pins.
    inputs: u32,
    /// Requests: latched edges, and the levels of level-triggered pins.
    irr: u32,
    entries: [u64; spec::PINS],
}

impl Default for IoApicState {
    fn default() -> Self {
        Self {
            id: 0,
            index: 0,
            inputs: 0,
            irr: 0,
            entries: [spec::MASKED; spec::PINS],
        }
    }
}

impl IoApicState {
    const VERSION: u16 = 1;

    fn set_input(&mut self, pin: usize, level: bool) {
        let (bit, entry) = (1 << pin, self.entries[pin]);
        let rising = level && self.inputs & bit == 0;
        self.inputs = self.inputs & !bit | u32::from(level) << pin;
        if entry & spec::LEVEL != 0 {
            self.irr = self.irr & !bit | self.inputs & bit;
        } else if rising && entry & spec::MASKED == 0 {
            // An edge at a masked pin is lost (82093AA, "Interrupt Mask").
            self.irr |= bit;
        }
    }

    /// The first pin from `from` on that has a message to send, and that message.
    fn take_message_from(&mut self, from: usize) -> Option<(usize, Message)> {
        if self.irr == 0 {
            return None;
        }
        (from..spec::PINS).find_map(|pin| Some((pin, self.take_message(pin)?)))
    }

    /// The message `pin` has to send now, which then counts as sent.
    fn take_message(&mut self, pin: usize) -> Option<Message> {
        let (bit, entry) = (1 << pin, self.entries[pin]);
        let level = entry & spec::LEVEL != 0;
        if self.irr & bit == 0 || entry & spec::MASKED != 0 || (level && entry & spec::REMOTE_IRR != 0) {
            return None;
        }
        let delivery = Delivery::of(entry as u32);
        let level = level && matches!(delivery, Delivery::Fixed | Delivery::Lowest);
        if level {
            self.entries[pin] |= spec::REMOTE_IRR;
        } else {
            self.irr &= !bit;
        }
        Some(Message {
            destination: (entry >> 56) as u32,
            logical: entry & spec::LOGICAL != 0,
            wide: false,
            delivery,
            vector: entry as u8,
            level,
        })
    }

    fn end(&mut self, vector: u8) {
        for entry in &mut self.entries {
            if *entry & spec::LEVEL != 0 && *entry as u8 == vector {
                *entry &= !spec::REMOTE_IRR;
            }
        }
    }

    /// The entry and whether its upper half is meant, of an index in the table.
    fn selected(&self) -> Option<(usize, bool)> {
        let number = usize::from(self.index.checked_sub(reg::REDIRECTION)?);
        (number < 2 * spec::PINS).then_some((number / 2, number % 2 != 0))
    }

    fn read(&self) -> u32 {
        match (self.index, self.selected()) {
            (reg::ID | reg::ARBITRATION, _) => u32::from(self.id) << 24,
            (reg::VERSION, _) => spec::VERSION,
            (_, Some((pin, true))) => (self.entries[pin] >> 32) as u32,
            (_, Some((pin, false))) => self.entries[pin] as u32,
            _ => 0,
        }
    }

    fn write(&mut self, value: u32) {
        if self.index == reg::ID {
            self.id = (value >> 24) as u8 & 0xf;
        }
        let Some((pin, high)) = self.selected() else {
            return;
        };
        let old = self.entries[pin];
        let new = if high {
            old & 0xffff_ffff | u64::from(value) << 32
        } else {
            old >> 32 << 32 | u64::from(value)
        };
        let mut entry = new & spec::WRITABLE | old & spec::REMOTE_IRR;
        let bit = 1 << pin;
        if entry & spec::LEVEL == 0 {
            // Going to edge is how software ends a level interrupt without an EOI register.
            entry &= !spec::REMOTE_IRR;
            if old & spec::LEVEL != 0 {
                self.irr &= !bit;
            }
        } else {
            self.irr = self.irr & !bit | self.inputs & bit;
        }
        self.entries[pin] = entry;
    }
}
