//! Operand types: what can be read and written as one memory operand, and the integer operand sizes.

use softmmu::Width;

/// A memory operand type: `u8`..`u64`, `u128` for XMM, `[u128; 2]` for YMM.
pub trait Operand: Width {
    /// Alignment that #AC asks for, in bytes.
    const ALIGN: u64;
    /// From little-endian bytes, [`Width::SIZE`] of them.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// To little-endian bytes, [`Width::SIZE`] of them.
    fn put_bytes(self, bytes: &mut [u8]);
}

macro_rules! operand {
    ($($t:ty, $align:literal;)*) => { $(
        impl Operand for $t {
            const ALIGN: u64 = $align;
            fn from_bytes(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap_or_default())
            }
            fn put_bytes(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}

operand! {
    u8, 1;
    u16, 2;
    u32, 4;
    u64, 8;
    u128, 8;
}

impl Operand for [u128; 2] {
    const ALIGN: u64 = 8;
    fn from_bytes(bytes: &[u8]) -> Self {
        [u128::from_bytes(&bytes[..16]), u128::from_bytes(&bytes[16..])]
    }
    fn put_bytes(self, bytes: &mut [u8]) {
        self[0].put_bytes(&mut bytes[..16]);
        self[1].put_bytes(&mut bytes[16..]);
    }
}

/// An integer operand size: `u8`, `u16`, `u32` or `u64`.
pub trait Word: Operand + Eq + Ord {
    /// Width in bits.
    const BITS: u32;
    /// Zero-extends.
    fn zext(self) -> u64;
    /// Sign-extends.
    fn sext(self) -> u64;
    /// The low bits of `value`.
    fn from_u64(value: u64) -> Self;
    /// Register `n` of `file` after a write of `self` to it: bytes and words merge, doublewords zero-extend.
    fn write_reg(self, file: &mut [u64; 32], n: u8);
    /// Register `n` at this size; bytes 16..=19 are AH, CH, DH, BH.
    fn read_reg(file: &[u64; 32], n: u8) -> Self;
}

impl Word for u8 {
    const BITS: u32 = 8;
    #[inline(always)]
    fn zext(self) -> u64 {
        u64::from(self)
    }
    #[inline(always)]
    fn sext(self) -> u64 {
        self as i8 as u64
    }
    #[inline(always)]
    fn from_u64(value: u64) -> Self {
        value as Self
    }
    #[inline(always)]
    fn write_reg(self, file: &mut [u64; 32], n: u8) {
        let shift = (n & 16) >> 1;
        let reg = &mut file[n as usize & 15];
        *reg = *reg & !(0xff << shift) | u64::from(self) << shift;
    }
    #[inline(always)]
    fn read_reg(file: &[u64; 32], n: u8) -> Self {
        (file[n as usize & 15] >> ((n & 16) >> 1)) as Self
    }
}

macro_rules! word {
    ($($t:ty, $signed:ty, $keep:expr;)*) => { $(
        impl Word for $t {
            const BITS: u32 = <$t>::BITS;
            #[inline(always)]
            fn zext(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn sext(self) -> u64 {
                self as $signed as u64
            }
            #[inline(always)]
            fn from_u64(value: u64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn write_reg(self, file: &mut [u64; 32], n: u8) {
                let reg = &mut file[n as usize & 15];
                *reg = *reg & $keep | self as u64;
            }
            #[inline(always)]
            fn read_reg(file: &[u64; 32], n: u8) -> Self {
                file[n as usize & 15] as Self
            }
        }
    )* };
}

word! {
    u16, i16, !0xffff;
    u32, i32, 0;
    u64, i64, 0;
}
