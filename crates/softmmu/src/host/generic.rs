//! Other hosts: sized atomics where the address is aligned, single bytes where it is not.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

macro_rules! atomic {
    ($($load:ident $store:ident $cas:ident $t:ty, $atomic:ty;)*) => { $(
        /// # Safety
        /// `at` and the bytes of the width after it lie in a live mapping.
        #[inline(always)]
        pub(super) unsafe fn $load(at: *const u8) -> $t {
            if at.addr().is_multiple_of(size_of::<$t>()) {
                // SAFETY: aligned and live; guest RAM is only touched by atomics.
                return <$t>::from_le(unsafe { &*at.cast::<$atomic>() }.load(Ordering::Acquire));
            }
            let mut bytes = [0u8; size_of::<$t>()];
            for (i, byte) in bytes.iter_mut().enumerate() {
                // SAFETY: each byte is live.
                *byte = unsafe { &*at.wrapping_add(i).cast::<AtomicU8>() }.load(Ordering::Acquire);
            }
            <$t>::from_le_bytes(bytes)
        }

        /// # Safety
        /// `at` and the bytes of the width after it lie in a live mapping.
        #[inline(always)]
        pub(super) unsafe fn $store(at: *mut u8, value: $t) {
            if at.addr().is_multiple_of(size_of::<$t>()) {
                // SAFETY: aligned and live; guest RAM is only touched by atomics.
                return unsafe { &*at.cast::<$atomic>() }.store(value.to_le(), Ordering::Release);
            }
            for (i, byte) in value.to_le_bytes().into_iter().enumerate() {
                // SAFETY: each byte is live.
                unsafe { &*at.wrapping_add(i).cast::<AtomicU8>() }.store(byte, Ordering::Release);
            }
        }

        /// # Safety
        /// `at` and the bytes of the width after it lie in a live mapping.
        pub(super) unsafe fn $cas(at: *mut u8, old: $t, new: $t) -> Result<$t, $t> {
            if at.addr().is_multiple_of(size_of::<$t>()) {
                // SAFETY: aligned and live; guest RAM is only touched by atomics.
                return unsafe { &*at.cast::<$atomic>() }
                    .compare_exchange(old.to_le(), new.to_le(), Ordering::SeqCst, Ordering::SeqCst)
                    .map(<$t>::from_le)
                    .map_err(<$t>::from_le);
            }
            let _split = SPLIT.lock();
            // SAFETY: as the caller's.
            let found = unsafe { $load(at) };
            if found != old {
                return Err(found);
            }
            // SAFETY: as the caller's.
            unsafe { $store(at, new) };
            Ok(found)
        }
    )* };
}

/// Serialises split and 16-byte compare-and-swap among themselves, which is what a host without them can do.
static SPLIT: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

atomic! {
    load8 store8 cas8 u8, AtomicU8;
    load16 store16 cas16 u16, AtomicU16;
    load32 store32 cas32 u32, AtomicU32;
    load64 store64 cas64 u64, AtomicU64;
}

/// # Safety
/// `at..at + 16` lies in a live mapping.
pub(super) unsafe fn load128(at: *const u8) -> u128 {
    // SAFETY: both halves are live.
    let (low, high) = unsafe { (load64(at), load64(at.wrapping_add(8))) };
    u128::from(low) | u128::from(high) << 64
}

/// # Safety
/// `at..at + 16` lies in a live mapping.
pub(super) unsafe fn store128(at: *mut u8, value: u128) {
    // SAFETY: both halves are live.
    unsafe {
        store64(at, value as u64);
        store64(at.wrapping_add(8), (value >> 64) as u64);
    }
}

/// # Safety
/// `at..at + 16` lies in a live mapping.
pub(super) unsafe fn cas128(at: *mut u8, old: u128, new: u128) -> Result<u128, u128> {
    let _split = SPLIT.lock();
    // SAFETY: as the caller's.
    let found = unsafe { load128(at) };
    if found != old {
        return Err(found);
    }
    // SAFETY: as the caller's.
    unsafe { store128(at, new) };
    Ok(found)
}

/// Copies out of guest memory.
///
/// # Safety
/// `from` and `to.len()` bytes after it lie in a live mapping.
pub(crate) unsafe fn copy_from(from: *const u8, to: &mut [u8]) {
    for (i, byte) in to.iter_mut().enumerate() {
        // SAFETY: within the caller's range.
        *byte = unsafe { load8(from.wrapping_add(i)) };
    }
}

/// Copies into guest memory.
///
/// # Safety
/// `to` and `from.len()` bytes after it lie in a live mapping.
pub(crate) unsafe fn copy_to(to: *mut u8, from: &[u8]) {
    for (i, &byte) in from.iter().enumerate() {
        // SAFETY: within the caller's range.
        unsafe { store8(to.wrapping_add(i), byte) };
    }
}

/// Copies within guest memory, ascending, in pieces of 8, 4, 2 and 1 bytes.
///
/// # Safety
/// `from`, `to` and `len` bytes after them lie in live mappings; `to` does not begin 1 to 7 bytes above `from`.
pub(crate) unsafe fn copy_up(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    // SAFETY: each piece stays within the caller's ranges.
    unsafe {
        while len - at >= 8 {
            store64(to.wrapping_add(at), load64(from.wrapping_add(at)));
            at += 8;
        }
        if len - at >= 4 {
            store32(to.wrapping_add(at), load32(from.wrapping_add(at)));
            at += 4;
        }
        if len - at >= 2 {
            store16(to.wrapping_add(at), load16(from.wrapping_add(at)));
            at += 2;
        }
        if len > at {
            store8(to.wrapping_add(at), load8(from.wrapping_add(at)));
        }
    }
}

/// Fills guest memory with a pattern of eight bytes, the last one cut.
///
/// # Safety
/// `to` and `len` bytes after it lie in a live mapping.
pub(crate) unsafe fn fill(to: *mut u8, len: usize, pattern: u64) {
    let bytes = pattern.to_le_bytes();
    for at in (0..len).step_by(8) {
        // SAFETY: within the caller's range, and `bytes` is our own.
        unsafe { copy_up(bytes.as_ptr(), to.wrapping_add(at), (len - at).min(8)) };
    }
}
