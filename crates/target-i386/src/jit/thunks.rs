//! The fixed pieces of generated code: entry, exit, and the ways out to Rust and back.
//!
//! They save the pinned registers to `CpuState` before Rust runs and load them after it, so blocks never save
//! anything, and Rust never sees a guest register in the host's.

use super::asm::{Asm, Rm, alu, cc, env, op32, op64};
use super::env::at;
use super::regs::{ENV, LEFT, RAX, RDI, RSP, S0, S1, pinned};
use super::runtime;
use super::vector_state;

/// A piece that blocks jump to or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thunk {
    /// Jumped to with the exit word in S1.
    Exit,
    /// Called with the handler's `Helper` in S0.
    Helper,
    /// Called with the linear address in S0 and an exit word in S1; comes back with a host address in S0. The number
    /// is an index into the sizes, with 8 for writes.
    Slow(u8),
    /// Called with a linear address in S0 and an exit word in S1, by code that misses the jump cache; comes back with
    /// the address of the [`Jump`](super::env::Jump) in S1, else leaves.
    Find,
    /// Called with an exit word in S1 and the RAM address of a page in S0, by code whose instruction runs over a page's
    /// end; comes back if the guest would fetch the rest from there, else leaves.
    Second,
    /// Called with an exit word in S1; comes back with the guest's registers in the host's if the bits of
    /// `Env::vectors` that it names may be set, else leaves.
    Engage(u8),
}

/// Sizes of accesses in bytes.
pub(super) const SIZES: [u8; 8] = [1, 2, 4, 8, 10, 16, 32, 64];

impl Thunk {
    /// The slow path for an access of `size` bytes.
    pub(super) fn slow(write: bool, size: u8) -> Self {
        let index = SIZES.iter().position(|&s| s >= size).unwrap_or(SIZES.len() - 1);
        Self::Slow(index as u8 | if write { 8 } else { 0 })
    }
}

/// The thunks' code, to be placed at the start of a code buffer.
pub struct Thunks {
    /// The code; position independent.
    pub code: Vec<u8>,
    /// Offset of the entry: `extern "C" fn(env: *mut Env, code: *const u8) -> u32`, which gives an exit word.
    pub enter: usize,
    exit: usize,
    helper: usize,
    slow: [usize; 16],
    engage: [usize; 16],
    find: usize,
    second: usize,
}

impl Thunks {
    /// Offset of a thunk.
    pub fn offset(&self, thunk: Thunk) -> usize {
        match thunk {
            Thunk::Exit => self.exit,
            Thunk::Helper => self.helper,
            Thunk::Slow(n) => self.slow[usize::from(n & 15)],
            Thunk::Engage(need) => self.engage[usize::from(need & 15)],
            Thunk::Find => self.find,
            Thunk::Second => self.second,
        }
    }

    /// The name of what starts at an offset, for listings.
    pub fn name_at(&self, at: usize) -> Option<String> {
        let position = |offsets: &[usize]| offsets.iter().position(|&offset| offset == at);
        if at == self.exit {
            Some("exit".into())
        } else if at == self.helper {
            Some("helper".into())
        } else if at == self.find {
            Some("find".into())
        } else if at == self.second {
            Some("second page".into())
        } else if let Some(n) = position(&self.slow) {
            let access = if n < 8 { "read" } else { "write" };
            Some(format!("slow {access} of {}", SIZES[n & 7]))
        } else {
            position(&self.engage).map(|need| format!("engage {need}"))
        }
    }

    /// Emits them.
    pub fn new() -> Self {
        let mut asm = Asm::default();
        let enter = asm.at();
        emit_enter(&mut asm);
        let exit = asm.at();
        save(&mut asm);
        vector_state::store(&mut asm, true, false);
        let exit_saved = asm.at();
        emit_leave(&mut asm);
        let helper = asm.at();
        emit_helper(&mut asm, exit_saved);
        let find = asm.at();
        asm.store(env(at::SITE), S1);
        emit_ask(
            &mut asm,
            runtime::find as *const () as usize,
            Some(S1),
            exit_saved,
        );
        let second = asm.at();
        asm.store(env(at::SITE), S1);
        emit_ask(&mut asm, runtime::second as *const () as usize, None, exit_saved);
        let common = asm.at();
        emit_ask(
            &mut asm,
            runtime::slow as *const () as usize,
            Some(S0),
            exit_saved,
        );
        let slow = std::array::from_fn(|n| {
            let at = asm.at();
            let how = u32::from(SIZES[n & 7]) | (n as u32 >> 3) << 8;
            asm.store(env(at::SITE), S1);
            asm.mov_imm(S1, u64::from(how));
            let jump = asm.jmp();
            asm.bind(jump, common);
            at
        });
        let common = asm.at();
        emit_ask(
            &mut asm,
            vector_state::engage as *const () as usize,
            None,
            exit_saved,
        );
        let engage = std::array::from_fn(|need| {
            let at = asm.at();
            asm.store(env(at::SITE), S1);
            asm.mov_imm(S0, need as u64);
            let jump = asm.jmp();
            asm.bind(jump, common);
            at
        });
        Self {
            code: asm.into_code(),
            enter,
            exit,
            helper,
            slow,
            engage,
            find,
            second,
        }
    }
}

