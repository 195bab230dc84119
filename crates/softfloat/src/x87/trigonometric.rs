//! FSIN, FCOS, FSINCOS, FPTAN.
//!
//! Arguments are reduced with π to 66 bits, as Intel documents (SDM vol. 1, 8.3.8) and AMD processors
//! do too: software has come to depend on it, sin(π rounded to 64 bits) for one.

use super::ctx::Ctx;
use super::f80::F80;
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{invalid, nan_of_one, real};
use super::round::finish;
use super::wide::Wide;
use crate::kernel::Num;

/// π/2 in units of 2^-65.
const HALF_PI_66: u128 = 0x3_243f_6a88_85a3_08d3;

/// An argument after the special cases.
enum Argument {
    /// No computation: this is the result of every function.
    Answer(F80),
    /// ±0, of which the sine is itself and the cosine one.
    Zero,
    /// C2: 2^63 or more in magnitude.
    OutOfRange,
    Angle(Angle),
}

/// quadrant·π/2 + rest, |rest| ≤ π/4.
struct Angle {
    quadrant: u8,
    rest: Wide,
}

fn argument(a: F80, ctx: &mut Ctx) -> Argument {
    if let Some(nan) = nan_of_one(a, ctx) {
        return Argument::Answer(nan);
    }
    match real(a) {
        Zero(_) => Argument::Zero,
        Infinite(_) => Argument::Answer(invalid(ctx)),
        Finite(x) if x.exp >= 63 => Argument::OutOfRange,
        Finite(x) => {
            if ctx.denormal(a.exp_field() == 0) {
                return Argument::Answer(a);
            }
            Argument::Angle(reduce(x))
        }
    }
}

fn reduce(x: Num) -> Angle {
    if x.exp < -1 {
        return Angle {
            quadrant: 0,
            rest: Wide::from(x),
        };
    }
    let magnitude = u128::from(x.sig) << (x.exp + 2);
    let (mut quotient, rest) = (magnitude / HALF_PI_66, magnitude % HALF_PI_66);
    let rest = if rest << 1 > HALF_PI_66 {
        quotient += 1;
        Wide::normalized(true, 62, HALF_PI_66 - rest)
    } else {
        Wide::normalized(false, 62, rest)
    };
    let quadrant = (quotient & 3) as u8;
    if x.sign {
        Angle {
            quadrant: quadrant.wrapping_neg() & 3,
            rest: -rest,
        }
    } else {
        Angle { quadrant, rest }
    }
}

/// sin r = r(1 − r²/(2·3)(1 − r²/(4·5)(…))) for |r| ≤ π/4.
fn sine_series(r: Wide) -> Wide {
    r * series(r, 3)
}

fn cosine_series(r: Wide) -> Wide {
    series(r, 2)
}

fn series(r: Wide, first: u32) -> Wide {
    let square = r * r;
    let terms = if square.exp < -64 { 3 } else { 16 };
    let mut sum = Wide::ONE;
    for k in (0..terms).rev() {
        let n = first + 2 * k;
        sum = Wide::ONE - (square * sum).over(n * (n - 1));
    }
    if sum == Wide::ONE { Wide::BELOW_ONE } else { sum }
}

fn sine(a: &Angle) -> Wide {
    let value = if a.quadrant & 1 == 0 {
        sine_series(a.rest)
    } else {
        cosine_series(a.rest)
    };
    if a.quadrant & 2 == 0 { value } else { -value }
}

fn cosine(a: &Angle) -> Wide {
    sine(&Angle {
        quadrant: (a.quadrant + 1) & 3,
        rest: a.rest,
    })
}

/// FSIN; nothing means C2, operand unchanged.
pub fn fsin(a: F80, ctx: &mut Ctx) -> Option<F80> {
    Some(match argument(a, ctx) {
        Argument::OutOfRange => return None,
        Argument::Answer(answer) => answer,
        Argument::Zero => a,
        Argument::Angle(angle) => finish(sine(&angle).inexact(), 64, ctx),
    })
}

/// FCOS; nothing means C2, operand unchanged.
pub fn fcos(a: F80, ctx: &mut Ctx) -> Option<F80> {
    Some(match argument(a, ctx) {
        Argument::OutOfRange => return None,
        Argument::Answer(answer) => answer,
        Argument::Zero => F80::ONE,
        Argument::Angle(angle) => finish(cosine(&angle).inexact(), 64, ctx),
    })
}

/// FSINCOS: sine and cosine; nothing means C2, operand unchanged.
pub fn fsincos(a: F80, ctx: &mut Ctx) -> Option<(F80, F80)> {
    Some(match argument(a, ctx) {
        Argument::OutOfRange => return None,
        Argument::Answer(answer) => (answer, answer),
        Argument::Zero => (a, F80::ONE),
        Argument::Angle(angle) => {
            let cosine = finish(cosine(&angle).inexact(), 64, ctx);
            (finish(sine(&angle).inexact(), 64, ctx), cosine)
        }
    })
}

/// FPTAN: the tangent, and what is pushed after it (1, or the same NaN); nothing means C2.
pub fn fptan(a: F80, ctx: &mut Ctx) -> Option<(F80, F80)> {
    Some(match argument(a, ctx) {
        Argument::OutOfRange => return None,
        Argument::Answer(answer) => (answer, answer),
        Argument::Zero => (a, F80::ONE),
        Argument::Angle(angle) => {
            let tangent = if angle.rest.exp < -64 && angle.quadrant & 1 == 0 {
                // tan r = r(1 + r²/3 …): above r by less than the last place.
                angle.rest
            } else {
                sine(&angle) / cosine(&angle)
            };
            (finish(tangent.inexact(), 64, ctx), F80::ONE)
        }
    })
}
