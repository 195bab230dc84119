//! RFLAGS: status flags kept lazily as a result and the carries that made it, the rest as bits.
//!
//! An arithmetic handler stores two words and is done; readers compute the flag they want without branches:
//!
//! - `result`: the result, sign-extended to 64 bits. ZF = (result == 0).
//! - `aux`: bit 63 is the carry out of the top bit (CF), bit 62 the carry into it (so OF = bit 63 ^ bit 62),
//!   bit 3 the carry out of bit 3 (AF). Bit 0 is xored to the result's sign for SF and bits 8..=15 to its low
//!   byte for PF: zero after arithmetic, they let any combination of flags be represented after POPF.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
#[derive(Clone, Copy)]
pub struct Flags {
    /// Everything but the status flags; bit 1 set.
    other: u64,
    result: u64,
    aux: u64,
}

/// Where generated code finds the flags that are not status flags.
pub(crate) const CONTROL_OFFSET: usize = std::mem::offset_of!(Flags, other);

const AUX_CF: u64 = 1 << 63;
const AUX_TOP: u64 = 3 << 62;
const AUX_AF: u64 = 1 << 3;
/// Bits of RFLAGS that exist.
const IMPLEMENTED: u64 = 0x3f_7fd5;

impl Default for Flags {
    fn default() -> Self {
        let mut flags = Self {
            other: bit::FIXED,
            result: 0,
            aux: 0,
        };
        flags.set_status(0);
        flags
    }
}

impl PartialEq for Flags {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Flags {}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flags({:#x})", self.get())
    }
}

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut flags = Self::default();
        flags.set(u64::deserialize(from)?);
        Ok(flags)
    }
}

impl Flags {
    /// All of RFLAGS.
    pub fn get(&self) -> u64 {
        self.other | self.status()
    }

    /// The six status flags in their places.
    pub fn status(&self) -> u64 {
        u64::from(self.cf())
            | u64::from(self.pf()) << 2
            | u64::from(self.af()) << 4
            | u64::from(self.zf()) << 6
            | u64::from(self.sf()) << 7
            | u64::from(self.of()) << 11
    }

    /// Replaces all of RFLAGS; bit 1 stays one, unimplemented bits stay zero.
    pub fn set(&mut self, rflags: u64) {
        self.other = rflags & IMPLEMENTED & !bit::STATUS | bit::FIXED;
        self.set_status(rflags);
    }

    /// Whether all bits of `mask` are set. Cheap for bits other than status flags.
    #[inline]
    pub fn has(&self, mask: u64) -> bool {
        let rflags = if mask & bit::STATUS != 0 {
            self.get()
        } else {
            self.other
        };
        rflags & mask == mask
    }

    /// The bits other than status flags.
    #[inline]
    pub fn control(&self) -> u64 {
        self.other
    }

    /// Sets or clears all bits of `mask`.
    pub fn put(&mut self, mask: u64, on: bool) {
        self.merge(mask, if on { mask } else { 0 });
    }

    /// Replaces the bits of `mask` by those of `value`.
    pub fn merge(&mut self, mask: u64, value: u64) {
        if mask & bit::STATUS != 0 {
            let status = self.status();
            self.set_status(status & !mask | value & mask);
        }
        let mask = mask & IMPLEMENTED & !bit::STATUS;
        self.other = self.other & !mask | value & mask;
    }

    /// Replaces the six status flags by those of `value`.
    pub fn set_status(&mut self, value: u64) {
        let flag = |mask: u64| u64::from(value & mask != 0);
        let (cf, of, nonzero) = (flag(bit::CF), flag(bit::OF), flag(bit::ZF) ^ 1);
        self.result = nonzero;
        // The parity of `result ^ delta` must be odd exactly when PF is clear.
        let parity_delta = nonzero ^ flag(bit::PF) ^ 1;
        self.aux = cf << 63 | (cf ^ of) << 62 | flag(bit::AF) << 3 | flag(bit::SF) | parity_delta << 8;
    }

    /// `result` and `aux` as they are, for code that keeps them in registers.
    #[inline]
    pub(crate) fn raw(&self) -> (u64, u64) {
        (self.result, self.aux)
    }

    /// Replaces the status flags by [`Flags::raw`] ones.
    #[inline]
    pub(crate) fn set_raw(&mut self, result: u64, aux: u64) {
        self.result = result;
        self.aux = aux;
    }

    /// The status flags as LAHF and SETO leave them: OF in bit 0, SF, ZF, AF, PF and CF in bits 15, 14, 12, 10 and 8.
    /// Generated code keeps them so.
    #[inline]
    pub fn packed(&self) -> u16 {
        let status = self.status();
        (status << 8 & 0xd500 | status >> 11 & 1) as u16
    }

    /// Replaces the status flags by [`Flags::packed`] ones.
    #[inline]
    pub fn set_packed(&mut self, packed: u16) {
        self.set_status(u64::from(packed >> 8 & 0xd5) | u64::from(packed & 1) << 11);
    }

