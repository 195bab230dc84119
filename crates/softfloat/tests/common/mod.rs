//! Test inputs: a small deterministic generator biased to the values where floating point goes wrong.
#![allow(dead_code)]

#[cfg(target_arch = "x86_64")]
pub mod x87;

/// xorshift64*; the same sequence on every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.bits() >> 16) % n
    }

    /// Fractions with few runs of ones, which sit next to rounding boundaries.
    pub fn fraction(&mut self, width: u32) -> u64 {
        let mask = u64::MAX >> (64 - width);
        let x = match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => !(1 << self.below(64)),
            4 => (1u64 << self.below(64)).wrapping_sub(1 << self.below(64)),
            5 => self.bits() << self.below(64),
            6 => self.bits() >> self.below(64),
            _ => self.bits(),
        };
        x & mask
    }

    /// An exponent field of the given width: specials, around the bias, around `near`, or any.
    pub fn exponent(&mut self, width: u32, near: u64) -> u64 {
        let max = (1u64 << width) - 1;
        let x = match self.below(9) {
            0 => 0,
            1 => max,
            2 => 1 + self.below(4),
            3 => max - 1 - self.below(4),
            4 => max / 2 + self.below(70),
            5 => (max / 2).wrapping_sub(self.below(70)),
            6 => near.wrapping_add(self.below(140)).wrapping_sub(70),
            7 => max / 2,
            _ => self.bits(),
        };
        x & max
    }

    /// An interchange format pattern.
    pub fn float(&mut self, frac_bits: u32, exp_bits: u32, near: u64) -> u64 {
        let exp = self.exponent(exp_bits, near >> frac_bits & ((1 << exp_bits) - 1));
        let sign = self.bits() & 1;
        sign << (frac_bits + exp_bits) | exp << frac_bits | self.fraction(frac_bits)
    }

    pub fn f32(&mut self, near: u32) -> u32 {
        self.float(23, 8, near.into()) as u32
    }

    pub fn f64(&mut self, near: u64) -> u64 {
        self.float(52, 11, near)
    }

    /// An MXCSR: any rounding, often DAZ or FTZ, masks as given, sometimes flags already set.
    pub fn mxcsr(&mut self) -> u32 {
        let r = self.bits() as u32;
        let specials = if r & 0x30_0000 == 0 { r & 0x8040 } else { 0 };
        0x1f80 | r & 0x6000 | specials | if r & 0x700_0000 == 0 { r & 0x3f } else { 0 }
    }
}

impl Random {
    /// An 80-bit pattern: sign and exponent, significand. One in eight is an odd encoding.
    pub fn f80(&mut self, near: u16) -> (u16, u64) {
        let exp = self.exponent(15, u64::from(near & 0x7fff)) as u16;
        let integer = exp != 0 || self.below(8) == 0;
        let integer = integer && self.below(24) != 0;
        let sign = (self.bits() as u16 & 1) << 15;
        (sign | exp, self.fraction(63) | u64::from(integer) << 63)
    }

    /// A control word: any rounding and precision; usually everything masked.
    pub fn control_word(&mut self) -> u16 {
        let precision = [0u16, 2, 3, 3][self.below(4) as usize];
        let masks = if self.below(3) == 0 {
            self.bits() as u16 & 0x3f
        } else {
            0x3f
        };
        0x40 | (self.below(4) as u16) << 10 | precision << 8 | masks
    }
}
