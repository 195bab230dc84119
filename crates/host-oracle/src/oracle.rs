//! One traced child and the call that runs an instruction in it.

use crate::child::Child;
use crate::error::Error;
use crate::layout::{CODE_BASE, CODE_LEN, DATA_BASE, DATA_LEN};
use crate::state::State;
use crate::trace::{self, Stop};
use crate::xsave::{Format, MAX_LEN};
use libc::user_regs_struct;
use std::marker::PhantomData;

/// TF: set by the tracer, never by the instruction under test.
const TRAP_FLAG: u64 = 1 << 8;
/// Iterations a REP instruction may take before [`Outcome::Endless`].
const MAX_ITERATIONS: u32 = 1 << 16;

/// Which kind of code segment the instruction runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// 64-bit mode.
    #[default]
    Long,
    /// 32-bit protected mode (compatibility mode under a 64-bit kernel).
    Compat,
}

/// How a fault reached the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// #PF, #GP, #SS, #BR and #TS/#NP of user code.
    Segv,
    /// #DE, #MF or #XM.
    Fpe,
    /// #UD.
    Ill,
    /// #BP (INT3), #DB (INT1) or another debug trap of the instruction's own.
    Trap,
    /// #AC, or #SS and #NP in some cases.
    Bus,
    /// The instruction was SYSCALL (INT 80h may show as [`Signal::Trap`]); it was not executed.
    Sys,
    /// Anything else, by number.
    Other(i32),
}

/// What a faulting instruction was reported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The signal that stands for the exception.
    pub signal: Signal,
    /// `si_code`: tells apart division (`FPE_INTDIV` 1) from the floating-point causes, and a
    /// page fault (`SEGV_MAPERR` 1, `SEGV_ACCERR` 2) from a general protection fault (128).
    pub code: i32,
    /// The faulting data address of a page fault; 0 for general protection; RIP for #DE and #UD.
    pub addr: u64,
}

/// How an instruction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It completed.
    Done,
    /// It faulted (or trapped); the state is the one the handler would see.
    Fault(Fault),
    /// It repeated itself beyond any sensible count (a REP with a huge count, a jump to itself).
    Endless,
}

/// A child process in which single instructions run on the host CPU.
///
/// Bound to the thread that made it: the kernel lets only that thread trace the child. While it
/// lives, that thread and the child are kept on one CPU, because handing over is then far faster.
#[derive(Debug)]
pub struct Oracle {
    child: Child,
    format: Format,
    /// Registers of the stopped child at the start: segment selectors come from here.
    initial: user_regs_struct,
    /// XSAVE image last read from or written to the child.
    image: Vec<u8>,
    next_image: Vec<u8>,
    mode: Mode,
    /// The CPUs the thread was allowed before it was tied to the child's.
    affinity: Option<trace::CpuSet>,
    not_send: PhantomData<*mut ()>,
}

impl Oracle {
    /// Forks the child and prepares it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where policy forbids ptrace; [`Error::Host`] when a call fails otherwise.
    pub fn new() -> Result<Self, Error> {
        let child = Child::spawn()?;
        let initial = trace::registers(child.pid)?;
        let mut image = vec![0; MAX_LEN];
        let len = trace::xstate(child.pid, &mut image)?;
        image.truncate(len);
        let next_image = image.clone();
        let affinity = trace::share_cpu(child.pid);
        let (format, mode) = (Format::host(), Mode::Long);
        Ok(Oracle {
            child,
            format,
            initial,
            image,
            next_image,
            mode,
            affinity,
            not_send: PhantomData,
        })
    }

