//! x86-64 hosts: one machine instruction per access, so alignment never matters to the language.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_loadu_si128};

macro_rules! mov {
    ($($load:ident $store:ident $cas:ident $t:ty, $class:ident, $modifier:literal, $acc:tt;)*) => { $(
        /// # Safety
        /// `at` and the bytes of the width after it lie in a live mapping.
        #[inline(always)]
        pub(super) unsafe fn $load(at: *const u8) -> $t {
            let value: $t;
            // SAFETY: the caller vouches for the address; the instruction touches nothing else.
            unsafe {
                asm!(concat!("mov {value", $modifier, "}, [{at}]"), at = in(reg) at, value = out($class) value,
                     options(nostack, preserves_flags, readonly));
            }
            value
        }

        /// # Safety
        /// `at` and the bytes of the width after it lie in a live mapping.
        #[inline(always)]
        pub(super) unsafe fn $store(at: *mut u8, value: $t) {
            // SAFETY: the caller vouches for the address; the instruction touches nothing else.
            unsafe {
                asm!(concat!("mov [{at}], {value", $modifier, "}"), at = in(reg) at, value = in($class) value,
                     options(nostack, preserves_flags));
            }
        }

        /// # Safety
        /// `at` and the bytes of the width after it lie in a live mapping.
        #[inline(always)]
        pub(super) unsafe fn $cas(at: *mut u8, old: $t, new: $t) -> Result<$t, $t> {
            let found: $t;
            // SAFETY: the caller vouches for the address; the accumulator and flags are declared.
            unsafe {
                asm!(concat!("lock cmpxchg [{at}], {new", $modifier, "}"), at = in(reg) at, new = in($class) new,
                     inout($acc) old => found, options(nostack));
            }
            if found == old { Ok(found) } else { Err(found) }
        }
    )* };
}

mov! {
    load8 store8 cas8 u8, reg_byte, "", "al";
    load16 store16 cas16 u16, reg, ":x", "ax";
    load32 store32 cas32 u32, reg, ":e", "eax";
    load64 store64 cas64 u64, reg, ":r", "rax";
}

/// # Safety
/// `at..at + 16` lies in a live mapping.
#[inline(always)]
pub(super) unsafe fn load128(at: *const u8) -> u128 {
    let value: __m128i;
    // SAFETY: the caller vouches for the address; SSE2 is part of x86-64.
    unsafe {
        asm!("movdqu {value}, [{at}]", at = in(reg) at, value = out(xmm_reg) value,
             options(nostack, preserves_flags, readonly));
    }
    // SAFETY: both types are 16 plain bytes.
    unsafe { std::mem::transmute::<__m128i, u128>(value) }
}

/// # Safety
/// `at..at + 16` lies in a live mapping.
#[inline(always)]
pub(super) unsafe fn store128(at: *mut u8, value: u128) {
    // SAFETY: reads the 16 bytes of a local.
    let value = unsafe { _mm_loadu_si128((&raw const value).cast()) };
    // SAFETY: the caller vouches for the address; SSE2 is part of x86-64.
    unsafe {
        asm!("movdqu [{at}], {value}", at = in(reg) at, value = in(xmm_reg) value,
             options(nostack, preserves_flags));
    }
}

/// # Safety
/// `at..at + 16` lies in a live mapping and `at` is a multiple of 16. The host has CMPXCHG16B, as every
/// x86-64 processor since 2006.
pub(super) unsafe fn cas128(at: *mut u8, old: u128, new: u128) -> Result<u128, u128> {
    let (mut low, mut high) = (old as u64, (old >> 64) as u64);
    // SAFETY: the caller vouches for the address; RBX belongs to the compiler, so it is swapped in and out.
    unsafe {
        asm!("xchg rsi, rbx", "lock cmpxchg16b [rdi]", "mov rbx, rsi",
             in("rdi") at, inout("rsi") new as u64 => _, in("rcx") (new >> 64) as u64,
             inout("rax") low, inout("rdx") high, options(nostack));
    }
    let found = u128::from(low) | u128::from(high) << 64;
    if found == old { Ok(found) } else { Err(found) }
}

