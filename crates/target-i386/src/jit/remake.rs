//! Flags made a second time, on a cold path, from the registers that their instruction left.
//!
//! `cmp` and `test` are simply executed again. A logical operation's flags are those of its result. An addition is
//! undone and done again in a scratch register, and so is a subtraction.

use super::asm::{Op, Rm};
use super::block::{Emitter, Item};
use super::integer::{self, sized};
use super::regs::{S0, S1};
use crate::exec;
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

/// Guest registers as bits.
fn bit(register: Register) -> u32 {
    if register.is_gpr() {
        1 << register.full_register().number()
    } else {
        0
    }
}

/// General registers that the instruction may change.
pub(super) fn changed(item: &Item) -> u32 {
    const RAX: u32 = 1 << 0;
    const RCX: u32 = 1 << 1;
    const RDX: u32 = 1 << 2;
    const RSP: u32 = 1 << 4;
    const RBP: u32 = 1 << 5;
    let raw = &item.raw;
    let operand = |n: u32| {
        if raw.op_kind(n) == OpKind::Register {
            bit(raw.op_register(n))
        } else {
            0
        }
    };
    match raw.mnemonic() {
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Nop | Mnemonic::Bt => 0,
        Mnemonic::Push | Mnemonic::Pushfq => RSP,
        Mnemonic::Pop => RSP | operand(0),
        Mnemonic::Leave => RSP | RBP,
        Mnemonic::Mul | Mnemonic::Imul | Mnemonic::Div | Mnemonic::Idiv | Mnemonic::Mulx => {
            RAX | RDX | operand(0) | operand(1)
        }
        Mnemonic::Cwd | Mnemonic::Cdq | Mnemonic::Cqo | Mnemonic::Cbw | Mnemonic::Cwde | Mnemonic::Cdqe => {
            RAX | RDX
        }
        Mnemonic::Xchg | Mnemonic::Xadd => operand(0) | operand(1),
        Mnemonic::Cmpxchg => RAX | operand(0),
        Mnemonic::Pcmpestri | Mnemonic::Pcmpistri | Mnemonic::Vpcmpestri | Mnemonic::Vpcmpistri => RCX,
        _ if raw.op_count() > 0 => operand(0),
        _ => 0,
    }
}

/// The register that operand `n` is, if it is one whose value has a place of its own, or none if it is a constant.
pub(super) fn source(raw: &Instruction, n: u32) -> Option<u32> {
    if exec::is_immediate(raw.op_kind(n)) {
        return Some(0);
    }
    let register = raw.op_register(n);
    let high = matches!(
        register,
        Register::AH | Register::CH | Register::DH | Register::BH
    );
    (raw.op_kind(n) == OpKind::Register && !high).then(|| bit(register))
}

/// Registers from which the instruction's flags can be made again, if they can.
pub(super) fn sources(raw: &Instruction) -> Option<u32> {
    match raw.mnemonic() {
        Mnemonic::Cmp | Mnemonic::Test => Some(source(raw, 0)? | source(raw, 1)?),
        Mnemonic::And | Mnemonic::Or | Mnemonic::Xor => source(raw, 0),
        Mnemonic::Add | Mnemonic::Sub => {
            let (to, from) = (source(raw, 0)?, source(raw, 1)?);
            (to != from).then_some(to | from)
        }
        _ => None,
    }
}

/// Whether every instruction behind `n` and before `until` finds the registers that `n`'s flags can be made from.
pub(super) fn possible(items: &[Item], n: usize, until: usize) -> bool {
    let Some(sources) = sources(&items[n].raw) else {
        return false;
    };
    let mut gone = 0;
    items[n + 1..until].iter().all(|item| {
        let good = !item.row.effects.exits || gone & sources == 0;
        gone |= changed(item);
        good
    })
}

impl Emitter {
    /// Makes the item's flags again and stores them. Uses S0 and S1.
    pub fn remake_flags(&mut self, item: &Item) {
        let size = integer::size_of(item);
        let mnemonic = item.raw.mnemonic();
        match mnemonic {
            Mnemonic::Cmp | Mnemonic::Test => integer::alu_core(self, item),
            Mnemonic::And | Mnemonic::Or | Mnemonic::Xor => {
                let result = self.operand(item, destination(item), integer::Use::Read, size, S1);
                let op = Op {
                    lock: false,
                    map: 0,
                    code: if size == 1 { 0x84 } else { 0x85 },
                    ..sized(item, size)
                };
                self.asm.op(op, result, Rm::Reg(result));
            }
            _ => {
                // Undo and redo in S1.
                let result = self.operand(item, destination(item), integer::Use::Read, size, S1);
                if result != S1 {
                    self.asm.mov(S1, result);
                }
                let (add, sub) = (0u8, 5u8);
                let steps = if mnemonic == Mnemonic::Add {
                    [sub, add]
                } else {
                    [add, sub]
                };
                let byte = u8::from(size > 1);
                let plain = Op {
                    lock: false,
                    map: 0,
                    low_bytes: true,
                    ..sized(item, size)
                };
                if exec::is_immediate(item.raw.op1_kind()) {
                    let code = match item.e.code {
                        0x80..=0x83 => item.e.code,
                        _ => 0x80 | byte,
                    };
                    let code = if code == 0x82 { 0x80 } else { code };
                    for step in steps {
                        self.asm.op(Op { code, ..plain }, step, Rm::Reg(S1));
                        self.asm.bytes(item.imm());
                    }
                } else {
                    let source = if item.e.code & 2 == 0 {
                        item.e.reg
                    } else {
                        item.e.rm
                    };
                    let source = self.operand(item, source, integer::Use::Read, size, S0);
                    for step in steps {
                        let code = step << 3 | 2 | byte;
                        self.asm.op(Op { code, ..plain }, S1, Rm::Reg(source));
                    }
                }
            }
        }
        self.save_flags();
        self.clobber();
    }
}

/// Number of the register that the instruction wrote.
fn destination(item: &Item) -> u8 {
    match item.e.code {
        0x80..=0x83 => item.e.rm,
        code if code & 7 < 2 => item.e.rm,
        code if code & 7 < 4 => item.e.reg,
        _ => 0,
    }
}
