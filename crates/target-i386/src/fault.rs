//! Exceptions as values: what a handler returns when its instruction cannot complete.
//!
//! A fault flows from the handler to the run loop, which restores RIP and has `interrupt` deliver it.
//! SDM vol. 3A, chapter 7 (interrupt and exception handling).

use std::num::NonZeroU32;

/// Exception vectors (SDM vol. 3A, table 7-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Vector {
    /// #DE, divide error.
    De = 0,
    /// #DB, debug.
    Db = 1,
    /// Non-maskable interrupt.
    Nmi = 2,
    /// #BP, INT3.
    Bp = 3,
    /// #OF, INTO.
    Of = 4,
    /// #BR, BOUND.
    Br = 5,
    /// #UD, invalid opcode.
    Ud = 6,
    /// #NM, device not available.
    Nm = 7,
    /// #DF, double fault.
    Df = 8,
    /// #TS, invalid TSS.
    Ts = 10,
    /// #NP, segment not present.
    Np = 11,
    /// #SS, stack fault.
    Ss = 12,
    /// #GP, general protection.
    Gp = 13,
    /// #PF, page fault; the address is in [`crate::state::CpuState::fault_addr`] until delivery.
    Pf = 14,
    /// #MF, x87 floating point.
    Mf = 16,
    /// #AC, alignment check.
    Ac = 17,
    /// #MC, machine check.
    Mc = 18,
    /// #XM, SIMD floating point.
    Xm = 19,
}

/// One exception: vector and error code in a register-sized word, so that `Result<(), Fault>` is cheap to return.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fault(NonZeroU32);

const PRESENT: u32 = 1 << 31;
const HAS_CODE: u32 = 1 << 30;

impl Fault {
    /// A fault without error code.
    pub const fn new(vector: Vector) -> Self {
        Self(NonZeroU32::new(PRESENT | (vector as u32) << 16).unwrap())
    }

    /// A fault that pushes `code`.
    pub const fn with_code(vector: Vector, code: u16) -> Self {
        Self(NonZeroU32::new(PRESENT | HAS_CODE | (vector as u32) << 16 | code as u32).unwrap())
    }

    /// #UD.
    pub const UD: Self = Self::new(Vector::Ud);
    /// #NM.
    pub const NM: Self = Self::new(Vector::Nm);
    /// #DE.
    pub const DE: Self = Self::new(Vector::De);
    /// #GP(0).
    pub const GP0: Self = Self::with_code(Vector::Gp, 0);
    /// #SS(0).
    pub const SS0: Self = Self::with_code(Vector::Ss, 0);

    /// #GP(`selector` with RPL cleared).
    pub const fn gp(selector: u16) -> Self {
        Self::with_code(Vector::Gp, selector & !3)
    }

    /// #PF with the SDM's error-code bits (vol. 3A, 5.7); the caller has stored the address.
    pub const fn page(code: u16) -> Self {
        Self::with_code(Vector::Pf, code)
    }

    /// The vector number, 0..=31.
    pub const fn vector(self) -> u8 {
        (self.0.get() >> 16) as u8
    }

    /// The error code, where the exception has one.
    pub const fn code(self) -> Option<u16> {
        if self.0.get() & HAS_CODE != 0 {
            Some(self.0.get() as u16)
        } else {
            None
        }
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code() {
            Some(code) => write!(f, "Fault({}, code {code:#x})", self.vector()),
            None => write!(f, "Fault({})", self.vector()),
        }
    }
}

/// What a handler returns: completed, or the fault that kept it from completing.
pub type Exec = Result<(), Fault>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        assert_eq!((Fault::UD.vector(), Fault::UD.code()), (6, None));
        assert_eq!((Fault::DE.vector(), Fault::DE.code()), (0, None));
        assert_eq!(
            (Fault::gp(0x2b).vector(), Fault::gp(0x2b).code()),
            (13, Some(0x28))
        );
        assert_eq!(std::mem::size_of::<Exec>(), 4);
    }
}