impl Default for Thunks {
    fn default() -> Self {
        Self::new()
    }
}

/// Registers that a function must keep.
const KEPT: [u8; 6] = [3, 5, 12, 13, 14, 15];
const RSI: u8 = 6;
const RDX: u8 = 2;

fn push(asm: &mut Asm, register: u8) {
    if register >= 8 {
        asm.byte(0x41);
    }
    asm.byte(0x50 | register & 7);
}

fn pop(asm: &mut Asm, register: u8) {
    if register >= 8 {
        asm.byte(0x41);
    }
    asm.byte(0x58 | register & 7);
}

/// Six pushes and the return address leave the stack 8 bytes off; generated code runs with it aligned to 16.
fn emit_enter(asm: &mut Asm) {
    for register in KEPT {
        push(asm, register);
    }
    asm.lea(RSP, Rm::Base(RSP, -8), true);
    asm.mov(ENV, RDI);
    asm.mov(S0, RSI);
    load(asm);
    asm.op(op32(0xff), 4, Rm::Reg(S0)); // jmp S0
}

/// Returns the word in S1.
fn emit_leave(asm: &mut Asm) {
    asm.mov32(RAX, S1);
    asm.lea(RSP, Rm::Base(RSP, 8), true);
    for register in KEPT.into_iter().rev() {
        pop(asm, register);
    }
    asm.byte(0xc3);
}

/// Guest registers to `CpuState`, and the count.
fn save(asm: &mut Asm) {
    for (guest, host) in pinned() {
        asm.store(env(at::gpr(guest)), host);
    }
    asm.op(op32(0x89), LEFT, env(at::LEFT));
}

/// Guest registers from `CpuState`, and the count.
fn load(asm: &mut Asm) {
    for (guest, host) in pinned() {
        asm.load(host, env(at::gpr(guest)));
    }
    asm.op(op32(0x8b), LEFT, env(at::LEFT));
}

/// Calls a Rust function with the stack 8 bytes off, as it is inside a thunk that was called.
fn call(asm: &mut Asm, function: usize) {
    asm.lea(RSP, Rm::Base(RSP, -8), true);
    asm.mov_imm(RAX, function as u64);
    asm.op(op32(0xff), 2, Rm::Reg(RAX));
    asm.lea(RSP, Rm::Base(RSP, 8), true);
}

fn emit_helper(asm: &mut Asm, exit_saved: usize) {
    save(asm);
    vector_state::store(asm, true, true);
    asm.mov(RDI, ENV);
    asm.mov(RSI, S0);
    call(asm, runtime::helper as *const () as usize);
    asm.op(op64(0x85), RAX, Rm::Reg(RAX));
    let leave = asm.jcc(cc::NZ);
    load(asm);
    asm.byte(0xc3);
    asm.bind_here(leave);
    asm.alu_imm(alu::ADD, Rm::Reg(RSP), 8, true);
    asm.mov(S1, RAX);
    // An exit word has 32 bits; a code address has more.
    asm.mov(S0, RAX);
    asm.shift_imm(5, RAX, 32, true);
    let word = asm.jcc(cc::Z);
    load(asm);
    asm.op(op32(0xff), 4, Rm::Reg(S0)); // jmp S0
    asm.bind_here(word);
    let jump = asm.jmp();
    asm.bind(jump, exit_saved);
}

/// Asks a Rust function of `Env`, S0 and S1 (32 bits): comes back with its answer in `answer` unless that is 0, else
/// leaves before the instruction that `Env::site` names.
fn emit_ask(asm: &mut Asm, function: usize, answer: Option<u8>, exit_saved: usize) {
    save(asm);
    vector_state::store(asm, false, true);
    asm.mov(RDI, ENV);
    asm.mov(RSI, S0);
    asm.mov32(RDX, S1);
    call(asm, function);
    asm.op(op64(0x85), RAX, Rm::Reg(RAX));
    let leave = asm.jcc(cc::Z);
    if let Some(register) = answer {
        asm.mov(register, RAX);
    }
    vector_state::load(asm);
    load(asm);
    asm.byte(0xc3);
    asm.bind_here(leave);
    leave_before(asm, exit_saved);
}

/// Leaves a thunk that was called, and generated code, with the exit word in `Env::site`; everything is saved.
fn leave_before(asm: &mut Asm, exit_saved: usize) {
    vector_state::forget(asm);
    asm.load(S1, env(at::SITE));
    asm.alu_imm(alu::ADD, Rm::Reg(RSP), 8, true);
    let jump = asm.jmp();
    asm.bind(jump, exit_saved);
}
