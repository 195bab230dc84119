//! Memory for generated code: the same pages mapped twice. Code is written through one mapping and executed
//! through the other, and no mapping is ever both writable and executable.
#![allow(unsafe_code)] // maps memory, writes code through the writable mapping, and makes it visible to fetches

use crate::Look;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{
    MapFlags, MprotectFlags, MremapFlags, ProtFlags, mmap, mmap_anonymous, mprotect, mremap, munmap,
};
use rustix::process::{Resource, getrlimit};
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Both mappings. Whoever executes code, or has parts of the buffer, holds it.
pub struct Mapping {
    writable: *mut u8,
    executable: *const u8,
    len: usize,
}

// SAFETY: the mappings belong to this value alone and are not tied to a thread; it changes nothing in them.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// A buffer for generated code, or a part of one: no two values have bytes in common.
pub struct CodeBuffer {
    mapping: Arc<Mapping>,
    /// Where it begins in the mappings.
    start: usize,
    len: usize,
}

impl CodeBuffer {
    /// A buffer of `len` bytes, rounded up to whole pages. Pages cost memory once they are written.
    ///
    /// # Errors
    /// The host has no memory, or forbids executable mappings.
    pub fn new(len: usize) -> io::Result<Self> {
        let len = len.next_multiple_of(4096);
        // Beyond this limit the host would end the process with a signal.
        if getrlimit(Resource::Fsize)
            .current
            .is_some_and(|most| most < len as u64)
        {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = memfd_create("reprise-code", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, len as u64)?;
        let map = |prot| {
            // SAFETY: a new mapping at an address of the host's choice overlaps nothing.
            unsafe { mmap(null_mut(), len, prot, MapFlags::SHARED, &file, 0) }
        };
        let writable = map(ProtFlags::READ | ProtFlags::WRITE)?;
        let executable = match map(ProtFlags::READ | ProtFlags::EXEC) {
            Ok(at) => at,
            Err(error) => {
                // SAFETY: mapped above, and nothing points into it.
                let _ = unsafe { munmap(writable, len) };
                return Err(error.into());
            }
        };
        Ok(Self::of(writable, executable, len))
    }

    /// The same in memory without a file's name: `perf` looks into `/tmp/perf-PID.map` only for such.
    ///
    /// # Errors
    /// As [`CodeBuffer::new`].
    pub fn nameless(len: usize) -> io::Result<Self> {
        let len = len.next_multiple_of(4096);
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the host's choice overlaps nothing.
        let writable = unsafe { mmap_anonymous(null_mut(), len, prot, MapFlags::SHARED) }?;
        // A size of 0 means: map these shared pages once more, elsewhere.
        // SAFETY: the first mapping stays as it is, and the second overlaps nothing.
        let second = unsafe { mremap(writable, 0, len, MremapFlags::MAYMOVE) };
        let executable = second.and_then(|at| {
            // SAFETY: just mapped, and nothing points into it; before, it was not executable.
            match unsafe { mprotect(at, len, MprotectFlags::READ | MprotectFlags::EXEC) } {
                Ok(()) => Ok(at),
                Err(error) => {
                    // SAFETY: as above.
                    let _ = unsafe { munmap(at, len) };
                    Err(error)
                }
            }
        });
        match executable {
            Ok(executable) => Ok(Self::of(writable, executable, len)),
            Err(error) => {
                // SAFETY: mapped above, and nothing points into it.
                let _ = unsafe { munmap(writable, len) };
                Err(error.into())
            }
        }
    }

    /// What code goes into if this is wanted to be seen of it.
    ///
    /// # Errors
    /// As [`CodeBuffer::new`].
    pub fn for_look(len: usize, look: &Look) -> io::Result<Self> {
        if look.perf_map.is_some() {
            Self::nameless(len)
        } else {
            Self::new(len)
        }
    }

    fn of(writable: *mut c_void, executable: *mut c_void, len: usize) -> Self {
        Self {
            mapping: Arc::new(Mapping {
                writable: writable.cast(),
                executable: executable.cast_const().cast(),
                len,
            }),
            start: 0,
            len,
        }
    }

    /// Two buffers of this one: the first has up to `at` bytes, rounded down to whole pages.
    pub fn split(self, at: usize) -> (Self, Self) {
        let at = at.min(self.len) & !4095;
        let behind = Self {
            mapping: Arc::clone(&self.mapping),
            start: self.start + at,
            len: self.len - at,
        };
        (Self { len: at, ..self }, behind)
    }

    /// What keeps the code mapped, whatever becomes of this value.
    pub fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.mapping)
    }

    /// Where `at` is written.
    fn place(&self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.len);
        self.mapping.writable.wrapping_add(self.start + at)
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no room at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the code is executed from.
    pub fn base(&self) -> *const u8 {
        self.mapping.executable.wrapping_add(self.start)
    }

    /// Copies `code` to `at`.
    ///
    /// # Panics
    /// If it does not fit: the caller allocates.
    pub fn write(&mut self, at: usize, code: &[u8]) {
        assert!(
            at <= self.len && code.len() <= self.len - at,
            "code beyond the end of its buffer"
        );
        // SAFETY: inside this value's part of the writable mapping by the assertion; `code` is elsewhere.
        unsafe {
            self.place(at).copy_from_nonoverlapping(code.as_ptr(), code.len());
        }
        publish(self.place(at), self.base().wrapping_add(at), code.len());
    }

    /// Replaces the four bytes at `at`, in one store if they are aligned.
    ///
    /// # Panics
    /// If they lie outside.
    pub fn patch(&mut self, at: usize, value: u32) {
        if at.is_multiple_of(4) && at + 4 <= self.len {
            // SAFETY: inside this part of the writable mapping, which is page-aligned, and aligned in it.
            let word = unsafe { AtomicU32::from_ptr(self.place(at).cast()) };
            word.store(value, Ordering::Release);
            publish(self.place(at), self.base().wrapping_add(at), 4);
        } else {
            self.write(at, &value.to_le_bytes());
        }
    }

    /// Makes the rel32 at `at` lead to `to`.
    ///
    /// # Panics
    /// If it lies outside.
    pub fn patch_branch(&mut self, at: usize, to: usize) {
        let displacement = to as i64 - (at as i64 + 4);
        self.patch(at, displacement as i32 as u32);
    }

    /// The bytes at `at`, for listings.
    pub fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        let len = len.min(self.len.saturating_sub(at));
        let mut bytes = vec![0; len];
        // SAFETY: inside this part of the mapping by the line above.
        unsafe {
            bytes
                .as_mut_ptr()
                .copy_from_nonoverlapping(self.place(at.min(self.len)), len)
        };
        bytes
    }
}

