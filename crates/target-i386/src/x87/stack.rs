//! The register stack: ST(i), push, pop, tags (SDM vol. 1, 8.1.2 and 8.1.7).

use crate::Insn;
use crate::state::{Float80, Fpu};
use softfloat::F80;
use softfloat::x87::Class;

impl From<Float80> for F80 {
    #[inline]
    fn from(x: Float80) -> F80 {
        F80 {
            sign_exp: x.sign_exponent,
            sig: x.significand,
        }
    }
}

impl From<F80> for Float80 {
    #[inline]
    fn from(x: F80) -> Float80 {
        Float80 {
            significand: x.sig,
            sign_exponent: x.sign_exp,
        }
    }
}

/// The i of ST(i). Of two register operands the other one is ST(0), number 0.
#[inline]
pub(super) fn sti(insn: &Insn) -> u8 {
    (insn.reg[0] | insn.reg[1]) & 7
}

impl Fpu {
    #[inline]
    fn physical(&self, i: u8) -> usize {
        usize::from(self.top.wrapping_add(i) & 7)
    }

    /// Whether ST(i) is tagged empty.
    #[inline]
    pub(super) fn is_empty(&self, i: u8) -> bool {
        self.empty >> self.physical(i) & 1 != 0
    }

    /// ST(i), whatever its tag.
    #[inline]
    pub(super) fn get(&self, i: u8) -> F80 {
        self.st[self.physical(i)].into()
    }

    /// Writes ST(i) and tags it as not empty.
    #[inline]
    pub(super) fn set(&mut self, i: u8, value: F80) {
        let physical = self.physical(i);
        self.st[physical] = value.into();
        self.empty &= !(1 << physical);
    }

    /// Tags ST(i) empty; the value stays.
    #[inline]
    pub(super) fn free(&mut self, i: u8) {
        self.empty |= 1 << self.physical(i);
    }

    /// TOP one down, without looking at tags.
    #[inline]
    pub(super) fn decrement_top(&mut self) {
        self.top = self.top.wrapping_sub(1) & 7;
    }

    /// TOP one up, without looking at tags.
    #[inline]
    pub(super) fn increment_top(&mut self) {
        self.top = self.top.wrapping_add(1) & 7;
    }

    /// Pushes, without looking at the tag of what was ST(7).
    #[inline]
    pub(super) fn push(&mut self, value: F80) {
        self.decrement_top();
        self.set(0, value);
    }

    /// Frees ST(0) and pops it.
    #[inline]
    pub(super) fn pop(&mut self) {
        self.free(0);
        self.increment_top();
    }

    /// The status word with TOP.
    #[inline]
    pub fn status_word(&self) -> u16 {
        self.status & !(7 << 11) | u16::from(self.top & 7) << 11
    }

    /// Sets status and TOP from a status word; ES and B need recomputing.
    #[inline]
    pub fn set_status_word(&mut self, word: u16) {
        self.status = word & !(7 << 11);
        self.top = (word >> 11 & 7) as u8;
    }

    /// The 16-bit tag word, by physical register: 0 valid, 1 zero, 2 special, 3 empty.
    pub fn tag_word(&self) -> u16 {
        (0..8).fold(0, |word, i| {
            let tag = match F80::from(self.st[i]).class() {
                _ if self.empty >> i & 1 != 0 => 3,
                Class::Normal => 0,
                Class::Zero => 1,
                _ => 2,
            };
            word | tag << (2 * i)
        })
    }

    /// Which registers are empty, from a 16-bit tag word.
    pub fn set_tag_word(&mut self, word: u16) {
        self.empty = (0..8).fold(0, |empty, i| empty | u8::from(word >> (2 * i) & 3 == 3) << i);
    }

    /// FNINIT: control 037Fh, status and pointers zero, all registers empty; their values stay.
    pub fn initialize(&mut self) {
        self.control = 0x37f;
        self.status = 0;
        self.top = 0;
        self.empty = 0xff;
        (self.opcode, self.ip, self.cs, self.dp, self.ds) = (0, 0, 0, 0, 0);
    }
}
