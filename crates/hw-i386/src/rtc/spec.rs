//! Motorola MC146818 real-time clock (data sheet ADI-856R2) with 128 bytes of CMOS RAM, as in the PC/AT.

use hw_core::Frequency;

/// Index port; the data port follows.
pub const PORT: u64 = 0x70;
/// Bytes of clock and RAM.
pub const SIZE: usize = 128;
/// The crystal behind periodic interrupts.
pub const CRYSTAL: Frequency = Frequency::new(32_768);
/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
/// UIP is set this long before an update ends: 244 µs of warning and 1984 µs of updating.
pub const UPDATE_NS: i64 = (244 + 1984) * 1000;
/// The first update comes this long after the divider leaves reset.
pub const DIVIDER_RELEASE_NS: i64 = SECOND / 2;

/// Lost ticks that are made up for between two ticks of the crystal's, at most: some guests read C until no flag is set.
pub const REINJECTIONS: u8 = 20;

/// Register numbers.
pub mod reg {
    /// Seconds.
    pub const SECONDS: u8 = 0x00;
    /// Alarm, seconds.
    pub const SECONDS_ALARM: u8 = 0x01;
    /// Minutes.
    pub const MINUTES: u8 = 0x02;
    /// Alarm, minutes.
    pub const MINUTES_ALARM: u8 = 0x03;
    /// Hours.
    pub const HOURS: u8 = 0x04;
    /// Alarm, hours.
    pub const HOURS_ALARM: u8 = 0x05;
    /// Day of the week, Sunday is 1.
    pub const WEEKDAY: u8 = 0x06;
    /// Day of the month.
    pub const DAY: u8 = 0x07;
    /// Month.
    pub const MONTH: u8 = 0x08;
    /// Year in the century.
    pub const YEAR: u8 = 0x09;
    /// Register A: UIP, divider, rate.
    pub const A: u8 = 0x0a;
    /// Register B: control.
    pub const B: u8 = 0x0b;
    /// Register C: flags, cleared by reading.
    pub const C: u8 = 0x0c;
    /// Register D: valid time.
    pub const D: u8 = 0x0d;
    /// Century (ACPI FADT names it).
    pub const CENTURY: u8 = 0x32;
    /// Century, the PS/2's place: a copy for reading.
    pub const CENTURY_PS2: u8 = 0x37;
}

/// A: update in progress.
pub const A_UIP: u8 = 0x80;
/// A: divider control; 11x holds the divider in reset.
pub const A_DIVIDER_RESET: u8 = 0x60;
/// A: periodic rate.
pub const A_RATE: u8 = 0x0f;
/// A after power-on: 32768 Hz, 1024 Hz rate.
pub const A_DEFAULT: u8 = 0x26;

/// B: halt updates to set the time.
pub const B_SET: u8 = 0x80;
/// B: binary instead of BCD.
pub const B_BINARY: u8 = 0x04;
/// B: 24 hours.
pub const B_24H: u8 = 0x02;
/// B: cleared by the reset pin (PIE, AIE, UIE, SQWE).
pub const B_RESET: u8 = 0x78;

/// C and, as enables, B: periodic.
pub const PERIODIC: u8 = 0x40;
/// C and, as enables, B: alarm.
pub const ALARM: u8 = 0x20;
/// C and, as enables, B: update ended.
pub const UPDATE: u8 = 0x10;
/// C: some enabled flag is set.
pub const C_IRQ: u8 = 0x80;
/// D: RAM and time are valid.
pub const D_VALID: u8 = 0x80;
/// Hours: PM, in 12-hour mode.
pub const PM: u8 = 0x80;
/// Alarm registers: both bits set match anything.
pub const ALARM_ANY: u8 = 0xc0;
