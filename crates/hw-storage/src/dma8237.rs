//! The two 8237A DMA controllers of a PC, with their page registers.
//!
//! Software programs a channel's address, count and mode through the windows; a device (the floppy controller on
//! channel 2) moves bytes through it with [`Dma8237::to_memory`] and [`Dma8237::from_memory`]. Channels 0 to 3 move
//! bytes, 5 to 7 words; 4 is the cascade. Mirrors QEMU's `hw/dma/i8257.c` in behaviour. Intel 8237A data sheet.

use hw_core::{Device, DeviceCell, Dma, IoWindow, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, IoResult};
use std::sync::Arc;

/// Register numbers of a controller, beyond the eight of addresses and counts.
mod reg {
    /// Command; status when read.
    pub const COMMAND: u64 = 8;
    /// Software requests.
    pub const REQUEST: u64 = 9;
    /// One mask bit.
    pub const MASK: u64 = 10;
    /// Mode of a channel.
    pub const MODE: u64 = 11;
    /// The next access is to the low byte.
    pub const CLEAR_FLIP_FLOP: u64 = 12;
    /// Reset; the temporary register when read.
    pub const MASTER_CLEAR: u64 = 13;
    /// All mask bits off.
    pub const CLEAR_MASK: u64 = 14;
    /// All mask bits.
    pub const ALL_MASKS: u64 = 15;
}

/// Command: the controller is off.
const DISABLED: u8 = 0x04;
/// Mode: addresses go down.
const DOWN: u8 = 0x20;
/// Mode: begins again at the end.
const AUTO: u8 = 0x10;
/// Mode: which way; 1 is to memory, 2 from memory.
const WAY: u8 = 0x0c;

/// Page register of each port 80h to 87h: 8 is none.
const PAGES: [usize; 8] = [8, 2, 3, 1, 8, 8, 8, 0];

/// A channel's registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Channel {
    base: [u16; 2],
    /// Address and count (one less than are left).
    now: [u16; 2],
    mode: u8,
    page: u8,
}

/// One chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Chip {
    channels: [Channel; 4],
    command: u8,
    masks: u8,
    /// Terminal counts that were reached.
    reached: u8,
    requests: u8,
    /// The next access is to the high byte.
    high: bool,
    /// Ports 80h to 8Fh that stand for no channel hold what was written.
    spare: [u8; 8],
}

impl Default for Chip {
    fn default() -> Self {
        Self {
            channels: Default::default(),
            command: 0,
            masks: 0xf,
            reached: 0,
            requests: 0,
            high: false,
            spare: [0; 8],
        }
    }
}

/// Both controllers.
pub struct Dma8237 {
    // Host glue.
    memory: Dma,
    // Volatile state.
    chips: DeviceCell<[Chip; 2]>,
}

/// How far a transfer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Bytes.
    pub bytes: usize,
    /// The channel has counted to its end (TC).
    pub terminal: bool,
}

impl Chip {
    fn read(&mut self, register: u64) -> u8 {
        match register {
            0..=7 => {
                let channel = &self.channels[register as usize / 2];
                let value = channel.now[register as usize % 2].to_le_bytes()[usize::from(self.high)];
                self.high = !self.high;
                value
            }
            reg::COMMAND => std::mem::take(&mut self.reached) & 0xf | self.requests << 4,
            reg::ALL_MASKS => self.masks | 0xf0,
            _ => 0,
        }
    }

    fn write(&mut self, register: u64, value: u8) {
        let (number, bit) = (usize::from(value & 3), 1 << (value & 3));
        match register {
            0..=7 => {
                let channel = &mut self.channels[register as usize / 2];
                let half = usize::from(self.high);
                for word in [&mut channel.base, &mut channel.now] {
                    let word = &mut word[register as usize % 2];
                    let mut bytes = word.to_le_bytes();
                    bytes[half] = value;
                    *word = u16::from_le_bytes(bytes);
                }
                self.high = !self.high;
            }
            reg::COMMAND => self.command = value,
            reg::REQUEST if value & 4 != 0 => self.requests |= bit,
            reg::REQUEST => self.requests &= !bit,
            reg::MASK if value & 4 != 0 => self.masks |= bit,
            reg::MASK => self.masks &= !bit,
            reg::MODE => self.channels[number].mode = value & 0xfc,
            reg::CLEAR_FLIP_FLOP => self.high = false,
            reg::MASTER_CLEAR => {
                (self.command, self.masks, self.reached, self.requests, self.high) = (0, 0xf, 0, 0, false);
            }
            reg::CLEAR_MASK => self.masks = 0,
            reg::ALL_MASKS => self.masks = value & 0xf,
            _ => {}
        }
    }
}

