//! ACPI fixed hardware (ACPI specification 6.5, section 4.8) as in the Intel 82371AB (PIIX4) power management function.

use hw_core::Frequency;

/// The PM timer's clock.
pub const CLOCK: Frequency = Frequency::new(3_579_545);
/// Width of the PM timer, bits.
pub const TIMER_BITS: u32 = 24;

/// Usual port of the PM block (PMBASE).
pub const PM_PORT: u64 = 0x600;
/// Bytes of the PM block.
pub const PM_SIZE: u64 = 0x40;
/// Port of the general-purpose event block: 2 bytes status, 2 bytes enable.
pub const GPE_PORT: u64 = 0xafe0;
/// Bytes of the general-purpose event block.
pub const GPE_SIZE: u64 = 4;
/// Port of the command byte (SMI_CMD in the FADT) and, after it, the status byte.
pub const APM_PORT: u64 = 0xb2;
/// The command that hands power management to the operating system.
pub const ACPI_ENABLE: u8 = 0xf1;
/// The command that takes it back.
pub const ACPI_DISABLE: u8 = 0xf0;

/// Offsets in the PM block.
pub mod reg {
    /// PM1 status, 16 bits.
    pub const STATUS: u64 = 0;
    /// PM1 enable, 16 bits.
    pub const ENABLE: u64 = 2;
    /// PM1 control, 16 bits.
    pub const CONTROL: u64 = 4;
    /// PM timer, 32 bits.
    pub const TIMER: u64 = 8;
}

/// PM1 status and enable: the top bit of the timer changed.
pub const TIMER: u16 = 1 << 0;
/// PM1 status and enable: global lock released.
pub const GLOBAL: u16 = 1 << 5;
/// PM1 status and enable: power button.
pub const POWER_BUTTON: u16 = 1 << 8;
/// PM1 status and enable: sleep button.
pub const SLEEP_BUTTON: u16 = 1 << 9;
/// PM1 status and enable: RTC alarm.
pub const RTC: u16 = 1 << 10;
/// PM1 status: all bits there are.
pub const STATUS_BITS: u16 = TIMER | 1 << 4 | GLOBAL | POWER_BUTTON | SLEEP_BUTTON | RTC | 1 << 15;
/// PM1 enable: all bits there are.
pub const ENABLE_BITS: u16 = TIMER | GLOBAL | POWER_BUTTON | SLEEP_BUTTON | RTC;

/// PM1 control: events raise SCI, not SMI.
pub const SCI_ENABLE: u16 = 1 << 0;
/// PM1 control: go to sleep; reads as 0.
pub const SLEEP_ENABLE: u16 = 1 << 13;
/// PM1 control: what software may write and read back (SCI_EN is changed by [`ACPI_ENABLE`] only).
pub const CONTROL_BITS: u16 = 7 << 10 | 1 << 1;
/// PM1 control: sleep type, 3 bits from here.
pub const SLEEP_TYPE_SHIFT: u32 = 10;
/// Sleep type of S5 (the DSDT names it).
pub const S5: u16 = 0;
/// Sleep type of S4.
pub const S4: u16 = 2;

/// Usual port of the SMBus host controller.
pub const SMBUS_PORT: u64 = 0x700;
/// Bytes of the SMBus host controller.
pub const SMBUS_SIZE: u64 = 0x40;

/// SMBus host registers (82371AB, section 7.3).
pub mod smbus {
    /// Host status.
    pub const STATUS: u64 = 0;
    /// Host control.
    pub const CONTROL: u64 = 2;
    /// Host command.
    pub const COMMAND: u64 = 3;
    /// Host address.
    pub const ADDRESS: u64 = 4;
    /// Host data 0.
    pub const DATA0: u64 = 5;
    /// Host data 1.
    pub const DATA1: u64 = 6;
    /// Host block data.
    pub const BLOCK: u64 = 7;
    /// Status: nobody acknowledged.
    pub const DEVICE_ERROR: u8 = 1 << 2;
    /// Status: write-one-to-clear bits.
    pub const STATUS_BITS: u8 = 0x1e;
    /// Control: abort; status then says failed.
    pub const KILL: u8 = 1 << 1;
    /// Status: aborted.
    pub const FAILED: u8 = 1 << 4;
    /// Control: start; reads as 0.
    pub const START: u8 = 1 << 6;
}
