//! Intel 8254 programmable interval timer (order number 231164) and the PC's port 61h around it.

use hw_core::Frequency;

/// Input clock of the three counters.
pub const CLOCK: Frequency = Frequency::new(1_193_182);
/// Port of counter 0; counters 1 and 2 and the control word follow.
pub const PORT: u64 = 0x40;
/// System control port B.
pub const CONTROL_B_PORT: u64 = 0x61;

/// Control word, bits 7:6: read-back command.
pub const READ_BACK: u8 = 3;
/// Read-back: do not latch the count.
pub const READ_BACK_NO_COUNT: u8 = 1 << 5;
/// Read-back: do not latch the status.
pub const READ_BACK_NO_STATUS: u8 = 1 << 4;
/// Status: OUT.
pub const STATUS_OUT: u8 = 1 << 7;
/// Status: the count written last is not yet in the counter.
pub const STATUS_NULL_COUNT: u8 = 1 << 6;

/// Port 61h: gate of counter 2.
pub const B_GATE2: u8 = 1 << 0;
/// Port 61h: counter 2 drives the speaker.
pub const B_SPEAKER: u8 = 1 << 1;
/// Port 61h: what software may write (with the two check disables).
pub const B_WRITABLE: u8 = 0x0f;
/// Port 61h: toggles with every memory refresh.
pub const B_REFRESH: u8 = 1 << 4;
/// Port 61h: OUT of counter 2.
pub const B_OUT2: u8 = 1 << 5;
/// Counter 1 asked for a refresh every 18 ticks (15 µs).
pub const REFRESH_TICKS: i64 = 18;

/// Which bytes a read or write of a counter moves (control word bits 5:4; 0 is the latch command).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Access {
    /// Least significant byte only.
    Low,
    /// Most significant byte only.
    High,
    /// Least, then most significant byte.
    #[default]
    Both,
}

/// Counter mode (control word bits 3:1; 6 and 7 are 2 and 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// 0: interrupt on terminal count.
    #[default]
    TerminalCount,
    /// 1: hardware retriggerable one-shot.
    OneShot,
    /// 2: rate generator.
    Rate,
    /// 3: square wave.
    Square,
    /// 4: software triggered strobe.
    SoftwareStrobe,
    /// 5: hardware triggered strobe.
    HardwareStrobe,
}

impl Mode {
    /// From a control word.
    pub fn of(control: u8) -> Self {
        match control >> 1 & 7 {
            0 => Self::TerminalCount,
            1 => Self::OneShot,
            2 | 6 => Self::Rate,
            3 | 7 => Self::Square,
            4 => Self::SoftwareStrobe,
            _ => Self::HardwareStrobe,
        }
    }

    /// The number in the status byte.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Counting starts by a rising gate, not by writing a count.
    pub fn by_gate(self) -> bool {
        matches!(self, Self::OneShot | Self::HardwareStrobe)
    }

    /// Counts over and over.
    pub fn periodic(self) -> bool {
        matches!(self, Self::Rate | Self::Square)
    }
}
