//! All encodings of SIMD instructions, found by asking the decoder about every opcode of every map.

use host_oracle::Rng;
use iced_x86::{CpuidFeature, Instruction, Mnemonic};
use target_i386::simd;

/// The opcode part of an instruction, to which ModRM and the rest are added.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// 0 none, 1 66, 2 F3, 3 F2 (also VEX.pp).
    prefix: u8,
    /// 1 0F, 2 0F38, 3 0F3A.
    map: u8,
    opcode: u8,
    wide: bool,
    vex: bool,
    vex_l: bool,
    /// Memory operand instead of a register.
    memory: bool,
    /// ModRM.reg where it is part of the opcode.
    group: Option<u8>,
    mnemonic: Mnemonic,
}

impl Encoding {
    /// Every encoding that `simd::lookup` knows.
    pub fn all() -> Vec<Encoding> {
        let mut found = Vec::new();
        for index in 0..1u32 << 16 {
            let bit = |n: u32| index >> n & 1 != 0;
            let mut encoding = Encoding {
                opcode: index as u8,
                prefix: (index >> 8 & 3) as u8,
                map: (index >> 10 & 3) as u8,
                wide: bit(12),
                vex: bit(13),
                vex_l: bit(14),
                memory: bit(15),
                group: None,
                mnemonic: Mnemonic::INVALID,
            };
            // 0F 38 and 0F 3A lead to the other maps.
            let escape = encoding.map == 1 && !encoding.vex && matches!(encoding.opcode, 0x38 | 0x3a);
            if encoding.map == 0 || escape || encoding.vex_l && !encoding.vex {
                continue;
            }
            let groups: Vec<_> = if is_group(encoding.map, encoding.opcode) {
                (0..8).map(Some).collect()
            } else {
                vec![None]
            };
            for group in groups {
                encoding.group = group;
                let insn = encoding.sample();
                if !insn.is_invalid() && simd::lookup(&insn).is_some() {
                    encoding.mnemonic = insn.mnemonic();
                    found.push(encoding);
                }
            }
        }
        found
    }

    pub fn mnemonic(&self) -> Mnemonic {
        self.mnemonic
    }

    pub fn is_memory(&self) -> bool {
        self.memory
    }

    /// Some instance of the encoding.
    fn sample(&self) -> Instruction {
        let mut rng = Rng::new(7);
        let mut insn = Instruction::default();
        // Some forms need particular registers (gathers: three different ones); try a few.
        for _ in 0..16 {
            let code = self.bytes(&mut rng, 64);
            insn = super::decoded(&code, 64);
            if !insn.is_invalid() {
                break;
            }
        }
        insn
    }

    /// The name of a feature the instruction needs and the host lacks.
    pub fn missing_on_host(&self) -> Option<String> {
        let host = host_oracle::features();
        let insn = self.sample();
        let missing = insn.cpuid_features().iter().find(|feature| !match feature {
            CpuidFeature::SSE3 => host.sse3,
            CpuidFeature::SSSE3 => host.ssse3,
            CpuidFeature::SSE4_1 => host.sse4_1,
            CpuidFeature::SSE4_2 => host.sse4_2,
            CpuidFeature::AES => host.aes,
            CpuidFeature::PCLMULQDQ => host.pclmulqdq,
            CpuidFeature::SHA => host.sha,
            CpuidFeature::F16C => host.f16c,
            CpuidFeature::AVX => host.avx,
            CpuidFeature::AVX2 => host.avx2,
            CpuidFeature::FMA => host.fma,
            CpuidFeature::VAES => std::is_x86_feature_detected!("vaes"),
            CpuidFeature::VPCLMULQDQ => std::is_x86_feature_detected!("vpclmulqdq"),
            _ => true,
        });
        missing.map(|feature| format!("{feature:?}"))
    }

