//! Which host register holds which guest register.
//!
//! | host | holds |
//! |---|---|
//! | RAX RCX RDX RBX RBP RSI RDI | the guest register of the same name |
//! | R8 R9 R10 | guest R8, R9, R12 |
//! | R11 | [`LEFT`]: `Env::left` |
//! | R12 | guest RSP |
//! | R13, R14 | scratch: [`S0`] (addresses), [`S1`] |
//! | R15 | [`ENV`]: the address of [`Env`](super::Env) in the vCPU |
//! | RSP | the host's stack |
//!
//! Compilers take R8, R9, R10, R11 in this order in small functions and R12 to R15 in large ones: the guest's R10, R11 and
//! R13 to R15, used least, stay in `CpuState::gpr`. What is left of the slice is worth a register since every block
//! counts it down, and through memory one block would wait for the other. Between instructions the scratch registers
//! hold nothing.

/// Host register numbers used by name.
pub(super) const RAX: u8 = 0;
pub(super) const RSP: u8 = 4;
pub(super) const RDI: u8 = 7;
/// `Env::left`, while generated code runs.
pub(super) const LEFT: u8 = 11;
/// Scratch: linear, then host addresses.
pub(super) const S0: u8 = 13;
/// Scratch.
pub(super) const S1: u8 = 14;
/// Address of `Env`.
pub(super) const ENV: u8 = 15;

/// The host register of general register `guest`, if it has one.
#[inline]
pub(super) fn host(guest: u8) -> Option<u8> {
    match guest {
        4 => Some(12),
        0..=9 => Some(guest),
        12 => Some(10),
        _ => None,
    }
}

/// Guest registers that live in host registers: what the thunks save and load.
pub(super) fn pinned() -> impl Iterator<Item = (u8, u8)> {
    (0..16).filter_map(|guest| Some((guest, host(guest)?)))
}
