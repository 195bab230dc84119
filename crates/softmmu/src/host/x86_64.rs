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

/// Copies out of guest memory, eight bytes at a time where the length allows.
///
/// # Safety
/// `from` and `to.len()` bytes after it lie in a live mapping.
pub(crate) unsafe fn copy_from(from: *const u8, to: &mut [u8]) {
    let (mut at, mut chunks) = (from, to.chunks_exact_mut(8));
    for chunk in &mut chunks {
        // SAFETY: within the caller's range.
        chunk.copy_from_slice(&unsafe { load64(at) }.to_ne_bytes());
        at = at.wrapping_add(8);
    }
    for byte in chunks.into_remainder() {
        // SAFETY: within the caller's range.
        *byte = unsafe { load8(at) };
        at = at.wrapping_add(1);
    }
}

/// Copies into guest memory, eight bytes at a time where the length allows.
///
/// # Safety
/// `to` and `from.len()` bytes after it lie in a live mapping.
pub(crate) unsafe fn copy_to(to: *mut u8, from: &[u8]) {
    let (chunks, rest) = from.as_chunks::<8>();
    let mut at = to;
    for chunk in chunks {
        // SAFETY: within the caller's range.
        unsafe { store64(at, u64::from_ne_bytes(*chunk)) };
        at = at.wrapping_add(8);
    }
    for &byte in rest {
        // SAFETY: within the caller's range.
        unsafe { store8(at, byte) };
        at = at.wrapping_add(1);
    }
}
