//! Everything volatile in a VGA but its memory.

use crate::spec::{attr, crtc, dispi};
use serde::{Deserialize, Serialize};

/// Bytes of the palette: 256 colours of red, green and blue.
pub const DAC_BYTES: usize = 768;

/// The digital-to-analogue converter and its palette.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dac {
    /// Red, green, blue of each colour, as written; [`DAC_BYTES`].
    pub palette: Vec<u8>,
    /// Colours are masked with this.
    pub mask: u8,
    /// Next colour to be read.
    pub read_index: u8,
    /// Next colour to be written.
    pub write_index: u8,
    /// Which of red, green and blue is next.
    pub component: u8,
    /// Written so far of a colour.
    pub latch: [u8; 2],
    /// The last index was one to read from.
    pub reading: bool,
    /// Components have eight bits, not six.
    pub eight_bits: bool,
}

impl Default for Dac {
    fn default() -> Self {
        Self {
            palette: vec![0; DAC_BYTES],
            mask: 0xff,
            read_index: 0,
            write_index: 0,
            component: 0,
            latch: [0; 2],
            reading: false,
            eight_bits: false,
        }
    }
}

impl Dac {
    /// Colour `index` as `0x00RRGGBB`, behind the mask.
    pub fn colour(&self, index: u8) -> u32 {
        let at = usize::from(index & self.mask) * 3;
        self.palette[at..at + 3].iter().fold(0, |rgb, &value| {
            let value = u32::from(value);
            // Six bits are widened so that all ones become all ones.
            let wide = if self.eight_bits {
                value
            } else {
                (value & 0x3f) << 2 | (value & 0x3f) >> 4
            };
            rgb << 8 | wide
        })
    }
}

/// State of a VGA (saved form version 1: every register).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VgaState {
    /// Miscellaneous output.
    pub misc: u8,
    /// Feature control.
    pub feature: u8,
    /// Index of the sequencer.
    pub sequencer_index: u8,
    /// Sequencer.
    pub sequencer: [u8; 8],
    /// Index of the graphics controller.
    pub graphics_index: u8,
    /// Graphics controller.
    pub graphics: [u8; 16],
    /// Index of the attribute controller, and whether its palette shows.
    pub attribute_index: u8,
    /// The next byte at 3C0h is data.
    pub attribute_data_next: bool,
    /// Attribute controller.
    pub attribute: [u8; attr::COUNT],
    /// Index of the CRT controller.
    pub crtc_index: u8,
    /// CRT controller.
    pub crtc: [u8; crtc::COUNT],
    /// Palette.
    pub dac: Dac,
    /// What the last read of memory left: plane 0 in the low byte.
    pub latch: u32,
    /// Index of the DISPI registers.
    pub dispi_index: u16,
    /// DISPI registers.
    pub dispi: [u16; dispi::COUNT],
    /// The frame buffer of the DISPI modes has its bytes in the other order.
    pub big_endian: bool,
}

impl Default for VgaState {
    fn default() -> Self {
        let mut dispi = [0; dispi::COUNT];
        dispi[dispi::ID] = dispi::ID_5;
        Self {
            misc: 0,
            feature: 0,
            sequencer_index: 0,
            sequencer: [0; 8],
            graphics_index: 0,
            graphics: [0; 16],
            attribute_index: 0,
            attribute_data_next: false,
            attribute: [0; attr::COUNT],
            crtc_index: 0,
            crtc: [0; crtc::COUNT],
            dac: Dac::default(),
            latch: 0,
            dispi_index: 0,
            dispi,
            big_endian: false,
        }
    }
}

impl VgaState {
    /// Version of the saved form.
    pub const VERSION: u16 = 1;

    /// Whether a loaded state is one that could have been reached; everything else that is computed from registers
    /// takes any value.
    pub fn is_sane(&self) -> bool {
        self.dac.palette.len() == DAC_BYTES && self.dac.component < 3
    }

    /// Whether a DISPI mode is on.
    pub fn dispi_enabled(&self) -> bool {
        self.dispi[dispi::ENABLE] & dispi::ENABLED != 0
    }

    /// A vertical value of the CRT controller: its low byte and two bits of the overflow register.
    pub fn vertical(&self, low: usize, bit8: u8, bit9: u8) -> u32 {
        let overflow = self.crtc[crtc::OVERFLOW];
        let bit = |mask: u8, value: u32| if overflow & mask != 0 { value } else { 0 };
        u32::from(self.crtc[low]) | bit(bit8, 0x100) | bit(bit9, 0x200)
    }

    /// Lines shown.
    pub fn lines(&self) -> u32 {
        self.vertical(crtc::V_DISPLAY, 0x02, 0x40) + 1
    }

    /// The line behind which the split screen begins.
    pub fn line_compare(&self) -> u32 {
        let bit9 = if self.crtc[crtc::MAX_SCAN] & 0x40 != 0 {
            0x200
        } else {
            0
        };
        self.vertical(crtc::LINE_COMPARE, crtc::LINE_COMPARE_8, 0) | bit9
    }

    /// A word of the CRT controller: high byte first.
    pub fn crtc_word(&self, high: usize) -> u32 {
        u32::from(self.crtc[high]) << 8 | u32::from(self.crtc[high + 1])
    }
}
