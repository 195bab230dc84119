//! Constants to 128 bits, rounded to nearest, and the seven that FLDx pushes.

use super::ctx::Ctx;
use super::f80::F80;
use super::wide::Wide;
use crate::kernel::{Exact, round_unbounded};

/// ln 2
pub(super) const LN_2: Wide = Wide {
    sign: false,
    exp: -1,
    sig: 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af,
};
/// log2 e
pub(super) const LOG2_E: Wide = Wide {
    sign: false,
    exp: 0,
    sig: 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e89,
};
/// π
pub(super) const PI: Wide = Wide {
    sign: false,
    exp: 1,
    sig: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1,
};
/// π/2
pub(super) const HALF_PI: Wide = Wide {
    sign: false,
    exp: 0,
    sig: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1,
};
/// π/4
pub(super) const QUARTER_PI: Wide = Wide {
    sign: false,
    exp: -1,
    sig: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1,
};
/// 3π/4
pub(super) const THREE_QUARTER_PI: Wide = Wide {
    sign: false,
    exp: 1,
    sig: 0x96cb_e3f9_990e_91a7_9394_c9e8_a0a5_159d,
};
/// log2 10
pub(super) const LOG2_10: Wide = Wide {
    sign: false,
    exp: 1,
    sig: 0xd49a_784b_cd1b_8afe_492b_f6ff_4daf_db4d,
};
/// log10 2
pub(super) const LG_2: Wide = Wide {
    sign: false,
    exp: -2,
    sig: 0x9a20_9a84_fbcf_f798_8f89_59ac_0b7c_9178,
};

/// atan(k/8) for k from 1 to 8.
#[rustfmt::skip]
pub(super) const ATAN_EIGHTHS: [Wide; 8] = [
    Wide { sign: false, exp: -4, sig: 0xfead_d4d5_617b_6e32_c897_989f_3e88_8ef8 },
    Wide { sign: false, exp: -3, sig: 0xfadb_afc9_6406_eb15_6dc7_9ef5_f7a2_17e6 },
    Wide { sign: false, exp: -2, sig: 0xb7b0_ca0f_26f7_8473_8aa3_2122_dcfe_4483 },
    Wide { sign: false, exp: -2, sig: 0xed63_382b_0dda_7b45_6fe4_45ec_bc3a_8d03 },
    Wide { sign: false, exp: -1, sig: 0x8f00_5d5e_f7f5_9f9b_5c83_5e16_65c4_3748 },
    Wide { sign: false, exp: -1, sig: 0xa4bc_7d19_34f7_0924_19a8_7f2a_457d_ac9f },
    Wide { sign: false, exp: -1, sig: 0xb805_3e2b_c231_9e73_cb2d_a552_10a4_443d },
    Wide { sign: false, exp: -1, sig: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1 },
];

/// What FLD1, FLDL2T and kin push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constant {
    /// FLD1: 1.
    One,
    /// FLDL2T: log2 10.
    Log2Ten,
    /// FLDL2E: log2 e.
    Log2E,
    /// FLDPI: π.
    Pi,
    /// FLDLG2: log10 2.
    Log10Two,
    /// FLDLN2: ln 2.
    LnTwo,
    /// FLDZ: +0.
    Zero,
}

/// The constant rounded to 64 bits in the current direction; raises nothing (SDM vol. 1, 8.3.8).
pub fn constant(which: Constant, ctx: &Ctx) -> F80 {
    let wide = match which {
        Constant::One => return F80::ONE,
        Constant::Zero => return F80::ZERO,
        Constant::Log2Ten => LOG2_10,
        Constant::Log2E => LOG2_E,
        Constant::Pi => PI,
        Constant::Log10Two => LG_2,
        Constant::LnTwo => LN_2,
    };
    let exact = Exact {
        sign: false,
        exp: wide.exp,
        sig: wide.sig,
    };
    let r = round_unbounded(exact, 64, ctx.rounding);
    F80::pack(false, r.exp, r.sig)
}
