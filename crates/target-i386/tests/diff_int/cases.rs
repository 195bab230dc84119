//! Random instructions with operands that make sense: addresses mostly in the data area, small counts.

use host_oracle::Rng;
use host_oracle::layout::{CODE_START, DATA_BASE, DATA_LEN};
use host_oracle::{Mode, State};
use iced_x86::{Decoder, Instruction, MemorySize, Mnemonic, OpKind, Register};
use target_i386::{Features, decode, exec};

/// One instruction and the registers it starts with.
pub struct Case {
    pub code: Vec<u8>,
    pub raw: Instruction,
    pub state: State,
}

/// The opcode of a template: map 0 none, 1 0F, 2 0F38 or 3 0F3A, each possibly VEX.
#[derive(Clone, Copy, Debug)]
pub struct Opcode {
    map: u8,
    opcode: u8,
    vex: bool,
    /// ModRM.reg.
    group: u8,
}

pub fn bits(mode: Mode) -> u32 {
    match mode {
        Mode::Long => 64,
        Mode::Compat => 32,
    }
}

fn decoded(code: &[u8], mode: Mode) -> Instruction {
    Decoder::with_ip(bits(mode), code, CODE_START, decode::options(Features::all())).decode()
}

/// Every opcode (and ModRM.reg value) for which the integer table has a handler.
pub fn opcodes(mode: Mode) -> Vec<Opcode> {
    let mut rng = Rng::new(1);
    let mut found = Vec::new();
    for index in 0..1u32 << 14 {
        let opcode = Opcode {
            map: (index >> 8 & 3) as u8,
            opcode: index as u8,
            vex: index >> 10 & 1 != 0,
            group: (index >> 11 & 7) as u8,
        };
        if opcode.vex && opcode.map == 0 {
            continue;
        }
        // Some forms are valid only with particular prefixes or operands: try a few.
        if (0..24).any(|_| is_subject(&decoded(&bytes(opcode, mode, &mut rng), mode))) {
            found.push(opcode);
        }
    }
    found
}

/// Whether both sides can run it and agree by nature.
fn is_subject(raw: &Instruction) -> bool {
    // AMD CPUs let F2 and F3 choose between LOOPE and LOOPNE, which nobody documents.
    let odd_loop = matches!(raw.mnemonic(), Mnemonic::Loope | Mnemonic::Loopne)
        && (raw.has_rep_prefix() || raw.has_repne_prefix());
    !raw.is_invalid()
        && !odd_loop
        && exec::lookup(raw).is_some()
        && !matches!(
            raw.mnemonic(),
            // The host's random numbers and clock are the host's.
            Mnemonic::Rdrand | Mnemonic::Rdseed | Mnemonic::Rdtsc | Mnemonic::Rdtscp
        )
}

fn bytes(opcode: Opcode, mode: Mode, rng: &mut Rng) -> Vec<u8> {
    let mut code = Vec::new();
    let rex_bits = rng.below(16) as u8;
    if opcode.vex {
        if rng.one_in(8) {
            code.push(rng.pick(&[0x64, 0x65, 0x67]));
        }
        let rxb = if mode == Mode::Long {
            (rng.below(8) as u8) << 5
        } else {
            0xe0
        };
        let vvvv = if mode == Mode::Long {
            rng.below(16) as u8
        } else {
            8 | rng.below(8) as u8
        };
        code.extend([
            0xc4,
            rxb | opcode.map,
            (rex_bits & 8) << 4 | vvvv << 3 | rng.below(4) as u8,
        ]);
        code.push(opcode.opcode);
    } else {
        if rng.one_in(4) {
            code.push(0x66);
        }
        if rng.one_in(10) {
            code.push(0x67);
        }
        if rng.one_in(16) {
            code.push(rng.pick(&[0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]));
        }
        if rng.one_in(6) {
            code.push(rng.pick(&[0xf2, 0xf3, 0xf3, 0xf0]));
        }
        if mode == Mode::Long && !rng.one_in(3) {
            code.push(0x40 | rex_bits);
        }
        code.extend(match opcode.map {
            0 => &[][..],
            1 => &[0x0f],
            2 => &[0x0f, 0x38],
            _ => &[0x0f, 0x3a],
        });
        code.push(opcode.opcode);
    }
    let modrm = rng.bits() as u8;
    // Registers and memory in equal parts.
    let modrm = if rng.one_in(2) { modrm | 0xc0 } else { modrm };
    code.push(modrm & !0x38 | opcode.group << 3);
    while code.len() < 16 {
        let byte = rng.bits() as u8;
        // Small immediates and displacements are more interesting than large ones.
        code.push(if rng.one_in(3) { byte & 0x1f } else { byte });
    }
    code
}

