//! Integer instructions. SDM vol. 1, 7.3.

use super::flags::Known;
use super::lower::{Lower, int};
use super::memory::Access;
use super::region::Item;
use super::rows;
use crate::exec;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Value};
use iced_x86::{Mnemonic, OpKind};

/// Where a result goes.
#[derive(Clone, Copy)]
enum Place {
    Register(u8),
    /// A host address that may be written.
    Host(Value),
}

impl Lower<'_> {
    fn read_place(&mut self, place: Place, size: usize) -> Value {
        match place {
            Place::Register(n) => self.register(n, size),
            Place::Host(host) => self.load(int(size), host),
        }
    }

    fn write_place(&mut self, place: Place, size: usize, value: Value) {
        match place {
            Place::Register(n) => self.set_register(n, size, value),
            Place::Host(host) => self.store(value, host),
        }
    }

    /// Operand `op` as something to be written (and read); memory is probed for writing.
    fn destination(&mut self, item: &Item, op: u32, size: usize) -> Place {
        if item.raw.op_kind(op) == OpKind::Memory {
            Place::Host(self.operand_host(item, size, Access::Write))
        } else {
            Place::Register(item.insn.reg[op as usize & 3])
        }
    }

    /// The value of operand `op`.
    fn source(&mut self, item: &Item, op: u32, size: usize) -> Value {
        match item.raw.op_kind(op) {
            OpKind::Memory => {
                let host = self.operand_host(item, size, Access::Read);
                self.load(int(size), host)
            }
            OpKind::Register => self.register(item.insn.reg[op as usize & 3], size),
            _ => self.sized(size, item.insn.imm),
        }
    }
}

fn size_of(item: &Item) -> usize {
    exec::operand_size(&item.raw)
}

