//! Packs x87, SSE and AVX state into the standard XSAVE format and back.
//!
//! SDM Vol. 1, 13.4: 512 bytes of FXSAVE image, a 64-byte header whose first quadword says which
//! components are present, then the upper YMM halves at the offset CPUID leaf 0Dh gives.

use crate::state::State;
use std::arch::x86_64::__cpuid_count;

/// Largest image this crate accepts; AVX-512 and AMX hosts stay well below with this margin.
pub(crate) const MAX_LEN: usize = 16 * 1024;
const HEADER: usize = 512;

/// Where the host keeps the upper YMM halves, if it has AVX.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    ymm_high: Option<usize>,
}

impl Format {
    /// Asks CPUID.
    pub(crate) fn host() -> Self {
        let ymm_high = std::is_x86_feature_detected!("avx").then(|| __cpuid_count(0xd, 2).ebx as usize);
        Format { ymm_high }
    }

    /// Writes the register state into `image`, leaving other components as they are.
    pub(crate) fn pack(self, state: &State, image: &mut [u8]) {
        let x87 = &state.x87;
        put(image, 0, &x87.fcw.to_le_bytes());
        put(image, 2, &x87.fsw.to_le_bytes());
        put(image, 4, &[x87.ftw, 0]);
        put(image, 6, &x87.fop.to_le_bytes());
        put(image, 8, &x87.fip.to_le_bytes());
        put(image, 16, &x87.fdp.to_le_bytes());
        put(image, 24, &state.mxcsr.to_le_bytes());
        for (i, st) in x87.st.iter().enumerate() {
            put(image, 32 + 16 * i, st);
            put(image, 42 + 16 * i, &[0; 6]);
        }
        for (i, ymm) in state.ymm.iter().enumerate() {
            put(image, 160 + 16 * i, &ymm[0].to_le_bytes());
            put(image, 168 + 16 * i, &ymm[1].to_le_bytes());
            if let Some(high) = self.ymm_high {
                put(image, high + 16 * i, &ymm[2].to_le_bytes());
                put(image, high + 16 * i + 8, &ymm[3].to_le_bytes());
            }
        }
        let present = if self.ymm_high.is_some() { 7 } else { 3 };
        image[HEADER] |= present;
    }

    /// Reads the register state out of `image`.
    pub(crate) fn unpack(self, image: &[u8], state: &mut State) {
        let x87 = &mut state.x87;
        x87.fcw = u16_at(image, 0);
        x87.fsw = u16_at(image, 2);
        x87.ftw = image[4];
        x87.fop = u16_at(image, 6);
        x87.fip = u64_at(image, 8);
        x87.fdp = u64_at(image, 16);
        state.mxcsr = u32::from(u16_at(image, 24)) | u32::from(u16_at(image, 26)) << 16;
        for (i, st) in x87.st.iter_mut().enumerate() {
            st.copy_from_slice(&image[32 + 16 * i..][..10]);
        }
        for (i, ymm) in state.ymm.iter_mut().enumerate() {
            ymm[0] = u64_at(image, 160 + 16 * i);
            ymm[1] = u64_at(image, 168 + 16 * i);
            let high = self.ymm_high.map(|high| high + 16 * i);
            ymm[2] = high.map_or(0, |high| u64_at(image, high));
            ymm[3] = high.map_or(0, |high| u64_at(image, high + 8));
        }
    }
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

fn u16_at(image: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([image[at], image[at + 1]])
}

fn u64_at(image: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| image[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_and_unpack_are_inverse() {
        let mut before = State::new();
        for (i, ymm) in before.ymm.iter_mut().enumerate() {
            *ymm = [i as u64 + 1, !(i as u64), 0x1234_0000 + i as u64, u64::MAX << i];
        }
        before.x87.st[3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        before.x87.fsw = 0x3800;
        before.x87.ftw = 0x81;
        let format = Format { ymm_high: Some(576) };
        let mut image = vec![0; 1024];
        format.pack(&before, &mut image);
        let mut after = State::new();
        format.unpack(&image, &mut after);
        assert_eq!(before, after);
        assert_eq!(image[HEADER], 7);
    }
}
