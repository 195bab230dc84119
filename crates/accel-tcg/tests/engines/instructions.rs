//! Random instructions, mostly those that generated code is made for.

use host_oracle::Rng;
use iced_x86::{Decoder, FlowControl, Instruction, Mnemonic, OpKind, Register};
use target_i386::{Features, decode};

/// Opcodes of the one-byte map with templates, and how often each comes up.
const FREQUENT: &[(u8, u8, u64)] = &[
    (0x00, 0x3f, 40),
    (0x40, 0x5f, 14),
    (0x63, 0x63, 2),
    (0x68, 0x6b, 4),
    (0x80, 0x8b, 30),
    (0x8d, 0x8d, 4),
    (0x8f, 0x9f, 10),
    (0xa0, 0xa3, 3),
    (0xa4, 0xaf, 8),
    (0xb0, 0xbf, 8),
    (0xc0, 0xc1, 8),
    (0xc6, 0xc9, 5),
    (0xd0, 0xd3, 8),
    (0xd7, 0xdf, 6),
    (0xf5, 0xf9, 10),
    (0xfc, 0xff, 8),
];

/// The same of the map behind 0F.
const FREQUENT_0F: &[(u8, u8, u64)] = &[
    (0x0d, 0x0d, 1),
    (0x10, 0x1f, 8),
    (0x28, 0x2f, 6),
    (0x40, 0x4f, 12),
    (0x50, 0x7f, 20),
    (0x90, 0x9f, 10),
    (0xa2, 0xaf, 16),
    (0xb0, 0xbf, 24),
    (0xc0, 0xc8, 10),
    (0xc8, 0xcf, 6),
    (0xd0, 0xff, 12),
    (0x00, 0xff, 4),
];

fn weighted(table: &[(u8, u8, u64)], rng: &mut Rng) -> u8 {
    let total: u64 = table.iter().map(|row| row.2).sum();
    let mut at = rng.below(total);
    for &(first, last, weight) in table {
        if at < weight {
            return first + rng.below(u64::from(last - first) + 1) as u8;
        }
        at -= weight;
    }
    0x90
}

/// Bytes that may be an instruction and are long enough for any.
fn bytes(bits: u32, rng: &mut Rng) -> Vec<u8> {
    let mut code = Vec::new();
    if rng.one_in(5) {
        code.push(0x66);
    }
    if rng.one_in(if bits == 16 { 4 } else { 16 }) {
        code.push(0x67);
    }
    if rng.one_in(16) {
        code.push(rng.pick(&[0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]));
    }
    if rng.one_in(9) {
        code.push(rng.pick(&[0xf0, 0xf0, 0xf2, 0xf3, 0xf3]));
    }
    let rex = rng.below(16) as u8;
    if rng.one_in(25) {
        let vvvv = if bits == 64 {
            rng.below(16)
        } else {
            8 | rng.below(8)
        } as u8;
        let rxb = if bits == 64 {
            (rng.below(8) as u8) << 5
        } else {
            0xe0
        };
        let map = 1 + rng.below(3) as u8;
        code.clear();
        code.extend([0xc4, rxb | map, (rex & 8) << 4 | vvvv << 3 | rng.below(8) as u8]);
        code.push(rng.bits() as u8);
    } else {
        if bits == 64 && !rng.one_in(3) {
            code.push(0x40 | rex);
        }
        match rng.below(40) {
            0 => code.extend([0x0f, 0x38, rng.bits() as u8]),
            1 => code.extend([0x0f, 0x3a, rng.bits() as u8]),
            2..14 => code.extend([0x0f, weighted(FREQUENT_0F, rng)]),
            _ => code.push(weighted(FREQUENT, rng)),
        }
    }
    let modrm = rng.bits() as u8;
    let modrm = match rng.below(5) {
        0 | 1 => modrm | 0xc0,
        // Memory with a 32-bit displacement, which can be aimed.
        2 => modrm & 0x3f | 0x80,
        3 => modrm & 0x38 | 5,
        _ => modrm,
    };
    code.push(modrm);
    while code.len() < 20 {
        let byte = rng.bits() as u8;
        code.push(if rng.one_in(3) { byte & 0x1f } else { byte });
    }
    code
}

