//! Bit manipulation: BMI1, BMI2, TZCNT, LZCNT, BSF, BSR, MOVBE, CRC32, on the host's own instructions.
//!
//! Status flags that the manual leaves undefined are clear here as in the interpreter, whatever the host makes of
//! them. SDM vol. 1, 5.1.16, 5.22 and 7.3.17.

use super::asm::{Op, Rm, env, op32};
use super::block::{Emitter, Item};
use super::encoding::Encoding;
use super::env::{Key, at};
use super::host::Host;
use super::integer::Use;
use super::memory::Access;
use super::plan::{Held, Writes};
use super::regs::{RAX, S0, S1, host};
use super::rows::{Row, Template, straight};
use super::vector_rows::host_has;
use crate::Insn;
use crate::exec;
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

/// Flags in the order of LAHF, and OF in a bit of its own.
mod flag {
    pub const CF: u16 = 1 << 8;
    pub const ZF: u16 = 1 << 14;
    pub const SF: u16 = 1 << 15;
    pub const OF: u16 = 1;
}

/// Flags that an instruction defines; the others are clear.
fn defined(mnemonic: Mnemonic) -> u16 {
    match mnemonic {
        Mnemonic::Bsf | Mnemonic::Bsr => flag::ZF,
        Mnemonic::Tzcnt | Mnemonic::Lzcnt => flag::ZF | flag::CF,
        Mnemonic::Bextr => flag::ZF | flag::CF | flag::OF,
        _ => flag::SF | flag::ZF | flag::CF | flag::OF,
    }
}

/// The row, if the instruction belongs here and the host has it.
pub(super) fn row(raw: &Instruction, insn: &Insn, e: &Encoding, key: Key, host: Host) -> Option<Row> {
    if key.bits == 16 && insn.has_mem() && !key.flat {
        return None;
    }
    use Mnemonic as M;
    let plain = |emit: Template| Some(straight(emit, insn.has_mem()));
    let flags = |emit: Template, leaves: Held| {
        let mut row = straight(emit, insn.has_mem());
        row.effects.writes = Writes::All;
        row.effects.leaves = leaves;
        Some(row)
    };
    let size = exec::operand_size(raw);
    match raw.mnemonic() {
        M::Bsf | M::Bsr if size >= 4 => flags(scan, Held::Nothing),
        _ if !host_has(raw, host) => None,
        M::Tzcnt | M::Lzcnt => flags(count, Held::Carry),
        M::Andn | M::Bextr | M::Blsi | M::Blsmsk | M::Blsr | M::Bzhi => flags(vex, Held::Carry),
        M::Pdep | M::Pext | M::Rorx | M::Sarx | M::Shlx | M::Shrx => plain(vex),
        M::Mulx => plain(mulx),
        M::Movbe => plain(movbe),
        // AH to BH next to a register that needs REX cannot be encoded.
        M::Crc32 if raw.op1_kind() == OpKind::Register && high(raw.op1_register()) && e.reg == 4 => None,
        M::Crc32 => plain(crc32),
        _ => None,
    }
}

fn high(register: Register) -> bool {
    matches!(
        register,
        Register::AH | Register::BH | Register::CH | Register::DH
    )
}

fn size_of(item: &Item) -> u8 {
    exec::operand_size(&item.raw) as u8
}

impl Emitter {
    /// ModRM.rm as a source: a register, in S0 if it lives in memory, or memory at S0.
    fn source(&mut self, item: &Item, number: u8, size: u8) -> Rm {
        if item.e.register {
            Rm::Reg(self.operand(item, number, Use::Read, size, S0))
        } else {
            self.probe(item, Access::Read, size);
            Rm::Base(S0, 0)
        }
    }

    /// The host's flags are those that the instruction defines, and others. Uses S0.
    fn defined_flags_made(&mut self, item: &Item) {
        let keep = defined(item.raw.mnemonic());
        self.held = item.row.effects.leaves;
        if !item.save {
            return;
        }
        let asm = &mut self.asm;
        asm.mov(S0, RAX);
        asm.byte(0x9f); // lahf
        asm.bytes(&[0x0f, 0x90, 0xc0]); // seto al
        asm.byte(0x25); // and eax
        asm.imm32(i32::from(keep));
        asm.op(
            Op {
                p66: true,
                ..op32(0x89)
            },
            RAX,
            env(at::FLAGS),
        );
        asm.mov(RAX, S0);
        self.held = Held::Nothing;
    }

    /// Numbers of ModRM.reg, ModRM.rm and VEX.vvvv; outside 64-bit mode their top bits have no meaning.
    fn numbers(&self, item: &Item) -> (u8, u8, u8) {
        let registers = if self.key.bits == 64 { 15 } else { 7 };
        let vvvv = item.e.vex.map_or(0, |vex| vex.vvvv);
        (item.e.reg & registers, item.e.rm & registers, vvvv & registers)
    }
}

