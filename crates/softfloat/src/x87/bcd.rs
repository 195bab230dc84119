//! Packed decimal: 18 digits in nine bytes, sign in the tenth (SDM vol. 1, 4.7).

use super::arith::to_magnitude;
use super::ctx::Ctx;
use super::f80::{Class, F80};
use super::operand::{Real, real};
use crate::flags::Flags;
use crate::ieee::from_magnitude;

const LIMIT: u64 = 1_000_000_000_000_000_000;
/// What an invalid store writes.
const INDEFINITE: [u8; 10] = [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff];

/// FBLD. Digits above 9 are not checked; each nibble counts by its place.
pub fn from_packed_bcd(bytes: [u8; 10]) -> F80 {
    let magnitude = bytes[..9].iter().rev().fold(0u64, |sum, byte| {
        sum * 100 + u64::from(byte >> 4) * 10 + u64::from(byte & 15)
    });
    let sign = bytes[9] & 0x80 != 0;
    match from_magnitude(sign, magnitude) {
        Some(x) => F80::pack(x.sign, x.exp, (x.sig >> 64) as u64),
        None => F80::zero(sign),
    }
}

/// FBSTP, rounding in the current direction; invalid beyond 18 digits.
pub fn to_packed_bcd(x: F80, ctx: &mut Ctx) -> [u8; 10] {
    ctx.rounded_up = false;
    let magnitude = match x.class() {
        Class::Zero => Some(0),
        Class::Normal | Class::Denormal => match real(x) {
            Real::Finite(num) if num.exp < 64 => {
                let (magnitude, inexact, up) = to_magnitude(num, ctx.rounding);
                (magnitude < LIMIT).then(|| {
                    ctx.inexact(inexact, up);
                    magnitude
                })
            }
            _ => None,
        },
        _ => None,
    };
    let Some(mut magnitude) = magnitude else {
        ctx.flags |= Flags::INVALID;
        return INDEFINITE;
    };
    let mut bytes = [0; 10];
    for byte in &mut bytes[..9] {
        let pair = (magnitude % 100) as u8;
        *byte = ((pair / 10) << 4) | (pair % 10);
        magnitude /= 100;
    }
    bytes[9] = u8::from(x.sign()) << 7;
    bytes
}
