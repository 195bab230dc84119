//! MXCSR (SDM vol. 1, 10.2.3), taken apart for the operations and put together again after them.

use crate::flags::Flags;
use crate::rounding::Rounding;

const DAZ: u32 = 1 << 6;
const MASKS: u32 = 7;
const RC: u32 = 13;
const FTZ: u32 = 1 << 15;

/// What the operations need of MXCSR, and the flags they raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ctx {
    /// RC.
    pub rounding: Rounding,
    /// Denormal operands count as zeros of their sign, without DE.
    pub daz: bool,
    /// Tiny results become zeros of their sign; only while underflow is masked.
    pub ftz: bool,
    /// Exceptions whose masked response is wanted.
    pub masks: Flags,
    /// Raised since the context was made; operations only add.
    pub flags: Flags,
}

/// What becomes of MXCSR after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The new MXCSR, to be stored in any case.
    pub mxcsr: u32,
    /// An unmasked exception: deliver #XM (or #UD without CR4.OSXMMEXCPT) and write no destination.
    pub fault: bool,
}

impl Ctx {
    /// A context with no flags raised yet.
    #[inline]
    pub fn from_mxcsr(mxcsr: u32) -> Ctx {
        Ctx {
            rounding: Rounding::from_bits(mxcsr >> RC),
            daz: mxcsr & DAZ != 0,
            ftz: mxcsr & FTZ != 0,
            masks: Flags::from_bits((mxcsr >> MASKS) as u8),
            flags: Flags::NONE,
        }
    }

    /// Merges the raised flags into `mxcsr`. When an exception that precedes computation (IE, DE, ZE)
    /// is unmasked, the later ones (OE, UE, PE) of other lanes are not reported (SDM vol. 1, 11.5.2.4).
    #[inline]
    pub fn commit(&self, mxcsr: u32) -> Commit {
        let mut flags = self.flags;
        if !(flags & Flags::PRE & !self.masks).is_empty() {
            flags = flags & Flags::PRE;
        }
        Commit {
            mxcsr: mxcsr | u32::from(flags.bits()),
            fault: !(flags & !self.masks).is_empty(),
        }
    }
}

impl Default for Ctx {
    /// MXCSR after reset: 1F80h.
    fn default() -> Ctx {
        Ctx::from_mxcsr(0x1f80)
    }
}
