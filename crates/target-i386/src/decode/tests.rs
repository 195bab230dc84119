//! Decoding one by one: lengths, limits, gates.

use super::*;

fn context(bits: u32) -> Context {
    Context {
        bits,
        real_like: false,
        features: Features::all(),
    }
}

#[test]
fn incomplete_then_complete() {
    let bytes = [0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8];
    for have in 0..bytes.len() {
        assert!(
            matches!(decode(&bytes[..have], context(64)), Decoded::Incomplete),
            "{have}"
        );
    }
    assert!(matches!(decode(&bytes, context(64)), Decoded::Insn(insn) if insn.len == 10));
}

#[test]
fn fifteen_bytes_and_more() {
    let mut bytes = [0x66; 16];
    bytes[14] = 0x90;
    assert!(
        matches!(decode(&bytes, context(32)), Decoded::Insn(insn) if insn.len == 15 && insn.exec as usize != raise_gp as Handler as usize)
    );
    bytes[14] = 0x66;
    bytes[15] = 0x90;
    assert!(
        matches!(decode(&bytes, context(32)), Decoded::Insn(insn) if insn.exec as usize == raise_gp as Handler as usize)
    );
}

#[test]
fn gates() {
    // TZCNT without BMI1 is BSF; POPCNT without its bit is undefined.
    let without = Context {
        features: Features::all().difference(Features::BMI1 | Features::POPCNT),
        ..context(64)
    };
    let tzcnt = [0xf3, 0x0f, 0xbc, 0xc1];
    assert!(
        matches!(decode(&tzcnt, without), Decoded::Insn(insn) if insn.code == iced_x86::Code::Bsf_r32_rm32)
    );
    assert!(
        matches!(decode(&tzcnt, context(64)), Decoded::Insn(insn) if insn.code == iced_x86::Code::Tzcnt_r32_rm32)
    );
    let popcnt = [0xf3, 0x0f, 0xb8, 0xc1];
    assert!(
        matches!(decode(&popcnt, without), Decoded::Insn(insn) if insn.exec as usize == raise_ud as Handler as usize)
    );
    // VEX in real mode.
    let andn = [0xc4, 0xe2, 0x70, 0xf2, 0xc2];
    let real = Context {
        bits: 16,
        real_like: true,
        features: Features::all(),
    };
    assert!(
        !matches!(decode(&andn, real), Decoded::Insn(insn) if insn.code == iced_x86::Code::VEX_Andn_r32_r32_rm32)
    );
}
