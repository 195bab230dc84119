//! FPATAN: the angle of the point (x, y).

use super::constants::{ATAN_EIGHTHS, HALF_PI, PI, QUARTER_PI, THREE_QUARTER_PI};
use super::ctx::Ctx;
use super::f80::F80;
use super::operand::Real::{Finite, Infinite, Zero};
use super::operand::{Operand, nan_of, real};
use super::round::finish;
use super::wide::Wide;

/// FPATAN: the angle of (x, y) in (−π, π], with x in ST(0), y in ST(1); SDM vol. 2, table 3-30.
pub fn fpatan(x: F80, y: F80, ctx: &mut Ctx) -> F80 {
    if let Some(nan) = nan_of(x, y, ctx) {
        return nan;
    }
    if ctx.denormal(Operand::from(x).denormal || Operand::from(y).denormal) {
        return x;
    }
    let sign = y.sign();
    let angle = match (real(x), real(y)) {
        (Zero(false) | Finite(_), Zero(_)) if !x.sign() => return F80::zero(sign),
        (Infinite(false), Zero(_) | Finite(_)) => return F80::zero(sign),
        (_, Zero(_)) | (Infinite(true), Finite(_)) => PI,
        (Infinite(false), Infinite(_)) => QUARTER_PI,
        (Infinite(true), Infinite(_)) => THREE_QUARTER_PI,
        (_, Infinite(_)) | (Zero(_), Finite(_)) => HALF_PI,
        (Finite(x), Finite(y)) => atan2(Wide::from(x), Wide::from(y)),
    };
    let mut angle = angle.inexact();
    angle.sign = sign;
    finish(angle, 64, ctx)
}

/// The angle of (x, |y|), in (0, π).
fn atan2(x: Wide, y: Wide) -> Wide {
    let (ax, ay) = (x.abs(), y.abs());
    let first = if ax.below(ay) {
        HALF_PI - atan(ax / ay)
    } else {
        atan(ay / ax)
    };
    if x.sign { PI - first } else { first }
}

/// atan t for 0 < t ≤ 1: the nearest eighth's from the table, and the series for what remains.
fn atan(t: Wide) -> Wide {
    let eighths = if t.exp < -4 {
        0
    } else {
        ((t.sig >> 119) >> (4 - t.exp)) as usize
    };
    // `eighths` is t·16 here; round to the nearest eighth.
    match eighths.div_ceil(2) {
        0 => atan_series(t),
        k => {
            let c = Wide::from_int(k as i32).scaled(-3);
            ATAN_EIGHTHS[k - 1] + atan_series((t - c) / (Wide::ONE + t * c))
        }
    }
}

/// z − z³/3 + z⁵/5 …, |z| ≤ 1/16.
fn atan_series(z: Wide) -> Wide {
    if z.sig == 0 {
        return z;
    }
    let square = z * z;
    let terms = if square.exp < -64 { 3 } else { 17 };
    let mut sum = Wide::ZERO;
    for k in (0..terms).rev() {
        sum = Wide::ONE.over(2 * k + 1) - square * sum;
    }
    // The result is below z even where the difference is out of sight.
    if sum == Wide::ONE {
        z * Wide::BELOW_ONE
    } else {
        z * sum
    }
}
