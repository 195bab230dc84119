//! The two 8259A interrupt controllers of a PC, master and slave, with the PIIX3's edge/level registers.
//!
//! Mirrors QEMU's `hw/intc/i8259.c` in behaviour. Levels flow from the 16 ISA interrupt lines into the chips; INT
//! flows out on one line (to LINT0 of the local APICs, or to the CPU); vectors flow out on INTA.

mod chip;
pub mod spec;
#[cfg(test)]
mod tests;

use chip::Chip;
use hw_core::{Device, DeviceCell, IoWindow, IrqLine, IrqSink, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, IoResult};
use std::sync::Arc;

/// Master and slave. As an [`IrqSink`] it has pins 0 to 15; pin 2 is the cascade and not connected.
#[derive(Debug)]
pub struct PicPair {
    // Host glue.
    int: IrqLine,
    // Volatile state.
    state: DeviceCell<PicState>,
}

impl PicPair {
    /// After reset: nothing masked, everything edge-triggered. `int` is the INT output.
    pub fn new(int: IrqLine) -> Arc<Self> {
        let state = DeviceCell::default();
        Arc::new(Self { int, state })
    }

    /// The registers in port space: both chips and the ELCRs.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        let at =
            |name, base, read, write| IoWindow::new(name, (base, 2), AccessRules::BYTES, self, read, write);
        vec![
            at(
                "pic-master",
                spec::MASTER_PORT,
                |d: &Self, port, _| Ok(d.read_chip(0, port).into()),
                |d, port, _, value| d.write_chip(0, port, value as u8),
            ),
            at(
                "pic-slave",
                spec::SLAVE_PORT,
                |d: &Self, port, _| Ok(d.read_chip(1, port).into()),
                |d, port, _, value| d.write_chip(1, port, value as u8),
            ),
            at(
                "pic-elcr",
                spec::ELCR_PORT,
                |d: &Self, port, _| Ok(d.state.lock().chips[port as usize & 1].elcr.into()),
                |d, port, _, value| d.set_elcr(port, value as u8),
            ),
        ]
    }

    /// Runs `change`, lets the slave's INT reach the master, and drives INT.
    fn change<R>(&self, change: impl FnOnce(&mut PicState) -> R) -> R {
        let (result, int) = {
            let mut state = self.state.lock();
            let result = change(&mut state);
            state.cascade();
            (result, state.int())
        };
        self.int.set(int);
        result
    }

    fn read_chip(&self, which: usize, port: u64) -> u8 {
        self.change(|state| {
            let (value, poll) = state.chips[which].read(port & 1 != 0, which == 0);
            if poll && which == 1 && state.chips[1].pending(false).is_none() {
                // Nobody will send INTA for what the poll took.
                state.chips[0].irr &= !(1 << spec::CASCADE);
            }
            value
        })
    }

    fn write_chip(&self, which: usize, port: u64, value: u8) -> IoResult<()> {
        self.change(|state| state.chips[which].write(port & 1 != 0, value));
        Ok(())
    }

    fn set_elcr(&self, port: u64, value: u8) -> IoResult<()> {
        let allowed = [spec::MASTER_ELCR_MASK, spec::SLAVE_ELCR_MASK];
        let which = port as usize & 1;
        self.change(|state| state.chips[which].set_elcr(value, allowed[which]));
        Ok(())
    }

    /// INTA: the vector of the pending interrupt, now in service; the spurious vector (7 of a chip) if there is
    /// none any more.
    pub fn acknowledge(&self) -> u8 {
        self.change(PicState::acknowledge)
    }

    /// Whether INT is high.
    pub fn int(&self) -> bool {
        self.state.lock().int()
    }

    /// Both chips' registers for people, a line each.
    pub fn describe(&self) -> String {
        let state = self.state.lock();
        format!(
            "pic0: {}\npic1: {}\n",
            state.chips[0].describe(),
            state.chips[1].describe()
        )
    }
}

impl IrqSink for PicPair {
    fn set_irq(&self, pin: u32, level: bool) {
        if pin < 16 && pin != u32::from(spec::CASCADE) {
            self.change(|state| state.chips[pin as usize >> 3].set_input(pin as u8 & 7, level));
        }
    }
}

impl Device for PicPair {
    fn name(&self) -> &str {
        "pic"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => self.state.lock().chips.iter_mut().for_each(Chip::reset),
            ResetPhase::Hold => self.int.set(self.int()),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(PicState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(PicState::VERSION)?;
        Ok(())
    }
}

/// The volatile state, saved as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PicState {
    /// Master, slave.
    chips: [Chip; 2],
}

impl PicState {
    const VERSION: u16 = 1;

    fn int(&self) -> bool {
        self.chips[0].pending(true).is_some()
    }

    /// The slave's INT is the master's cascade input.
    fn cascade(&mut self) {
        let level = self.chips[1].pending(false).is_some();
        self.chips[0].set_input(spec::CASCADE, level);
    }

    fn acknowledge(&mut self) -> u8 {
        let [master, slave] = &mut self.chips;
        let Some(input) = master.pending(true) else {
            return master.base.wrapping_add(spec::SPURIOUS);
        };
        master.acknowledge(input);
        if input != spec::CASCADE {
            return master.base.wrapping_add(input);
        }
        // INT of a slave falls during INTA, so that its next request is an edge for the master.
        master.set_input(spec::CASCADE, false);
        let input = slave.pending(false);
        if let Some(input) = input {
            slave.acknowledge(input);
        }
        slave.base.wrapping_add(input.unwrap_or(spec::SPURIOUS))
    }
}
