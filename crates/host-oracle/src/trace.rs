//! The ptrace calls, each with its result checked: the only contact with the child once it runs.
//!
//! Data flows: registers down before a step, registers and signal details up after it.

// One reason for unsafe here: ptrace and waitpid take raw pointers to structures of ours.
#![allow(unsafe_code)]

use crate::error::Error;
use libc::{c_void, pid_t, user_regs_struct};
use std::mem::MaybeUninit;

/// `NT_X86_XSTATE`: the note type of the XSAVE image (elf.h).
const NT_X86_XSTATE: usize = 0x202;
/// `PTRACE_GET_RSEQ_CONFIGURATION` (linux/ptrace.h, since 5.13).
const GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;

/// `si_code` of the single step itself.
pub(crate) const TRAP_TRACE: i32 = 2;

/// Why the child stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// The signal's number.
    pub(crate) signal: i32,
    /// `si_code`.
    pub(crate) code: i32,
    /// `si_addr`; meaningful for fault signals only.
    pub(crate) addr: u64,
}

/// `struct ptrace_rseq_configuration`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct RseqConfiguration {
    pub(crate) pointer: u64,
    pub(crate) size: u32,
    pub(crate) signature: u32,
    pub(crate) flags: u32,
    pub(crate) pad: u32,
}

fn check(step: &'static str, result: libc::c_long) -> Result<libc::c_long, Error> {
    if result == -1 {
        Err(Error::last(step))
    } else {
        Ok(result)
    }
}

/// Kills the child when this process dies, whatever way.
pub(crate) fn set_exit_kill(pid: pid_t) -> Result<(), Error> {
    // SAFETY: PTRACE_SETOPTIONS takes the options in the data word and touches no memory of ours.
    let result = unsafe {
        libc::ptrace(
            libc::PTRACE_SETOPTIONS,
            pid,
            0usize,
            libc::PTRACE_O_EXITKILL as usize,
        )
    };
    check("PTRACE_SETOPTIONS", result).map(drop)
}

/// Reads the general registers.
pub(crate) fn registers(pid: pid_t) -> Result<user_regs_struct, Error> {
    let mut regs = MaybeUninit::<user_regs_struct>::uninit();
    // SAFETY: the kernel writes one user_regs_struct to the pointer, which has room for it.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGS, pid, 0usize, regs.as_mut_ptr()) };
    check("PTRACE_GETREGS", result)?;
    // SAFETY: the call succeeded, so the whole structure was written; any bits are valid integers.
    Ok(unsafe { regs.assume_init() })
}

/// Writes the general registers.
pub(crate) fn set_registers(pid: pid_t, regs: &user_regs_struct) -> Result<(), Error> {
    // SAFETY: the kernel reads one user_regs_struct from a reference that lives through the call.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETREGS, pid, 0usize, std::ptr::from_ref(regs)) };
    check("PTRACE_SETREGS", result).map(drop)
}

/// Reads the XSAVE image into `image` and returns how many bytes the kernel gave.
pub(crate) fn xstate(pid: pid_t, image: &mut [u8]) -> Result<usize, Error> {
    let mut iov = libc::iovec {
        iov_base: image.as_mut_ptr().cast::<c_void>(),
        iov_len: image.len(),
    };
    // SAFETY: the iovec covers exactly `image`, which is borrowed mutably; the kernel writes at most
    // iov_len bytes there and the length back into the iovec.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, pid, NT_X86_XSTATE, &raw mut iov) };
    check("PTRACE_GETREGSET", result)?;
    Ok(iov.iov_len)
}

/// Writes the XSAVE image.
pub(crate) fn set_xstate(pid: pid_t, image: &[u8]) -> Result<(), Error> {
    let mut iov = libc::iovec {
        iov_base: image.as_ptr().cast_mut().cast::<c_void>(),
        iov_len: image.len(),
    };
    // SAFETY: the iovec covers exactly `image`; PTRACE_SETREGSET only reads through it, so casting
    // the constness away writes nothing.
    let result = unsafe { libc::ptrace(libc::PTRACE_SETREGSET, pid, NT_X86_XSTATE, &raw mut iov) };
    check("PTRACE_SETREGSET", result).map(drop)
}

