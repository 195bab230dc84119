//! Random programs, built while they run: a candidate is kept if it executes without a fault (and now and then if it
//! does not), so that programs stay alive however wild their instructions are.

use crate::instructions::{self, Candidate};
use crate::world::{self, ALIAS, CODE, CODE_END, DATA, DATA_END, Kind, LENGTHS, LOW, SMALL, SMALL_PAGES};
use host_oracle::Rng;
use iced_x86::{FastFormatter, Mnemonic, Register};
use std::fmt::Write as _;
use target_i386::state::CpuState;
use target_i386::testbench::{Mode, STACK, TestBench};

/// A program: what memory and the CPU hold when it starts.
pub struct Program {
    pub kind: Kind,
    pub low: Vec<u8>,
    pub state: CpuState,
}

impl Program {
    /// All instructions, in the order in which they lie in memory.
    pub fn listing(&self) -> String {
        let bits = self.kind.bits();
        let mut text = format!("{:?}, starts at {:#x}\n", self.kind, self.state.rip);
        for at in CODE..CODE_END {
            let len = usize::from(self.low[(LENGTHS + at) as usize]);
            if len != 0 {
                let bytes = &self.low[at as usize..at as usize + len];
                let raw = instructions::decoded(bytes, bits, at);
                let mut shown = String::new();
                FastFormatter::new().format(&raw, &mut shown);
                let _ = writeln!(text, "{at:6x}: {shown}  ({bytes:02x?})");
            }
        }
        text
    }
}

/// Longest instruction, and a jump behind it.
const MARGIN: u64 = 15 + 8;

struct Generator<'a> {
    rng: &'a mut Rng,
    kind: Kind,
    /// Where candidates are tried.
    scratch: TestBench,
    low: Vec<u8>,
    /// Where the next instruction goes.
    at: u64,
    /// Bytes of code that are taken, from [`CODE`] on.
    taken: Vec<bool>,
    /// Addresses of instructions that end in an immediate.
    immediates: Vec<u64>,
}

