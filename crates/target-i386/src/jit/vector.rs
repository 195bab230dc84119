//! Vector instructions: the guest's own, on the host's same-named registers.
//!
//! Only general registers are renamed and memory operands replaced by host addresses. Pages are aligned alike in
//! guest and host, so the alignment rules of legacy SSE are tested on host addresses. SDM vol. 1, chapters 10 to 14.

use super::asm::{Op, Rm, cc, op32};
use super::block::{Emitter, Item};
use super::integer::Use;
use super::memory::{Access, Cold, ColdKind};
use super::regs::{S0, S1};
use super::rows::Row;
use super::runtime::ExitKind;
use super::vector_state::{self, vectors};
use crate::insn::InsnFlags;
use iced_x86::{Mnemonic, OpKind};

/// What a row has to do with vector registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Vectors {
    /// Nothing: whatever is in them stays.
    #[default]
    Keeps,
    /// Wants them there, with this bit of `Env::vectors`.
    Needs(u8),
    /// Calls Rust, which takes them away.
    Drops,
}

/// Which bit an instruction has to test, given those that its block has `seen` set; to be called in the block's order.
pub(super) fn gate(row: &mut Row, seen: &mut u8) -> u8 {
    match row.vectors {
        Vectors::Keeps => 0,
        Vectors::Drops => {
            *seen = 0;
            0
        }
        Vectors::Needs(bits) => {
            let missing = bits & !*seen;
            if missing != 0 {
                *seen |= bits;
                if bits & vectors::AVX != 0 {
                    *seen |= vectors::SSE;
                }
                row.effects.exits = true;
                row.effects.cold = true;
                row.effects.clobbers = true;
            }
            missing
        }
    }
}

/// What ModRM.rm or ModRM.reg is, if a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// A vector register.
    Vector,
    /// A general register of this many bytes that is read.
    Read(u8),
    /// A general register of this many bytes that is written.
    Write(u8),
}

/// ModRM.reg and ModRM.rm of an instruction with a vector operand. None: not understood.
pub(super) fn operands(
    item_map: u8,
    item_code: u8,
    raw: &iced_x86::Instruction,
) -> Option<(Operand, Operand)> {
    let general = |op: u32| raw.op_kind(op) == OpKind::Register && raw.op_register(op).is_gpr();
    let number = (0..raw.op_count()).find(|&op| general(op));
    let count = (0..raw.op_count()).filter(|&op| general(op)).count();
    let Some(number) = number else {
        return Some((Operand::Vector, Operand::Vector));
    };
    let size = raw.op_register(number).size() as u8;
    if count != 1 || size < 4 {
        return None;
    }
    match (item_map, item_code, number) {
        (1, 0x2c | 0x2d | 0x50 | 0xc5 | 0xd7, 0) => Some((Operand::Write(size), Operand::Vector)),
        (1, 0x7e, 0) | (3, 0x14..=0x17, 0) => Some((Operand::Vector, Operand::Write(size))),
        (1, 0x2a | 0x6e | 0xc4, 1 | 2) | (3, 0x20 | 0x22, 1 | 2) => {
            Some((Operand::Vector, Operand::Read(size)))
        }
        _ => None,
    }
}

/// Whether REX.W or VEX.W tells the size of a general register (of PCMPESTRI and PCMPESTRM: EAX and EDX) or of its
/// stand-in in memory; outside 64-bit mode it is ignored.
fn w_is_size(map: u8, code: u8) -> bool {
    matches!(
        (map, code),
        (1, 0x2a | 0x2c | 0x2d | 0x6e | 0x7e) | (3, 0x14..=0x17 | 0x20 | 0x22 | 0x60 | 0x61)
    )
}

/// The alignment that the memory operand must have, or 0.
fn alignment(item: &Item, size: u8) -> u8 {
    use Mnemonic as M;
    match item.raw.mnemonic() {
        M::Movups | M::Movupd | M::Movdqu | M::Lddqu => 0,
        M::Pcmpistri | M::Pcmpistrm | M::Pcmpestri | M::Pcmpestrm | M::Pcmpestri64 | M::Pcmpestrm64 => 0,
        M::Vmovaps | M::Vmovapd | M::Vmovdqa | M::Vmovntps | M::Vmovntpd | M::Vmovntdq | M::Vmovntdqa => size,
        _ if item.e.vex.is_none() && size == 16 => 16,
        _ => 0,
    }
}