impl Dma8237 {
    /// Both controllers, on this memory.
    pub fn new(memory: Dma) -> Arc<Self> {
        Arc::new(Self {
            memory,
            chips: DeviceCell::default(),
        })
    }

    /// The first controller at 00h, the second at C0h with its registers two apart, page registers at 81h and 89h.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        let bytes = AccessRules::BYTES;
        vec![
            IoWindow::new(
                "dma1",
                (0x00, 16),
                bytes,
                self,
                |dma: &Self, at, _| dma.read(0, at),
                |dma, at, _, value| dma.write(0, at, value),
            ),
            IoWindow::new(
                "dma2",
                (0xc0, 32),
                bytes,
                self,
                |dma: &Self, at, _| dma.read(1, at / 2),
                |dma, at, _, value| dma.write(1, at / 2, value),
            ),
            // Port 80h is the firmware's, for its progress.
            IoWindow::new(
                "dma-page1",
                (0x81, 7),
                bytes,
                self,
                |dma: &Self, at, _| dma.read_page(0, at + 1),
                |dma, at, _, value| dma.write_page(0, at + 1, value),
            ),
            IoWindow::new(
                "dma-page2",
                (0x88, 8),
                bytes,
                self,
                |dma: &Self, at, _| dma.read_page(1, at),
                |dma, at, _, value| dma.write_page(1, at, value),
            ),
        ]
    }

    fn read(&self, chip: usize, register: u64) -> IoResult<u64> {
        Ok(self.chips.lock()[chip].read(register).into())
    }

    fn write(&self, chip: usize, register: u64, value: u64) -> IoResult<()> {
        self.chips.lock()[chip].write(register, value as u8);
        Ok(())
    }

    fn read_page(&self, chip: usize, at: u64) -> IoResult<u64> {
        let (chips, at) = (self.chips.lock(), at as usize & 7);
        let chip = &chips[chip];
        Ok(chip
            .channels
            .get(PAGES[at])
            .map_or(chip.spare[at], |channel| channel.page)
            .into())
    }

    fn write_page(&self, chip: usize, at: u64, value: u64) -> IoResult<()> {
        let (mut chips, at) = (self.chips.lock(), at as usize & 7);
        let Chip { channels, spare, .. } = &mut chips[chip];
        *channels
            .get_mut(PAGES[at])
            .map_or(&mut spare[at], |channel| &mut channel.page) = value as u8;
        Ok(())
    }

    /// Whether a device on `channel` would be served.
    pub fn is_open(&self, channel: usize) -> bool {
        let chips = self.chips.lock();
        let chip = &chips[channel >> 2 & 1];
        chip.masks >> (channel & 3) & 1 == 0 && chip.command & DISABLED == 0
    }

    /// The next stretch of a channel: address and bytes, at most `wanted`. It is counted as moved.
    fn stretch(&self, channel: usize, wanted: usize) -> Option<(Vec<u64>, Moved)> {
        if !self.is_open(channel) || wanted == 0 {
            return None;
        }
        let mut chips = self.chips.lock();
        let wide = channel >= 4;
        let chip = &mut chips[channel >> 2 & 1];
        let number = channel & 3;
        let unit = &mut chip.channels[number];
        // Words have an address line more, and 17 bits of address.
        let size = if wide { 2 } else { 1 };
        let left = usize::from(unit.now[1]) + 1;
        let units = left.min(wanted / size);
        let page = u64::from(unit.page) << 16;
        let address = |at: u16| {
            if wide {
                page & !0x1_ffff | u64::from(at) << 1
            } else {
                page | u64::from(at)
            }
        };
        let mut places = Vec::with_capacity(units);
        for _ in 0..units {
            places.push(address(unit.now[0]));
            unit.now[0] = if unit.mode & DOWN != 0 {
                unit.now[0].wrapping_sub(1)
            } else {
                unit.now[0].wrapping_add(1)
            };
        }
        let terminal = units == left;
        unit.now[1] = unit.now[1].wrapping_sub(units as u16);
        if terminal {
            chip.reached |= 1 << number;
            if unit.mode & AUTO != 0 {
                unit.now = unit.base;
            } else {
                chip.masks |= 1 << number;
            }
        }
        let moved = Moved {
            bytes: units * size,
            terminal,
        };
        Some((places, moved))
    }

    fn each(&self, channel: usize, length: usize, mut act: impl FnMut(u64, std::ops::Range<usize>)) -> Moved {
        let Some((places, moved)) = self.stretch(channel, length) else {
            return Moved {
                bytes: 0,
                terminal: false,
            };
        };
        let size = if channel >= 4 { 2 } else { 1 };
        // Neighbours go together.
        let mut first = 0;
        while first < places.len() {
            let mut end = first + 1;
            while end < places.len() && places[end] == places[end - 1] + size as u64 {
                end += 1;
            }
            act(places[first], first * size..end * size);
            first = end;
        }
        moved
    }

    /// A device on `channel` gives bytes to memory; how many were taken. In a verify transfer nothing is written.
    pub fn to_memory(&self, channel: usize, data: &[u8]) -> Moved {
        let verify = self.chips.lock()[channel >> 2 & 1].channels[channel & 3].mode & WAY == 0;
        self.each(channel, data.len(), |at, range| {
            if !verify {
                // Where no memory is the bytes are gone, as on the bus.
                let _ = self.memory.write(at, &data[range]);
            }
        })
    }

    /// A device on `channel` takes bytes of memory; how many there were.
    pub fn from_memory(&self, channel: usize, data: &mut [u8]) -> Moved {
        let length = data.len();
        self.each(channel, length, |at, range| {
            let _ = self.memory.read(at, &mut data[range]);
        })
    }
}

