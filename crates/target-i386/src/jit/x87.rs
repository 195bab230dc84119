//! x87 and MMX instructions: the guest's own, on the host's register stack.
//!
//! Those that only move, add, multiply, divide, take roots, round, convert and compare, which is where all processors
//! agree. Remainders, transcendental functions, decimals, and whatever stores or loads the environment call their
//! handlers. SDM vol. 1, chapters 8 and 9.

use super::asm::{Op, Rm, cc, env, op32};
use super::block::{Emitter, Item};
use super::encoding::Encoding;
use super::env::{Key, at};
use super::host::Host;
use super::memory::{Access, Address};
use super::plan::{Held, Writes};
use super::regs::{S0, S1};
use super::rows::{Row, Template, straight};
use super::vector::{self, Vectors, operands};
use super::vector_rows::host_has;
use super::vector_state::vectors;
use crate::Insn;
use crate::x87::{CONTROL_BITS, CONTROL_ONES};
use iced_x86::{Code, EncodingKind, Instruction, Mnemonic};

/// Exception masks in the control word.
const MASKS: i32 = 0x3f;

/// The row of an x87 or MMX instruction; none if its handler is to be called.
pub(super) fn row(raw: &Instruction, insn: &Insn, e: &Encoding, key: Key, host: Host) -> Option<Row> {
    if raw.code().encoding() != EncodingKind::Legacy || key.bits == 16 && insn.has_mem() && !key.flat {
        return None;
    }
    let made = |emit: Template| {
        let mut row = straight(emit, insn.has_mem());
        row.vectors = Vectors::Needs(vectors::X87);
        row
    };
    if e.map == 0 && matches!(e.code, 0xd8..=0xdf) {
        return stack_row(raw, host, &made);
    }
    if raw.mnemonic() == Mnemonic::Emms {
        return Some(made(empty));
    }
    let registers = || (0..raw.op_count()).map(|op| raw.op_register(op));
    let mmx = registers().any(|register| register.is_mm())
        && !registers().any(|register| register.is_xmm())
        && !matches!(
            raw.mnemonic(),
            Mnemonic::Maskmovq
                | Mnemonic::Cvtpi2ps
                | Mnemonic::Cvtpi2pd
                | Mnemonic::Cvtps2pi
                | Mnemonic::Cvttps2pi
                | Mnemonic::Cvtpd2pi
                | Mnemonic::Cvttpd2pi
        );
    (mmx && host_has(raw, host) && operands(e.map, e.code, raw).is_some()).then(|| made(vector::same))
}

fn stack_row(raw: &Instruction, host: Host, made: &dyn Fn(Template) -> Row) -> Option<Row> {
    use Mnemonic as M;
    Some(match raw.mnemonic() {
        // The FSTPNCE alias of FSTP has a rule of its own.
        _ if raw.code() == Code::Fstpnce_sti => return None,
        M::Fadd
        | M::Faddp
        | M::Fiadd
        | M::Fmul
        | M::Fmulp
        | M::Fimul
        | M::Fsub
        | M::Fsubp
        | M::Fisub
        | M::Fsubr
        | M::Fsubrp
        | M::Fisubr
        | M::Fdiv
        | M::Fdivp
        | M::Fidiv
        | M::Fdivr
        | M::Fdivrp
        | M::Fidivr
        | M::Fld
        | M::Fild
        | M::Fst
        | M::Fstp
        | M::Fist
        | M::Fistp
        | M::Fisttp
        | M::Fxch
        | M::Fchs
        | M::Fabs
        | M::Fsqrt
        | M::Frndint
        | M::Fld1
        | M::Fldl2t
        | M::Fldl2e
        | M::Fldpi
        | M::Fldlg2
        | M::Fldln2
        | M::Fldz
        | M::Fcom
        | M::Fcomp
        | M::Fcompp
        | M::Ficom
        | M::Ficomp
        | M::Fucom
        | M::Fucomp
        | M::Fucompp
        | M::Ftst
        | M::Fxam
        | M::Fincstp
        | M::Fdecstp
        | M::Ffree => made(operation),
        // C1 after them is AMD's choice here.
        M::Fcomi | M::Fcomip | M::Fucomi | M::Fucomip if host.contains(Host::AMD) => {
            let mut row = made(compare);
            row.effects.writes = Writes::All;
            row.effects.leaves = Held::All;
            row
        }
        M::Fcmovb
        | M::Fcmove
        | M::Fcmovbe
        | M::Fcmovu
        | M::Fcmovnb
        | M::Fcmovne
        | M::Fcmovnbe
        | M::Fcmovnu => {
            let mut row = made(operation);
            row.effects.reads = Held::All;
            row
        }
        M::Fnstcw => made(store_control),
        M::Fldcw => made(load_control),
        M::Fnstsw => made(store_status),
        M::Fnclex => made(clear),
        _ => return None,
    })
}

