//! The x87 state as the host's FNSAVE and FRSTOR have it, for generated code that runs x87 instructions natively.
//! SDM vol. 1, 8.1.10 (the 32-bit protected-mode layout, which 64-bit mode uses too).

use super::control::set_control_bits;
use crate::state::{Float80, Fpu};

/// Words of the image.
pub(crate) const WORDS: usize = 27;
const REGISTERS: usize = 28;

/// What FRSTOR is to load. Pointers are zero: the guest's are kept elsewhere.
pub(crate) fn image(fpu: &Fpu) -> [u32; WORDS] {
    let mut bytes = [0; 4 * WORDS];
    bytes[0..2].copy_from_slice(&fpu.control.to_le_bytes());
    bytes[4..6].copy_from_slice(&fpu.status_word().to_le_bytes());
    let tags = (0..8).fold(0u16, |word, i| {
        word | (u16::from(fpu.empty >> i & 1) * 3) << (2 * i)
    });
    bytes[8..10].copy_from_slice(&tags.to_le_bytes());
    for i in 0..8 {
        let register = fpu.st[usize::from(fpu.top.wrapping_add(i) & 7)];
        let at = REGISTERS + 10 * usize::from(i);
        bytes[at..at + 8].copy_from_slice(&register.significand.to_le_bytes());
        bytes[at + 8..at + 10].copy_from_slice(&register.sign_exponent.to_le_bytes());
    }
    std::array::from_fn(|i| u32::from_le_bytes(std::array::from_fn(|j| bytes[4 * i + j])))
}

/// Takes over what FNSAVE stored, but for the pointers.
pub(crate) fn take(fpu: &mut Fpu, image: &[u32; WORDS]) {
    let mut bytes = [0; 4 * WORDS];
    for (to, word) in bytes.chunks_exact_mut(4).zip(image) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    fpu.control = set_control_bits(word(0));
    fpu.set_status_word(word(4));
    fpu.set_tag_word(word(8));
    for i in 0..8 {
        let at = REGISTERS + 10 * i;
        fpu.st[(usize::from(fpu.top) + i) & 7] = Float80 {
            significand: u64::from_le_bytes(std::array::from_fn(|j| bytes[at + j])),
            sign_exponent: word(at + 8),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut fpu = Fpu {
            top: 5,
            control: 0x27f,
            status: 0x4123,
            empty: 0b1010_0110,
            ..Fpu::default()
        };
        for (i, register) in fpu.st.iter_mut().enumerate() {
            register.significand = 0x8123_4567_89ab_cdef + i as u64;
            register.sign_exponent = 0x3f00 + i as u16;
        }
        let mut other = Fpu::default();
        take(&mut other, &image(&fpu));
        assert_eq!(other, fpu);
    }
}
