//! The 80-bit format with the rules of the x87 FPU (SDM vol. 1, chapter 8).

/// An 80-bit double-extended pattern.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug)]
pub struct F80 {
    /// Sign (bit 15) and biased exponent.
    pub sign_exp: u16,
    /// Significand with explicit integer bit 63.
    pub sig: u64,
}