const VERSION: u16 = 1;

impl Device for Dma8237 {
    fn name(&self) -> &str {
        "dma8237"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.chips.lock() = Default::default();
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.chips.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let chips = state.decode(VERSION)?;
        *self.chips.lock() = chips;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Memory, pattern};
    use hw_core::testing::{check_reset, check_saved_state};

    fn program(dma: &Arc<Dma8237>, writes: &[(u64, u8)]) {
        for &(port, value) in writes {
            let windows = dma.windows();
            let window = windows
                .iter()
                .find(|window| (window.base..window.base + window.size).contains(&port))
                .unwrap();
            window.ops.write(port - window.base, 1, value.into()).unwrap();
        }
    }

    #[test]
    fn as_a_bios_programs_the_floppy() {
        let memory = Memory::new(1 << 20);
        let dma = Dma8237::new(memory.dma());
        // 300 bytes to 23456h.
        let setup = [
            (0x0a, 6),
            (0x0c, 0),
            (0x0b, 0x46),
            (0x04, 0x56),
            (0x04, 0x34),
            (0x81, 2),
            (0x05, 0x2b),
            (0x05, 1),
            (0x0a, 2),
        ];
        program(&dma, &setup);
        let data = pattern(512);
        assert_eq!(
            dma.to_memory(2, &data[..200]),
            Moved {
                bytes: 200,
                terminal: false
            }
        );
        check_saved_state(&*dma, &*Dma8237::new(memory.dma()));
        assert_eq!(
            dma.to_memory(2, &data[200..]),
            Moved {
                bytes: 100,
                terminal: true
            }
        );
        assert!(memory.read(0x2_3456, 300) == data[..300]);
        assert_eq!(memory.read(0x2_3456 + 300, 1), [0]);
        // At its end the channel masks itself, and says so once.
        assert_eq!(dma.to_memory(2, &data).bytes, 0);
        assert_eq!((dma.read(0, 8).unwrap(), dma.read(0, 8).unwrap()), (4, 0));
        // The page does not change with the address.
        program(
            &dma,
            &[
                (0x0c, 0),
                (0x0b, 0x4a),
                (0x04, 0xff),
                (0x04, 0xff),
                (0x05, 1),
                (0x05, 0),
                (0x0a, 2),
            ],
        );
        memory.write(0x2_ffff, &[7]);
        memory.write(0x2_0000, &[9]);
        let mut bytes = [0; 4];
        assert_eq!(
            dma.from_memory(2, &mut bytes),
            Moved {
                bytes: 2,
                terminal: true
            }
        );
        assert_eq!(bytes, [7, 9, 0, 0]);
        check_reset(&*dma, || program(&dma, &setup));
    }

    #[test]
    fn words_on_the_second() {
        let memory = Memory::new(1 << 20);
        let dma = Dma8237::new(memory.dma());
        // Channel 5: 4 words to 42000h, address 1000h words, page 4.
        program(
            &dma,
            &[
                (0xd8, 0),
                (0xd6, 0x45),
                (0xc4, 0),
                (0xc4, 0x10),
                (0x8b, 4),
                (0xc6, 3),
                (0xc6, 0),
                (0xd4, 1),
            ],
        );
        assert_eq!(
            dma.to_memory(5, &pattern(20)),
            Moved {
                bytes: 8,
                terminal: true
            }
        );
        assert!(memory.read(0x4_2000, 8) == pattern(8));
    }
}
