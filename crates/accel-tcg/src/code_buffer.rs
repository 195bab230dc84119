//! Memory for generated code: the same pages mapped twice. Code is written through one mapping and executed
//! through the other, and no mapping is ever both writable and executable.
#![allow(unsafe_code)] // maps memory, and writes code through the writable mapping

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{
    MapFlags, MprotectFlags, MremapFlags, ProtFlags, mmap, mmap_anonymous, mprotect, mremap, munmap,
};
use rustix::process::{Resource, getrlimit};
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

/// A buffer for generated code.
pub struct CodeBuffer {
    writable: *mut u8,
    executable: *const u8,
    len: usize,
}

// SAFETY: the mappings belong to this value alone and are not tied to a thread.
unsafe impl Send for CodeBuffer {}

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

    fn of(writable: *mut c_void, executable: *mut c_void, len: usize) -> Self {
        Self {
            writable: writable.cast(),
            executable: executable.cast_const().cast(),
            len,
        }
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
        self.executable
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
        // SAFETY: inside the writable mapping by the assertion; `code` is elsewhere.
        unsafe {
            self.writable
                .add(at)
                .copy_from_nonoverlapping(code.as_ptr(), code.len());
        }
    }

    /// Replaces the four bytes at `at`, in one store if they are aligned.
    ///
    /// # Panics
    /// If they lie outside.
    pub fn patch(&mut self, at: usize, value: u32) {
        if at.is_multiple_of(4) && at + 4 <= self.len {
            // SAFETY: inside the writable mapping, which is page-aligned, and aligned in it.
            let word = unsafe { AtomicU32::from_ptr(self.writable.add(at).cast()) };
            word.store(value, Ordering::Release);
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
        // SAFETY: inside the mapping by the line above.
        unsafe {
            bytes
                .as_mut_ptr()
                .copy_from_nonoverlapping(self.writable.add(at.min(self.len)), len)
        };
        bytes
    }
}

impl Drop for CodeBuffer {
    fn drop(&mut self) {
        // SAFETY: both were mapped by `new` with this length, and whoever runs code holds the buffer.
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
    fn impossible_sizes_are_errors() {
        assert!(CodeBuffer::new(usize::MAX / 2).is_err());
        assert!(CodeBuffer::nameless(usize::MAX / 2).is_err());
    }
}
