//! Random vector, x87 and bit-manipulation programs in the interpreter and in generated code: all state must be equal.
//!
//! Instructions are random points of the opcode maps, legacy and VEX, kept if they are of the families in question;
//! between them stand readers of flags, branches to the next instruction and changes of MXCSR.
#![cfg(target_arch = "x86_64")]

use accel_tcg::baseline::Baseline;
use iced_x86::{
    Code, CpuidFeature, Decoder, DecoderOptions, EncodingKind, Instruction, Mnemonic, OpKind, Register,
};
use target_i386::state::{Activity, Fpu};
use target_i386::testbench::{Mode, TestBench};

/// Operands of programs; three pages, so that accesses cross.
const DATA: u64 = 0x2_0000;
const DATA_BYTES: usize = 512;
/// The first program; each has its own place, so that none is ever overwritten.
const CODE: u64 = 0x10_0000;
const CODE_STEP: u64 = 0x400;
const INSNS: usize = 24;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A quadword that is interesting as a pair of singles, as a double, or as integers.
    fn quad(&mut self) -> u64 {
        const DOUBLES: [u64; 12] = [
            0,
            1 << 63,
            0x3ff0_0000_0000_0000,
            0xbff0_0000_0000_0001,
            0x7ff0_0000_0000_0000,
            0x7ff8_0000_0000_1234,
            0x7ff0_0000_0000_5678,
            0xfff8_0000_0000_0000,
            0x0000_0000_0000_0001,
            0x000f_ffff_ffff_ffff,
            0x0010_0000_0000_0000,
            0x7fef_ffff_ffff_ffff,
        ];
        const SINGLES: [u32; 12] = [
            0,
            1 << 31,
            0x3f80_0000,
            0xc020_0001,
            0x7f80_0000,
            0x7fc0_1234,
            0x7f80_5678,
            0xffc0_0000,
            1,
            0x007f_ffff,
            0x0080_0000,
            0x7f7f_ffff,
        ];
        match self.below(6) {
            0 => self.pick(&DOUBLES),
            1 | 2 => u64::from(self.pick(&SINGLES)) << 32 | u64::from(self.pick(&SINGLES)),
            // Of moderate size, so that arithmetic rounds.
            3 => (0x3fe0_0000_0000_0000 + self.below(1 << 54)) | (self.next() << 63),
            4 => {
                let single = |rng: &mut Self| 0x3f00_0000 + rng.below(1 << 25);
                single(self) << 32 | single(self)
            }
            _ => self.next(),
        }
    }

    fn control(&mut self) -> u16 {
        let masks = if self.below(12) == 0 {
            self.below(64) as u16
        } else {
            63
        };
        masks | 0x40 | self.pick(&[0x300, 0x300, 0x200, 0]) | self.pick(&[0, 0, 0x400, 0x800, 0xc00])
    }

    fn mxcsr(&mut self) -> u32 {
        let masks = if self.below(12) == 0 {
            self.below(64) as u32
        } else {
            63
        };
        let direction_and_ftz = self.pick(&[0, 0, 1, 2, 3, 4, 7]);
        direction_and_ftz << 13 | masks << 7 | self.pick(&[0, 0, 0x40]) | self.pick(&[0, 0, 0x21])
    }
}

/// Which random instructions are kept.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Vector,
    Bits,
    /// x87 and MMX.
    Stack,
}