    /// One instruction with this opcode: random registers, or a memory operand as `operands` expects it.
    pub fn bytes(&self, rng: &mut Rng, bits: u32) -> Vec<u8> {
        let mut code = Vec::new();
        // Eight registers in 32-bit code, sixteen in 64-bit code.
        let extra = if bits == 64 { 2 } else { 1 };
        let (r, x, b) = (
            rng.below(extra) as u8,
            rng.below(extra) as u8,
            rng.below(extra) as u8,
        );
        // Memory bases are RSI and RBX, so B stays clear; the index is RCX or a vector register.
        let b = if self.memory { 0 } else { b };
        let sib = rng.below(2) != 0;
        let vsib = self.is_vsib();
        let x = if self.memory && !vsib { 0 } else { x };
        if self.vex {
            let byte2 = (1 - r) << 7 | (1 - x) << 6 | (1 - b) << 5 | self.map;
            // Forms without a second register operand want all ones in vvvv.
            let vvvv = if self.has_vvvv() {
                15 - rng.below(8 * extra) as u8
            } else {
                15
            };
            let byte3 = u8::from(self.wide) << 7 | vvvv << 3 | u8::from(self.vex_l) << 2 | self.prefix;
            code.extend([0xc4, byte2, byte3]);
        } else {
            if self.prefix != 0 {
                code.push([0, 0x66, 0xf3, 0xf2][usize::from(self.prefix)]);
            }
            let rex = 0x40 | u8::from(self.wide) << 3 | r << 2 | x << 1 | b;
            if rex != 0x40 {
                code.push(rex);
            }
            code.push(0x0f);
            match self.map {
                2 => code.push(0x38),
                3 => code.push(0x3a),
                _ => {}
            }
        }
        code.push(self.opcode);
        let reg = self.group.unwrap_or_else(|| rng.below(8) as u8);
        if !self.memory {
            code.push(0xc0 | reg << 3 | rng.below(8) as u8);
        } else if sib || vsib {
            let index = if vsib { rng.below(8) as u8 } else { 1 };
            code.extend([
                0x44 | reg << 3,
                (rng.below(4) as u8) << 6 | index << 3 | 3,
                rng.below(256) as u8,
            ]);
        } else {
            code.extend([0x86 | reg << 3]);
            code.extend((rng.below(128) as u32).to_le_bytes());
        }
        // An immediate, or bytes that the decoder does not take.
        code.push(rng.bits() as u8);
        let insn = super::decoded(&code, bits);
        if !insn.is_invalid() {
            code.truncate(insn.len());
        }
        code
    }

    /// Gathers.
    pub fn is_vsib(&self) -> bool {
        self.vex && self.memory && self.map == 2 && (0x90..=0x93).contains(&self.opcode)
    }

    /// Whether VEX.vvvv names a register: tried out, since the decoder knows.
    fn has_vvvv(&self) -> bool {
        let code = |vvvv: u8| {
            let byte3 = u8::from(self.wide) << 7 | vvvv << 3 | u8::from(self.vex_l) << 2 | self.prefix;
            let reg = self.group.unwrap_or(0);
            let modrm: &[u8] = match (self.memory, self.is_vsib()) {
                (false, _) => &[0xc0 | reg << 3 | 5],
                (true, false) => &[0x06 | reg << 3],
                (true, true) => &[0x04 | reg << 3, 0x2b],
            };
            let code = [&[0xc4, 0xe0 | self.map, byte3, self.opcode], modrm, &[0]].concat();
            !super::decoded(&code, 64).is_invalid()
        };
        code(8)
    }
}

/// Opcodes where ModRM.reg selects the instruction.
fn is_group(map: u8, opcode: u8) -> bool {
    map == 1 && matches!(opcode, 0x0d | 0x18 | 0x71..=0x73 | 0xae)
}

impl Encoding {
    /// Of gathers: indexes of 32 bits rather than 64.
    pub fn mnemonic_has_dword_indexes(&self) -> bool {
        self.opcode & 1 == 0
    }

    /// Whether the bytes mean the same instruction there: no REX.W.
    pub fn exists_in_32_bit_code(&self) -> bool {
        if self.wide && !self.vex {
            return false;
        }
        let insn = super::decoded(&self.bytes(&mut Rng::new(7), 32), 32);
        !insn.is_invalid() && insn.mnemonic() == self.mnemonic
    }
}
