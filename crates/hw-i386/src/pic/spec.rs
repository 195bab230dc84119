//! Intel 8259A (order number 231468) programming words, and the edge/level registers of the 82371SB (PIIX3).

/// Port of the master; its second port follows.
pub const MASTER_PORT: u64 = 0x20;
/// Port of the slave; its second port follows.
pub const SLAVE_PORT: u64 = 0xa0;
/// ELCR of the master; the slave's follows.
pub const ELCR_PORT: u64 = 0x4d0;
/// Master input that the slave's INT drives.
pub const CASCADE: u8 = 2;
/// Inputs that the ELCR may make level-triggered: master without 0 (timer), 1 (keyboard), 2 (cascade).
pub const MASTER_ELCR_MASK: u8 = 0xf8;
/// The slave's: without 8 (RTC) and 13 (FERR).
pub const SLAVE_ELCR_MASK: u8 = 0xde;
/// The vector offset delivered when the request is gone at INTA.
pub const SPURIOUS: u8 = 7;

/// First port, bit 4 set: ICW1, the start of initialisation.
pub const ICW1: u8 = 1 << 4;
/// ICW1: an ICW4 follows.
pub const ICW1_IC4: u8 = 1 << 0;
/// ICW1: no cascade, no ICW3.
pub const ICW1_SINGLE: u8 = 1 << 1;
/// ICW4: end of interrupt at INTA.
pub const ICW4_AUTO_EOI: u8 = 1 << 1;
/// ICW4: special fully nested mode.
pub const ICW4_FULLY_NESTED: u8 = 1 << 4;

/// First port, bit 3 set (bit 4 clear): OCW3.
pub const OCW3: u8 = 1 << 3;
/// OCW3: bit 0 says which register is read.
pub const OCW3_READ_REGISTER: u8 = 1 << 1;
/// OCW3: the next read is a poll.
pub const OCW3_POLL: u8 = 1 << 2;
/// OCW3: bit 5 is the new special mask mode.
pub const OCW3_ENABLE_SPECIAL_MASK: u8 = 1 << 6;
/// OCW3: special mask mode.
pub const OCW3_SPECIAL_MASK: u8 = 1 << 5;

/// The command in bits 7:5 of OCW2. All eight exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ocw2 {
    /// Automatic EOI does not rotate.
    ClearRotateInAutoEoi,
    /// Ends the interrupt of highest priority in service.
    Eoi,
    /// Nothing.
    Nop,
    /// Ends the named interrupt.
    SpecificEoi(u8),
    /// Automatic EOI rotates.
    SetRotateInAutoEoi,
    /// As [`Ocw2::Eoi`]; the ended one becomes lowest.
    RotateOnEoi,
    /// The named input becomes lowest.
    SetLowest(u8),
    /// As [`Ocw2::SpecificEoi`]; the ended one becomes lowest.
    RotateOnSpecificEoi(u8),
}

impl From<u8> for Ocw2 {
    fn from(value: u8) -> Self {
        let input = value & 7;
        match value >> 5 {
            0 => Self::ClearRotateInAutoEoi,
            1 => Self::Eoi,
            2 => Self::Nop,
            3 => Self::SpecificEoi(input),
            4 => Self::SetRotateInAutoEoi,
            5 => Self::RotateOnEoi,
            6 => Self::SetLowest(input),
            _ => Self::RotateOnSpecificEoi(input),
        }
    }
}
