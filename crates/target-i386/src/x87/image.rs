//! The x87 part of the FXSAVE and XSAVE images: bytes 0–23 and 32–159 (SDM vol. 1, 10.5.1 and 13.5.1).

use super::control::set_control;
use super::status::ES;
use crate::{Features, Vcpu};
use softfloat::F80;

/// Length of [`store`]'s image. Bytes 24–31 (MXCSR and its mask) are left zero.
pub const LEN: usize = 160;

/// The image; `wide` (REX.W) has 64-bit pointers in place of 32-bit ones with selectors.
///
/// CPUs that announce XSAVEERPTR (AMD's) store the pointers only while an exception is pending, and
/// zeros otherwise.
pub fn store(cpu: &Vcpu, wide: bool) -> [u8; LEN] {
    let fpu = &cpu.state.fpu;
    let mut image = [0; LEN];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &fpu.control.to_le_bytes());
    put(2, &fpu.status_word().to_le_bytes());
    put(4, &[!fpu.empty]);
    if !cpu.has(Features::XSAVEERPTR) || fpu.status & ES != 0 {
        put(6, &(fpu.opcode & 0x7ff).to_le_bytes());
        if wide {
            put(8, &fpu.ip.to_le_bytes());
            put(16, &fpu.dp.to_le_bytes());
        } else {
            put(8, &(fpu.ip as u32).to_le_bytes());
            put(12, &fpu.cs.to_le_bytes());
            put(16, &(fpu.dp as u32).to_le_bytes());
            put(20, &fpu.ds.to_le_bytes());
        }
    }
    for i in 0..8 {
        put(32 + 16 * usize::from(i), &fpu.get(i).to_bytes());
    }
    image
}

/// Loads what [`store`] laid out; bytes 24–31 are ignored.
pub fn load(cpu: &mut Vcpu, image: &[u8; LEN], wide: bool) {
    let word = |at: usize| u16::from_le_bytes([image[at], image[at + 1]]);
    let dword = |at: usize| u64::from(word(at)) | u64::from(word(at + 2)) << 16;
    let fpu = &mut cpu.state.fpu;
    fpu.set_status_word(word(2));
    fpu.empty = !image[4];
    fpu.opcode = word(6) & 0x7ff;
    if wide {
        fpu.ip = canonical(dword(8) | dword(12) << 32);
        fpu.dp = canonical(dword(16) | dword(20) << 32);
    } else {
        (fpu.ip, fpu.cs) = (dword(8), word(12));
        (fpu.dp, fpu.ds) = (dword(16), word(20));
    }
    for (i, slot) in image[32..].chunks_exact(16).enumerate() {
        let physical = (usize::from(fpu.top) + i) & 7;
        let (bytes, _) = slot.split_at(10);
        fpu.st[physical] = F80::from_bytes(bytes.try_into().unwrap_or_default()).into();
    }
    set_control(cpu, word(0));
}

/// 48 bits, sign-extended: what the pointer registers hold.
fn canonical(pointer: u64) -> u64 {
    ((pointer << 16) as i64 >> 16) as u64
}