/// NOP, and branches, which the end of the block is made of.
pub(super) fn nothing(_: &mut Lower<'_>, _: &Item) {}

/// MOV.
pub(super) fn mov(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let place = lower.destination(item, 0, size);
    let value = lower.source(item, 1, size);
    lower.write_place(place, size, value);
}

/// MOVZX, MOVSX, MOVSXD.
pub(super) fn extend(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let from = match item.raw.op1_kind() {
        OpKind::Register => item.raw.op1_register().size(),
        _ => item.raw.memory_size().size(),
    };
    let mut value = lower.source(item, 1, from);
    if size > from {
        value = if item.raw.mnemonic() == Mnemonic::Movzx {
            lower.b.ins().uextend(int(size), value)
        } else {
            lower.b.ins().sextend(int(size), value)
        };
    }
    lower.set_register(item.insn.reg[0], size, value);
}

/// LEA.
pub(super) fn lea(lower: &mut Lower<'_>, item: &Item) {
    let size = item.raw.op0_register().size();
    let mut value = lower.offset_of(item);
    if size < 8 {
        value = lower.b.ins().ireduce(int(size), value);
    }
    lower.set_register(item.insn.reg[0], size, value);
}

/// ADD, SUB, CMP, AND, OR, XOR, TEST, ADC, SBB.
pub(super) fn alu(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let mnemonic = item.raw.mnemonic();
    let writes = !matches!(mnemonic, Mnemonic::Cmp | Mnemonic::Test);
    let place = writes.then(|| lower.destination(item, 0, size));
    let a = match place {
        Some(place) => lower.read_place(place, size),
        None => lower.source(item, 0, size),
    };
    let b = lower.source(item, 1, size);
    let ins = lower.b.ins();
    let (result, known) = match mnemonic {
        Mnemonic::Add => {
            let result = ins.iadd(a, b);
            (result, Known::Add { a, b, result })
        }
        Mnemonic::Sub | Mnemonic::Cmp => {
            let result = ins.isub(a, b);
            (result, Known::Sub { a, b, result })
        }
        Mnemonic::Adc | Mnemonic::Sbb => {
            carrying(lower, item, size, place, [a, b]);
            return;
        }
        Mnemonic::Or => {
            let result = ins.bor(a, b);
            (result, Known::Logic { result })
        }
        Mnemonic::Xor => {
            let result = ins.bxor(a, b);
            (result, Known::Logic { result })
        }
        _ => {
            let result = ins.band(a, b);
            (result, Known::Logic { result })
        }
    };
    if let Some(place) = place {
        lower.write_place(place, size, result);
    }
    lower.set_flags(size, known);
}

/// ADC and SBB: all carries at once, since operands alone do not tell any more.
fn carrying(lower: &mut Lower<'_>, item: &Item, size: usize, place: Option<Place>, [a, b]: [Value; 2]) {
    let carry = lower.carry();
    let carry = if size == 1 {
        carry
    } else {
        lower.b.ins().uextend(int(size), carry)
    };
    let (result, carries);
    if item.raw.mnemonic() == Mnemonic::Adc {
        let sum = lower.b.ins().iadd(a, b);
        result = lower.b.ins().iadd(sum, carry);
        // a & b | (a | b) & !result
        let (both, either) = (lower.b.ins().band(a, b), lower.b.ins().bor(a, b));
        let propagated = lower.b.ins().band_not(either, result);
        carries = lower.b.ins().bor(both, propagated);
    } else {
        let difference = lower.b.ins().isub(a, b);
        result = lower.b.ins().isub(difference, carry);
        // !a & b | !(a ^ b) & result
        let below = lower.b.ins().band_not(b, a);
        let differ = lower.b.ins().bxor(a, b);
        let propagated = lower.b.ins().band_not(result, differ);
        carries = lower.b.ins().bor(below, propagated);
    }
    if let Some(place) = place {
        lower.write_place(place, size, result);
    }
    let extended = if size == 8 {
        result
    } else {
        lower.b.ins().sextend(I64, result)
    };
    let carries = lower.widened(carries);
    let shift = lower.constant(I64, 64 - 8 * size as i64);
    let top = lower.b.ins().ishl(carries, shift);
    let mask = lower.constant(I64, (3u64 << 62) as i64);
    let top = lower.b.ins().band(top, mask);
    let eight = lower.constant(I64, 8);
    let adjust = lower.b.ins().band(carries, eight);
    let aux = lower.b.ins().bor(top, adjust);
    let raw = lower.constant(I64, super::exit::word::RAW as i64);
    lower.define([raw, extended, aux]);
}

/// INC, DEC, NEG, NOT.
pub(super) fn unary(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let place = lower.destination(item, 0, size);
    let a = lower.read_place(place, size);
    let one = lower.sized(size, 1);
    match item.raw.mnemonic() {
        Mnemonic::Not => {
            let result = lower.b.ins().bnot(a);
            lower.write_place(place, size, result);
        }
        Mnemonic::Neg => {
            let zero = lower.sized(size, 0);
            let result = lower.b.ins().isub(zero, a);
            lower.write_place(place, size, result);
            lower.set_flags(
                size,
                Known::Sub {
                    a: zero,
                    b: a,
                    result,
                },
            );
        }
        mnemonic => {
            let up = mnemonic == Mnemonic::Inc;
            let cf = lower.carry();
            let result = if up {
                lower.b.ins().iadd(a, one)
            } else {
                lower.b.ins().isub(a, one)
            };
            lower.write_place(place, size, result);
            lower.set_flags(size, Known::Step { up, cf, result });
        }
    }
}

/// IMUL with two or three operands: CF and OF tell of overflow, the other flags are clear.
pub(super) fn multiply(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let b = lower.source(item, 1, size);
    let a = match item.raw.op_count() {
        3 => lower.sized(size, item.insn.imm),
        _ => lower.register(item.insn.reg[0], size),
    };
    let result = lower.b.ins().imul(a, b);
    // The upper half is the extension of the lower one's sign unless it overflowed.
    let high = lower.b.ins().smulhi(a, b);
    let top = lower.sized(size, 8 * size as u64 - 1);
    let sign = lower.b.ins().sshr(result, top);
    let over = lower.b.ins().icmp(IntCC::NotEqual, high, sign);
    lower.set_register(item.insn.reg[0], size, result);
    // One is neither zero nor negative, and odd.
    let one = lower.constant(I64, 1);
    lower.set_flags(
        8,
        Known::Bits {
            cf: over,
            of: over,
            result: one,
        },
    );
}

/// MUL, and IMUL with one operand, of 32 or 64 bits: flags as of the other IMUL.
pub(super) fn wide_multiply(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let b = lower.source(item, 0, size);
    let a = lower.register(0, size);
    let low = lower.b.ins().imul(a, b);
    let (high, fits) = if item.raw.mnemonic() == Mnemonic::Mul {
        (lower.b.ins().umulhi(a, b), lower.sized(size, 0))
    } else {
        let top = lower.sized(size, 8 * size as u64 - 1);
        let high = lower.b.ins().smulhi(a, b);
        (high, lower.b.ins().sshr(low, top))
    };
    let over = lower.b.ins().icmp(IntCC::NotEqual, high, fits);
    lower.set_register(0, size, low);
    lower.set_register(2, size, high);
    let one = lower.constant(I64, 1);
    lower.set_flags(
        8,
        Known::Bits {
            cf: over,
            of: over,
            result: one,
        },
    );
}

/// MOVBE.
pub(super) fn mov_swapped(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let place = lower.destination(item, 0, size);
    let value = lower.source(item, 1, size);
    let turned = lower.b.ins().bswap(value);
    lower.write_place(place, size, turned);
}

/// SHL, SHR, SAR by an immediate or by CL.
pub(super) fn shift(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let bits = 8 * size as u64;
    let ty = int(size);
    let place = lower.destination(item, 0, size);
    let a = lower.read_place(place, size);
    let by_register = item.raw.op1_kind() == OpKind::Register;
    let mask = if size == 8 { 63 } else { 31 };
    let count = if by_register {
        let cl = lower.register(1, size);
        let mask = lower.sized(size, mask);
        lower.b.ins().band(cl, mask)
    } else {
        lower.sized(size, item.insn.imm & mask)
    };
    let one = lower.sized(size, 1);
    let top = lower.sized(size, bits - 1);
    // The bit shifted out last; whatever it is for a count of zero.
    let (result, out, of) = match item.raw.mnemonic() {
        Mnemonic::Shl | Mnemonic::Sal => {
            let result = lower.b.ins().ishl(a, count);
            let width = lower.sized(size, bits);
            let back = lower.b.ins().isub(width, count);
            let out = lower.b.ins().ushr(a, back);
            let sign = lower.b.ins().ushr(result, top);
            let of = lower.b.ins().bxor(out, sign);
            (result, out, of)
        }
        Mnemonic::Shr => {
            let result = lower.b.ins().ushr(a, count);
            let before = lower.b.ins().isub(count, one);
            let out = lower.b.ins().ushr(a, before);
            let second = lower.sized(size, bits - 2);
            let (x, y) = (
                lower.b.ins().ushr(result, top),
                lower.b.ins().ushr(result, second),
            );
            let of = lower.b.ins().bxor(x, y);
            (result, out, of)
        }
        _ => {
            let result = lower.b.ins().sshr(a, count);
            let before = lower.b.ins().isub(count, one);
            let out = lower.b.ins().sshr(a, before);
            (result, out, lower.sized(size, 0))
        }
    };
    let mut low = |value: Value| {
        let value = lower.b.ins().band(value, one);
        if ty == I8 {
            value
        } else {
            lower.b.ins().ireduce(I8, value)
        }
    };
    let known = Known::Bits {
        cf: low(out),
        of: low(of),
        result,
    };
    lower.write_place(place, size, result);
    if by_register {
        lower.merge_flags(count, size, known);
    } else {
        lower.set_flags(size, known);
    }
}

/// PUSH.
pub(super) fn push(lower: &mut Lower<'_>, item: &Item) {
    let size = usize::from(lower.key.stack);
    let value = lower.source(item, 0, size);
    let addr = lower.stack_address(-(size as i64));
    let host = lower.stack_host(item, addr, size, Access::Write);
    lower.store(value, host);
    lower.set_gpr(4, addr);
}

/// POP of a register.
pub(super) fn pop(lower: &mut Lower<'_>, item: &Item) {
    let size = usize::from(lower.key.stack);
    let addr = lower.stack_address(0);
    let host = lower.stack_host(item, addr, size, Access::Read);
    let value = lower.load(int(size), host);
    let above = lower.stack_address(size as i64);
    lower.set_gpr(4, above);
    // POP RSP: the value popped wins.
    lower.set_register(item.insn.reg[0], size, value);
}

/// SETcc.
pub(super) fn setcc(lower: &mut Lower<'_>, item: &Item) {
    let place = lower.destination(item, 0, 1);
    let value = lower.condition(rows::condition(&item.raw));
    lower.write_place(place, 1, value);
}

/// CMOVcc: memory is read, and a 32-bit register's upper half cleared, in any case.
pub(super) fn cmovcc(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let value = lower.source(item, 1, size);
    let old = lower.register(item.insn.reg[0], size);
    let code = rows::condition(&item.raw);
    let holds = lower.positive(code >> 1 & 7);
    let (then, other) = if code & 1 == 0 { (value, old) } else { (old, value) };
    let chosen = lower.b.ins().select(holds, then, other);
    lower.set_register(item.insn.reg[0], size, chosen);
}

/// BSWAP of 32 or 64 bits.
pub(super) fn bswap(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let value = lower.register(item.insn.reg[0], size);
    let turned = lower.b.ins().bswap(value);
    lower.set_register(item.insn.reg[0], size, turned);
}

/// CWDE, CDQE, CDQ, CQO.
pub(super) fn sign_extend(lower: &mut Lower<'_>, item: &Item) {
    match item.raw.mnemonic() {
        Mnemonic::Cwde => {
            let ax = lower.register(0, 2);
            let eax = lower.b.ins().sextend(I32, ax);
            lower.set_register(0, 4, eax);
        }
        Mnemonic::Cdqe => {
            let eax = lower.register(0, 4);
            let rax = lower.b.ins().sextend(I64, eax);
            lower.set_register(0, 8, rax);
        }
        mnemonic => {
            let size = if mnemonic == Mnemonic::Cdq { 4 } else { 8 };
            let value = lower.register(0, size);
            let top = lower.sized(size, 8 * size as u64 - 1);
            let sign = lower.b.ins().sshr(value, top);
            lower.set_register(2, size, sign);
        }
    }
}

/// XCHG of registers.
pub(super) fn exchange(lower: &mut Lower<'_>, item: &Item) {
    let size = size_of(item);
    let (x, y) = (item.insn.reg[0], item.insn.reg[1]);
    let (a, b) = (lower.register(x, size), lower.register(y, size));
    lower.set_register(x, size, b);
    lower.set_register(y, size, a);
}
