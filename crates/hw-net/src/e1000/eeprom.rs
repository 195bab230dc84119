//! The EEPROM: 64 words behind a Microwire, as drivers of this chip read it bit by bit, or through EERD.

use super::spec::eecd;
use crate::microwire::{Microwire, Pins, WORDS};
use serde::{Deserialize, Serialize};

/// What all of them add up to.
const SUM: u16 = 0xbaba;
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

/// The register that drives the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Control {
    /// Pins and request as software set them.
    pins: u32,
    wire: Microwire,
}

impl Control {
    pub(super) fn write(&mut self, value: u32, words: &[u16; WORDS]) {
        self.pins = value & (eecd::SK | eecd::CS | eecd::DI | eecd::FWE | eecd::REQ);
        let pins = Pins {
            select: value & eecd::CS != 0,
            clock: value & eecd::SK != 0,
            data: value & eecd::DI != 0,
        };
        self.wire.drive(pins, words);
    }

    pub(super) fn read(&self) -> u32 {
        let mut value = self.pins | eecd::PRES;
        if self.pins & eecd::REQ != 0 {
            value |= eecd::GNT;
        }
        if self.wire.data() {
            value |= eecd::DO;
        }
        value
    }
}
