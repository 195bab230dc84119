//! Near jumps, calls and returns, and how a block ends.
//!
//! A target in the same page is linked directly: what maps this page maps the target. Any other target goes through
//! the jump cache, whose entries are good under the fetch tag in force; if it is not there, the engine is asked for the
//! target's code, and if it has none, the interpreter executes the branch (and raises its faults), and the run loop
//! enters the target.

use super::asm::{Rm, alu, cc, env, op32, op64};
use super::block::{Emitter, Item};
use super::env::{Jump, at};
use super::memory::{Access, Cold, ColdKind};
use super::regs::{ENV, S0, S1, host};
use super::runtime::{ExitKind, exit_word};
use std::mem::offset_of;

/// Offset of the target of a direct branch from the page's start.
fn target(emitter: &Emitter, item: &Item) -> i64 {
    i64::from(emitter.next_offset(item)) + item.insn.imm as i64
}

fn in_page(target: i64) -> Option<i32> {
    (0..4096).contains(&target).then_some(target as i32)
}

impl Emitter {
    /// Goes to `target` in the same page, by a jump that can be linked.
    fn jump_in_page(&mut self, target: i32) {
        self.owe();
        let at = self.asm.jmp();
        self.link(Some(at), target);
    }

    /// The block ends here without a branch, and execution goes on at `target`.
    pub fn go_on(&mut self, target: i32) {
        match in_page(i64::from(target)) {
            Some(target) if self.key.flat_code => self.jump_in_page(target),
            _ => {
                self.settle();
                let n = self.link(None, target);
                let word = exit_word(ExitKind::Link, self.id(), n);
                if self.key.flat_code && self.key.bits != 16 {
                    self.address_of_target(i64::from(target));
                    self.look_up_or(word);
                    self.enter_found();
                } else {
                    self.exit(word);
                }
            }
        }
    }

    /// S0 = the linear address (and RIP) at an offset from the page's start.
    fn address_of_target(&mut self, target: i64) {
        self.asm.load(S0, env(at::RIP_BASE));
        if let Ok(target) = i32::try_from(target) {
            self.asm.lea(S0, Rm::Base(S0, target), self.key.bits == 64);
        } else {
            self.asm.mov_imm(S1, target as u64);
            self.asm
                .lea(S0, Rm::Index(Some(S0), S1, 0, 0), self.key.bits == 64);
        }
    }

    /// S1 = the jump-cache entry for S0, which the engine may fill; leaves before the instruction if the engine knows no
    /// code there. Destroys S0 and flags, which nobody wants made again.
    fn find_target(&mut self) {
        self.look_up_or(self.word(ExitKind::Interpret));
    }

    /// As [`find_target`](Self::find_target), leaving with `site`.
    fn look_up_or(&mut self, site: u32) {
        let [other_address, other_tag] = self.look_up(0);
        let back = self.asm.at();
        for (from, entry) in [(other_address, false), (other_tag, true)] {
            self.cold.push(Cold {
                from,
                remake: None,
                kind: ColdKind::Find { entry, site, back },
            });
        }
    }

    /// S1 = the jump-cache entry for S0 under the present mode key with the bits of `change` the other way; the branches
    /// taken if there is none. Destroys S0 and flags.
    pub fn look_up(&mut self, change: u8) -> [usize; 2] {
        let field = |offset: usize| Rm::Base(S1, offset as i32);
        let asm = &mut self.asm;
        asm.mov32(S1, S0);
        asm.shift_imm(5, S1, Jump::FOLD, false);
        asm.op(op32(0x33), S1, Rm::Reg(S0));
        asm.alu_imm(alu::AND, Rm::Reg(S1), Jump::ENTRIES as i32 - 1, false);
        asm.shift_imm(4, S1, size_of::<Jump>().trailing_zeros() as u8, false);
        asm.alu(alu::ADD, S1, env(at::JUMPS));
        asm.alu(alu::CMP, S0, field(offset_of!(Jump, pc)));
        let other_address = asm.jcc(cc::NZ);
        // The tag of the address's half.
        asm.shift_imm(5, S0, 63, true);
        asm.load(S0, Rm::Index(Some(ENV), S0, 3, at::TAGS));
        if change != 0 {
            asm.alu_imm(alu::XOR, Rm::Reg(S0), i32::from(change), true);
        }
        asm.alu(alu::CMP, S0, field(offset_of!(Jump, tag)));
        let other_tag = asm.jcc(cc::NZ);
        [other_address, other_tag]
    }

