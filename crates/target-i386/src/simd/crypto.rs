//! AES round instructions, carry-less multiplication, CRC-32C. SDM vol. 1, 5.16 and 12.13; FIPS 197.

use super::access::*;
use super::lane::{Element, Lane, build};
use super::table::rows;
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{HIGH_BYTE, Handler, Insn};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    if insn.mnemonic() == Mnemonic::Crc32 {
        return Some(crc32_handler(insn));
    }
    rows! { insn;
        binary: Aesenc          | Vaesenc          => |state, key| mix_columns(sub_bytes(shift_rows(state), &SBOX)) ^ key;
        binary: Aesenclast      | Vaesenclast      => |state, key| sub_bytes(shift_rows(state), &SBOX) ^ key;
        binary: Aesdec          | Vaesdec          => |state, key| unmix_columns(sub_bytes(unshift_rows(state), &INVERSE_SBOX)) ^ key;
        binary: Aesdeclast      | Vaesdeclast      => |state, key| sub_bytes(unshift_rows(state), &INVERSE_SBOX) ^ key;
        unary:  Aesimc          | Vaesimc          => |a, _| unmix_columns(a);
        unary:  Aeskeygenassist | Vaeskeygenassist => key_assist;
        binary_imm: Pclmulqdq   | Vpclmulqdq       => |a, b, imm, _| carryless(half(a, imm & 1), half(b, imm >> 4 & 1));
    }
}

/// Doubling in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
const fn double(x: u8) -> u8 {
    x << 1 ^ if x & 0x80 != 0 { 0x1b } else { 0 }
}

/// The AES substitution: inverse in GF(2^8), then an affine map (FIPS 197, 5.1.1). Walks the field by a generator
/// (3) and its inverse at once.
const SBOX: [u8; 256] = {
    let mut sbox = [0; 256];
    let (mut p, mut q) = (1u8, 1u8);
    loop {
        p ^= double(p);
        q ^= q << 1;
        q ^= q << 2;
        q ^= q << 4;
        if q & 0x80 != 0 {
            q ^= 9;
        }
        let affine = q ^ q.rotate_left(1) ^ q.rotate_left(2) ^ q.rotate_left(3) ^ q.rotate_left(4);
        sbox[p as usize] = affine ^ 0x63;
        if p == 1 {
            break;
        }
    }
    sbox[0] = 0x63;
    sbox
};

const INVERSE_SBOX: [u8; 256] = {
    let mut inverse = [0; 256];
    let mut i = 0;
    while i < 256 {
        inverse[SBOX[i] as usize] = i as u8;
        i += 1;
    }
    inverse
};

fn sub_bytes(state: Lane, sbox: &[u8; 256]) -> Lane {
    Lane::from_le_bytes(state.to_le_bytes().map(|byte| sbox[usize::from(byte)]))
}

/// Byte 4c + r is row r of column c; row r moves r columns left.
fn shift_rows(state: Lane) -> Lane {
    let bytes = state.to_le_bytes();
    build(|i| bytes[(i + i % 4 * 4) % 16])
}

fn unshift_rows(state: Lane) -> Lane {
    let bytes = state.to_le_bytes();
    build(|i| bytes[(i + 16 - i % 4 * 4) % 16])
}

fn mix_columns(state: Lane) -> Lane {
    let bytes = state.to_le_bytes();
    build(|i| {
        let at = |row: usize| bytes[i / 4 * 4 + (i + row) % 4];
        double(at(0)) ^ double(at(1)) ^ at(1) ^ at(2) ^ at(3)
    })
}

fn unmix_columns(state: Lane) -> Lane {
    let bytes = state.to_le_bytes();
    let product = |x: u8, factor: u8| {
        let (x2, x4, x8) = (double(x), double(double(x)), double(double(double(x))));
        (if factor & 1 != 0 { x } else { 0 })
            ^ (if factor & 2 != 0 { x2 } else { 0 })
            ^ (if factor & 4 != 0 { x4 } else { 0 })
            ^ x8
    };
    build(|i| {
        let at = |row: usize| bytes[i / 4 * 4 + (i + row) % 4];
        product(at(0), 14) ^ product(at(1), 11) ^ product(at(2), 13) ^ product(at(3), 9)
    })
}

/// AESKEYGENASSIST: substituted words 1 and 3, each also rotated and with the round constant.
fn key_assist(a: Lane, round_constant: u8) -> Lane {
    let words = u32::split(a);
    let substitute = |word: u32| u32::from_le_bytes(word.to_le_bytes().map(|byte| SBOX[usize::from(byte)]));
    let (x1, x3) = (substitute(words[1]), substitute(words[3]));
    let schedule = |word: u32| word.rotate_right(8) ^ u32::from(round_constant);
    u32::join([x1, schedule(x1), x3, schedule(x3)])
}

fn half(lane: Lane, which: u8) -> u64 {
    (lane >> (64 * u32::from(which))) as u64
}

/// PCLMULQDQ: product of polynomials over GF(2).
fn carryless(a: u64, b: u64) -> Lane {
    (0..64)
        .filter(|i| b >> i & 1 != 0)
        .fold(0, |product, i| product ^ Lane::from(a) << i)
}

/// CRC-32C (polynomial 11EDC6F41h, bits reflected) by bytes.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 != 0 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

fn crc32_handler(insn: &Instruction) -> Handler {
    let bytes = match insn.op1_kind() {
        OpKind::Memory => insn.memory_size().size(),
        _ => insn.op1_register().size(),
    };
    debug_assert!(insn.op1_register() != Register::None || insn.op1_kind() == OpKind::Memory);
    match bytes {
        1 => crc32::<1>,
        2 => crc32::<2>,
        4 => crc32::<4>,
        _ => crc32::<8>,
    }
}

/// CRC32: needs no vector state. The destination's upper half becomes zero with either operand size.
fn crc32<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let source = if insn.has_mem() {
        load(cpu, insn, BYTES)? as u64
    } else if BYTES == 1 && insn.reg[1] >= HIGH_BYTE {
        gpr(cpu, insn.reg[1] - HIGH_BYTE, true) >> 8
    } else {
        gpr(cpu, insn.reg[1], true)
    };
    let mut crc = gpr(cpu, insn.reg[0], false) as u32;
    for byte in &source.to_le_bytes()[..BYTES] {
        crc = CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8;
    }
    set_gpr(cpu, insn.reg[0], crc.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // FIPS 197, figure 7.
        assert_eq!(
            (SBOX[0x00], SBOX[0x01], SBOX[0x53], SBOX[0xff]),
            (0x63, 0x7c, 0xed, 0x16)
        );
        assert_eq!(INVERSE_SBOX[0xed], 0x53);
        let state: Lane = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210;
        assert_eq!(unmix_columns(mix_columns(state)), state);
        assert_eq!(unshift_rows(shift_rows(state)), state);
        assert_eq!(carryless(3, 3), 5);
        let crc = b"123456789".iter().fold(!0u32, |crc, byte| {
            CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8
        });
        assert_eq!(!crc, 0xe306_9283);
    }
}
