//! One third in every format and rounding direction, with the flags that computing it raises.

use softfloat::{F32, F64, F80, Ieee, Rounding, sse, x87};

fn main() {
    for rounding in [Rounding::Nearest, Rounding::Down, Rounding::Up, Rounding::Zero] {
        let mut ctx = sse::Ctx {
            rounding,
            ..sse::Ctx::default()
        };
        let single = F32::ONE.div(F32::from_i64(3, &mut ctx), &mut ctx);
        let double = F64::ONE.div(F64::from_i64(3, &mut ctx), &mut ctx);
        let mut x87_ctx = x87::Ctx {
            rounding,
            ..x87::Ctx::default()
        };
        let extended = x87::div(F80::ONE.into(), 3i16.into(), &mut x87_ctx);
        println!(
            "{rounding:?}: {single:?} {double:?} {extended:?}, flags {:?}, rounded up: {}",
            ctx.flags, x87_ctx.rounded_up
        );
    }
    let pi = x87::constant(x87::Constant::Pi, &x87::Ctx::default());
    let mut ctx = x87::Ctx::default();
    let sine = x87::fsin(pi, &mut ctx);
    println!("sine of {pi:?}: {sine:?}, flags {:?}", ctx.flags);
    assert_eq!(
        sine,
        Some(F80 {
            sign_exp: 0xbfbf,
            sig: 1 << 63
        })
    );
}