    /// Enters the block of the entry at S1.
    pub fn enter_found(&mut self) {
        self.asm.load(S0, Rm::Base(S1, offset_of!(Jump, rip_base) as i32));
        self.asm.store(env(at::RIP_BASE), S0);
        self.asm
            .op(op32(0xff), 4, Rm::Base(S1, offset_of!(Jump, code) as i32));
    }

    /// Goes to the address in S0.
    fn jump_to_address(&mut self) {
        self.find_target();
        self.enter_found();
    }

    /// Goes to a target at an offset from the page's start.
    fn jump_to(&mut self, target: i64) {
        match in_page(target) {
            Some(target) => self.jump_in_page(target),
            None => {
                self.settle();
                self.address_of_target(target);
                self.jump_to_address();
            }
        }
    }

    /// Pushes the address behind `item`. What it finds in S1 is kept.
    fn push_return(&mut self, item: &Item, keep: bool) {
        if keep {
            self.asm.store(env(at::SCRATCH), S1);
        }
        self.probe_push();
        self.asm.load(S1, env(at::RIP_BASE));
        let next = self.next_offset(item);
        self.asm.lea(S1, Rm::Base(S1, next), self.key.bits == 64);
        self.store_slot(S1);
        self.move_stack(-i32::from(self.key.stack));
        if keep {
            self.asm.load(S1, env(at::SCRATCH));
        }
    }

    /// S0 = the register or memory operand of an indirect branch.
    fn load_target(&mut self, item: &Item) {
        let wide = self.key.bits == 64;
        let op = if wide { op64(0x8b) } else { op32(0x8b) };
        if item.e.register {
            match host(item.e.rm) {
                Some(register) => self.asm.op(op, S0, Rm::Reg(register)),
                None => self.asm.load(S0, env(at::gpr(item.e.rm))),
            }
        } else {
            self.probe(item, Access::Read, if wide { 8 } else { 4 });
            self.asm.op(op, S0, Rm::Base(S0, 0));
        }
    }
}

/// Everything that has no template and ends its block.
pub(super) fn handler_and_leave(emitter: &mut Emitter, item: &Item) {
    emitter.call_helper(item, true);
}

pub(super) fn jmp(emitter: &mut Emitter, item: &Item) {
    emitter.jump_to(target(emitter, item));
}

pub(super) fn jcc(emitter: &mut Emitter, item: &Item) {
    let condition = emitter.want_condition(super::rows::condition(&item.raw));
    let next = emitter.next_offset(item);
    let to = target(emitter, item);
    match in_page(to) {
        Some(to) => {
            emitter.owe();
            let at = emitter.asm.jcc(condition);
            emitter.link(Some(at), to);
        }
        None => {
            let not_taken = emitter.asm.jcc(condition ^ 1);
            emitter.jump_to(to);
            emitter.asm.bind_here(not_taken);
        }
    }
    emitter.go_on(next);
}

pub(super) fn call(emitter: &mut Emitter, item: &Item) {
    let to = target(emitter, item);
    match in_page(to) {
        Some(to) => {
            emitter.push_return(item, false);
            emitter.jump_in_page(to);
        }
        None => {
            emitter.address_of_target(to);
            emitter.find_target();
            emitter.push_return(item, true);
            emitter.enter_found();
        }
    }
}

pub(super) fn jmp_indirect(emitter: &mut Emitter, item: &Item) {
    emitter.load_target(item);
    emitter.jump_to_address();
}

pub(super) fn call_indirect(emitter: &mut Emitter, item: &Item) {
    emitter.load_target(item);
    emitter.find_target();
    emitter.push_return(item, true);
    emitter.enter_found();
}

/// RET, and RET n with the bytes to drop in the immediate.
pub(super) fn ret(emitter: &mut Emitter, item: &Item) {
    emitter.probe_pop();
    let wide = emitter.key.bits == 64;
    let op = if wide { op64(0x8b) } else { op32(0x8b) };
    emitter.asm.op(op, S0, Rm::Base(S0, 0));
    emitter.find_target();
    emitter.move_stack(i32::from(emitter.key.stack) + item.insn.imm as i32);
    emitter.enter_found();
}