/// Makes a program of about `length` instructions, counted as they lie in memory.
pub fn program(kind: Kind, length: usize, rng: &mut Rng) -> Program {
    let mut scratch = world::bench(kind);
    let mut low = vec![0; LOW as usize];
    scratch.ram.read(0, &mut low).expect("in RAM");
    for byte in &mut low[DATA as usize..DATA_END as usize] {
        *byte = rng.bits() as u8;
    }
    scratch.put(0, &low);
    let mut generator = Generator {
        rng,
        kind,
        scratch,
        low,
        at: 0,
        taken: vec![false; (CODE_END - CODE) as usize],
        immediates: Vec::new(),
    };
    generator.at = generator.place();
    generator.first_state();
    let mut state = generator.scratch.cpu.state.clone();
    state.rip = generator.at;
    generator.sequence(length, 0);
    // INT3 halts; where INT3 were a REP prefix's, whatever.
    generator.emit(&[0xcc]);
    let mut low = generator.low;
    low[LENGTHS as usize + (generator.at - 1) as usize] = 0;
    Program { kind, low, state }
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

impl Generator<'_> {
    fn long(&self) -> bool {
        self.kind.bits() == 64
    }

    fn general_registers(&self) -> u64 {
        if self.long() { 16 } else { 8 }
    }

    /// An address worth an access.
    fn data(&mut self) -> u64 {
        let rng = &mut *self.rng;
        let low = match rng.below(12) {
            0 => 0xa000 + rng.below(6) * 0x1000 - rng.below(12),
            1 => STACK - rng.below(64),
            _ => DATA + 64 + rng.below(DATA_END - DATA - 128),
        };
        match rng.below(10) {
            0 if self.kind.paging => ALIAS + low,
            1 if self.kind.paging => SMALL + rng.below(SMALL_PAGES * 0x1000),
            _ => low,
        }
    }

    fn first_state(&mut self) {
        let count = self.general_registers() as usize;
        for n in 0..count {
            let value = if self.rng.one_in(2) {
                self.data()
            } else {
                value(self.rng)
            };
            self.scratch.cpu.state.gpr[n] = if self.long() { value } else { value & 0xffff_ffff };
        }
        let rng = &mut *self.rng;
        let state = &mut self.scratch.cpu.state;
        state.gpr[4] = STACK - 0x100;
        state.flags.set(0x202 | rng.bits() & 0x8d5);
        for lane in state.fpu.ymm.iter_mut().flatten() {
            *lane = if rng.one_in(2) {
                f64::from(rng.bits() as i32).to_bits()
            } else {
                rng.bits()
            };
        }
        let segmented = matches!(
            self.kind.mode,
            Mode::Protected32 | Mode::CompatUser | Mode::Protected16
        );
        if segmented && rng.one_in(3) {
            // Bases and limits that code has to respect.
            for index in [0, 2, 3] {
                if rng.one_in(2) {
                    state.seg[index].base = rng.below(0x100);
                }
                if index != 2 && rng.one_in(3) {
                    state.seg[index].limit = 0xe000;
                }
            }
        }
        for index in [4, 5] {
            if rng.one_in(2) {
                state.seg[index].base = rng.below(0x100);
            }
        }
        self.scratch.cpu.refresh_mode();
    }

    /// Free room for code, often such that its instructions run over a page's end.
    fn place(&mut self) -> u64 {
        loop {
            let page = CODE + self.rng.below(5) * 0x1000;
            let at = if self.rng.one_in(2) {
                page + 0x1000 - self.rng.below(90)
            } else {
                page + self.rng.below(0xf00)
            };
            if at + 64 < CODE_END && !self.is_taken(at, 64) {
                return at;
            }
        }
    }

    fn is_taken(&self, at: u64, len: u64) -> bool {
        let start = (at - CODE) as usize;
        at + len > CODE_END || self.taken[start..start + len as usize].iter().any(|&taken| taken)
    }

    /// Takes the bytes for an instruction and moves on.
    fn emit(&mut self, bytes: &[u8]) -> u64 {
        let at = self.at;
        self.write(at, bytes);
        self.low[(LENGTHS + at) as usize] = bytes.len() as u8;
        self.scratch.put(LENGTHS + at, &[bytes.len() as u8]);
        let start = (at - CODE) as usize;
        self.taken[start..start + bytes.len()].fill(true);
        self.at += bytes.len() as u64;
        at
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        self.low[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        self.scratch.put(at, bytes);
    }

    /// Makes sure that `instructions` have room, by a jump to elsewhere if need be.
    fn room(&mut self, instructions: u64) {
        let wanted = 15 * instructions + MARGIN;
        if self.is_taken(self.at, wanted) || self.rng.one_in(40) {
            let to = loop {
                let to = self.place();
                if !self.is_taken(to, wanted) {
                    break to;
                }
            };
            // Sometimes by way of the other mapping.
            let alias = if self.kind.paging && self.rng.one_in(4) {
                ALIAS
            } else {
                0
            };
            let from = self.emit(&[0xe9, 0, 0, 0, 0][..if self.kind.bits() == 16 { 3 } else { 5 }]);
            self.patch(from, to + alias);
            self.at = to;
        }
    }

    /// Makes the branch at `from` go to `to`. It ends with its displacement.
    fn patch(&mut self, from: u64, to: u64) {
        let len = u64::from(self.low[(LENGTHS + from) as usize]);
        let rel = to.wrapping_sub(from + len);
        let size = if self.kind.bits() == 16 { 2 } else { 4 };
        let at = from + len - size;
        self.write(at, &rel.to_le_bytes()[..size as usize]);
    }

    /// A branch with room for a displacement.
    fn branch(&mut self, opcode: &[u8]) -> u64 {
        let mut bytes = opcode.to_vec();
        bytes.resize(opcode.len() + if self.kind.bits() == 16 { 2 } else { 4 }, 0);
        self.emit(&bytes)
    }

    /// `mov register, value` of address size.
    fn load(&mut self, register: u8, value: u64) {
        let mut bytes = Vec::new();
        if self.long() && (register > 7 || self.rng.one_in(4)) {
            bytes.push(0x40 | register >> 3);
        }
        bytes.push(0xb8 | register & 7);
        let size = if self.kind.bits() == 16 { 2 } else { 4 };
        bytes.extend(&value.to_le_bytes()[..size]);
        self.emit(&bytes);
        let mask = if size == 2 { 0xffff } else { 0xffff_ffff };
        let gpr = &mut self.scratch.cpu.state.gpr[usize::from(register)];
        *gpr = *gpr & !mask & if size == 2 { u64::MAX } else { 0 } | value & mask;
    }

    /// One instruction that the scratch CPU executes, or one that faults.
    fn instruction(&mut self) {
        self.room(4);
        if self.rng.one_in(12) {
            let register = self.rng.below(self.general_registers()) as u8;
            let value = if register == 4 {
                STACK - 8 * self.rng.below(64)
            } else {
                self.data()
            };
            return self.load(register, value);
        }
        for _ in 0..60 {
            let target = self.data();
            let state = &self.scratch.cpu.state;
            let gpr = |register: Register| {
                let full = register.full_register();
                (full.is_gpr64() && register.size() > 1).then(|| state.gpr[full.number()])
            };
            let candidate = instructions::candidate(self.kind.bits(), self.at, target, gpr, self.rng);
            if self.try_out(&candidate) {
                return;
            }
        }
    }

    /// Executes a candidate; keeps it if it is good.
    fn try_out(&mut self, candidate: &Candidate) -> bool {
        let raw = &candidate.raw;
        let repeats = raw.is_string_instruction() && (raw.has_rep_prefix() || raw.has_repne_prefix());
        if matches!(
            raw.mnemonic(),
            Mnemonic::Popf | Mnemonic::Popfd | Mnemonic::Popfq | Mnemonic::Cpuid
        ) && !self.rng.one_in(6)
        {
            return false;
        }
        if raw.is_string_instruction() && (repeats || self.rng.one_in(2)) {
            let (from, to, count) = (self.data(), self.data(), self.rng.below(50));
            self.load(6, from);
            self.load(7, to);
            if repeats {
                self.load(1, count);
            }
        }
        if matches!(raw.mnemonic(), Mnemonic::Div | Mnemonic::Idiv) && !self.rng.one_in(4) {
            // A dividend that is likely to fit.
            if self.long() && self.rng.one_in(2) {
                self.emit(&[0x48, 0x99]);
                let state = &mut self.scratch.cpu.state;
                state.gpr[2] = (state.gpr[0] as i64 >> 63) as u64;
            } else {
                self.load(2, 0);
            }
        }
        let rip = self.at;
        self.scratch.put(rip, &candidate.bytes);
        let before = self.scratch.cpu.state.clone();
        self.scratch.cpu.state.rip = rip;
        self.scratch.cpu.refresh_mode();
        let result = self.scratch.cpu.step_raw();
        let stack = self.scratch.cpu.state.gpr[4] as u32;
        let lost_stack = !(0x7800..0x8100).contains(&stack) && !self.rng.one_in(10);
        let good = match result {
            Ok(()) => self.scratch.cpu.state.rip == rip + candidate.bytes.len() as u64 && !lost_stack,
            Err(_) => self.rng.one_in(60),
        };
        if !good || result.is_err() {
            self.scratch.cpu.state = before;
            self.scratch.cpu.refresh_mode();
        }
        if good {
            if candidate.immediate {
                self.immediates.push(self.at + candidate.bytes.len() as u64 - 1);
            }
            self.emit(&candidate.bytes);
        }
        good
    }

    /// About `length` instructions of all kinds.
    fn sequence(&mut self, length: usize, depth: u32) {
        let mut left = length;
        while left > 0 {
            let inner = (1 + self.rng.below(8) as usize).min(left);
            left -= inner;
            self.room(6);
            match self.rng.below(if depth < 3 { 16 } else { 4 }) {
                8 | 9 => self.forward(inner, depth),
                10 | 11 => self.repeat(inner, depth),
                12 => self.subroutine(inner, depth),
                13 => self.indirect(inner, depth),
                14 | 15 => self.modify(inner, depth),
                7 => self.chain(),
                _ => (0..inner).for_each(|_| self.instruction()),
            }
        }
    }

    /// What compilers put before branches: a comparison or an operation between registers, or with a constant.
    fn set_flags(&mut self) {
        // ADD, OR, AND, SUB, XOR, CMP, TEST; the stack pointer is neither.
        let opcode = self
            .rng
            .pick(&[0x00u8, 0x08, 0x20, 0x28, 0x30, 0x38, 0x38, 0x84, 0x84]);
        let registers: &[u8] = if self.long() {
            &[0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 12, 13]
        } else {
            &[0, 1, 2, 3, 5, 6, 7]
        };
        let (to, from) = (self.rng.pick(registers), self.rng.pick(registers));
        let wide = self.rng.below(4) != 0;
        let rex = 0x40 | u8::from(self.rng.one_in(2)) << 3;
        let mut bytes = Vec::new();
        if self.rng.one_in(4) {
            // CMP or TEST with data in memory, by absolute address.
            let address = self.data() as u32;
            if self.long() {
                bytes.push(rex | (from >> 3) << 2);
            }
            let compare = self.rng.pick(&[0x38u8, 0x3a, 0x84]) | u8::from(wide);
            bytes.push(compare);
            if self.kind.bits() == 16 {
                bytes.push(0x06 | (from & 7) << 3);
                bytes.extend(&address.to_le_bytes()[..2]);
            } else {
                bytes.extend([0x04 | (from & 7) << 3, 0x25]);
                bytes.extend(address.to_le_bytes());
            }
        } else if opcode != 0x84 && self.rng.one_in(2) {
            if self.long() {
                bytes.push(rex | to >> 3);
            }
            let constant = self.rng.below(5) as u8;
            bytes.extend([
                if wide { 0x83 } else { 0x80 },
                0xc0 | opcode | to & 7,
                constant.wrapping_sub(2),
            ]);
        } else {
            if self.long() {
                bytes.push(rex | (from >> 3) << 2 | to >> 3);
            }
            bytes.extend([opcode | u8::from(wide), 0xc0 | (from & 7) << 3 | to & 7]);
        }
        let raw = instructions::decoded(&bytes, self.kind.bits(), self.at);
        self.try_out(&Candidate {
            raw,
            bytes,
            immediate: false,
        });
    }

    /// A loop of short blocks that do what compilers' blocks do: load, compare, branch. Ways out come between a block's
    /// flags and the next block's.
    fn chain(&mut self) {
        let registers: &[u8] = if self.long() { &[1, 3, 14, 9] } else { &[1, 3] };
        let counter = self.rng.pick(registers);
        let count = 3 + self.rng.below(4);
        self.load(counter, count);
        self.room(40);
        let top = self.at;
        for _ in 0..2 + self.rng.below(3) {
            for _ in 0..1 + self.rng.below(2) {
                // mov register, [data]
                let to = self.rng.pick(&[2u8, 2, 6, 7]) << 3;
                let mut address = self.data() as u32;
                if self.rng.one_in(3) {
                    // Across pages: the interpreter's.
                    address = (address | 0xfff) - self.rng.below(3) as u32;
                }
                let mut bytes = vec![0x8b];
                if self.kind.bits() == 16 {
                    bytes.push(0x06 | to);
                    bytes.extend(&address.to_le_bytes()[..2]);
                } else {
                    bytes.extend([0x04 | to, 0x25]);
                    bytes.extend(address.to_le_bytes());
                }
                let raw = instructions::decoded(&bytes, self.kind.bits(), self.at);
                self.try_out(&Candidate {
                    raw,
                    bytes,
                    immediate: false,
                });
            }
            if self.kind.paging && self.rng.one_in(3) {
                // mov esi, [nowhere]: faults, and shows the flags to its handler, which skips it.
                self.emit(&[0x8b, 0x34, 0x25, 0, 0, 0, 0x70]);
            }
            self.set_flags();
            if self.kind.bits() != 16 && self.rng.one_in(3) {
                // lea edi, [rsi + 1]: keeps flags.
                self.emit(&[0x8d, 0x7e, 1]);
                let gpr = &mut self.scratch.cpu.state.gpr;
                gpr[7] = gpr[6].wrapping_add(1) & 0xffff_ffff;
            }
            let condition = self.rng.below(16) as u8;
            self.emit(&[0x70 | condition, 0]);
        }
        self.count_down(counter, top);
    }

    /// A conditional jump over a sequence.
    fn forward(&mut self, length: usize, depth: u32) {
        if self.rng.one_in(2) {
            self.set_flags();
        }
        self.room(4);
        let condition = self.rng.below(16) as u8;
        let from = self.branch(&[0x0f, 0x80 | condition]);
        self.sequence(length, depth + 1);
        self.patch(from, self.at);
    }

    /// A loop that counts a register down, if nothing in it changes that.
    fn repeat(&mut self, length: usize, depth: u32) {
        let register = if self.long() {
            self.rng.pick(&[1u8, 3, 14, 9])
        } else {
            self.rng.pick(&[1u8, 3])
        };
        let count = 2 + self.rng.below(6);
        self.load(register, count);
        self.room(6);
        let top = self.at;
        self.sequence(length, depth + 1);
        self.count_down(register, top);
    }

    /// The end of a loop.
    fn count_down(&mut self, register: u8, top: u64) {
        self.room(3);
        // dec register, sub register, 1 or add register, -1; jnz top
        let mut count = Vec::new();
        if register > 7 {
            count.push(0x41);
        }
        match self.rng.below(3) {
            0 => count.extend([0xff, 0xc8 | register & 7]),
            1 => count.extend([0x83, 0xe8 | register & 7, 1]),
            _ => count.extend([0x83, 0xc0 | register & 7, 0xff]),
        }
        self.emit(&count);
        let rel = top.wrapping_sub(self.at + 2) as i64;
        if i8::try_from(rel).is_ok() && self.rng.one_in(2) {
            self.emit(&[0x75, rel as u8]);
        } else {
            let from = self.branch(&[0x0f, 0x85]);
            self.patch(from, top);
        }
    }

    /// A subroutine, called twice.
    fn subroutine(&mut self, length: usize, depth: u32) {
        let over = self.branch(&[0xe9]);
        self.room(6);
        let entry = self.at;
        self.sequence(length, depth + 1);
        let ret = self
            .rng
            .pick(&[&[0xc3][..], &[0xc3], &[0xc2, 0, 0], &[0xf3, 0xc3]]);
        self.emit(ret);
        self.room(6);
        self.patch(over, self.at);
        for _ in 0..1 + self.rng.below(2) {
            let alias = if self.kind.paging && self.rng.one_in(5) {
                ALIAS
            } else {
                0
            };
            if self.rng.one_in(2) {
                let call = self.branch(&[0xe8]);
                self.patch(call, entry + alias);
            } else {
                self.load(0, entry + alias);
                self.emit(&[0xff, 0xd0]);
            }
        }
    }

    /// A jump through a register or the stack over a sequence that is never executed.
    fn indirect(&mut self, length: usize, depth: u32) {
        if self.kind.bits() == 16 {
            return self.sequence(length, depth + 1);
        }
        let mut patches = Vec::new();
        let by_return = self.rng.one_in(2);
        if by_return {
            // push imm32; ret
            patches.push(self.branch(&[0x68]));
            self.emit(&[0xc3]);
        } else {
            // mov edx, imm32; jmp rdx
            patches.push(self.branch(&[0xba]));
            self.emit(&[0xff, 0xe2]);
        }
        for _ in 0..self.rng.below(3) {
            self.instruction();
        }
        self.room(6);
        for at in patches {
            let (at, target) = (at + 1, self.at as u32);
            self.write(at, &target.to_le_bytes());
        }
        self.sequence(length.saturating_sub(2).max(1), depth + 1);
    }

    /// Changes an immediate of code that was executed, or of code that is about to be.
    fn modify(&mut self, length: usize, depth: u32) {
        let alias = if self.kind.paging && self.rng.one_in(4) {
            ALIAS
        } else {
            0
        };
        let byte = self.rng.bits() as u8;
        let store = |at: u64, add: bool, bits: u32| {
            let mut bytes = if add { vec![0x80, 0x04] } else { vec![0xc6, 0x04] };
            if bits == 16 {
                bytes[1] = 0x06;
                bytes.extend(&at.to_le_bytes()[..2]);
            } else {
                bytes.push(0x25);
                bytes.extend(&at.to_le_bytes()[..4]);
            }
            bytes.push(byte);
            bytes
        };
        let add = self.rng.one_in(2);
        if self.rng.one_in(2) && !self.immediates.is_empty() {
            let at = self.rng.pick(&self.immediates);
            self.emit(&store(at + alias, add, self.kind.bits()));
            return self.sequence(length, depth + 1);
        }
        // Ahead, often in the same block: the immediate of a MOV behind what follows.
        self.room(4 + 4);
        let patch = self.emit(&store(0, add, self.kind.bits()));
        for _ in 0..self.rng.below(3) {
            self.instruction();
        }
        self.room(2);
        let register = self.rng.below(4) as u8;
        let at = self.emit(&[0xb0 | register, byte]) + 1;
        let bytes = store(at + alias, add, self.kind.bits());
        self.write(patch, &bytes);
    }
}
