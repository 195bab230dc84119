//! Integer instructions: the guest's opcode with renamed registers and the operand's host address.
//! SDM vol. 1, 7.3.

use super::asm::{Op, Rm, alu as op_number, cc, env, op32, op64};
use super::block::{Emitter, Item};
use super::env::at;
use super::flags::setcc as emit_setcc;
use super::memory::{Access, Address};
use super::plan::{Held, Writes};
use super::regs::{S0, S1, host};
use crate::Insn;
use crate::exec;
use crate::insn::{NO_REG, RIP_BASE};
use iced_x86::{Mnemonic, OpKind};

/// What an instruction does with a register operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
    Both,
}

/// What ModRM.reg is.
#[derive(Clone, Copy)]
pub(super) enum Field {
    /// Part of the opcode.
    Opcode,
    /// A general register, of this many bytes.
    Gpr(Use, u8),
}

/// The host's opcode for an operand of `size` bytes.
pub(super) fn sized(item: &Item, size: u8) -> Op {
    Op {
        lock: item.e.lock,
        p66: size == 2,
        rep: 0,
        w: size == 8,
        map: item.e.map,
        code: item.e.code,
        low_bytes: item.e.rex,
    }
}

impl Emitter {
    /// The host register for the guest register whose number stands in the encoding, loaded into `scratch` if it lives
    /// in memory. Byte operands without REX keep their number: 4..=7 are AH..BH.
    pub fn operand(&mut self, item: &Item, number: u8, usage: Use, size: u8, scratch: u8) -> u8 {
        if size == 1 && !item.e.rex && number < 8 {
            return number;
        }
        match host(number) {
            Some(register) => register,
            None => {
                if usage != Use::Write || size < 4 {
                    self.asm.load(scratch, env(at::gpr(number)));
                }
                scratch
            }
        }
    }

    /// Puts a register that lives in memory back.
    pub fn written(&mut self, item: &Item, number: u8, usage: Use, size: u8, scratch: u8) {
        let in_host = size == 1 && !item.e.rex && number < 8 || host(number).is_some();
        if usage != Use::Read && !in_host {
            self.asm.store(env(at::gpr(number)), scratch);
        }
    }

    /// Loads the memory operand at S0, and stores it for whoever makes the flags of its comparison.
    fn snapshot(&mut self, size: u8) -> Rm {
        let load = match size {
            1 => Op { map: 1, ..op32(0xb6) },
            2 => Op { map: 1, ..op32(0xb7) },
            4 => op32(0x8b),
            _ => op64(0x8b),
        };
        self.asm.op(load, S0, Rm::Base(S0, 0));
        self.asm.store(env(at::SNAPSHOT), S0);
        Rm::Reg(S0)
    }

    /// Emits `op` with the item's ModRM operands renamed. `need`: what the host's flags must hold right before it.
    fn modrm(&mut self, item: &Item, op: Op, reg: Field, rm: (Use, u8), imm: bool, need: Held) {
        let (usage, size) = rm;
        let operand = if item.e.register {
            Rm::Reg(self.operand(item, item.e.rm, usage, size, S0))
        } else {
            let access = if usage == Use::Read {
                Access::Read
            } else {
                Access::Write
            };
            self.probe(item, access, size);
            if item.snapshot {
                self.snapshot(size)
            } else {
                Rm::Base(S0, 0)
            }
        };
        let field = match reg {
            Field::Opcode => item.e.reg & 7,
            Field::Gpr(usage, size) => self.operand(item, item.e.reg, usage, size, S1),
        };
        self.want(need);
        self.asm.op(op, field, operand);
        if imm {
            self.asm.bytes(item.imm());
        }
        // XADD of a register with itself leaves the sum: r/m is written last.
        if let Field::Gpr(usage, size) = reg {
            self.written(item, item.e.reg, usage, size, S1);
        }
        if item.e.register {
            self.written(item, item.e.rm, usage, size, S0);
        }
    }

    /// Emits the guest's own opcode with two general operands of one size.
    fn two(&mut self, item: &Item, reg: Use, rm: Use) {
        let size = size_of(item);
        let op = sized(item, size);
        self.modrm(item, op, Field::Gpr(reg, size), (rm, size), false, Held::Nothing);
    }