/// Values around every edge.
fn value(rng: &mut Rng) -> u64 {
    let base = match rng.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << rng.below(64),
        3 => (1u64 << rng.below(64)).wrapping_neg(),
        4 => rng.bits() as u8 as u64,
        5 => rng.bits() as u32 as u64,
        6 => rng.bits() as i32 as u64,
        _ => return rng.bits(),
    };
    base.wrapping_add(rng.below(3)).wrapping_sub(1)
}

/// An address inside the data area, rarely near its end.
fn inside(rng: &mut Rng) -> u64 {
    let len = DATA_LEN as u64;
    match rng.below(64) {
        0 => DATA_BASE + len - rng.below(40),
        1 => DATA_BASE + 4096 - rng.below(40),
        _ => DATA_BASE + 4096 * 2 + rng.below(len - 4096 * 4),
    }
}

fn gpr(register: Register) -> Option<usize> {
    let full = register.full_register();
    full.is_gpr64().then(|| full.number())
}

/// Makes a case of an opcode, or none if the random bytes are no subject.
pub fn case(opcode: Opcode, mode: Mode, rng: &mut Rng) -> Option<Case> {
    let mut code = bytes(opcode, mode, rng);
    let raw = decoded(&code, mode);
    if !is_subject(&raw) {
        return None;
    }
    code.truncate(raw.len());
    let mut state = State::new();
    state.gpr.fill_with(|| value(rng));
    state.gpr[4] = inside(rng) & !7;
    if rng.one_in(2) {
        state.gpr[5] = inside(rng);
    }
    // All status flags and DF; AC and NT now and then.
    state.rflags = 0x202 | rng.bits() & 0xcd5;
    if rng.one_in(16) {
        state.rflags |= rng.bits() & (1 << 14 | 1 << 18);
    }
    let wild = rng.one_in(40);
    if raw.is_string_instruction() {
        (state.gpr[6], state.gpr[7]) = (inside(rng), inside(rng));
        if rng.one_in(4) {
            state.gpr[7] = state.gpr[6].wrapping_add(rng.below(20)).wrapping_sub(10);
        }
        state.gpr[1] = rng.below(100);
        if raw.has_rep_prefix() || raw.has_repne_prefix() {
            // With a 16-bit count the rest of RCX is the test's.
            state.gpr[1] |= if rng.one_in(2) && mode == Mode::Long {
                0
            } else {
                state.gpr[1]
            };
        }
    } else if raw.mnemonic() == Mnemonic::Xlatb {
        state.gpr[3] = inside(rng) - 256;
    }
    if !wild {
        aim(&raw, &mut state, rng)?;
    }
    if mode == Mode::Compat {
        for value in &mut state.gpr {
            *value &= 0xffff_ffff;
        }
        state.gpr[8..].fill(0);
    }
    Some(Case { code, raw, state })
}

/// Sets base registers so that the memory operand lies in the data area.
fn aim(raw: &Instruction, state: &mut State, rng: &mut Rng) -> Option<()> {
    let has_memory = (0..raw.op_count()).any(|op| raw.op_kind(op) == OpKind::Memory);
    if !has_memory || raw.mnemonic() == Mnemonic::Lea || raw.memory_size() == MemorySize::Unknown {
        return Some(());
    }
    let (base, index) = (gpr(raw.memory_base()), gpr(raw.memory_index()));
    let scale = u64::from(raw.memory_index_scale());
    let mut target = inside(rng);
    // Bit strings reach far beyond their address.
    if matches!(
        raw.mnemonic(),
        Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc
    ) && raw.op1_kind() == OpKind::Register
    {
        let bit = gpr(raw.op1_register())?;
        state.gpr[bit] = rng.below(8000).wrapping_sub(4000);
        if Some(bit) == base || Some(bit) == index {
            return None;
        }
    }
    if raw.mnemonic() == Mnemonic::Cmpxchg16b && !rng.one_in(8) {
        target &= !15;
    }
    let displacement = raw.memory_displacement64();
    match (base, index) {
        (Some(base), Some(index)) if base == index => {
            return None;
        }
        (Some(base), Some(index)) => {
            state.gpr[base] = target
                .wrapping_sub(displacement)
                .wrapping_sub(state.gpr[index].wrapping_mul(scale));
        }
        (Some(base), None) => state.gpr[base] = target.wrapping_sub(displacement),
        (None, Some(index)) => state.gpr[index] = target.wrapping_sub(displacement) / scale,
        (None, None) => {}
    }
    // A pop moves the stack pointer before the address forms.
    Some(())
}