fn wanted(insn: &Instruction, family: Family) -> bool {
    use CpuidFeature as F;
    use Mnemonic as M;
    let registers = || (0..insn.op_count()).filter(|&op| insn.op_kind(op) == OpKind::Register);
    let vector = registers().any(|op| insn.op_register(op).is_vector_register());
    let encoding = insn.code().encoding();
    // Those that memory is addressed with stay what they are.
    let kept = [Register::RBX, Register::RSI, Register::RSP, Register::R13];
    let writes_kept = (0..insn.op_count().min(2)).any(|op| {
        insn.op_kind(op) == OpKind::Register && kept.contains(&insn.op_register(op).full_register())
    });
    let of_family = match family {
        Family::Vector => vector || matches!(insn.mnemonic(), M::Vzeroupper | M::Vzeroall | M::Emms),
        Family::Stack => {
            registers().any(|op| insn.op_register(op).is_mm())
                || insn
                    .cpuid_features()
                    .iter()
                    .any(|f| matches!(f, F::FPU | F::FPU287 | F::FPU387))
                    && !matches!(insn.mnemonic(), M::Fldcw | M::Fldenv | M::Frstor)
        }
        Family::Bits => matches!(
            insn.mnemonic(),
            M::Andn
                | M::Bextr
                | M::Blsi
                | M::Blsmsk
                | M::Blsr
                | M::Bzhi
                | M::Mulx
                | M::Pdep
                | M::Pext
                | M::Rorx
                | M::Sarx
                | M::Shlx
                | M::Shrx
                | M::Tzcnt
                | M::Lzcnt
                | M::Bsf
                | M::Bsr
                | M::Popcnt
                | M::Movbe
                | M::Crc32
        ),
    };
    let features = |f: &CpuidFeature| {
        matches!(
            f,
            F::MMX
                | F::SSE
                | F::SSE2
                | F::SSE3
                | F::SSSE3
                | F::SSE4_1
                | F::SSE4_2
                | F::AES
                | F::PCLMULQDQ
                | F::SHA
                | F::AVX
                | F::AVX2
                | F::FMA
                | F::F16C
                | F::BMI1
                | F::BMI2
                | F::LZCNT
                | F::POPCNT
                | F::MOVBE
                | F::INTEL386
                | F::INTEL486
                | F::X64
        )
    };
    insn.code() != Code::INVALID
        && insn.cpuid_features().iter().all(features)
        && matches!(encoding, EncodingKind::Legacy | EncodingKind::VEX)
        && !insn.is_vsib()
        && !insn.is_ip_rel_memory_operand()
        && of_family
        && !writes_kept
}

/// One instruction of the family.
fn instruction(rng: &mut Rng, bits: u32, family: Family) -> Vec<u8> {
    loop {
        let mut bytes = Vec::new();
        let memory = rng.below(3) == 0;
        // [rbx + disp], [rsi + disp], [r13 + disp]
        let (base, base_high) = rng.pick(&[(3, 0), (6, 0), (5, u8::from(bits == 64))]);
        let base = if base == 5 && base_high == 0 { 3 } else { base };
        let (high_reg, high_rm) = if bits == 64 {
            (
                rng.below(2) as u8,
                if memory { base_high } else { rng.below(2) as u8 },
            )
        } else {
            (0, 0)
        };
        if family == Family::Stack && rng.below(4) != 0 {
            bytes.push(0xd8 + rng.below(8) as u8);
            let fields = rng.next() as u8 & 0x38;
            if memory {
                bytes.extend_from_slice(&[0x40 | fields | rng.pick(&[3, 6]), rng.below(96) as u8]);
            } else {
                bytes.push(0xc0 | fields | rng.below(8) as u8);
            }
            let insn = Decoder::new(bits, &bytes, DecoderOptions::NONE).decode();
            if wanted(&insn, family) && insn.len() == bytes.len() {
                return bytes;
            }
            continue;
        }
        let w = (rng.below(3) == 0) as u8;
        if rng.below(2) == 0 {
            bytes.extend_from_slice(rng.pick(&[&[][..], &[0x66], &[0xf3], &[0xf2], &[0x66, 0xf2]]));
            let rex = 0x40 | w << 3 | high_reg << 2 | high_rm;
            if bits == 64 && (rex != 0x40 || rng.below(4) == 0) {
                bytes.push(rex);
            }
            bytes.extend_from_slice(rng.pick(&[&[0x0f][..], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]]));
        } else {
            let map = rng.pick(&[1, 1, 2, 2, 3]);
            let vvvv = if rng.below(4) == 0 {
                15
            } else {
                rng.below(16) as u8
            };
            bytes.push(0xc4);
            bytes.push(((high_reg ^ 1) << 7) | 0x40 | ((high_rm ^ 1) << 5) | map);
            bytes.push(w << 7 | vvvv << 3 | (rng.below(2) as u8) << 2 | rng.below(4) as u8);
        }
        bytes.push(rng.next() as u8);
        let reg = rng.below(8) as u8;
        let displacement = if rng.below(8) == 0 {
            rng.below(96) as u8
        } else {
            rng.below(6) as u8 * 16
        };
        if memory {
            bytes.extend_from_slice(&[0x40 | reg << 3 | base, displacement]);
        } else {
            bytes.push(0xc0 | reg << 3 | rng.below(8) as u8);
        }
        bytes.push(rng.next() as u8);
        bytes.extend_from_slice(&[0; 4]);
        let insn = Decoder::new(bits, &bytes, DecoderOptions::NONE).decode();
        if wanted(&insn, family) {
            bytes.truncate(insn.len());
            return bytes;
        }
    }
}

