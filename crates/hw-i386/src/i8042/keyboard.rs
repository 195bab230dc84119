//! The PS/2 keyboard: commands in, acknowledgements and scan codes out.
//!
//! Key events arrive as set 2 sequences; a keyboard switched to set 1 translates them itself.

use super::spec::{ACK, QUEUE, RESEND, TEST_PASSED, translate};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// State of the keyboard; saved as it is, being nothing but protocol state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyboard {
    queue: VecDeque<u8>,
    /// Command that waits for its argument.
    argument_of: Option<u8>,
    scanning: bool,
    set: u8,
    /// Bit 0 scroll lock, 1 num lock, 2 caps lock.
    leds: u8,
    typematic: u8,
    last: u8,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            argument_of: None,
            scanning: true,
            set: 2,
            leds: 0,
            typematic: 0x2b,
            last: 0,
        }
    }
}

impl Keyboard {
    /// Whether a loaded state is one that could have been reached.
    pub fn is_sane(&self) -> bool {
        self.queue.len() <= QUEUE && (1..=3).contains(&self.set)
    }

    /// LEDs as the guest set them: bit 0 scroll lock, 1 num lock, 2 caps lock.
    pub fn leds(&self) -> u8 {
        self.leds
    }

    /// Takes the next byte.
    pub fn pop(&mut self) -> Option<u8> {
        self.last = self.queue.pop_front()?;
        Some(self.last)
    }

    fn reply(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.queue.len() < QUEUE {
                self.queue.push_back(byte);
            }
        }
    }

    fn defaults(&mut self) {
        self.set = 2;
        self.typematic = 0x2b;
        self.leds = 0;
    }

    /// Keys went down or up: a sequence in set 2, break codes with their F0h prefix. Dropped whole if scanning is
    /// off or the queue has no room.
    pub fn keys(&mut self, sequence: &[u8]) {
        if !self.scanning || self.queue.len() + sequence.len() > QUEUE {
            return;
        }
        if self.set != 1 {
            return self.reply(sequence);
        }
        let mut released = 0;
        for &code in sequence {
            match code {
                0xf0 => released = 0x80,
                0xe0 | 0xe1 => self.reply(&[code]),
                _ => {
                    self.reply(&[translate(code) | released]);
                    released = 0;
                }
            }
        }
    }

    /// A byte from the controller.
    pub fn write(&mut self, value: u8) {
        match self.argument_of.take() {
            Some(0xed) if value < 8 => {
                self.leds = value;
                self.reply(&[ACK]);
            }
            Some(0xf0) => match value {
                0 => {
                    let set = self.set;
                    self.reply(&[ACK, set]);
                }
                1..=3 => {
                    self.set = value;
                    self.reply(&[ACK]);
                }
                _ => self.reply(&[RESEND]),
            },
            Some(0xf3) if value < 0x80 => {
                self.typematic = value;
                self.reply(&[ACK]);
            }
            // Key types of set 3: one key each; the types themselves are not modelled.
            Some(0xfb..=0xfd) => self.reply(&[ACK]),
            // An argument out of range is a new command.
            _ => self.command(value),
        }
    }

    fn command(&mut self, value: u8) {
        match value {
            0xed | 0xf0 | 0xf3 | 0xfb..=0xfd => {
                self.argument_of = Some(value);
                self.reply(&[ACK]);
            }
            0xee => self.reply(&[0xee]),
            0xf2 => self.reply(&[ACK, 0xab, 0x83]),
            0xf4 => {
                self.queue.clear();
                self.scanning = true;
                self.reply(&[ACK]);
            }
            0xf5 | 0xf6 => {
                self.queue.clear();
                self.defaults();
                self.scanning = value == 0xf6;
                self.reply(&[ACK]);
            }
            0xf7..=0xfa => self.reply(&[ACK]),
            0xfe => {
                let last = self.last;
                self.reply(&[last]);
            }
            0xff => {
                *self = Self::default();
                self.reply(&[ACK, TEST_PASSED]);
            }
            _ => self.reply(&[RESEND]),
        }
    }
}