/// Whether a memory operand is written.
fn stores(raw: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(
        raw.mnemonic(),
        M::Fst | M::Fstp | M::Fist | M::Fistp | M::Fisttp | M::Fnstcw | M::Fnstsw
    )
}

impl Emitter {
    /// The instruction itself, on the host address of its memory operand.
    fn same_x87(&mut self, item: &Item) {
        self.gate(item);
        let operand = if item.e.register {
            Rm::Reg(item.e.rm & 7)
        } else {
            self.probe_x87(item);
            Rm::Base(S0, 0)
        };
        if item.row.effects.reads != Held::Nothing {
            self.want(item.row.effects.reads);
        }
        self.asm.op(op32(item.e.code), item.e.reg & 7, operand);
    }

    fn probe_x87(&mut self, item: &Item) {
        let access = if stores(&item.raw) {
            Access::Write
        } else {
            Access::Read
        };
        self.probe(item, access, item.raw.memory_size().size() as u8);
    }

    /// Notes where the last non-control instruction was, and its operand. Uses S0, keeps flags without one.
    fn point(&mut self, item: &Item) {
        let offset = self.next_offset(item) - i32::from(item.insn.len);
        let word = offset << 16 | (item.insn.imm as i32 & 0x7ff);
        self.asm.op(op32(0xc7), 0, env(at::X87_AT));
        self.asm.imm32(word);
        // Not before the first one is complete: until then both are of an instruction of another block.
        if !std::mem::replace(&mut self.x87_based, true) {
            self.asm.load(S0, env(at::RIP_BASE));
            self.asm.store(env(at::X87_BASE), S0);
        }
        if !item.e.register {
            self.asm.op(op32(0xc6), 0, env(at::X87_SEGMENT));
            self.asm.byte(item.insn.mem.seg);
            let address = Address::of(self, item);
            self.offset(&address, 0);
            self.asm.store(env(at::X87_DATA), S0);
        }
    }
}

/// Arithmetic, loads, stores, comparison.
fn operation(emitter: &mut Emitter, item: &Item) {
    emitter.same_x87(item);
    emitter.point(item);
}

/// FCOMI and kin.
fn compare(emitter: &mut Emitter, item: &Item) {
    emitter.same_x87(item);
    emitter.point(item);
    emitter.flags_made(item);
}

/// EMMS.
fn empty(emitter: &mut Emitter, item: &Item) {
    emitter.gate(item);
    emitter.asm.bytes(&[0x0f, 0x77]);
}

/// FNSTSW.
fn store_status(emitter: &mut Emitter, item: &Item) {
    emitter.same_x87(item);
}

/// FNCLEX.
fn clear(emitter: &mut Emitter, item: &Item) {
    emitter.gate(item);
    emitter.asm.bytes(&[0xdb, 0xe2]);
}

/// FNSTCW: of the copy in memory, whose reserved bits are as they should.
fn store_control(emitter: &mut Emitter, item: &Item) {
    emitter.gate(item);
    emitter.probe_x87(item);
    let load = Op { map: 1, ..op32(0xb7) };
    emitter.asm.op(load, S1, env(at::X87_CONTROL)); // movzx
    let store = Op {
        p66: true,
        ..op32(0x89)
    };
    emitter.asm.op(store, S1, Rm::Base(S0, 0));
}

/// FLDCW, unless it unmasks something.
fn load_control(emitter: &mut Emitter, item: &Item) {
    emitter.gate(item);
    emitter.probe_x87(item);
    let asm = &mut emitter.asm;
    let load = Op { map: 1, ..op32(0xb7) };
    asm.op(load, S1, Rm::Base(S0, 0)); // movzx
    asm.op(op32(0x8b), S0, Rm::Reg(S1));
    asm.op(op32(0xf7), 2, Rm::Reg(S0)); // not
    asm.op(op32(0xf7), 0, Rm::Reg(S0)); // test
    asm.imm32(MASKS);
    let from = asm.jcc(cc::NZ);
    asm.alu_imm(super::asm::alu::AND, Rm::Reg(S1), CONTROL_BITS.into(), false);
    asm.alu_imm(1, Rm::Reg(S1), CONTROL_ONES.into(), false); // or
    let store = Op {
        p66: true,
        ..op32(0x89)
    };
    asm.op(store, S1, env(at::X87_CONTROL));
    asm.op(op32(0xd9), 5, env(at::X87_CONTROL)); // fldcw
    emitter.leave_before(from);
}