/// Makes `len` bytes that were written through one mapping visible to instruction fetches through the other. A thread
/// that executes them has to [`serialize`] besides.
#[cfg(target_arch = "x86_64")]
fn publish(_written: *const u8, _executed: *const u8, _len: usize) {
    // Caches are coherent (SDM vol. 3A, 13.6).
}

/// Makes this processor fetch anew what another thread wrote as code (SDM vol. 3A, 8.1.3).
#[cfg(target_arch = "x86_64")]
pub fn serialize() {
    std::arch::x86_64::__cpuid(0);
}

/// Makes `len` bytes that were written through one mapping visible to instruction fetches through the other. A thread
/// that executes them has to [`serialize`] besides. Arm ARM, B2.4.4.
#[cfg(target_arch = "aarch64")]
fn publish(written: *const u8, executed: *const u8, len: usize) {
    let types: usize;
    // SAFETY: reads the cache type register, which Linux lets programs read.
    unsafe { std::arch::asm!("mrs {}, ctr_el0", out(reg) types, options(nomem, nostack)) };
    let line = |shift: usize| 4usize << (types >> shift & 15);
    let lines = |start: *const u8, line: usize| {
        let start = start as usize;
        (start & !(line - 1)..start + len).step_by(line)
    };
    for at in lines(written, line(16)) {
        // SAFETY: cleans a cache line, which changes no memory.
        unsafe { std::arch::asm!("dc cvau, {}", in(reg) at, options(nostack)) };
    }
    // SAFETY: a barrier.
    unsafe { std::arch::asm!("dsb ish", options(nostack)) };
    for at in lines(executed, line(0)) {
        // SAFETY: drops a line of instructions, which are fetched again.
        unsafe { std::arch::asm!("ic ivau, {}", in(reg) at, options(nostack)) };
    }
    // SAFETY: barriers.
    unsafe { std::arch::asm!("dsb ish", "isb", options(nostack)) };
}

/// Makes this processor fetch anew what another thread wrote as code.
#[cfg(target_arch = "aarch64")]
pub fn serialize() {
    // SAFETY: a barrier.
    unsafe { std::arch::asm!("isb", options(nostack)) };
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: both were mapped by `CodeBuffer` with this length, and nobody holds a part or runs code any more.
        unsafe {
            let _ = munmap(self.writable.cast(), self.len);
            let _ = munmap(self.executable.cast_mut().cast(), self.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_is_written_runs() {
        runs(CodeBuffer::new(1).unwrap());
        runs(CodeBuffer::nameless(1).unwrap());
    }

    #[cfg(target_arch = "x86_64")]
    fn runs(mut buffer: CodeBuffer) {
        assert_eq!(buffer.len(), 4096);
        // mov eax, 5; ret
        buffer.write(100, &[0xb8, 5, 0, 0, 0, 0xc3]);
        // SAFETY: the bytes are such a function.
        let function: extern "C" fn() -> u32 = unsafe { std::mem::transmute(buffer.base().add(100)) };
        assert_eq!(function(), 5);
        buffer.patch(101, 7);
        assert_eq!(function(), 7);
        assert_eq!(buffer.bytes(100, 2), [0xb8, 7]);
    }

    #[test]
    fn parts_are_apart_and_keep_their_memory() {
        let (mut first, mut second) = CodeBuffer::new(5 * 4096).unwrap().split(2 * 4096 + 17);
        assert_eq!((first.len(), second.len()), (2 * 4096, 3 * 4096));
        assert_eq!(second.base(), first.base().wrapping_add(first.len()));
        first.write(first.len() - 2, &[1, 2]);
        second.write(0, &[3, 4]);
        second.patch(4, 9);
        assert_eq!(first.bytes(first.len() - 2, 9), [1, 2]);
        drop(first);
        assert_eq!(second.bytes(0, 5), [3, 4, 0, 0, 9]);
        let (all, none) = second.split(usize::MAX);
        assert_eq!((all.len(), none.is_empty()), (3 * 4096, true));
    }

    #[test]
    #[should_panic(expected = "beyond the end")]
    fn a_part_does_not_write_into_the_next() {
        let (mut first, _second) = CodeBuffer::new(2 * 4096).unwrap().split(4096);
        first.write(4095, &[1, 2]);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(CodeBuffer::new(usize::MAX / 2).is_err());
        assert!(CodeBuffer::nameless(usize::MAX / 2).is_err());
    }
}