    /// Direction flag as the step of a string instruction: +`size` or -`size`.
    #[inline]
    pub fn step(&self, size: u64) -> u64 {
        if self.other & bit::DF != 0 {
            size.wrapping_neg()
        } else {
            size
        }
    }

    /// CF.
    #[inline(always)]
    pub fn cf(&self) -> bool {
        self.aux >> 63 != 0
    }

    /// PF.
    #[inline(always)]
    pub fn pf(&self) -> bool {
        ((self.result ^ self.aux >> 8) as u8).count_ones() & 1 == 0
    }

    /// AF.
    #[inline(always)]
    pub fn af(&self) -> bool {
        self.aux & AUX_AF != 0
    }

    /// ZF.
    #[inline(always)]
    pub fn zf(&self) -> bool {
        self.result == 0
    }

    /// SF.
    #[inline(always)]
    pub fn sf(&self) -> bool {
        (self.result >> 63 ^ self.aux) & 1 != 0
    }

    /// OF.
    #[inline(always)]
    pub fn of(&self) -> bool {
        (self.aux ^ self.aux << 1) >> 63 != 0
    }

    /// One of the sixteen conditions of Jcc, by its encoding (SDM vol. 1, appendix B).
    #[inline(always)]
    pub fn condition(&self, code: u8) -> bool {
        let holds = match code >> 1 & 7 {
            0 => self.of(),
            1 => self.cf(),
            2 => self.zf(),
            3 => self.cf() | self.zf(),
            4 => self.sf(),
            5 => self.pf(),
            6 => self.sf() != self.of(),
            _ => self.zf() | (self.sf() != self.of()),
        };
        holds != (code & 1 != 0)
    }

    /// After an operation on `bits`-wide values: `result` sign-extended, `carries` the carry (or borrow) out of
    /// each bit position.
    #[inline(always)]
    pub fn set_arith(&mut self, bits: u32, result: u64, carries: u64) {
        self.result = result;
        self.aux = carries << (64 - bits) & AUX_TOP | carries & AUX_AF;
    }

    /// As [`Flags::set_arith`], keeping CF (INC and DEC).
    #[inline(always)]
    pub fn set_arith_keep_cf(&mut self, bits: u32, result: u64, carries: u64) {
        let top = carries << (64 - bits);
        let of = (top ^ top << 1) & AUX_CF;
        let cf = self.aux & AUX_CF;
        self.result = result;
        self.aux = cf | (cf ^ of) >> 1 | carries & AUX_AF;
    }

    /// After a logical operation: `result` sign-extended; CF, OF and AF clear.
    #[inline(always)]
    pub fn set_logic(&mut self, result: u64) {
        self.result = result;
        self.aux = 0;
    }

    /// `result` sign-extended, CF and OF as given, AF clear (shifts).
    #[inline(always)]
    pub fn set_result_cf_of(&mut self, result: u64, cf: bool, of: bool) {
        self.result = result;
        self.aux = u64::from(cf) << 63 | u64::from(cf ^ of) << 62;
    }

    /// CF alone.
    #[inline(always)]
    pub fn set_cf(&mut self, cf: bool) {
        let of = u64::from(self.of());
        let cf = u64::from(cf);
        self.aux = self.aux & !AUX_TOP | cf << 63 | (cf ^ of) << 62;
    }

    /// CF and OF alone (rotates, MUL).
    #[inline(always)]
    pub fn set_cf_of(&mut self, cf: bool, of: bool) {
        self.aux = self.aux & !AUX_TOP | u64::from(cf) << 63 | u64::from(cf ^ of) << 62;
    }

    /// ZF alone (CMPXCHG8B, LAR, VERR, ...).
    pub fn set_zf(&mut self, zf: bool) {
        self.put(bit::ZF, zf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_combination_round_trips() {
        for n in 0..64u64 {
            let value = (n & 1) | (n & 2) << 1 | (n & 4) << 2 | (n & 0x18) << 3 | (n & 0x20) << 6;
            let mut flags = Flags::default();
            flags.set(value | bit::IF);
            assert_eq!(flags.get(), value | bit::IF | bit::FIXED, "{value:#x}");
            for (i, mask) in [bit::OF, bit::CF, bit::ZF, 0, bit::SF, bit::PF]
                .into_iter()
                .enumerate()
            {
                if mask != 0 {
                    assert_eq!(flags.condition(2 * i as u8), value & mask != 0);
                    assert_eq!(flags.condition(2 * i as u8 + 1), value & mask == 0);
                }
            }
            let mut copy = Flags::default();
            copy.set_packed(flags.packed());
            assert_eq!(copy.status(), flags.status());
            flags.set_cf(value & bit::CF == 0);
            assert_eq!(flags.status(), value ^ bit::CF);
        }
    }

    #[test]
    fn arithmetic() {
        let mut flags = Flags::default();
        // 80h + 80h in 8 bits: carry and overflow, result zero.
        flags.set_arith(8, 0, 0x80);
        assert_eq!(flags.status(), bit::CF | bit::OF | bit::ZF | bit::PF);
        flags.set_arith_keep_cf(8, 1, 0x08);
        assert_eq!(flags.status(), bit::CF | bit::AF);
    }
}
