//! The six IEEE/x86 exception flags, laid out as in MXCSR bits 0–5 and the x87 status word bits 0–5
//! (SDM vol. 1, 8.1.3 and 10.2.3), so that merging into either register is an OR.

use core::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of floating-point exceptions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No exception.
    pub const NONE: Flags = Flags(0);
    /// IE, invalid operation.
    pub const INVALID: Flags = Flags(1);
    /// DE, denormal operand.
    pub const DENORMAL: Flags = Flags(2);
    /// ZE, division of a finite number by zero.
    pub const ZERO_DIVIDE: Flags = Flags(4);
    /// OE, overflow.
    pub const OVERFLOW: Flags = Flags(8);
    /// UE, underflow.
    pub const UNDERFLOW: Flags = Flags(16);
    /// PE, inexact result.
    pub const INEXACT: Flags = Flags(32);
    /// All six.
    pub const ALL: Flags = Flags(63);
    /// Those detected before the operation is computed: IE, DE, ZE.
    pub const PRE: Flags = Flags(7);

    /// The set with bits 0–5 of `bits`.
    pub const fn from_bits(bits: u8) -> Flags {
        Flags(bits & 63)
    }

    /// The six bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, rhs: Flags) -> Flags {
        Flags(self.0 | rhs.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, rhs: Flags) {
        self.0 |= rhs.0;
    }
}

impl BitAnd for Flags {
    type Output = Flags;
    fn bitand(self, rhs: Flags) -> Flags {
        Flags(self.0 & rhs.0)
    }
}

impl Not for Flags {
    type Output = Flags;
    fn not(self) -> Flags {
        Flags(!self.0 & 63)
    }
}

impl core::fmt::Debug for Flags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names = ["IE", "DE", "ZE", "OE", "UE", "PE"];
        let mut first = true;
        for (bit, name) in names.iter().enumerate() {
            if self.0 >> bit & 1 != 0 {
                write!(f, "{}{name}", if first { "" } else { "|" })?;
                first = false;
            }
        }
        if first { f.write_str("-") } else { Ok(()) }
    }
}
