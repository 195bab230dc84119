//! The x87 control word (SDM vol. 1, 8.1.5), taken apart for the operations.

use crate::flags::Flags;
use crate::rounding::Rounding;

/// The precision field: significant bits of sums, products, quotients and square roots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precision {
    /// 24 bits.
    Single,
    /// 53 bits.
    Double,
    /// 64 bits.
    #[default]
    Extended,
}

impl Precision {
    /// From the two-bit PC field; the reserved value 1 acts as extended.
    pub const fn from_bits(bits: u16) -> Precision {
        match bits & 3 {
            0 => Precision::Single,
            2 => Precision::Double,
            _ => Precision::Extended,
        }
    }

    /// Significant bits.
    #[inline]
    pub const fn bits(self) -> u32 {
        match self {
            Precision::Single => 24,
            Precision::Double => 53,
            Precision::Extended => 64,
        }
    }
}

/// What the operations need of the control word, and what they report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ctx {
    /// RC.
    pub rounding: Rounding,
    /// PC; used by addition, subtraction, multiplication, division and square root only.
    pub precision: Precision,
    /// Exceptions whose masked response is wanted.
    pub masks: Flags,
    /// Raised since the context was made; operations only add.
    pub flags: Flags,
    /// C1 of the last rounding: the magnitude was increased.
    pub rounded_up: bool,
}

impl Ctx {
    /// A context with no flags raised yet.
    #[inline]
    pub fn from_control_word(cw: u16) -> Ctx {
        Ctx {
            rounding: Rounding::from_bits(u32::from(cw >> 10)),
            precision: Precision::from_bits(cw >> 8),
            masks: Flags::from_bits(cw as u8),
            flags: Flags::NONE,
            rounded_up: false,
        }
    }

    /// Flags raised and not masked.
    #[inline]
    pub fn unmasked(&self) -> Flags {
        self.flags & !self.masks
    }

    /// An unmasked IE, DE or ZE: the instruction delivers no result, operands stay in place.
    #[inline]
    pub fn refused(&self) -> bool {
        !(self.unmasked() & Flags::PRE).is_empty()
    }

    /// An unmasked IE: FLD from binary32 or binary64 pushes nothing. (Unmasked DE still pushes, on AMD
    /// processors.)
    #[inline]
    pub fn load_refused(&self) -> bool {
        self.unmasked().contains(Flags::INVALID)
    }

    /// An unmasked IE, DE, ZE, OE or UE: a store to memory does not happen, nor its pop.
    #[inline]
    pub fn store_refused(&self) -> bool {
        !(self.unmasked() & !Flags::INEXACT).is_empty()
    }

    /// Raises DE; whether that stops the operation.
    #[inline]
    pub(crate) fn denormal(&mut self, denormal: bool) -> bool {
        if denormal {
            self.flags |= Flags::DENORMAL;
        }
        denormal && !self.masks.contains(Flags::DENORMAL)
    }

    /// Raises PE and records the direction.
    #[inline]
    pub(crate) fn inexact(&mut self, inexact: bool, up: bool) {
        if inexact {
            self.flags |= Flags::INEXACT;
        }
        self.rounded_up = up;
    }
}

impl Default for Ctx {
    /// The control word after FNINIT: 037Fh.
    fn default() -> Ctx {
        Ctx::from_control_word(0x037f)
    }
}