/// A program and its listing.
fn program(rng: &mut Rng, bits: u32, family: Family) -> (Vec<u8>, usize) {
    let mut code = Vec::new();
    let count = 1 + rng.below(INSNS as u64) as usize;
    for _ in 0..count {
        match rng.below(24) {
            // setcc al/cl/dl, cmovcc eax, ecx
            0 => code.extend_from_slice(&[0x0f, 0x90 + rng.below(16) as u8, 0xc0 + rng.below(3) as u8]),
            1 => code.extend_from_slice(&[0x0f, 0x40 + rng.below(16) as u8, 0xc1]),
            // add eax, ecx; cmp edx, eax; adc ecx, edx
            2 => code.extend_from_slice(rng.pick(&[&[0x01, 0xc8], &[0x39, 0xc2], &[0x11, 0xd1]])),
            // jcc to the next instruction
            3 => code.extend_from_slice(&[0x70 + rng.below(16) as u8, 0]),
            // ldmxcsr [rsi + 60h], stmxcsr [rsi + 64h]
            4 => code.extend_from_slice(rng.pick(&[&[0x0f, 0xae, 0x56, 0x60], &[0x0f, 0xae, 0x5e, 0x64]])),
            // fldcw [rsi + 68h], a finishing load
            5 | 6 if family == Family::Stack => code.extend_from_slice(&[0xd9, 0x6e, 0x68]),
            _ => code.extend_from_slice(&instruction(rng, bits, family)),
        }
    }
    (code, count)
}

fn listing(code: &[u8], bits: u32) -> String {
    let mut text = String::new();
    let mut formatter = iced_x86::FastFormatter::new();
    for insn in Decoder::new(bits, code, DecoderOptions::NONE).iter() {
        formatter.format(&insn, &mut text);
        text.push('\n');
    }
    text
}

/// The x87 registers, and what else the stack's behaviour depends on.
fn prepare_stack(fpu: &mut Fpu, rng: &mut Rng) {
    for register in &mut fpu.st {
        let significand = match rng.below(6) {
            0 => rng.quad(),
            1 => 1 << 63,
            2 => 0,
            _ => rng.next() | 1 << 63,
        };
        let exponent = match rng.below(8) {
            0 => 0,
            1 => 0x7fff,
            2 => rng.next() as u16 & 0x7fff,
            _ => 0x3fff - 40 + rng.below(80) as u16,
        };
        register.significand = significand;
        register.sign_exponent = exponent | (rng.below(2) as u16) << 15;
    }
    fpu.top = rng.below(8) as u8;
    fpu.empty = if rng.below(3) == 0 {
        rng.next() as u8
    } else {
        1 << rng.below(8) | 1 << rng.below(8)
    };
    fpu.control = rng.control();
    fpu.status = rng.next() as u16 & 0x477f;
    if fpu.status & !fpu.control & 0x3f != 0 {
        fpu.status |= 0x8080;
    }
}

fn prepare(bench: &mut TestBench, mode: Mode, seed: u64) {
    let mut rng = Rng(seed);
    bench.enter(mode);
    let state = &mut bench.cpu.state;
    // A triple fault ended the program before.
    state.activity = Activity::Running;
    state.fpu = Default::default();
    state.fpu.xcr0 = 7;
    for register in &mut state.fpu.ymm {
        *register = std::array::from_fn(|_| rng.quad());
    }
    if rng.below(3) == 0 {
        state
            .fpu
            .ymm
            .iter_mut()
            .for_each(|register| register[2..].fill(0));
    }
    prepare_stack(&mut state.fpu, &mut rng);
    for n in [0, 1, 2, 5, 7, 8, 9, 10, 11, 12, 14, 15] {
        state.gpr[n] = if rng.below(3) == 0 {
            rng.below(40)
        } else {
            rng.quad()
        };
    }
    [state.gpr[3], state.gpr[6], state.gpr[13]] = [DATA + 0x40, DATA + 0x80, DATA + 0x1000 - 0x30];
    state.fpu.mxcsr = rng.mxcsr();
    state.flags.set_status(rng.next() & 0x8d5);
    match rng.below(40) {
        0 => state.cr0 |= 1 << 3,
        1 => state.cr4 &= !(1 << 9),
        2 => state.fpu.xcr0 = 3,
        _ => {}
    }
    bench.cpu.refresh_mode();
    for base in [DATA, DATA + 0x1000 - 0x40] {
        let mut data = [0; DATA_BYTES];
        for chunk in data.chunks_mut(8) {
            chunk.copy_from_slice(&rng.quad().to_le_bytes());
        }
        data[0xe8..0xea].copy_from_slice(&rng.control().to_le_bytes());
        data[0xe0..0xe4].copy_from_slice(&rng.mxcsr().to_le_bytes());
        bench.put(base, &data);
    }
}