/// Non-temporal moves have their alignment rule, but go through the cache: the guest's SFENCE does not reach the host.
fn temporal(map: u8, code: u8) -> (u8, u8) {
    match (map, code) {
        (1, 0x2b) => (1, 0x29),
        (1, 0xe7) => (1, 0x7f),
        (2, 0x2a) => (1, 0x6f),
        other => other,
    }
}

impl Emitter {
    /// Makes sure that the vector registers are the guest's, if the block has not done so before `item`.
    pub fn gate(&mut self, item: &Item) {
        if item.gate == 0 {
            return;
        }
        self.clobber();
        vector_state::test(&mut self.asm, item.gate);
        let from = self.asm.jcc(cc::Z);
        let back = self.asm.at();
        let site = self.word(ExitKind::Interpret);
        self.cold.push(Cold {
            from,
            remake: self.remake,
            kind: ColdKind::Engage {
                need: item.gate,
                site,
                back,
            },
        });
    }

    /// The branch taken if the address in S0 is no multiple of `alignment`.
    pub fn test_alignment(&mut self, alignment: u8) -> usize {
        self.asm.op(
            Op {
                low_bytes: true,
                ..op32(0xf6)
            },
            0,
            Rm::Reg(S0),
        );
        self.asm.byte(alignment - 1);
        self.asm.jcc(cc::NZ)
    }

    /// Leaves before the instruction unless the host address in S0 is aligned.
    fn aligned(&mut self, alignment: u8) {
        if alignment != 0 {
            let from = self.test_alignment(alignment);
            self.leave_before(from);
        }
    }

    /// The host register of `operand`, number `number` in the encoding.
    fn vector_operand(&mut self, item: &Item, operand: Operand, number: u8, scratch: u8) -> u8 {
        match operand {
            Operand::Vector => number,
            Operand::Read(size) => self.operand(item, number, Use::Read, size, scratch),
            Operand::Write(size) => self.operand(item, number, Use::Write, size, scratch),
        }
    }

    fn vector_written(&mut self, item: &Item, operand: Operand, number: u8, scratch: u8) {
        if let Operand::Write(size) = operand {
            self.written(item, number, Use::Write, size, scratch);
        }
    }
}

/// Any vector instruction with ModRM.
pub(super) fn same(emitter: &mut Emitter, item: &Item) {
    emitter.gate(item);
    let e = &item.e;
    let long = emitter.key.bits == 64;
    // Extension bits that have no meaning outside 64-bit mode may be set in VEX prefixes.
    let registers = if long { 15 } else { 7 };
    let (reg_number, rm_number) = (e.reg & registers, e.rm & registers);
    let Some((reg, rm)) = operands(e.map, e.code, &item.raw) else {
        unreachable!("the row was chosen by the same function");
    };
    let operand = if e.register {
        Rm::Reg(emitter.vector_operand(item, rm, rm_number, S0))
    } else {
        let size = item.raw.memory_size().size() as u8;
        let access = if item.raw.op0_kind() == OpKind::Memory {
            Access::Write
        } else {
            Access::Read
        };
        let alignment = alignment(item, size);
        emitter.probe_aligned(item, access, size, alignment);
        emitter.aligned(alignment);
        Rm::Base(S0, 0)
    };
    let field = emitter.vector_operand(item, reg, reg_number, S1);
    let w = (e.w || e.vex.is_some_and(|vex| vex.w)) && (long || !w_is_size(e.map, e.code));
    let (map, code) = temporal(e.map, e.code);
    match e.vex {
        Some(vex) => {
            let wide = item.insn.flags.contains(InsnFlags::VEX_L);
            emitter
                .asm
                .vex(map, vex.pp, w, wide, code, field, vex.vvvv & registers, operand);
        }
        None => {
            let op = Op {
                p66: e.p66,
                rep: e.rep,
                w,
                map,
                code,
                ..Op::default()
            };
            emitter.asm.op(op, field, operand);
        }
    }
    emitter.asm.bytes(item.imm());
    emitter.vector_written(item, reg, reg_number, S1);
    if e.register {
        emitter.vector_written(item, rm, rm_number, S0);
    }
}

/// A vector instruction that sets status flags.
pub(super) fn same_with_flags(emitter: &mut Emitter, item: &Item) {
    same(emitter, item);
    emitter.flags_made(item);
}

/// VZEROUPPER and VZEROALL.
pub(super) fn zero(emitter: &mut Emitter, item: &Item) {
    emitter.gate(item);
    let all = item.raw.mnemonic() == Mnemonic::Vzeroall;
    emitter.asm.bytes(&[0xc5, if all { 0xfc } else { 0xf8 }, 0x77]);
}
