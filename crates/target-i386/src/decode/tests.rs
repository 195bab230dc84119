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

/// Every encoding that iced decodes and the gate lets through has a handler: nothing is #UD by omission.
#[test]
fn every_allowed_instruction_has_a_handler() {
    let mut missing = std::collections::BTreeSet::new();
    let prefixes: [&[u8]; 8] = [
        &[],
        &[0x66],
        &[0xf3],
        &[0xf2],
        &[0x67],
        &[0x66, 0xf3],
        &[0x66, 0xf2],
        &[0xf3, 0x67],
    ];
    let maps: [&[u8]; 4] = [&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
    for bits in [16, 32, 64] {
        for index in 0..(prefixes.len() * maps.len() * 2 * 256 * 256) {
            let (modrm, rest) = (index as u8, index >> 8);
            let (opcode, rest) = (rest as u8, rest >> 8);
            let (wide, rest) = (rest & 1 != 0, rest >> 1);
            let (map, prefix) = (maps[rest & 3], prefixes[rest >> 2]);
            // Registers do not matter but by ModRM.reg and mod; displacements not at all.
            if modrm & 7 != 0 && modrm & 0xc0 != 0xc0 || wide && bits != 64 {
                continue;
            }
            let mut bytes = prefix.to_vec();
            if wide {
                bytes.push(0x48);
            }
            bytes.extend(map);
            bytes.extend([opcode, modrm]);
            bytes.resize(15, 1);
            check(&bytes, bits, &mut missing);
        }
        for index in 0..4 * 3 * 2 * 2 * 256 * 64 {
            let (modrm, rest) = (index & 63, index >> 6);
            let (opcode, rest) = (rest & 255, rest >> 8);
            let (pp, rest) = (rest & 3, rest >> 2);
            let (l, w, map) = (rest & 1, rest >> 1 & 1, (rest >> 2) + 1);
            let modrm = modrm & 7 | (modrm & 0x38) | if opcode & 1 == 0 { 0xc0 } else { 0 };
            for vvvv in [0xf, 0x4] {
                let byte2 = 0xe0 | map as u8;
                let byte3 = (w << 7 | vvvv << 3 | l << 2 | pp) as u8;
                for modrm in [modrm as u8, modrm as u8 ^ 0xc0] {
                    let mut bytes = vec![0xc4, byte2, byte3, opcode as u8, modrm];
                    bytes.resize(15, 1);
                    check(&bytes, bits, &mut missing);
                }
            }
        }
    }
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    assert!(
        missing.is_empty(),
        "{} without a handler: {}",
        missing.len(),
        missing.join(" ")
    );
}

fn check(bytes: &[u8], bits: u32, missing: &mut std::collections::BTreeSet<String>) {
    // No CPU model announces these.
    let absent = Features::ADX | Features::CLZERO | Features::MONITOR | Features::SSE4A;
    let implemented = Features::all().difference(absent);
    let mut decoder = Decoder::with_ip(bits, bytes, 0, options(implemented));
    let raw = decoder.decode();
    if raw.is_invalid() {
        return;
    }
    let found = lookup_handler(&raw);
    let allowed = gate::needed(&raw).is_some_and(|needed| implemented.contains(needed));
    if allowed && found.is_none() {
        missing.insert(format!("{:?}", raw.code()));
    }
    // What was found for another instruction of this form holds for this one.
    if let (Some(facts), Some((handler, ..))) = (facts::of(&raw), found) {
        assert!(std::ptr::fn_addr_eq(facts.handler, handler), "{bytes:02x?}");
    }
}
