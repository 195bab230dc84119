//! The 80-bit format with the rules of the x87 FPU (SDM vol. 1, chapter 8).
//!
//! An [`Operand`] is a register ([`F80`]) or a memory value widened without loss; the functions take
//! operands, raise flags in a [`Ctx`] and yield the value of the masked response, or, with overflow or
//! underflow unmasked, the value with its exponent biased back into range. When
//! [`Ctx::refused`] says so (IE, DE or ZE unmasked), the instruction must leave the stack alone.
//!
//! ```
//! use softfloat::{F80, Flags, x87};
//! let mut ctx = x87::Ctx::from_control_word(0x037f);
//! let third = x87::div(F80::ONE.into(), 3i16.into(), &mut ctx);
//! assert_eq!(third, F80 { sign_exp: 0x3ffd, sig: 0xaaaa_aaaa_aaaa_aaab });
//! assert_eq!(ctx.flags, Flags::INEXACT);
//! assert!(ctx.rounded_up);
//! ```

mod arctangent;
mod arith;
mod bcd;
mod compare;
mod constants;
mod ctx;
mod exponential;
mod f80;
mod logarithm;
mod operand;
mod remainder;
mod round;
mod scale;
mod store;
mod trigonometric;
mod wide;

pub use arctangent::fpatan;
pub use arith::{add, div, mul, round_to_int, sqrt, sub};
pub use bcd::{from_packed_bcd, to_packed_bcd};
pub use compare::{compare, ucompare};
pub use constants::{Constant, constant};
pub use ctx::{Ctx, Precision};
pub use exponential::f2xm1;
pub use f80::{Class, F80};
pub use logarithm::{fyl2x, fyl2xp1};
pub use operand::Operand;
pub use remainder::{Remainder, fprem, fprem1};
pub use scale::{extract, scale};
pub use store::{to_f32, to_f64, to_i16, to_i32, to_i64};
pub use trigonometric::{fcos, fptan, fsin, fsincos};