fn compare(family: Family, mode: Mode, bits: u32, first_seed: u64, programs: u64) {
    let (mut a, mut b) = (TestBench::new(mode), TestBench::new(mode));
    let mut engine = Baseline::new(&b.cpu, 8 << 20).expect("executable memory");
    for n in 0..programs {
        let seed = first_seed + n;
        let mut rng = Rng(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let (mut code, count) = program(&mut rng, bits, family);
        code.extend_from_slice(&[0xeb, 0xfe]);
        let at = CODE + n % 0x3000 * CODE_STEP;
        if n % 0x3000 == 0 && n != 0 {
            engine = Baseline::new(&b.cpu, 8 << 20).expect("executable memory");
        }
        for bench in [&mut a, &mut b] {
            prepare(bench, mode, seed);
            bench.put(at, &code);
            bench.cpu.state.rip = at;
        }
        let budget = count as u64 + 1;
        let stops = [a.run(budget), engine.run(&mut b.cpu, budget)];
        let what = || format!("{mode:?} seed {seed}\n{}", listing(&code, bits));
        assert_eq!(stops[0], stops[1], "{}", what());
        let (x, y) = (&a.cpu.state, &b.cpu.state);
        assert_eq!(x.rip, y.rip, "rip: {}", what());
        assert_eq!(x.gpr.map(Hex), y.gpr.map(Hex), "registers: {}", what());
        assert_eq!(x.flags.status(), y.flags.status(), "flags: {}", what());
        assert_eq!(
            Hex(x.fpu.mxcsr.into()),
            Hex(y.fpu.mxcsr.into()),
            "mxcsr: {}",
            what()
        );
        for n in 0..16 {
            assert_eq!(x.fpu.ymm[n].map(Hex), y.fpu.ymm[n].map(Hex), "ymm{n}: {}", what());
        }
        assert_eq!(x.fpu, y.fpu, "{}", what());
        for base in [DATA, DATA + 0x1000 - 0x40] {
            assert_eq!(
                a.get::<DATA_BYTES>(base),
                b.get::<DATA_BYTES>(base),
                "memory: {}",
                what()
            );
        }
    }
    assert!(engine.counters().blocks > 0, "nothing was translated");
    eprintln!("{mode:?}: exits {:?}, {:?}", engine.exits(), engine.counters());
}

/// A number shown in hexadecimal.
#[derive(PartialEq)]
struct Hex(u64);

impl std::fmt::Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Programs for each case; `LOCKSTEP_PROGRAMS` asks for more.
fn programs() -> u64 {
    std::env::var("LOCKSTEP_PROGRAMS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3000)
}

fn seed() -> u64 {
    std::env::var("LOCKSTEP_SEED")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
}

#[test]
fn vectors_64() {
    compare(Family::Vector, Mode::LongUser, 64, seed(), programs());
}

#[test]
fn vectors_32() {
    compare(Family::Vector, Mode::CompatUser, 32, seed(), programs());
}

#[test]
fn vectors_32_without_paging() {
    compare(Family::Vector, Mode::Protected32, 32, seed(), programs());
}

#[test]
fn bits_64() {
    compare(Family::Bits, Mode::LongUser, 64, seed(), programs());
}

#[test]
fn bits_32() {
    compare(Family::Bits, Mode::CompatUser, 32, seed(), programs());
}

#[test]
fn stack_64() {
    compare(Family::Stack, Mode::LongUser, 64, seed(), programs());
}

#[test]
fn stack_32() {
    compare(Family::Stack, Mode::CompatUser, 32, seed(), programs());
}
