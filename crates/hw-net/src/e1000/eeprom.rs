//! The EEPROM: 64 words behind a Microwire, as drivers of this chip read it bit by bit, or through EERD.

use super::spec::eecd;
use serde::{Deserialize, Serialize};

/// Words there are.
pub(super) const WORDS: usize = 64;
/// What all of them add up to.
const SUM: u16 = 0xbaba;
/// Start bit, opcode, address.
const COMMAND_BITS: u8 = 9;
const READ: u16 = 0b110;

/// Contents for a card with this address (manual, 5.6).
pub(super) fn contents(mac: [u8; 6], ids: (u16, u16), subsystem: (u16, u16)) -> [u16; WORDS] {
    let mut words = [0u16; WORDS];
    for (word, pair) in words.iter_mut().zip(mac.chunks_exact(2)) {
        *word = u16::from_le_bytes([pair[0], pair[1]]);
    }
    words[0x04] = 0xffff;
    // Initialization control 1: valid, vendor ids are taken from here.
    words[0x0a] = 0x4408;
    words[0x0b] = subsystem.1;
    words[0x0c] = subsystem.0;
    words[0x0d] = ids.1;
    words[0x0e] = ids.0;
    // Initialization control 2.
    words[0x0f] = 0x3040;
    words[0x10..WORDS - 1].iter_mut().for_each(|word| *word = 0xffff);
    let sum = words.iter().fold(0u16, |sum, word| sum.wrapping_add(*word));
    words[WORDS - 1] = SUM.wrapping_sub(sum);
    words
}

/// The wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Microwire {
    /// Pins and request as software set them.
    pins: u32,
    /// Command bits so far, from the start bit on.
    bits: u8,
    command: u16,
    /// Of a read: bits that are out, of all words from the addressed one on.
    out: Option<(u8, u16)>,
    data: bool,
}

impl Microwire {
    pub(super) fn write(&mut self, value: u32, words: &[u16; WORDS]) {
        let rising = value & eecd::SK != 0 && self.pins & eecd::SK == 0;
        self.pins = value & (eecd::SK | eecd::CS | eecd::DI | eecd::FWE | eecd::REQ);
        if value & eecd::CS == 0 {
            // Standing by.
            (self.bits, self.command, self.out, self.data) = (0, 0, None, true);
            return;
        }
        if !rising {
            return;
        }
        if let Some((word, bit)) = &mut self.out {
            let value = words[usize::from(*word) % WORDS];
            self.data = value >> (15 - *bit) & 1 != 0;
            *bit += 1;
            if *bit == 16 {
                (*word, *bit) = (word.wrapping_add(1), 0);
            }
            return;
        }
        let bit = u16::from(value & eecd::DI != 0);
        // Zeros in front of the start bit are nothing.
        if self.bits == 0 && bit == 0 || self.bits >= COMMAND_BITS {
            return;
        }
        self.command = self.command << 1 | bit;
        self.bits += 1;
        if self.bits == COMMAND_BITS && self.command >> 6 == READ {
            self.out = Some(((self.command & 0x3f) as u8, 0));
            // One zero comes before the word.
            self.data = false;
        }
    }

    pub(super) fn read(&self) -> u32 {
        let mut value = self.pins | eecd::PRES;
        if self.pins & eecd::REQ != 0 {
            value |= eecd::GNT;
        }
        if self.data {
            value |= eecd::DO;
        }
        value
    }
}
