//! i8042 keyboard controller with PS/2 keyboard and mouse.
//!
//! Keys and movement flow from the board's front end through the devices' queues into one output buffer, byte by
//! byte with an interrupt each; commands flow the other way, among them A20 and the machine's reset line. Mirrors
//! QEMU's `hw/input/pckbd.c` and `ps2.c`.

mod controller;
mod keyboard;
mod mouse;
pub mod spec;
#[cfg(test)]
mod tests;

use crate::MachineRequests;
use crate::a20::A20Gate;
use controller::{Controller, Effects};
use hw_core::{
    Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer, VirtualClock, schedule,
};
use softmmu::{AccessRules, IoResult};
use std::sync::{Arc, Weak};

/// The controller's wires to the board.
pub struct KeyboardLines {
    /// IRQ 1.
    pub keyboard: IrqLine,
    /// IRQ 12.
    pub mouse: IrqLine,
    /// Address line 20; none leaves it alone.
    pub a20: Option<Arc<A20Gate>>,
}

/// The controller with its devices.
pub struct I8042 {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    lines: KeyboardLines,
    requests: Arc<dyn MachineRequests>,
    // Volatile state.
    state: DeviceCell<Controller>,
}

impl I8042 {
    /// A controller with keyboard and mouse attached.
    pub fn new(clock: &VirtualClock, lines: KeyboardLines, requests: Arc<dyn MachineRequests>) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            clock: clock.clone(),
            timer: clock.device_timer(this, |d: &Self| d.change(|_, _| ())),
            lines,
            requests,
            state: DeviceCell::default(),
        })
    }

    /// Ports 60h and 64h.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        let rules = AccessRules::BYTES;
        vec![
            IoWindow::new(
                "i8042-data",
                (0x60, 1),
                rules,
                self,
                Self::read_data,
                Self::write_data,
            ),
            IoWindow::new(
                "i8042-cmd",
                (0x64, 1),
                rules,
                self,
                Self::read_status,
                Self::write_command,
            ),
        ]
    }

    /// Keys, as a sequence in scan code set 2 (break codes with F0h).
    pub fn keys(&self, sequence: &[u8]) {
        self.change(|state, _| state.keyboard.keys(sequence));
    }

    /// Mouse movement (x to the right, y upwards, z towards the user) and buttons (bit 0 left, 1 right, 2 middle).
    pub fn mouse(&self, delta: [i32; 3], buttons: u8) {
        self.change(|state, _| state.mouse.moved(delta, buttons));
    }

    /// Keyboard LEDs: bit 0 scroll lock, 1 num lock, 2 caps lock.
    pub fn leds(&self) -> u8 {
        self.state.lock().keyboard.leds()
    }

    /// Changes the state, moves the next byte up, and drives the lines.
    fn change<R>(&self, f: impl FnOnce(&mut Controller, i64) -> R) -> R {
        let now = self.clock.now_ns();
        let (result, between, after, hold) = {
            let mut state = self.state.lock();
            let result = f(&mut state, now);
            let between = state.interrupts();
            state.fetch(now);
            (result, between, state.interrupts(), state.aux_hold_until)
        };
        schedule(&self.timer, hold);
        // Down after a read before up for the next byte: each byte is an edge.
        for (keyboard, mouse) in [between, after] {
            self.lines.keyboard.set(keyboard);
            self.lines.mouse.set(mouse);
        }
        result
    }

    fn carry_out(&self, effects: Effects) {
        if let (Some(open), Some(gate)) = (effects.a20, &self.lines.a20) {
            gate.set(open);
        }
        if effects.reset {
            self.requests.reset();
        }
    }

    fn read_data(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(self.change(|state, _| state.read_data()) as u64)
    }

    fn read_status(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(self.state.lock().read_status() as u64)
    }

    fn write_data(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let effects = self.change(|state, now| state.write_data(value as u8, now));
        self.carry_out(effects);
        Ok(())
    }

    fn write_command(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let effects = self.change(|state, now| state.write_command(value as u8, now));
        self.carry_out(effects);
        Ok(())
    }
}

const VERSION: u16 = 1;

impl Device for I8042 {
    fn name(&self) -> &str {
        "i8042"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = Controller::default(),
            ResetPhase::Hold => self.change(|_, _| ()),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let controller: Controller = state.decode(VERSION)?;
        if !controller.is_sane() {
            return Err(StateError::Damaged("keyboard queues".into()));
        }
        schedule(&self.timer, controller.aux_hold_until);
        *self.state.lock() = controller;
        Ok(())
    }
}
