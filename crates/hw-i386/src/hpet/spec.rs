//! IA-PC HPET (High Precision Event Timers) specification 1.0a, as QEMU's board presents it.

use hw_core::Frequency;

/// Physical address.
pub const BASE: u64 = 0xfed0_0000;
/// Bytes of registers.
pub const SIZE: u64 = 0x400;
/// Timers.
pub const TIMERS: usize = 3;
/// The main counter: 10 ns a tick.
pub const CLOCK: Frequency = Frequency::new(100_000_000);
/// Capabilities: 10,000,000 fs, vendor 8086, legacy replacement, 64 bits, three timers, revision 1.
pub const CAPABILITIES: u64 = 10_000_000 << 32 | 0x8086_a201;

/// Register offsets of 64-bit registers.
pub mod reg {
    /// General capabilities and ID.
    pub const CAPABILITIES: u64 = 0x00;
    /// General configuration.
    pub const CONFIG: u64 = 0x10;
    /// General interrupt status.
    pub const STATUS: u64 = 0x20;
    /// Main counter.
    pub const COUNTER: u64 = 0xf0;
    /// First timer; each has 20h bytes.
    pub const TIMER: u64 = 0x100;
    /// Bytes of a timer's registers.
    pub const TIMER_STRIDE: u64 = 0x20;
}

/// General configuration: the counter runs and interrupts happen.
pub const ENABLE: u64 = 1 << 0;
/// General configuration: legacy replacement.
pub const LEGACY: u64 = 1 << 1;

/// Timer: level-triggered.
pub const T_LEVEL: u64 = 1 << 1;
/// Timer: interrupt enabled.
pub const T_ENABLE: u64 = 1 << 2;
/// Timer: periodic.
pub const T_PERIODIC: u64 = 1 << 3;
/// Timer: the next write of the comparator sets its value, not only its period.
pub const T_SET_VALUE: u64 = 1 << 6;
/// Timer: 32-bit comparison.
pub const T_32BIT: u64 = 1 << 8;
/// Timer: route, 5 bits from here.
pub const T_ROUTE_SHIFT: u32 = 9;
/// Timer: what software may write (FSB delivery does not exist).
pub const T_WRITABLE: u64 = 0x3f4e;
/// Timer: capabilities: periodic, 64 bits, and a route to IO-APIC pin 2 only.
pub const T_CAPABILITIES: u64 = 4 << 32 | 1 << 5 | 1 << 4;
