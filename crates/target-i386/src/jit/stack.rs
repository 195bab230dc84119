//! PUSH, POP and LEAVE on flat stacks. SDM vol. 1, 6.2.

use super::asm::{Op, Rm, env, op32, op64};
use super::block::{Emitter, Item};
use super::env::at;
use super::memory::{Access, Address};
use super::regs::{S0, S1, host};

/// The host register of guest RSP.
const SP: u8 = 12;
/// Of guest RBP.
const BP: u8 = 5;

impl Emitter {
    fn stack_op(&self, code: u8) -> Op {
        if self.key.stack == 8 {
            op64(code)
        } else {
            op32(code)
        }
    }

    /// RSP or ESP moves by `by` bytes.
    pub fn move_stack(&mut self, by: i32) {
        self.asm.lea(SP, Rm::Base(SP, by), self.key.stack == 8);
    }

    /// S0 = host address of the slot a push would fill.
    pub fn probe_push(&mut self) {
        let size = self.key.stack;
        let address = Address::stack(self, -i32::from(size));
        self.probe_address(&address, Access::Write, size);
    }

    /// S0 = host address of the stack's top.
    pub fn probe_pop(&mut self) {
        let address = Address::stack(self, 0);
        self.probe_address(&address, Access::Read, self.key.stack);
    }

    /// Stores a register of stack size at S0.
    pub fn store_slot(&mut self, register: u8) {
        let op = self.stack_op(0x89);
        self.asm.op(op, register, Rm::Base(S0, 0));
    }
}

pub(super) fn push_register(emitter: &mut Emitter, item: &Item) {
    emitter.probe_push();
    let number = item.insn.reg[0];
    let register = host(number).unwrap_or_else(|| {
        emitter.asm.load(S1, env(at::gpr(number)));
        S1
    });
    emitter.store_slot(register);
    emitter.move_stack(-i32::from(emitter.key.stack));
}

pub(super) fn push_immediate(emitter: &mut Emitter, item: &Item) {
    emitter.probe_push();
    // All forms sign-extend to the operand's size.
    let value = item.insn.imm as i32;
    let op = emitter.stack_op(0xc7);
    emitter.asm.op(op, 0, Rm::Base(S0, 0));
    emitter.asm.imm32(value);
    emitter.move_stack(-i32::from(emitter.key.stack));
}

pub(super) fn push_memory(emitter: &mut Emitter, item: &Item) {
    let size = emitter.key.stack;
    emitter.probe(item, Access::Read, size);
    let load = emitter.stack_op(0x8b);
    emitter.asm.op(load, S1, Rm::Base(S0, 0));
    emitter.asm.store(env(at::SCRATCH), S1);
    emitter.probe_push();
    emitter.asm.load(S1, env(at::SCRATCH));
    emitter.store_slot(S1);
    emitter.move_stack(-i32::from(size));
}

pub(super) fn pop_register(emitter: &mut Emitter, item: &Item) {
    let size = emitter.key.stack;
    emitter.probe_pop();
    let number = item.insn.reg[0];
    let load = emitter.stack_op(0x8b);
    if number == 4 {
        // POP RSP: the value popped wins.
        emitter.asm.op(load, SP, Rm::Base(S0, 0));
        return;
    }
    match host(number) {
        Some(register) => emitter.asm.op(load, register, Rm::Base(S0, 0)),
        None => {
            emitter.asm.op(load, S1, Rm::Base(S0, 0));
            emitter.asm.store(env(at::gpr(number)), S1);
        }
    }
    emitter.move_stack(i32::from(size));
}

/// LEAVE: RSP = RBP, then POP RBP.
pub(super) fn leave(emitter: &mut Emitter, _: &Item) {
    let size = emitter.key.stack;
    let mut address = Address::stack(emitter, 0);
    address.set_base(BP);
    emitter.probe_address(&address, Access::Read, size);
    let wide = size == 8;
    emitter.asm.lea(SP, Rm::Base(BP, i32::from(size)), wide);
    let load = emitter.stack_op(0x8b);
    emitter.asm.op(load, BP, Rm::Base(S0, 0));
}