    /// Selects 64-bit or 32-bit code for the runs that follow.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The data area: [`DATA_LEN`] bytes seen by the instruction at [`DATA_BASE`].
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.child.data.bytes()
    }

    /// The data area, to prepare a case.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.child.data.bytes_mut()
    }

    /// Writes `code` at `state.rip` and executes its first instruction to the end: all iterations
    /// of a REP, none of what follows.
    ///
    /// Loading SS (MOV or POP) delays the host's trap by one instruction; give such code a NOP to
    /// follow, and expect `rip` after it.
    ///
    /// # Errors
    ///
    /// When `code` does not fit the code area at `state.rip`, or the host fails; never because of
    /// what the instruction did.
    pub fn run(&mut self, code: &[u8], state: &mut State) -> Result<Outcome, Error> {
        let offset = state.rip.wrapping_sub(CODE_BASE);
        let fits = offset
            .checked_add(code.len() as u64)
            .is_some_and(|end| end <= CODE_LEN as u64);
        if !fits || code.is_empty() {
            return Err(Error::Code {
                rip: state.rip,
                len: code.len(),
            });
        }
        let area = &mut self.child.code.bytes_mut()[offset as usize..];
        area[..code.len()].copy_from_slice(code);
        // What an earlier, longer case left behind must not complete this one.
        let rest = area.len().min(16);
        if code.len() < rest {
            area[code.len()..rest].fill(0xcc);
        }
        self.load(state)?;
        let start = state.rip;
        let outcome = self.execute(code, start);
        self.store(state)?;
        let outcome = outcome?;
        if outcome == Outcome::Done {
            self.hide_trap_flag(code, state);
        }
        Ok(outcome)
    }

    /// Steps until the instruction at `start` is finished.
    fn execute(&mut self, code: &[u8], start: u64) -> Result<Outcome, Error> {
        let repeated = is_repeated(code, self.mode);
        let plain = !raises_trap(code, self.mode);
        for _ in 0..MAX_ITERATIONS {
            let stop = trace::step(self.child.pid, plain)?;
            if let Some(fault) = fault(stop) {
                return Ok(Outcome::Fault(fault));
            }
            if !repeated || trace::registers(self.child.pid)?.rip != start {
                return Ok(Outcome::Done);
            }
        }
        Ok(Outcome::Endless)
    }

    fn load(&mut self, state: &State) -> Result<(), Error> {
        let mut regs = self.initial;
        let g = &state.gpr;
        [regs.rax, regs.rcx, regs.rdx, regs.rbx] = [g[0], g[1], g[2], g[3]];
        [regs.rsp, regs.rbp, regs.rsi, regs.rdi] = [g[4], g[5], g[6], g[7]];
        [regs.r8, regs.r9, regs.r10, regs.r11] = [g[8], g[9], g[10], g[11]];
        [regs.r12, regs.r13, regs.r14, regs.r15] = [g[12], g[13], g[14], g[15]];
        regs.rip = state.rip;
        regs.eflags = state.rflags & !TRAP_FLAG;
        regs.fs_base = state.fs_base;
        regs.gs_base = state.gs_base;
        // No interrupted system call is to be restarted.
        regs.orig_rax = u64::MAX;
        if self.mode == Mode::Compat {
            // Linux's __USER32_CS and __USER_DS.
            regs.cs = 0x23;
            [regs.ss, regs.ds, regs.es] = [0x2b; 3];
        } else {
            regs.cs = 0x33;
        }
        trace::set_registers(self.child.pid, &regs)?;
        self.next_image.copy_from_slice(&self.image);
        self.format.pack(state, &mut self.next_image);
        if self.next_image != self.image {
            trace::set_xstate(self.child.pid, &self.next_image)?;
        }
        Ok(())
    }

    fn store(&mut self, state: &mut State) -> Result<(), Error> {
        let regs = trace::registers(self.child.pid)?;
        state.gpr = [
            regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi, regs.rdi, regs.r8, regs.r9,
            regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15,
        ];
        state.rip = regs.rip;
        state.rflags = regs.eflags & !TRAP_FLAG;
        state.fs_base = regs.fs_base;
        state.gs_base = regs.gs_base;
        trace::xstate(self.child.pid, &mut self.image)?;
        self.format.unpack(&self.image, state);
        Ok(())
    }

    /// PUSHF stores the tracer's TF; take it out of the pushed image.
    fn hide_trap_flag(&mut self, code: &[u8], state: &State) {
        let opcode = code.iter().find(|&&byte| !is_prefix(byte, self.mode));
        let second_byte = state.gpr[4].wrapping_add(1).wrapping_sub(DATA_BASE);
        if opcode == Some(&0x9c) && second_byte < DATA_LEN as u64 {
            self.child.data.bytes_mut()[second_byte as usize] &= !1;
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        if let Some(affinity) = &self.affinity {
            trace::set_affinity(0, affinity);
        }
    }
}

fn is_prefix(byte: u8, mode: Mode) -> bool {
    let legacy = matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3);
    legacy || mode == Mode::Long && byte & 0xf0 == 0x40
}

/// Whether the host may trap before the end: after an iteration of a string instruction under REP, or between the
/// elements of a gather (AMD processors do, so that a debugger sees each).
fn is_repeated(code: &[u8], mode: Mode) -> bool {
    let vex = code
        .iter()
        .position(|&byte| !is_prefix(byte, mode))
        .filter(|&at| code[at] == 0xc4);
    if let Some(at) = vex
        && matches!(code.get(at + 1..at + 4), Some([map, _, 0x90..=0x93]) if map & 0x1f == 2)
    {
        return true;
    }
    let prefixes = code.iter().take_while(|&&byte| is_prefix(byte, mode)).count();
    let rep = code[..prefixes].iter().any(|byte| matches!(byte, 0xf2 | 0xf3));
    rep && matches!(code.get(prefixes), Some(0x6c..=0x6f | 0xa4..=0xa7 | 0xaa..=0xaf))
}

/// Whether the instruction is INT1, INT3, INT n or INTO.
fn raises_trap(code: &[u8], mode: Mode) -> bool {
    let opcode = code.iter().find(|&&byte| !is_prefix(byte, mode));
    matches!(opcode, None | Some(0xcc | 0xcd | 0xce | 0xf1))
}

fn fault(stop: Stop) -> Option<Fault> {
    let signal = match stop.signal {
        libc::SIGTRAP if stop.code == trace::TRAP_TRACE => return None,
        libc::SIGTRAP => Signal::Trap,
        libc::SIGSEGV => Signal::Segv,
        libc::SIGFPE => Signal::Fpe,
        libc::SIGILL => Signal::Ill,
        libc::SIGBUS => Signal::Bus,
        libc::SIGSYS => Signal::Sys,
        other => Signal::Other(other),
    };
    Some(Fault {
        signal,
        code: stop.code,
        addr: stop.addr,
    })
}