/// VEX instructions with one destination: ModRM.reg, or for BLSR and kin VEX.vvvv.
fn vex(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let (reg, rm, vvvv) = emitter.numbers(item);
    let operand = emitter.source(item, rm, size);
    let group = item.e.map == 2 && item.e.code == 0xf3;
    let (destination, field, extra);
    if group {
        destination = vvvv;
        extra = emitter.operand(item, vvvv, Use::Write, size, S1);
        field = reg & 7;
    } else {
        destination = reg;
        // RORX has none: 1111b.
        extra = match item.raw.mnemonic() {
            Mnemonic::Rorx => 0,
            _ => emitter.operand(item, vvvv, Use::Read, size, S1),
        };
        field = emitter.operand(item, reg, Use::Write, size, S1);
    }
    let pp = item.e.vex.map_or(0, |vex| vex.pp);
    emitter.asm.vex(
        item.e.map,
        pp,
        size == 8,
        false,
        item.e.code,
        field,
        extra,
        operand,
    );
    emitter.asm.bytes(item.imm());
    emitter.written(item, destination, Use::Write, size, S1);
    if item.row.effects.writes != Writes::None {
        emitter.defined_flags_made(item);
    }
}

/// MULX: the high half goes to ModRM.reg, the low half to VEX.vvvv; if they are one, it is the high half.
fn mulx(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let (reg, rm, vvvv) = emitter.numbers(item);
    let operand = emitter.source(item, rm, size);
    let high = emitter.operand(item, reg, Use::Write, size, S1);
    let low = emitter.operand(item, vvvv, Use::Write, size, S0);
    let pp = item.e.vex.map_or(0, |vex| vex.pp);
    emitter
        .asm
        .vex(item.e.map, pp, size == 8, false, item.e.code, high, low, operand);
    emitter.written(item, vvvv, Use::Write, size, S0);
    emitter.written(item, reg, Use::Write, size, S1);
}

/// TZCNT, LZCNT.
fn count(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let (reg, rm, _) = emitter.numbers(item);
    let operand = emitter.source(item, rm, size);
    let to = emitter.operand(item, reg, Use::Write, size, S1);
    let op = Op {
        p66: size == 2,
        rep: 0xf3,
        w: size == 8,
        map: 1,
        code: item.e.code,
        ..Op::default()
    };
    emitter.asm.op(op, to, operand);
    emitter.written(item, reg, Use::Write, size, S1);
    emitter.defined_flags_made(item);
}

/// BSF, BSR: of zero they leave all 64 bits of the destination, on every host.
fn scan(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let (reg, rm, _) = emitter.numbers(item);
    let operand = emitter.source(item, rm, size);
    let op = Op {
        w: size == 8,
        map: 1,
        code: item.e.code,
        ..Op::default()
    };
    emitter.asm.op(op, S0, operand);
    let to = emitter.operand(item, reg, Use::Both, 8, S1);
    let cmovnz = Op {
        w: true,
        map: 1,
        code: 0x45,
        ..Op::default()
    };
    emitter.asm.op(cmovnz, to, Rm::Reg(S0));
    if host(reg).is_none() {
        emitter.asm.store(env(at::gpr(reg)), S1);
    }
    emitter.defined_flags_made(item);
}

/// MOVBE.
fn movbe(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let load = item.raw.op0_kind() == OpKind::Register;
    let (reg, ..) = emitter.numbers(item);
    let (access, usage) = if load {
        (Access::Read, Use::Write)
    } else {
        (Access::Write, Use::Read)
    };
    emitter.probe(item, access, size);
    let register = emitter.operand(item, reg, usage, size, S1);
    let op = Op {
        p66: size == 2,
        w: size == 8,
        map: 2,
        code: item.e.code,
        ..Op::default()
    };
    emitter.asm.op(op, register, Rm::Base(S0, 0));
    emitter.written(item, reg, usage, size, S1);
}

/// CRC32: a register of 32 or 64 bits, and a source of 8 to 64.
fn crc32(emitter: &mut Emitter, item: &Item) {
    let to_size = item.raw.op0_register().size() as u8;
    let from_size = match item.raw.op1_kind() {
        OpKind::Register => item.raw.op1_register().size(),
        _ => item.raw.memory_size().size(),
    } as u8;
    let (reg, rm, _) = emitter.numbers(item);
    let operand = emitter.source(item, rm, from_size);
    let to = emitter.operand(item, reg, Use::Both, to_size, S1);
    let op = Op {
        p66: from_size == 2,
        rep: 0xf2,
        w: item.e.w,
        map: 2,
        code: item.e.code,
        low_bytes: item.e.rex,
        ..Op::default()
    };
    emitter.asm.op(op, to, operand);
    emitter.written(item, reg, Use::Both, to_size, S1);
}
