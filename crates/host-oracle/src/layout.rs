//! Where things are in the traced child: the only mapped addresses there.
//!
//! Both areas lie below 4 GiB, so that 32-bit code reaches them, and are surrounded by unmapped
//! pages: an access that runs over an edge faults with the exact address.

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;
/// First address of the code area: readable, executable, not writable by the guest code.
pub const CODE_BASE: u64 = 0x1000_0000;
/// Length of the code area in bytes.
pub const CODE_LEN: usize = 2 * PAGE_SIZE;
/// First address of the data area: readable and writable, shared with the parent.
pub const DATA_BASE: u64 = 0x2000_0000;
/// Length of the data area in bytes.
pub const DATA_LEN: usize = 8 * PAGE_SIZE;
/// Where [`Oracle::run`](crate::Oracle::run) puts code: 64 bytes before the middle of the code
/// area, so that short jumps either way land inside it.
pub const CODE_START: u64 = CODE_BASE + (CODE_LEN / 2 - 64) as u64;