    /// The host's flags are now the guest's.
    pub fn flags_made(&mut self, item: &Item) {
        self.held = Held::All;
        if item.save {
            self.save_flags();
        }
    }
}

/// Operand size in bytes.
pub(super) fn size_of(item: &Item) -> u8 {
    exec::operand_size(&item.raw) as u8
}

/// ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST.
pub(super) fn alu(emitter: &mut Emitter, item: &Item) {
    alu_core(emitter, item);
    emitter.flags_made(item);
}

/// The operation, without what becomes of its flags.
pub(super) fn alu_core(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let writes = !matches!(item.raw.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    let destination = if writes { Use::Both } else { Use::Read };
    let need = item.row.effects.reads;
    let mut op = sized(item, size);
    match item.e.code {
        0x84 | 0x85 => {
            emitter.modrm(
                item,
                op,
                Field::Gpr(Use::Read, size),
                (Use::Read, size),
                false,
                need,
            );
        }
        0x80..=0x83 | 0xf6 | 0xf7 => {
            // 82 is an alias of 80 that 64-bit mode lacks.
            if op.code == 0x82 {
                op.code = 0x80;
            }
            emitter.modrm(item, op, Field::Opcode, (destination, size), true, need);
        }
        code if code < 0x40 && code & 7 < 2 => {
            emitter.modrm(
                item,
                op,
                Field::Gpr(Use::Read, size),
                (destination, size),
                false,
                need,
            );
        }
        code if code < 0x40 && code & 7 < 4 => {
            emitter.modrm(
                item,
                op,
                Field::Gpr(destination, size),
                (Use::Read, size),
                false,
                need,
            );
        }
        // The accumulator and an immediate.
        _ => {
            emitter.want(need);
            accumulator(emitter, item, size);
        }
    }
}

/// An opcode with an implicit accumulator, and its immediate.
fn accumulator(emitter: &mut Emitter, item: &Item, size: u8) {
    if size == 2 {
        emitter.asm.byte(0x66);
    }
    if size == 8 {
        emitter.asm.byte(0x48);
    }
    emitter.asm.byte(item.e.code);
    emitter.asm.bytes(item.imm());
}

/// INC and DEC, which keep CF.
pub(super) fn inc_dec(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let mut op = sized(item, size);
    let need = if item.dead { Held::Nothing } else { Held::Carry };
    if !matches!(item.e.code, 0xfe | 0xff) {
        // The one-byte forms are REX prefixes in 64-bit mode.
        let extension = u8::from(item.raw.mnemonic() == Mnemonic::Dec);
        op.code = 0xff;
        let register = emitter.operand(item, item.e.code & 7, Use::Both, size, S0);
        emitter.want(need);
        emitter.asm.op(op, extension, Rm::Reg(register));
    } else {
        emitter.modrm(item, op, Field::Opcode, (Use::Both, size), false, need);
    }
    emitter.flags_made(item);
}

/// NEG and NOT.
pub(super) fn unary(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    emitter.modrm(
        item,
        sized(item, size),
        Field::Opcode,
        (Use::Both, size),
        false,
        Held::Nothing,
    );
    if item.row.effects.writes == Writes::All {
        emitter.flags_made(item);
    }
}

/// MUL and IMUL of all forms: CF and OF tell of overflow, the other flags are clear.
pub(super) fn multiply(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let op = sized(item, size);
    match (item.e.map, item.e.code) {
        (0, 0xf6 | 0xf7) => emitter.modrm(item, op, Field::Opcode, (Use::Read, size), false, Held::Nothing),
        (0, _) => {
            emitter.modrm(
                item,
                op,
                Field::Gpr(Use::Write, size),
                (Use::Read, size),
                true,
                Held::Nothing,
            );
        }
        _ => emitter.two(item, Use::Both, Use::Read),
    }
    emitter.held = Held::Carry;
    if item.save {
        emitter.save_overflow();
    }
}

/// DIV and IDIV, where it is plain that they do not fault; else the interpreter. Flags are kept.
pub(super) fn divide(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let wide = size == 8;
    let operand = if item.e.register {
        Rm::Reg(emitter.operand(item, item.e.rm, Use::Read, size, S0))
    } else {
        emitter.probe(item, Access::Read, size);
        Rm::Base(S0, 0)
    };
    let asm = &mut emitter.asm;
    let op = |code: u8| if wide { op64(code) } else { op32(code) };
    if item.raw.mnemonic() == Mnemonic::Div {
        // The quotient fits if and only if the dividend's upper half is below the divisor.
        asm.op(op(0x3b), 2, operand);
        let from = asm.jcc(cc::B ^ 1);
        emitter.leave_before(from);
    } else {
        // A dividend that is a sign extension divides by anything but 0 and -1.
        asm.op(op(0x8b), S1, Rm::Reg(0));
        asm.shift_imm(7, S1, size * 8 - 1, wide);
        asm.op(op(0x3b), S1, Rm::Reg(2));
        let from = asm.jcc(cc::NZ);
        asm.op(op(0x8b), S1, operand);
        asm.op(op(0xff), 0, Rm::Reg(S1)); // inc
        asm.alu_imm(op_number::CMP, Rm::Reg(S1), 1, wide);
        let small = asm.jcc(cc::B | 4); // below or equal: -1 or 0
        emitter.leave_before(from);
        emitter.leave_before(small);
    }
    emitter.asm.op(sized(item, size), item.e.reg & 7, operand);
    emitter.clobber();
}

/// MOV between registers, memory and immediates.
pub(super) fn mov(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let op = sized(item, size);
    match item.e.code {
        0x88 | 0x89 => {
            emitter.two(item, Use::Read, Use::Write);
        }
        0x8a | 0x8b => {
            emitter.two(item, Use::Write, Use::Read);
        }
        0xc6 | 0xc7 => emitter.modrm(item, op, Field::Opcode, (Use::Write, size), true, Held::Nothing),
        0xa0 | 0xa1 => {
            emitter.probe(item, Access::Read, size);
            emitter.asm.op(
                Op {
                    code: item.e.code - 0x16,
                    ..op
                },
                0,
                Rm::Base(S0, 0),
            );
        }
        0xa2 | 0xa3 => {
            emitter.probe(item, Access::Write, size);
            emitter.asm.op(
                Op {
                    code: item.e.code - 0x1a,
                    ..op
                },
                0,
                Rm::Base(S0, 0),
            );
        }
        // B0..BF: register and immediate.
        code => {
            let number = item.e.rm;
            if size >= 4 {
                let register = emitter.operand(item, number, Use::Write, size, S0);
                emitter.asm.mov_imm(
                    register,
                    item.insn.imm & if size == 4 { 0xffff_ffff } else { u64::MAX },
                );
            } else {
                let register = emitter.operand(item, number, Use::Both, size, S0);
                let code = if code < 0xb8 { 0xc6 } else { 0xc7 };
                emitter.asm.op(Op { code, ..op }, 0, Rm::Reg(register));
                emitter.asm.bytes(item.imm());
            }
            emitter.written(item, number, Use::Both, size, S0);
        }
    }
}

/// MOV between the accumulator and a 64-bit absolute address.
pub(super) fn mov_absolute(emitter: &mut Emitter, item: &Item) {
    mov(emitter, item);
}

/// MOVZX, MOVSX, MOVSXD.
pub(super) fn extend(emitter: &mut Emitter, item: &Item) {
    let size = item.raw.op0_register().size() as u8;
    let from = match item.raw.op1_kind() {
        OpKind::Register => item.raw.op1_register().size(),
        _ => item.raw.memory_size().size(),
    } as u8;
    // The source decides whether the prefix-less numbers 4..=7 are high bytes; the destination is not a byte.
    let op = sized(item, size);
    let operand = if item.e.register {
        Rm::Reg(emitter.operand(item, item.e.rm, Use::Read, from, S0))
    } else {
        emitter.probe(item, Access::Read, from);
        Rm::Base(S0, 0)
    };
    let field = match host(item.e.reg) {
        Some(register) => register,
        None => {
            if size == 2 {
                emitter.asm.load(S1, env(at::gpr(item.e.reg)));
            }
            S1
        }
    };
    emitter.asm.op(op, field, operand);
    if host(item.e.reg).is_none() {
        emitter.asm.store(env(at::gpr(item.e.reg)), S1);
    }
}

/// Whether LEA's address takes steps that destroy the host's flags.
pub(super) fn lea_clobbers(insn: &Insn) -> bool {
    let in_memory = |n: u8| n != NO_REG && n != RIP_BASE && host(n).is_none();
    insn.mem.index != NO_REG && (in_memory(insn.mem.base) || in_memory(insn.mem.index))
}

/// LEA.
pub(super) fn lea(emitter: &mut Emitter, item: &Item) {
    let size = item.raw.op0_register().size() as u8;
    let mem = item.insn.mem;
    let plain = |n: u8| n == NO_REG || n != RIP_BASE && host(n).is_some();
    if let Some(to) = host(item.e.reg)
        && size >= 4
        && mem.asize >= 4
        && plain(mem.base)
        && plain(mem.index)
        && mem.base != NO_REG
    {
        let base = host(mem.base).unwrap_or(0);
        let rm = match host(mem.index) {
            Some(index) if mem.index != NO_REG => Rm::Index(Some(base), index, mem.shift, mem.disp),
            _ => Rm::Base(base, mem.disp),
        };
        emitter.asm.lea(to, rm, size == 8 && mem.asize == 8);
        return;
    }
    let address = Address::of(emitter, item);
    if lea_clobbers(&item.insn) {
        emitter.clobber();
    }
    emitter.offset(&address, 0);
    let to = emitter.operand(item, item.e.reg, Use::Write, size, S1);
    let op = Op {
        p66: size == 2,
        w: size == 8,
        code: 0x8b,
        ..Op::default()
    };
    emitter.asm.op(op, to, Rm::Reg(S0));
    emitter.written(item, item.e.reg, Use::Write, size, S1);
}

/// Whether the host's flags after a shift by more than one are those this project defines: CF and OF of the last
/// step. Counts beyond the operand's width are not.
pub(super) fn shift_flags_known(size: usize, count: u32) -> bool {
    count < 8 * size as u32
}

/// SHL, SHR, SAR, ROL, ROR by an immediate; SHL, SHR, SAR by CL.
pub(super) fn shift(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let mut op = sized(item, size);
    let merges = item.row.effects.writes == Writes::Some;
    let need = if merges && !item.dead {
        Held::All
    } else {
        Held::Nothing
    };
    let imm = matches!(op.code, 0xc0 | 0xc1);
    // /6 is an alias of /4.
    let field = if item.e.reg & 7 == 6 { 4 } else { item.e.reg & 7 };
    op.lock = false;
    let operand = if item.e.register {
        Rm::Reg(emitter.operand(item, item.e.rm, Use::Both, size, S0))
    } else {
        emitter.probe(item, Access::Write, size);
        Rm::Base(S0, 0)
    };
    emitter.want(need);
    emitter.asm.op(op, field, operand);
    if imm {
        emitter.asm.bytes(item.imm());
    }
    if item.e.register {
        emitter.written(item, item.e.rm, Use::Both, size, S0);
    }
    if field < 4 {
        // Rotates keep what they do not define.
        return emitter.flags_made(item);
    }
    emitter.held = Held::Conditions;
    if !item.save {
        return;
    }
    if imm || op.code < 0xd2 {
        return emitter.save_flags_without_adjust();
    }
    emitter.save_flags();
    // A count of 0 keeps AF as well.
    emitter.asm.op(op32(0xf6), 0, Rm::Reg(1)); // test cl, mask
    emitter.asm.byte(if size == 8 { 63 } else { 31 });
    let unchanged = emitter.asm.jcc(cc::Z);
    emitter.clear_adjust();
    emitter.asm.bind_here(unchanged);
}

/// BT, BTS, BTR, BTC: CF; the others stay.
pub(super) fn bit_test(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let usage = if item.raw.mnemonic() == Mnemonic::Bt {
        Use::Read
    } else {
        Use::Both
    };
    // Earlier flags must be in memory to merge with.
    if item.save && emitter.held == Held::All {
        emitter.save_flags();
    }
    let immediate = item.e.code == 0xba;
    let field = if immediate {
        Field::Opcode
    } else {
        Field::Gpr(Use::Read, size)
    };
    emitter.modrm(
        item,
        sized(item, size),
        field,
        (usage, size),
        immediate,
        Held::Nothing,
    );
    emitter.held = Held::Nothing;
    if item.save {
        emitter.merge_carry(S1);
    }
}

/// BSWAP of 32 and 64 bits.
pub(super) fn bswap(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let number = item.e.rm;
    let register = emitter.operand(item, number, Use::Both, size, S0);
    let rex = 0x40 | u8::from(size == 8) << 3 | register >> 3;
    if rex != 0x40 {
        emitter.asm.byte(rex);
    }
    emitter.asm.bytes(&[0x0f, 0xc8 | register & 7]);
    emitter.written(item, number, Use::Both, size, S0);
}

/// A register written from a register or memory of its size, with the guest's own prefixes: POPCNT.
pub(super) fn same_two(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let op = Op {
        rep: item.e.rep,
        ..sized(item, size)
    };
    emitter.modrm(
        item,
        op,
        Field::Gpr(Use::Write, size),
        (Use::Read, size),
        false,
        Held::Nothing,
    );
    emitter.flags_made(item);
}

/// No operands but RAX and RDX: CBW to CQO; CLC, STC, CMC.
pub(super) fn same_implicit(emitter: &mut Emitter, item: &Item) {
    let size = match item.raw.mnemonic() {
        Mnemonic::Cbw | Mnemonic::Cwd => 2,
        Mnemonic::Cdqe | Mnemonic::Cqo => 8,
        _ => 4,
    };
    let flags = item.row.effects.writes != Writes::None;
    if flags && !item.dead {
        emitter.want(Held::All);
    }
    if size == 2 {
        emitter.asm.byte(0x66);
    }
    if size == 8 {
        emitter.asm.byte(0x48);
    }
    emitter.asm.byte(item.e.code);
    if flags {
        emitter.flags_made(item);
    }
}

/// XCHG.
pub(super) fn xchg(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    if matches!(item.e.code, 0x90..=0x97) {
        let other = emitter.operand(item, item.e.rm, Use::Both, size, S0);
        let op = Op {
            p66: size == 2,
            w: size == 8,
            code: 0x87,
            ..Op::default()
        };
        emitter.asm.op(op, 0, Rm::Reg(other));
        emitter.written(item, item.e.rm, Use::Both, size, S0);
        return;
    }
    emitter.two(item, Use::Both, Use::Both);
}

/// XADD.
pub(super) fn xadd(emitter: &mut Emitter, item: &Item) {
    emitter.two(item, Use::Both, Use::Both);
    emitter.flags_made(item);
}

/// CMPXCHG.
pub(super) fn cmpxchg(emitter: &mut Emitter, item: &Item) {
    emitter.two(item, Use::Read, Use::Both);
    emitter.flags_made(item);
}

/// SETcc.
pub(super) fn setcc(emitter: &mut Emitter, item: &Item) {
    let operand = if item.e.register {
        Rm::Reg(emitter.operand(item, item.e.rm, Use::Both, 1, S0))
    } else {
        emitter.probe(item, Access::Write, 1);
        Rm::Base(S0, 0)
    };
    let condition = emitter.want_condition(super::rows::condition(&item.raw));
    if item.e.register && !item.e.rex && item.e.rm < 8 {
        // AH..BH stay what they are: no REX.
        emitter.asm.op(
            Op {
                map: 1,
                code: 0x90 | condition,
                ..Op::default()
            },
            0,
            operand,
        );
    } else {
        emit_setcc(&mut emitter.asm, condition, operand);
    }
    if item.e.register {
        emitter.written(item, item.e.rm, Use::Both, 1, S0);
    }
}

/// CMOVcc.
pub(super) fn cmovcc(emitter: &mut Emitter, item: &Item) {
    let size = size_of(item);
    let operand = if item.e.register {
        Rm::Reg(emitter.operand(item, item.e.rm, Use::Read, size, S0))
    } else {
        emitter.probe(item, Access::Read, size);
        Rm::Base(S0, 0)
    };
    let to = emitter.operand(item, item.e.reg, Use::Both, size, S1);
    let condition = emitter.want_condition(super::rows::condition(&item.raw));
    let op = Op {
        code: 0x40 | condition,
        ..sized(item, size)
    };
    emitter.asm.op(op, to, operand);
    emitter.written(item, item.e.reg, Use::Both, size, S1);
}

/// Hints.
pub(super) fn nothing(_: &mut Emitter, _: &Item) {}
