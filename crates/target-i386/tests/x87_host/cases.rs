//! Random x87 states: operands biased to where arithmetic goes wrong, stacks with holes, pending faults.

use host_oracle::State;
use host_oracle::layout::DATA_BASE;

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

    fn significand(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => self.bits() << self.below(64),
            4 => self.bits() & 0xffff << 40,
            _ => self.bits(),
        }
    }

    /// An 80-bit pattern in memory order.
    pub fn extended(&mut self) -> [u8; 10] {
        let exponent = match self.below(9) {
            0 => 0,
            1 => 0x7fff,
            2 => 0x7ffe,
            3 => 1,
            4 => 0x3fff,
            5 => self.bits(),
            6 => 0x3fff + self.below(70),
            7 => 0x3fff - self.below(70),
            _ => 0x3fff + 120 + self.below(20),
        };
        let sign = self.below(2) << 15;
        let integer = u64::from(exponent & 0x7fff != 0 && self.below(16) != 0) << 63;
        let significand = self.significand() & !(1 << 63) | integer;
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&significand.to_le_bytes());
        bytes[8..].copy_from_slice(&((sign | exponent & 0x7fff) as u16).to_le_bytes());
        bytes
    }

    /// Sixteen bytes of memory operand: binary32, binary64, extended, decimal or integer.
    pub fn operand(&mut self) -> [u8; 16] {
        let x = match self.below(5) {
            0 => {
                let exponent = [0, 1, 0x7f, 0xfe, 0xff, self.below(256)][self.below(6) as usize];
                u128::from(self.below(2) << 31 | exponent << 23 | self.significand() >> 41)
            }
            1 => {
                let exponent = [0, 1, 0x3ff, 0x7fe, 0x7ff, self.below(2048)][self.below(6) as usize];
                u128::from(self.below(2) << 63 | exponent << 52 | self.significand() >> 12)
            }
            2 => u128::from(self.significand()) | u128::from(self.bits() as u16) << 64,
            3 => {
                let mut bytes = [0; 16];
                bytes[..10].copy_from_slice(&self.extended());
                return bytes;
            }
            _ => self.significand().into(),
        };
        x.to_le_bytes()
    }

    /// Registers, x87 state and status flags; RBX points at the operand.
    pub fn state(&mut self) -> State {
        let mut state = State::new();
        state.gpr[0] = self.bits();
        state.gpr[3] = DATA_BASE + 0x1000;
        state.rflags = 0x202 | self.bits() & 0x8d5;
        let x87 = &mut state.x87;
        let masks = if self.below(3) == 0 {
            self.bits() & 0x3f
        } else {
            0x3f
        };
        x87.fcw = (0x40 | masks | [0, 2, 3, 3][self.below(4) as usize] << 8 | self.below(4) << 10) as u16;
        let flags = match self.below(4) {
            0 => self.bits() & 0x7f,
            _ if self.below(16) == 0 => 0x7f & self.bits(),
            _ => self.bits() & masks,
        };
        let flags = if self.below(8) == 0 {
            flags
        } else {
            flags & (masks | 0x40)
        };
        let pending = flags & !masks & 0x3f != 0;
        let summary = if pending { 0x8080 } else { 0 };
        x87.fsw = (flags | summary | self.bits() & 0x4700 | self.below(8) << 11) as u16;
        x87.ftw = match self.below(4) {
            0 => self.bits() as u8,
            1 => 0xff,
            // ST(0) to ST(3) in use, the others free.
            _ => 0x0f_u8.rotate_left(u32::from(x87.fsw >> 11 & 7)),
        };
        x87.fop = self.bits() as u16 & 0x7ff;
        x87.fip = self.bits() & 0xffff_ffff;
        x87.fdp = self.bits() & 0xffff_ffff;
        for st in &mut x87.st {
            *st = self.extended();
        }
        state
    }
}
