//! The controller between ports 60h/64h and the two devices, without its wires.
//!
//! One output buffer; a byte of the controller's own goes in at once and replaces what is there (commands are taken
//! whether or not the buffer was drained), bytes of the devices wait until it is empty. Interrupts go up with each
//! byte and down with each read.

use super::keyboard::Keyboard;
use super::mouse::Mouse;
use super::spec::*;
use serde::{Deserialize, Serialize};

/// Where the byte in the output buffer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Keyboard, or the controller itself.
    Keyboard,
    /// Mouse.
    Aux,
}

/// What a write asks of the board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Drive A20.
    pub a20: Option<bool>,
    /// Reset the machine.
    pub reset: bool,
}

/// State of controller and devices (saved form version 1: every register, and the devices' protocol state).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    ctr: u8,
    /// COMMAND and SYSTEM of the status register; the rest follows from other fields.
    status: u8,
    output_port: u8,
    /// Command that waits for its data byte.
    data_of: Option<u8>,
    full: Option<Source>,
    data: u8,
    /// A break prefix was swallowed by the translation.
    released: bool,
    /// Mouse bytes stay back until this virtual time.
    pub aux_hold_until: Option<i64>,
    /// The keyboard.
    pub keyboard: Keyboard,
    /// The mouse.
    pub mouse: Mouse,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            ctr: ctr::KEYBOARD_INTERRUPT | ctr::AUX_INTERRUPT,
            status: status::COMMAND,
            output_port: output::AT_RESET,
            data_of: None,
            full: None,
            data: 0,
            released: false,
            aux_hold_until: None,
            keyboard: Keyboard::default(),
            mouse: Mouse::default(),
        }
    }
}

impl Controller {
    /// Whether a loaded state is one that could have been reached.
    pub fn is_sane(&self) -> bool {
        self.keyboard.is_sane() && self.mouse.is_sane()
    }

    /// Levels of IRQ 1 and IRQ 12.
    pub fn interrupts(&self) -> (bool, bool) {
        (
            self.full == Some(Source::Keyboard) && self.ctr & ctr::KEYBOARD_INTERRUPT != 0,
            self.full == Some(Source::Aux) && self.ctr & ctr::AUX_INTERRUPT != 0,
        )
    }

    fn answer(&mut self, byte: u8, source: Source) {
        self.data = byte;
        self.full = Some(source);
    }

    /// Lets a device's byte into an empty output buffer.
    pub fn fetch(&mut self, now: i64) {
        if self.aux_hold_until.is_some_and(|until| now >= until) {
            self.aux_hold_until = None;
        }
        while self.full.is_none() && self.ctr & ctr::KEYBOARD_OFF == 0 {
            let Some(byte) = self.keyboard.pop() else { break };
            if self.ctr & ctr::TRANSLATE == 0 {
                self.answer(byte, Source::Keyboard);
            } else if byte == 0xf0 {
                self.released = true;
            } else {
                let released = u8::from(std::mem::take(&mut self.released)) << 7;
                self.answer(translate(byte) | released, Source::Keyboard);
            }
        }
        if self.full.is_none()
            && self.ctr & ctr::AUX_OFF == 0
            && self.aux_hold_until.is_none()
            && let Some(byte) = self.mouse.pop()
        {
            self.answer(byte, Source::Aux);
        }
    }

    /// Port 60h.
    pub fn read_data(&mut self) -> u8 {
        self.full = None;
        self.data
    }

    /// Port 64h.
    pub fn read_status(&self) -> u8 {
        let full = match self.full {
            None => 0,
            Some(Source::Keyboard) => status::OUTPUT_FULL,
            Some(Source::Aux) => status::OUTPUT_FULL | status::AUX,
        };
        self.status | status::UNLOCKED | full
    }

    fn set_ctr(&mut self, value: u8, now: i64) {
        if self.ctr & !value & ctr::AUX_OFF != 0 {
            self.aux_hold_until = Some(now.saturating_add(AUX_HOLD_NS));
        }
        self.ctr = value;
    }

    /// A command at port 64h. Unknown ones do nothing, and raise nothing.
    pub fn write_command(&mut self, value: u8, now: i64) -> Effects {
        use command::*;
        let mut effects = Effects::default();
        self.status |= status::COMMAND;
        self.data_of = None;
        match value {
            READ_CTR => self.answer(self.ctr, Source::Keyboard),
            WRITE_CTR | WRITE_OUTPUT | LOOP_KEYBOARD | LOOP_AUX | WRITE_AUX => self.data_of = Some(value),
            AUX_DISABLE => self.ctr |= ctr::AUX_OFF,
            AUX_ENABLE => self.set_ctr(self.ctr & !ctr::AUX_OFF, now),
            AUX_TEST | KEYBOARD_TEST => self.answer(0, Source::Keyboard),
            SELF_TEST => {
                self.status |= status::SYSTEM;
                self.answer(0x55, Source::Keyboard);
            }
            KEYBOARD_DISABLE => self.ctr |= ctr::KEYBOARD_OFF,
            KEYBOARD_ENABLE => self.ctr &= !ctr::KEYBOARD_OFF,
            READ_INPUT => self.answer(0x80, Source::Keyboard),
            READ_OUTPUT => {
                let full = match self.full {
                    None => 0,
                    Some(Source::Keyboard) => output::OUTPUT_FULL,
                    Some(Source::Aux) => output::AUX_FULL,
                };
                self.answer(self.output_port | full, Source::Keyboard);
            }
            A20_OFF | A20_ON => {
                let open = value == A20_ON;
                self.output_port = self.output_port & !output::A20 | if open { output::A20 } else { 0 };
                effects.a20 = Some(open);
            }
            PULSE.. => effects.reset = value & 1 == 0,
            _ => {}
        }
        effects
    }

    /// A byte at port 60h.
    pub fn write_data(&mut self, value: u8, now: i64) -> Effects {
        use command::*;
        let mut effects = Effects::default();
        self.status &= !status::COMMAND;
        match self.data_of.take() {
            Some(WRITE_CTR) => {
                self.set_ctr(value, now);
                self.status = self.status & !status::SYSTEM | value & ctr::SYSTEM;
            }
            Some(WRITE_OUTPUT) => {
                self.output_port = value & !(output::OUTPUT_FULL | output::AUX_FULL);
                effects.a20 = Some(value & output::A20 != 0);
                effects.reset = value & output::RESET == 0;
            }
            Some(LOOP_KEYBOARD) => self.answer(value, Source::Keyboard),
            Some(LOOP_AUX) => self.answer(value, Source::Aux),
            Some(WRITE_AUX) => {
                self.ctr &= !ctr::AUX_OFF;
                self.mouse.write(value);
            }
            _ => {
                self.ctr &= !ctr::KEYBOARD_OFF;
                self.keyboard.write(value);
            }
        }
        effects
    }
}
