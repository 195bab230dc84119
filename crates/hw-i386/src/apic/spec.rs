//! Local APIC registers: Intel SDM volume 3, chapter 11 ("Advanced Programmable Interrupt Controller").
//!
//! A register's number is its offset in the page divided by 16; in x2APIC mode it is MSR 800h + number.

/// Physical address of the page after reset.
pub const DEFAULT_BASE: u64 = 0xfee0_0000;
/// Bytes of the page.
pub const PAGE: u64 = 0x1000;
/// First x2APIC MSR.
pub const X2APIC_MSR: u32 = 0x800;
/// MSR IA32_TSC_DEADLINE.
pub const MSR_TSC_DEADLINE: u32 = 0x6e0;
/// The timer counts this many times a second at divisor 1: a nanosecond each.
pub const TIMER_HZ: u64 = 1_000_000_000;

/// IA32_APIC_BASE: bootstrap processor.
pub const BASE_BSP: u64 = 1 << 8;
/// IA32_APIC_BASE: x2APIC mode.
pub const BASE_X2APIC: u64 = 1 << 10;
/// IA32_APIC_BASE: enabled.
pub const BASE_ENABLE: u64 = 1 << 11;
/// IA32_APIC_BASE: address bits, for 40 physical address bits.
pub const BASE_ADDRESS: u64 = 0xff_ffff_f000;

/// Register numbers.
pub mod reg {
    /// APIC ID, bits 31:24 (x2APIC: all).
    pub const ID: u32 = 0x02;
    /// Version and number of the last LVT entry.
    pub const VERSION: u32 = 0x03;
    /// Task priority.
    pub const TPR: u32 = 0x08;
    /// Arbitration priority.
    pub const APR: u32 = 0x09;
    /// Processor priority.
    pub const PPR: u32 = 0x0a;
    /// End of interrupt.
    pub const EOI: u32 = 0x0b;
    /// Remote read.
    pub const RRD: u32 = 0x0c;
    /// Logical destination.
    pub const LDR: u32 = 0x0d;
    /// Destination format.
    pub const DFR: u32 = 0x0e;
    /// Spurious vector and software enable.
    pub const SVR: u32 = 0x0f;
    /// In service, 8 registers.
    pub const ISR: u32 = 0x10;
    /// Trigger mode, 8 registers.
    pub const TMR: u32 = 0x18;
    /// Requests, 8 registers.
    pub const IRR: u32 = 0x20;
    /// Error status.
    pub const ESR: u32 = 0x28;
    /// Interrupt command, low.
    pub const ICR_LOW: u32 = 0x30;
    /// Interrupt command, high.
    pub const ICR_HIGH: u32 = 0x31;
    /// First of the local vector table: timer, thermal, performance, LINT0, LINT1, error.
    pub const LVT: u32 = 0x32;
    /// Last of the local vector table.
    pub const LVT_LAST: u32 = 0x37;
    /// Timer: initial count.
    pub const INITIAL_COUNT: u32 = 0x38;
    /// Timer: current count.
    pub const CURRENT_COUNT: u32 = 0x39;
    /// Timer: divide configuration.
    pub const DIVIDE: u32 = 0x3e;
    /// x2APIC only: self IPI.
    pub const SELF_IPI: u32 = 0x3f;
}

/// Version register: integrated APIC 14h, last LVT entry 5.
pub const VERSION: u32 = 0x0005_0014;

/// Index in the local vector table.
pub mod lvt {
    /// Timer.
    pub const TIMER: usize = 0;
    /// LINT0 pin.
    pub const LINT0: usize = 3;
    /// LINT1 pin.
    pub const LINT1: usize = 4;
    /// Internal errors.
    pub const ERROR: usize = 5;
    /// Number of entries.
    pub const COUNT: usize = 6;
    /// What software may write, by entry.
    pub const WRITABLE: [u32; COUNT] = [0x7_00ff, 0x1_07ff, 0x1_07ff, 0x1_a7ff, 0x1_a7ff, 0x1_00ff];
    /// Masked.
    pub const MASKED: u32 = 1 << 16;
    /// Level-triggered (LINT pins).
    pub const LEVEL: u32 = 1 << 15;
    /// A level interrupt is in service (LINT pins).
    pub const REMOTE_IRR: u32 = 1 << 14;
    /// Reset value of LINT0 on the bootstrap processor of a board without firmware: ExtINT, unmasked.
    pub const EXTINT: u32 = 0x700;
}

/// SVR: software enable.
pub const SVR_ENABLE: u32 = 1 << 8;
/// SVR: what software may write (vector, enable, focus checking).
pub const SVR_WRITABLE: u32 = 0x3ff;

/// Bits of the error status register.
pub mod esr {
    /// A vector below 16 was to be sent.
    pub const SEND_ILLEGAL: u32 = 1 << 5;
    /// A vector below 16 was received.
    pub const RECEIVE_ILLEGAL: u32 = 1 << 6;
    /// Access to a register that does not exist.
    pub const REGISTER: u32 = 1 << 7;
}

/// Delivery mode, three bits; all eight values are defined here, the reserved one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The vector, to every destination.
    Fixed,
    /// The vector, to the destination of lowest priority.
    Lowest,
    /// System management interrupt.
    Smi,
    /// Reserved (011b).
    Reserved,
    /// Non-maskable interrupt.
    Nmi,
    /// INIT.
    Init,
    /// Start-up; the vector is the page.
    Startup,
    /// As from an external 8259: the vector comes from there.
    ExtInt,
}

impl Delivery {
    /// From bits 10:8 of an ICR, LVT or redirection entry, or of MSI data.
    pub fn of(register: u32) -> Self {
        match register >> 8 & 7 {
            0 => Self::Fixed,
            1 => Self::Lowest,
            2 => Self::Smi,
            3 => Self::Reserved,
            4 => Self::Nmi,
            5 => Self::Init,
            6 => Self::Startup,
            _ => Self::ExtInt,
        }
    }
}

/// Timer mode, LVT timer bits 18:17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerMode {
    /// Counts to zero once.
    OneShot,
    /// Counts to zero over and over.
    Periodic,
    /// Fires when the TSC reaches IA32_TSC_DEADLINE.
    TscDeadline,
    /// Reserved (11b): does not run.
    Reserved,
}

impl TimerMode {
    /// From the LVT timer entry.
    pub fn of(lvt: u32) -> Self {
        match lvt >> 17 & 3 {
            0 => Self::OneShot,
            1 => Self::Periodic,
            2 => Self::TscDeadline,
            _ => Self::Reserved,
        }
    }
}

/// Divisor of the timer, 1 to 128, from the divide configuration register (bits 3, 1, 0).
pub fn divisor(register: u32) -> i64 {
    let code = register & 3 | register >> 1 & 4;
    1 << ((code + 1) & 7)
}
