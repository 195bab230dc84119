//! A serial EEPROM of 64 words (93C46) on four pins, as drivers read it bit by bit.

use serde::{Deserialize, Serialize};

/// Words there are.
pub(crate) const WORDS: usize = 64;
/// Start bit, opcode, address.
const COMMAND_BITS: u8 = 9;
const READ: u16 = 0b110;

/// The pins that software drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pins {
    pub(crate) select: bool,
    pub(crate) clock: bool,
    pub(crate) data: bool,
}

/// The wire. Reading is all there is: the contents are the board's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Microwire {
    clock: bool,
    /// Command bits so far, from the start bit on.
    bits: u8,
    command: u16,
    /// Of a read: the word, and how many of its bits are out.
    out: Option<(u8, u8)>,
    data: bool,
}

impl Microwire {
    pub(crate) fn drive(&mut self, pins: Pins, words: &[u16; WORDS]) {
        let rising = pins.clock && !self.clock;
        self.clock = pins.clock;
        if !pins.select {
            // Standing by.
            (self.bits, self.command, self.out, self.data) = (0, 0, None, true);
            return;
        }
        if !rising {
            return;
        }
        if let Some((word, bit)) = &mut self.out {
            let value = words[usize::from(*word) % WORDS];
            self.data = value >> (15 - (*bit & 15)) & 1 != 0;
            *bit += 1;
            if *bit >= 16 {
                // The next word follows.
                (*word, *bit) = (word.wrapping_add(1), 0);
            }
            return;
        }
        // Zeros in front of the start bit are nothing.
        if self.bits == 0 && !pins.data || self.bits >= COMMAND_BITS {
            return;
        }
        self.command = self.command << 1 | u16::from(pins.data);
        self.bits += 1;
        if self.bits == COMMAND_BITS && self.command >> 6 == READ {
            self.out = Some(((self.command & 0x3f) as u8, 0));
            // One zero comes before the word.
            self.data = false;
        }
    }

    /// The pin that the EEPROM drives.
    pub(crate) fn data(&self) -> bool {
        self.data
    }
}
