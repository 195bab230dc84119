//! Transcendental functions against the host CPU: special cases and flags exactly, values to one unit
//! in the last place.
#![cfg(target_arch = "x86_64")]
// The oracle is the processor itself, which only inline assembly reaches with a chosen control word.
#![allow(unsafe_code)]

mod common;

use common::Random;
use common::x87::{Input, Native, inputs};
use softfloat::x87::{self, Ctx};
use softfloat::{F80, Flags};

const RUNS: u64 = 10_000;

/// Distance in units in the last place; patterns of different sign are infinitely far apart.
fn distance(a: F80, b: F80) -> u128 {
    let place = |x: F80| u128::from(x.exp_field()) << 63 | u128::from(x.sig & !(1 << 63));
    if a.sign() != b.sign() || a.is_nan() != b.is_nan() {
        u128::MAX
    } else {
        place(a).abs_diff(place(b))
    }
}

fn check(
    name: &str,
    native: Native,
    prepare: impl Fn(&mut Random, &mut Input),
    ours: impl Fn(&Input, &mut Ctx) -> [F80; 2],
) {
    let mut r = Random::new(3);
    for mut input in inputs(name, RUNS) {
        prepare(&mut r, &mut input);
        let host = native(input.st, input.memory, input.cw);
        let mut ctx = Ctx::from_control_word(input.cw);
        let ours = ours(&input, &mut ctx);
        let ours = if ctx.refused() { input.st } else { ours };
        let pops = ours[0] == ours[1];
        let off = distance(ours[0], host.st[0]).max(if pops { 0 } else { distance(ours[1], host.st[1]) });
        assert!(
            off <= 1 && ctx.flags.bits() == host.flags(),
            "{name} {input:x?}: ours {ours:?} {:?}, host {:?} {:?}",
            ctx.flags,
            &host.st[..2],
            Flags(host.flags())
        );
    }
}

fn within_one(r: &mut Random, i: &mut Input) {
    i.st[0].sign_exp = (i.st[0].sign_exp & 0x8000) | (0x3fff - r.below(80) as u16);
}

fn moderate(r: &mut Random, i: &mut Input) {
    i.st[0].sign_exp = (i.st[0].sign_exp & 0x8000) | (0x3fff - 10 + r.below(73) as u16);
}

fn any(_: &mut Random, _: &mut Input) {}

#[test]
#[rustfmt::skip]
fn special_cases_and_values() {
    let keep = |v: Option<F80>, i: &Input| [v.unwrap_or(i.st[0]), i.st[1]];
    check("f2xm1", host!("f2xm1"), within_one, |i, c| [x87::f2xm1(i.st[0], c), i.st[1]]);
    check("f2xm1 any", host!("f2xm1"), any, |i, c| [x87::f2xm1(i.st[0], c), i.st[1]]);
    check("fsin", host!("fsin"), moderate, |i, c| keep(x87::fsin(i.st[0], c), i));
    check("fsin any", host!("fsin"), any, |i, c| keep(x87::fsin(i.st[0], c), i));
    check("fcos", host!("fcos"), moderate, |i, c| keep(x87::fcos(i.st[0], c), i));
    check("fcos any", host!("fcos"), any, |i, c| keep(x87::fcos(i.st[0], c), i));
    let pair = |v: Option<(F80, F80)>, i: &Input| v.map_or(i.st, |(a, b)| [b, a]);
    check("fsincos", host!("fsincos"), moderate, |i, c| pair(x87::fsincos(i.st[0], c), i));
    check("fsincos any", host!("fsincos"), any, |i, c| pair(x87::fsincos(i.st[0], c), i));
    check("fptan", host!("fptan"), moderate, |i, c| pair(x87::fptan(i.st[0], c), i));
    check("fptan any", host!("fptan"), any, |i, c| pair(x87::fptan(i.st[0], c), i));
    // These pop; what was ST(1) need not be compared.
    let one = |x| [x, x];
    check("fpatan any", host!("fpatan"), any, |i, c| one(x87::fpatan(i.st[0], i.st[1], c)));
    check("fyl2x any", host!("fyl2x"), any, |i, c| one(x87::fyl2x(i.st[0], i.st[1], c)));
    check("fyl2x", host!("fyl2x"), moderate, |i, c| one(x87::fyl2x(i.st[0], i.st[1], c)));
    check("fyl2xp1 any", host!("fyl2xp1"), any, |i, c| one(x87::fyl2xp1(i.st[0], i.st[1], c)));
    check("fyl2xp1", host!("fyl2xp1"), within_one, |i, c| one(x87::fyl2xp1(i.st[0], i.st[1], c)));
}
