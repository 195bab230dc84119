//! IEEE 754 and x87 80-bit arithmetic with exact flags, the same on every host
//!
//! Pure integer arithmetic: no host floating point, no global state, no `unsafe`, no dependencies.
//! Three layers, data flowing upwards:
//!
//! * [`flags`] and [`rounding`]: the vocabulary (exception bits, rounding directions);
//! * `kernel`: exact magnitudes with 128-bit significands and one rounding routine for all formats;
//! * [`sse`]: binary16/32/64 with the rules of MXCSR (DAZ, FTZ, first operand's NaN wins), and
//!   [`x87`]: the 80-bit format with the rules of the x87 FPU (precision control, larger NaN wins,
//!   C1, biased results when overflow or underflow is unmasked, transcendentals).
//!
//! What the manuals leave to the implementation (NaN choice, tininess after rounding, which flags go
//! with which special case) follows AMD processors and is tested against the host CPU in `tests/`.
//!
//! ```
//! use softfloat::{F32, Flags, Ieee, sse};
//! let mut ctx = sse::Ctx::from_mxcsr(0x1f80);
//! let third = F32::ONE.div(F32(0x4040_0000), &mut ctx);
//! assert_eq!(third, F32(0x3eaa_aaab));
//! assert_eq!(ctx.flags, Flags::INEXACT);
//! ```
#![forbid(unsafe_code)]

pub mod flags;
pub mod ieee;
mod kernel;
pub mod rounding;
pub mod sse;
pub mod x87;

pub use flags::Flags;
pub use ieee::{F16, F32, F64, Format};
pub use rounding::Rounding;
pub use sse::Ieee;
pub use x87::F80;
