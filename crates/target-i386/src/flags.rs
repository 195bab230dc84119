//! RFLAGS: status flags kept lazily, the rest as bits.

use serde::{Deserialize, Serialize};

/// Bit positions of RFLAGS as masks (SDM vol. 1, 3.4.3).
pub mod bit {
    /// Carry.
    pub const CF: u64 = 1 << 0;
    /// Reads as one.
    pub const FIXED: u64 = 1 << 1;
    /// Parity.
    pub const PF: u64 = 1 << 2;
    /// Auxiliary carry.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Trap.
    pub const TF: u64 = 1 << 8;
    /// Interrupt enable.
    pub const IF: u64 = 1 << 9;
    /// Direction.
    pub const DF: u64 = 1 << 10;
    /// Overflow.
    pub const OF: u64 = 1 << 11;
    /// I/O privilege level, two bits.
    pub const IOPL: u64 = 3 << 12;
    /// Nested task.
    pub const NT: u64 = 1 << 14;
    /// Resume.
    pub const RF: u64 = 1 << 16;
    /// Virtual 8086.
    pub const VM: u64 = 1 << 17;
    /// Alignment check / access control.
    pub const AC: u64 = 1 << 18;
    /// Virtual interrupt.
    pub const VIF: u64 = 1 << 19;
    /// Virtual interrupt pending.
    pub const VIP: u64 = 1 << 20;
    /// CPUID available.
    pub const ID: u64 = 1 << 21;
    /// The six status flags.
    pub const STATUS: u64 = CF | PF | AF | ZF | SF | OF;
}

/// RFLAGS. The representation is private to this module: handlers set results, readers ask for flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    bits: u64,
}

impl Default for Flags {
    fn default() -> Self {
        Self { bits: bit::FIXED }
    }
}

impl Flags {
    /// All of RFLAGS.
    pub fn get(&self) -> u64 {
        self.bits
    }

    /// Replaces all of RFLAGS; bit 1 stays one, unimplemented bits stay zero.
    pub fn set(&mut self, rflags: u64) {
        self.bits = rflags & 0x3f_7fd5 | bit::FIXED;
    }

    /// Whether all bits of `mask` (non-status bits: cheap; status bits: computed) are set.
    #[inline]
    pub fn has(&self, mask: u64) -> bool {
        self.get() & mask == mask
    }

    /// Sets or clears all bits of `mask`.
    pub fn put(&mut self, mask: u64, on: bool) {
        let rflags = self.get();
        self.set(if on { rflags | mask } else { rflags & !mask });
    }

    /// Replaces the bits of `mask` by those of `value`.
    pub fn merge(&mut self, mask: u64, value: u64) {
        let rflags = self.get();
        self.set(rflags & !mask | value & mask);
    }
}