/// A decoded instruction and its bytes.
#[derive(Clone)]
pub struct Candidate {
    pub bytes: Vec<u8>,
    pub raw: Instruction,
    /// Its last byte is an immediate's.
    pub immediate: bool,
}

/// Decodes as the CPU under test does.
pub fn decoded(bytes: &[u8], bits: u32, ip: u64) -> Instruction {
    Decoder::with_ip(bits, bytes, ip, decode::options(Features::all())).decode()
}

/// Whether a program may hold it anywhere: goes on behind itself, and leaves the world as it is.
fn is_harmless(raw: &Instruction) -> bool {
    let to_segment = (0..raw.op_count()).any(|op| {
        let register = raw.op_register(op);
        raw.op_kind(op) == OpKind::Register
            && (register.is_cr() || register.is_dr() || register.is_tr() || register.is_segment_register())
    });
    !raw.is_invalid()
        && matches!(raw.flow_control(), FlowControl::Next | FlowControl::Exception)
        && !to_segment
        && !matches!(
            raw.mnemonic(),
            Mnemonic::Hlt
                | Mnemonic::In
                | Mnemonic::Out
                | Mnemonic::Insb
                | Mnemonic::Insw
                | Mnemonic::Insd
                | Mnemonic::Outsb
                | Mnemonic::Outsw
                | Mnemonic::Outsd
                | Mnemonic::Lgdt
                | Mnemonic::Lidt
                | Mnemonic::Lldt
                | Mnemonic::Ltr
                | Mnemonic::Lmsw
                | Mnemonic::Lds
                | Mnemonic::Les
                | Mnemonic::Lss
                | Mnemonic::Lfs
                | Mnemonic::Lgs
                | Mnemonic::Wrmsr
                | Mnemonic::Rdmsr
                | Mnemonic::Wrfsbase
                | Mnemonic::Wrgsbase
                | Mnemonic::Swapgs
                | Mnemonic::Xsetbv
                | Mnemonic::Monitor
                | Mnemonic::Mwait
        )
}

/// A harmless instruction at `ip`. Its memory operand, if it can be moved by a 32-bit displacement, is moved to
/// `target`, given the registers' present values.
pub fn candidate(
    bits: u32,
    ip: u64,
    target: u64,
    value: impl Fn(Register) -> Option<u64>,
    rng: &mut Rng,
) -> Candidate {
    loop {
        let mut code = bytes(bits, rng);
        let mut decoder = Decoder::with_ip(bits, &code, ip, decode::options(Features::all()));
        let mut raw = decoder.decode();
        if !is_harmless(&raw) {
            continue;
        }
        let at = decoder.get_constant_offsets(&raw);
        code.truncate(raw.len());
        if at.has_displacement() && at.displacement_size() > 1 {
            let of = |register: Register| {
                if register == Register::None || register.is_ip() {
                    Some(0)
                } else {
                    value(register)
                }
            };
            if let (Some(base), Some(index)) = (of(raw.memory_base()), of(raw.memory_index())) {
                let from = if raw.is_ip_rel_memory_operand() {
                    ip + raw.len() as u64
                } else {
                    base.wrapping_add(index.wrapping_mul(u64::from(raw.memory_index_scale())))
                };
                let bytes = target.wrapping_sub(from).to_le_bytes();
                let start = at.displacement_offset();
                let len = at.displacement_size();
                code[start..start + len].copy_from_slice(&bytes[..len]);
                raw = decoded(&code, bits, ip);
            }
        }
        return Candidate {
            bytes: code,
            raw,
            immediate: at.has_immediate(),
        };
    }
}
