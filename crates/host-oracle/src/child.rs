//! Makes the child: fork, a bare address space, no system calls.
//!
//! The parent maps both areas shared and forks; the child moves them to their fixed addresses and
//! stops. From then on the parent makes it execute system calls of its choosing: drop restartable
//! sequences, unmap all that the fork copied, and lastly install the filter that ends system calls.

// One reason for unsafe here: mapping memory, forking, and the raw calls between fork and stop.
#![allow(unsafe_code)]

use crate::error::Error;
use crate::layout::{CODE_BASE, CODE_LEN, DATA_BASE, DATA_LEN, PAGE_SIZE};
use crate::trace;
use libc::{c_void, pid_t, user_regs_struct};
use std::ptr::NonNull;

/// End of the user half of the address space, one page short as Linux keeps it.
const USER_END: u64 = 0x7fff_ffff_f000;
/// Linux refuses mappings below this by default; nothing is there to unmap.
const USER_START: u64 = 0x1_0000;

/// An anonymous shared mapping, unmapped on drop.
#[derive(Debug)]
pub(crate) struct SharedArea {
    pointer: NonNull<u8>,
    len: usize,
}

impl SharedArea {
    fn new(len: usize) -> Result<Self, Error> {
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice aliases nothing.
        let pointer = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if pointer == libc::MAP_FAILED {
            return Err(Error::last("mmap"));
        }
        let pointer = NonNull::new(pointer.cast::<u8>()).expect("mmap does not return null");
        Ok(SharedArea { pointer, len })
    }

    /// The bytes, while the child is stopped.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is `len` bytes and lives as long as self. The only other writer is the
        // child, and it runs only inside Oracle methods that hold `&mut` on the oracle owning self.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.len) }
    }

    /// The bytes, while the child is stopped.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes this the only reference in this process.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.len) }
    }
}

impl Drop for SharedArea {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new` with this length, and borrows of it ended with self.
        unsafe { libc::munmap(self.pointer.as_ptr().cast::<c_void>(), self.len) };
    }
}

/// A stopped child with nothing mapped but the two areas.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: pid_t,
    pub(crate) code: SharedArea,
    pub(crate) data: SharedArea,
}

impl Child {
    /// Forks and prepares the child.
    pub(crate) fn spawn() -> Result<Self, Error> {
        let code = SharedArea::new(CODE_LEN)?;
        let data = SharedArea::new(DATA_LEN)?;
        // SAFETY: the child side calls nothing but raw system calls until the parent takes over (see
        // `become_child`), so locks held by other threads at the time of the fork do not matter.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => return Err(Error::last("fork")),
            0 => become_child(&code, &data),
            _ => {}
        }
        let mut child = Child { pid, code, data };
        let first = trace::wait(pid, false).map_err(|error| match error {
            // Exit status 1 is the child telling that PTRACE_TRACEME was refused.
            Error::Ended { status } if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1 => {
                Error::from_io("PTRACE_TRACEME", std::io::Error::from_raw_os_error(libc::EPERM))
            }
            other => other,
        })?;
        if first.signal != libc::SIGSTOP {
            return Err(Error::Ended { status: first.signal });
        }
        trace::set_exit_kill(pid)?;
        child.strip()?;
        Ok(child)
    }

    /// Removes everything inherited through the fork.
    fn strip(&mut self) -> Result<(), Error> {
        let start = trace::registers(self.pid)?;
        if let Some(rseq) = trace::rseq(self.pid) {
            // The kernel would kill a child whose registered area is gone.
            const UNREGISTER: u64 = 1;
            let args = [
                rseq.pointer,
                rseq.size.into(),
                UNREGISTER,
                rseq.signature.into(),
                0,
            ];
            self.syscall(&start, "rseq", libc::SYS_rseq, args)?;
        }
        let code_end = CODE_BASE + CODE_LEN as u64;
        let data_end = DATA_BASE + DATA_LEN as u64;
        for (from, to) in [
            (USER_START, CODE_BASE),
            (code_end, DATA_BASE),
            (data_end, USER_END),
        ] {
            self.syscall(&start, "munmap", libc::SYS_munmap, [from, to - from, 0, 0, 0])?;
        }
        let args = [libc::PR_SET_NO_NEW_PRIVS as u64, 1, 0, 0, 0];
        self.syscall(&start, "PR_SET_NO_NEW_PRIVS", libc::SYS_prctl, args)?;
        // struct sock_fprog {u16 len; pad; pointer} and one BPF instruction: return SECCOMP_RET_TRAP.
        let program = DATA_BASE + 16;
        let data = self.data.bytes_mut();
        data[..8].copy_from_slice(&1u64.to_le_bytes());
        data[8..16].copy_from_slice(&program.to_le_bytes());
        data[16..24].copy_from_slice(&[6, 0, 0, 0, 0, 0, 3, 0]);
        let args = [
            libc::PR_SET_SECCOMP as u64,
            libc::SECCOMP_MODE_FILTER.into(),
            DATA_BASE,
            0,
            0,
        ];
        self.syscall(&start, "PR_SET_SECCOMP", libc::SYS_prctl, args)?;
        self.data.bytes_mut().fill(0);
        self.code.bytes_mut().fill(0xcc);
        Ok(())
    }

    /// Makes the stopped child execute one system call.
    fn syscall(
        &mut self,
        start: &user_regs_struct,
        step: &'static str,
        number: i64,
        args: [u64; 5],
    ) -> Result<(), Error> {
        self.code.bytes_mut()[..2].copy_from_slice(&[0x0f, 0x05]);
        let mut regs = *start;
        regs.orig_rax = u64::MAX;
        regs.rip = CODE_BASE;
        regs.rax = number as u64;
        [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8] = args;
        regs.r9 = 0;
        trace::set_registers(self.pid, &regs)?;
        let stop = trace::step(self.pid, false)?;
        let result = trace::registers(self.pid)?.rax as i64;
        if stop.signal != libc::SIGTRAP {
            return Err(Error::Ended { status: stop.signal });
        }
        if result < 0 {
            return Err(Error::from_io(
                step,
                std::io::Error::from_raw_os_error(-result as i32),
            ));
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        trace::kill(self.pid);
    }
}

/// The child's side of the fork; the parent steers it from the stop at the end.
fn become_child(code: &SharedArea, data: &SharedArea) -> ! {
    const MOVE: i32 = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let old = |area: &SharedArea| area.pointer.as_ptr().cast::<c_void>();
    // SAFETY: only system calls, all async-signal-safe; nothing of the parent's Rust state is used
    // after its mappings move, and no path returns. The fixed addresses are below every mapping of a
    // position-independent executable; if something were there, losing it does not matter here.
    unsafe {
        if libc::ptrace(libc::PTRACE_TRACEME, 0, 0usize, 0usize) == -1 {
            libc::_exit(1);
        }
        let code_at = libc::mremap(old(code), CODE_LEN, CODE_LEN, MOVE, CODE_BASE as *mut c_void);
        let data_at = libc::mremap(old(data), DATA_LEN, DATA_LEN, MOVE, DATA_BASE as *mut c_void);
        let executable = libc::PROT_READ | libc::PROT_EXEC;
        if code_at as u64 != CODE_BASE
            || data_at as u64 != DATA_BASE
            || libc::mprotect(code_at, CODE_LEN, executable) != 0
        {
            libc::_exit(2);
        }
        loop {
            libc::kill(libc::getpid(), libc::SIGSTOP);
        }
    }
}

const _: () = assert!(CODE_LEN.is_multiple_of(PAGE_SIZE) && DATA_LEN.is_multiple_of(PAGE_SIZE));
