//! The guest's status flags in host flags and in memory.
//!
//! In memory they are packed as LAHF and SETO leave them ([`Flags::packed`](crate::flags::Flags::packed)). The
//! moves between the two never touch the other guest registers.

use super::asm::{Asm, Op, Rm, alu, cc, env, op32};
use super::block::Emitter;
use super::env::at;
use super::plan::Held;
use super::regs::{RAX, S0};

/// SETcc of a byte operand.
pub(super) fn setcc(asm: &mut Asm, condition: u8, to: Rm) {
    asm.op(
        Op {
            map: 1,
            code: 0x90 | condition,
            low_bytes: true,
            ..Op::default()
        },
        0,
        to,
    );
}

impl Emitter {
    /// Stores the host's flags, which hold all of the guest's; they stay. Uses S0.
    pub fn save_flags(&mut self) {
        self.store_flags(|_| ());
    }

    /// Stores the host's flags with AF clear; the host's are lost. Uses S0.
    pub fn save_flags_without_adjust(&mut self) {
        self.store_flags(|asm| asm.bytes(&[0x80, 0xe4, 0xef])); // and ah, 0efh
        self.held = Held::Nothing;
    }

    /// Stores the host's flags as `change` leaves them in AX. Uses S0.
    fn store_flags(&mut self, change: impl FnOnce(&mut Asm)) {
        let asm = &mut self.asm;
        asm.mov(S0, RAX);
        asm.byte(0x9f); // lahf
        setcc(asm, cc::O, Rm::Reg(RAX));
        change(asm);
        asm.op(
            Op {
                p66: true,
                ..op32(0x89)
            },
            RAX,
            env(at::FLAGS),
        );
        asm.mov(RAX, S0);
    }

    /// Clears AF in memory, which is how this project defines it after shifts; the host's flags are lost.
    pub fn clear_adjust(&mut self) {
        self.asm.op(op32(0x80), alu::AND, env(at::FLAGS + 1));
        self.asm.byte(0xef);
        self.held = Held::Nothing;
    }

    /// Stores flags of which all but the host's CF and OF are clear.
    pub fn save_overflow(&mut self) {
        setcc(&mut self.asm, cc::O, env(at::FLAGS));
        setcc(&mut self.asm, cc::B, env(at::FLAGS + 1));
    }

    /// Brings all flags from memory to the host's.
    fn restore_flags(&mut self) {
        let asm = &mut self.asm;
        asm.store(env(at::SCRATCH), RAX);
        asm.op(Op { map: 1, ..op32(0xb7) }, RAX, env(at::FLAGS));
        asm.bytes(&[0x04, 0x7f]); // add al, 7fh: OF if al was 1
        asm.byte(0x9e); // sahf
        asm.load(RAX, env(at::SCRATCH));
        self.held = Held::All;
    }

    /// Brings CF from memory to the host's; other host flags are lost.
    fn restore_carry(&mut self) {
        self.asm.op(Op { map: 1, ..op32(0xba) }, 4, env(at::FLAGS));
        self.asm.byte(8);
        self.held = Held::Carry;
    }

    /// Makes the host's flags hold `need`.
    pub fn want(&mut self, need: Held) {
        if self.held >= need {
            return;
        }
        match need {
            Held::Nothing => {}
            Held::Carry => self.restore_carry(),
            Held::Conditions | Held::All => self.restore_flags(),
        }
    }

    /// Makes the host's flags tell whether `condition` holds; the condition to ask them for.
    pub fn want_condition(&mut self, condition: u8) -> u8 {
        let test = |emitter: &mut Self, byte: i32, mask: u8| {
            emitter.asm.op(op32(0xf6), 0, env(at::FLAGS + byte));
            emitter.asm.byte(mask);
            emitter.held = Held::Nothing;
            // Set means not zero.
            cc::NZ ^ condition & 1
        };
        if self.held >= needed_by(condition) {
            return condition;
        }
        match condition >> 1 {
            0 => test(self, 0, 1),
            1 => {
                self.restore_carry();
                condition
            }
            2 => test(self, 1, 0x40),
            3 => test(self, 1, 0x41),
            4 => test(self, 1, 0x80),
            5 => test(self, 1, 0x04),
            _ => {
                self.restore_flags();
                condition
            }
        }
    }

    /// Host flags that an address computation or probe is about to destroy.
    pub fn clobber(&mut self) {
        self.held = Held::Nothing;
    }

    /// Merges the host's CF into flags in memory, which keep the others. Uses S1 only.
    pub fn merge_carry(&mut self, scratch: u8) {
        let byte = |code: u8| Op {
            low_bytes: true,
            ..op32(code)
        };
        setcc(&mut self.asm, cc::B, Rm::Reg(scratch));
        self.asm.op(byte(0x80), alu::AND, env(at::FLAGS + 1));
        self.asm.byte(0xfe);
        self.asm.op(byte(0x08), scratch, env(at::FLAGS + 1));
        self.held = Held::Nothing;
    }
}

/// What of the flags a condition reads.
pub(super) fn needed_by(condition: u8) -> Held {
    if condition >> 1 == 1 {
        Held::Carry
    } else {
        Held::Conditions
    }
}
