//! Rounding directions, numbered as in MXCSR.RC and the x87 control word (SDM vol. 1, 4.8.4).

/// Where an inexact result goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Rounding {
    /// To nearest, ties to even.
    #[default]
    Nearest,
    /// Towards minus infinity.
    Down,
    /// Towards plus infinity.
    Up,
    /// Towards zero.
    Zero,
}

impl Rounding {
    /// From a two-bit RC field; higher bits are ignored.
    pub const fn from_bits(bits: u32) -> Rounding {
        match bits & 3 {
            0 => Rounding::Nearest,
            1 => Rounding::Down,
            2 => Rounding::Up,
            _ => Rounding::Zero,
        }
    }

    /// The two-bit RC field.
    pub const fn bits(self) -> u32 {
        self as u32
    }

    /// Whether an overflow in this direction yields infinity (otherwise the largest finite number).
    pub(crate) fn overflows_to_infinity(self, sign: bool) -> bool {
        match self {
            Rounding::Nearest => true,
            Rounding::Down => sign,
            Rounding::Up => !sign,
            Rounding::Zero => false,
        }
    }
}
