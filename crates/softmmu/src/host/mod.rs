//! Sized atomic accesses to guest RAM through a host address, aligned or not.
//!
//! Guest RAM is shared between vCPU threads and devices, so each access here is one that Rust's memory model
//! does not see as a data race: machine instructions on x86-64, sized atomics elsewhere. Ordering is at least
//! acquire for loads and release for stores, which is the guest's (x86-TSO short of store-to-load).
#![allow(unsafe_code)] // the one place that dereferences guest RAM

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
use x86_64 as imp;

#[cfg(not(target_arch = "x86_64"))]
mod generic;
#[cfg(not(target_arch = "x86_64"))]
use generic as imp;

pub(crate) use imp::{copy_from, copy_to};

mod sealed {
    pub trait Sealed {}
}

/// A size guest memory is accessed with: `u8` to `u128`, and `[u128; 2]` for AVX.
///
/// Up to `u64` an access within an aligned 8 bytes is single-copy atomic, as the SDM promises (vol 3,
/// 9.1.1); `u128` is atomic in [`Width::cas`] only, and `[u128; 2]` never.
pub trait Width: Copy + PartialEq + sealed::Sealed + 'static {
    /// Bytes of this width.
    const SIZE: u64 = size_of::<Self>() as u64;

    /// Reads guest memory.
    ///
    /// # Safety
    /// `at..at + SIZE` lies within a live mapping of guest RAM.
    #[doc(hidden)]
    unsafe fn load(at: *const u8) -> Self;

    /// Writes guest memory.
    ///
    /// # Safety
    /// As [`Width::load`].
    #[doc(hidden)]
    unsafe fn store(at: *mut u8, value: Self);

    /// Compares and swaps as one atomic step; `Err` holds what was found. A full barrier either way.
    ///
    /// # Safety
    /// As [`Width::load`]; `at` is aligned to 16 for `u128`.
    #[doc(hidden)]
    unsafe fn cas(at: *mut u8, old: Self, new: Self) -> Result<Self, Self>;
}

macro_rules! width {
    ($($t:ty: $load:ident $store:ident $cas:ident),* $(,)?) => { $(
        impl sealed::Sealed for $t {}
        impl Width for $t {
            #[inline(always)]
            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's duty is the same.
                unsafe { imp::$load(at) }
            }
            #[inline(always)]
            unsafe fn store(at: *mut u8, value: Self) {
                // SAFETY: the caller's duty is the same.
                unsafe { imp::$store(at, value) }
            }
            #[inline(always)]
            unsafe fn cas(at: *mut u8, old: Self, new: Self) -> Result<Self, Self> {
                // SAFETY: the caller's duty is the same.
                unsafe { imp::$cas(at, old, new) }
            }
        }
    )* };
}

width! {
    u8: load8 store8 cas8,
    u16: load16 store16 cas16,
    u32: load32 store32 cas32,
    u64: load64 store64 cas64,
    u128: load128 store128 cas128,
}

impl sealed::Sealed for [u128; 2] {}
impl Width for [u128; 2] {
    #[inline(always)]
    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: both halves lie within the caller's 32 bytes.
        unsafe { [imp::load128(at), imp::load128(at.wrapping_add(16))] }
    }
    #[inline(always)]
    unsafe fn store(at: *mut u8, value: Self) {
        // SAFETY: both halves lie within the caller's 32 bytes.
        unsafe {
            imp::store128(at, value[0]);
            imp::store128(at.wrapping_add(16), value[1]);
        }
    }
    unsafe fn cas(at: *mut u8, old: Self, new: Self) -> Result<Self, Self> {
        // No x86 instruction compares and swaps 32 bytes; halves in turn, for completeness of the trait.
        // SAFETY: as the caller's.
        let found = unsafe { Self::load(at) };
        if found == old {
            // SAFETY: as the caller's.
            unsafe { Self::store(at, new) };
            Ok(found)
        } else {
            Err(found)
        }
    }
}