/// Where the C library registered restartable sequences; `None` when it did not or the kernel is old.
pub(crate) fn rseq(pid: pid_t) -> Option<RseqConfiguration> {
    let mut configuration = RseqConfiguration::default();
    let size = size_of::<RseqConfiguration>();
    // SAFETY: the kernel writes at most `size` bytes to the structure of that size.
    let result = unsafe { libc::ptrace(GET_RSEQ_CONFIGURATION, pid, size, &raw mut configuration) };
    (result == size as libc::c_long && configuration.pointer != 0).then_some(configuration)
}

/// Executes one instruction (or one REP iteration) and waits for the stop that follows.
///
/// `plain` promises that the instruction raises no debug trap itself, which saves asking.
pub(crate) fn step(pid: pid_t, plain: bool) -> Result<Stop, Error> {
    // SAFETY: no memory of ours is involved; signal 0 delivers nothing to the child.
    let result = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, pid, 0usize, 0usize) };
    check("PTRACE_SINGLESTEP", result)?;
    wait(pid, plain)
}

/// Waits for a stop of the child.
pub(crate) fn wait(pid: pid_t, plain: bool) -> Result<Stop, Error> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one int to `status`.
        if unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } == pid {
            break;
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(Error::from_io("waitpid", error));
        }
    }
    if !libc::WIFSTOPPED(status) {
        return Err(Error::Ended { status });
    }
    let signal = libc::WSTOPSIG(status);
    if plain && signal == libc::SIGTRAP {
        return Ok(Stop {
            signal,
            code: TRAP_TRACE,
            addr: 0,
        });
    }
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the kernel writes one siginfo_t to the pointer, which has room for it.
    let result = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, pid, 0usize, info.as_mut_ptr()) };
    check("PTRACE_GETSIGINFO", result)?;
    // SAFETY: zeroed, then written by the kernel; every field is a plain integer.
    let info = unsafe { info.assume_init() };
    // SAFETY: the union is read as the fault layout; for other signals these bytes are initialised
    // integers too and the caller ignores them.
    let addr = unsafe { info.si_addr() } as u64;
    Ok(Stop {
        signal,
        code: info.si_code,
        addr,
    })
}

/// A CPU set as the kernel takes it: one bit each.
pub(crate) type CpuSet = [u64; 128];

/// Keeps this thread and the child on the CPU the thread runs on now; returns what was allowed to
/// the thread before. Waking the other side on an idle core costs ten times the rest of a case.
pub(crate) fn share_cpu(pid: pid_t) -> Option<CpuSet> {
    let mut before: CpuSet = [0; 128];
    // SAFETY: sched_getcpu takes nothing; the kernel writes at most size_of::<CpuSet>() bytes to
    // `before`, of which any value is valid.
    let (cpu, result) = unsafe {
        let result = libc::sched_getaffinity(0, size_of::<CpuSet>(), before.as_mut_ptr().cast());
        (libc::sched_getcpu(), result)
    };
    let cpu = usize::try_from(cpu).ok()?;
    let mut here: CpuSet = [0; 128];
    *here.get_mut(cpu / 64)? = 1 << (cpu % 64);
    (result == 0 && set_affinity(0, &here) && set_affinity(pid, &here)).then_some(before)
}

/// Allows `pid` (0 is this thread) these CPUs. A refusal costs speed, not correctness.
pub(crate) fn set_affinity(pid: pid_t, set: &CpuSet) -> bool {
    // SAFETY: the kernel reads size_of::<CpuSet>() initialised bytes from a live reference.
    unsafe { libc::sched_setaffinity(pid, size_of::<CpuSet>(), set.as_ptr().cast()) == 0 }
}

/// Kills and reaps the child.
pub(crate) fn kill(pid: pid_t) {
    // SAFETY: `pid` is our own unreaped child, so the number cannot have been reused; no memory is
    // involved (waitpid accepts a null status).
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL);
    }
}