/// Copies up to 7 bytes, ascending, in pieces of 4, 2 and 1.
///
/// # Safety
/// Both sides and `len` bytes after them lie in live mappings.
unsafe fn copy_rest(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    // SAFETY: the pieces are disjoint parts of the caller's ranges.
    unsafe {
        if len & 4 != 0 {
            store32(to, load32(from));
            at = 4;
        }
        if len & 2 != 0 {
            store16(to.wrapping_add(at), load16(from.wrapping_add(at)));
            at += 2;
        }
        if len & 1 != 0 {
            store8(to.wrapping_add(at), load8(from.wrapping_add(at)));
        }
    }
}

/// Copies within guest memory, or into or out of it, ascending, in pieces of 64, 8, 4, 2 and 1 bytes. Each half of
/// a 16-byte move is one access where it is aligned, on every processor there is.
///
/// # Safety
/// `from`, `to` and `len` bytes after them lie in live mappings; `to` does not begin 1 to 63 bytes above `from`
/// unless `len` is smaller than that.
#[inline]
pub(crate) unsafe fn copy_up(from: *const u8, to: *mut u8, len: usize) {
    let (mut from, mut to, mut left) = (from, to, len);
    // SAFETY: each step stays within the caller's ranges; all of its loads come before its stores.
    unsafe {
        while left >= 64 {
            let piece = [
                load128(from),
                load128(from.wrapping_add(16)),
                load128(from.wrapping_add(32)),
                load128(from.wrapping_add(48)),
            ];
            store128(to, piece[0]);
            store128(to.wrapping_add(16), piece[1]);
            store128(to.wrapping_add(32), piece[2]);
            store128(to.wrapping_add(48), piece[3]);
            (from, to, left) = (from.wrapping_add(64), to.wrapping_add(64), left - 64);
        }
        while left >= 8 {
            store64(to, load64(from));
            (from, to, left) = (from.wrapping_add(8), to.wrapping_add(8), left - 8);
        }
        copy_rest(from, to, left);
    }
}

/// Fills guest memory with a pattern of eight bytes, the last one cut.
///
/// # Safety
/// `to` and `len` bytes after it lie in a live mapping.
#[inline]
pub(crate) unsafe fn fill(to: *mut u8, len: usize, pattern: u64) {
    let wide = u128::from(pattern) << 64 | u128::from(pattern);
    let (mut to, mut left) = (to, len);
    // SAFETY: each step stays within the caller's range.
    unsafe {
        while left >= 64 {
            store128(to, wide);
            store128(to.wrapping_add(16), wide);
            store128(to.wrapping_add(32), wide);
            store128(to.wrapping_add(48), wide);
            (to, left) = (to.wrapping_add(64), left - 64);
        }
        while left >= 8 {
            store64(to, pattern);
            (to, left) = (to.wrapping_add(8), left - 8);
        }
        copy_rest(pattern.to_le_bytes().as_ptr(), to, left);
    }
}

/// Copies out of guest memory.
///
/// # Safety
/// `from` and `to.len()` bytes after it lie in a live mapping.
pub(crate) unsafe fn copy_from(from: *const u8, to: &mut [u8]) {
    // SAFETY: the caller's, and a slice of our own, which guest memory does not overlap.
    unsafe { copy_up(from, to.as_mut_ptr(), to.len()) }
}

/// Copies into guest memory.
///
/// # Safety
/// `to` and `from.len()` bytes after it lie in a live mapping.
pub(crate) unsafe fn copy_to(to: *mut u8, from: &[u8]) {
    // SAFETY: the caller's, and a slice of our own, which guest memory does not overlap.
    unsafe { copy_up(from.as_ptr(), to, from.len()) }
}
