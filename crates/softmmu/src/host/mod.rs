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

// Compiled into x86-64 tests too, which compare the two.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod generic;
#[cfg(not(target_arch = "x86_64"))]
use generic as imp;

pub(crate) use imp::{copy_from, copy_to, copy_up, fill};

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every width at every alignment, by this host's way and by the generic one.
    #[test]
    fn both_ways_agree() {
        // Aligned for `u128`; written through raw pointers only.
        let mut memory = [0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100_u128; 4];
        let base = memory.as_mut_ptr().cast::<u8>();
        macro_rules! check {
            ($t:ty, $load:ident, $store:ident, $cas:ident) => {
                for offset in 0..32 {
                    let at = base.wrapping_add(offset);
                    // SAFETY: `at` and 16 bytes after it lie in `memory`, which nothing else touches; 16-byte
                    // compare-and-swap is called at multiples of 16 only.
                    unsafe {
                        let value = imp::$load(at);
                        assert_eq!(generic::$load(at), value, "load at {offset}");
                        imp::$store(at, !value);
                        assert_eq!(generic::$load(at), !value, "store at {offset}");
                        generic::$store(at, value);
                        assert_eq!(imp::$load(at), value, "generic store at {offset}");
                        if size_of::<$t>() < 16 || offset % 16 == 0 {
                            assert_eq!(imp::$cas(at, value, !value), Ok(value));
                            assert_eq!(imp::$cas(at, value, 6), Err(!value));
                            assert_eq!(generic::$cas(at, !value, value), Ok(!value));
                            assert_eq!(generic::$cas(at, !value, 7), Err(value));
                        }
                    }
                }
            };
        }
        check!(u8, load8, store8, cas8);
        check!(u16, load16, store16, cas16);
        check!(u32, load32, store32, cas32);
        check!(u64, load64, store64, cas64);
        check!(u128, load128, store128, cas128);
        let (mut a, mut b) = ([0; 29], [0; 29]);
        // SAFETY: 29 bytes from offset 3 lie in `memory`.
        unsafe {
            copy_from(base.wrapping_add(3), &mut a);
            generic::copy_from(base.wrapping_add(3), &mut b);
            assert_eq!(a, b);
            generic::copy_to(base.wrapping_add(5), &a);
            copy_from(base.wrapping_add(5), &mut b);
            assert_eq!(a, b);
            copy_to(base.wrapping_add(7), &a);
            generic::copy_from(base.wrapping_add(7), &mut b);
        }
        assert_eq!(a, b);
    }

    /// Copies and fills of every length, from and to every alignment, overlapping downwards.
    #[test]
    fn runs() {
        let mut memory = [0u128; 32];
        let base = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: all offsets used lie in the 512 bytes of `memory`, which nothing else touches.
        let all = || unsafe { std::slice::from_raw_parts(base, 512) }.to_vec();
        for len in 0..200 {
            for (from, to) in [(0, 200), (3, 264), (201, 200), (130, 77), (250, 3)] {
                // SAFETY: as above; no target begins within the 64 bytes above its source.
                unsafe {
                    (0..512).for_each(|at| base.wrapping_add(at).write(at as u8 ^ (at >> 8) as u8));
                    let mut expected = all();
                    expected.copy_within(from..from + len, to);
                    let before = all();
                    copy_up(base.wrapping_add(from), base.wrapping_add(to), len);
                    assert_eq!(all(), expected, "{len} bytes from {from} to {to}");
                    base.copy_from_nonoverlapping(before.as_ptr(), 512);
                    generic::copy_up(base.wrapping_add(from), base.wrapping_add(to), len);
                    assert_eq!(all(), expected, "generic, {len} bytes from {from} to {to}");
                    let mut expected = all();
                    let pattern = 0x0807_0605_0403_0201_u64;
                    (0..len).for_each(|at| expected[to + at] = pattern.to_le_bytes()[at % 8]);
                    fill(base.wrapping_add(to), len, pattern);
                    assert_eq!(all(), expected, "{len} bytes at {to}");
                    fill(base.wrapping_add(to), len, !pattern);
                    generic::fill(base.wrapping_add(to), len, pattern);
                    assert_eq!(all(), expected, "generic, {len} bytes at {to}");
                }
            }
        }
    }
}
