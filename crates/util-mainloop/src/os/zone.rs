//! The host's time zone.

#![allow(unsafe_code)] // localtime_r has no safe binding.

use std::mem::MaybeUninit;

/// Seconds that local time is ahead of UTC at `unix_seconds`; 0 where the host does not know.
pub(crate) fn offset_s(unix_seconds: i64) -> i64 {
    let mut fields = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are to live objects of this frame; localtime_r may be called from any thread, and nothing in
    // this workspace changes the environment that it reads.
    let found = unsafe { libc::localtime_r(&unix_seconds, fields.as_mut_ptr()) };
    if found.is_null() {
        return 0;
    }
    // SAFETY: it did not fail, so it filled the whole structure.
    unsafe { fields.assume_init() }.tm_gmtoff
}
