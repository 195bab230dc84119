//! Floating-point arithmetic, comparison and rounding, packed and scalar, binary32 and binary64.
//! SDM vol. 1, 5.5.1.2 to 5.5.1.3, 5.6.1.2 to 5.6.1.3, 5.7.2 to 5.7.4, 5.10.2 to 5.10.3.

use super::access::*;
use super::approx;
use super::lane::Lane;
use super::shape::float::*;
use super::table::is_vector;
use crate::Vcpu;
use crate::fault::Exec;
use crate::flags::bit;
use crate::insn::{Handler, Insn};
use iced_x86::Instruction;
use softfloat::sse::{Ctx, Relation, fast};
use softfloat::{F32, F64, Rounding};

/// Rows of operations that exist as PS, PD, SS and SD, each legacy and VEX.
macro_rules! quartets {
    ($insn:expr; $($op:ident $packed:ident $scalar:ident:
        $ps:ident $vps:ident $pd:ident $vpd:ident $ss:ident $vss:ident $sd:ident $vsd:ident;)*) => {
        match $insn.mnemonic() {
            $(
                iced_x86::Mnemonic::$ps | iced_x86::Mnemonic::$vps => Some($packed::<$op, F32> as Handler),
                iced_x86::Mnemonic::$pd | iced_x86::Mnemonic::$vpd => Some($packed::<$op, F64> as Handler),
                iced_x86::Mnemonic::$ss | iced_x86::Mnemonic::$vss => Some($scalar::<$op, F32> as Handler),
                iced_x86::Mnemonic::$sd | iced_x86::Mnemonic::$vsd => Some($scalar::<$op, F64> as Handler),
            )*
            _ => None,
        }
    };
}

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use iced_x86::Mnemonic as M;
    // CMPSD is a string instruction too.
    if !is_vector(insn, 0) && !is_vector(insn, 1) {
        return None;
    }
    if let Some(handler) = quartets! { insn;
        Add   packed2 scalar2: Addps   Vaddps   Addpd   Vaddpd   Addss   Vaddss   Addsd   Vaddsd;
        Sub   packed2 scalar2: Subps   Vsubps   Subpd   Vsubpd   Subss   Vsubss   Subsd   Vsubsd;
        Mul   packed2 scalar2: Mulps   Vmulps   Mulpd   Vmulpd   Mulss   Vmulss   Mulsd   Vmulsd;
        Div   packed2 scalar2: Divps   Vdivps   Divpd   Vdivpd   Divss   Vdivss   Divsd   Vdivsd;
        Min   packed2 scalar2: Minps   Vminps   Minpd   Vminpd   Minss   Vminss   Minsd   Vminsd;
        Max   packed2 scalar2: Maxps   Vmaxps   Maxpd   Vmaxpd   Maxss   Vmaxss   Maxsd   Vmaxsd;
        Sqrt  packed1 scalar1: Sqrtps  Vsqrtps  Sqrtpd  Vsqrtpd  Sqrtss  Vsqrtss  Sqrtsd  Vsqrtsd;
        Round packed1 scalar1: Roundps Vroundps Roundpd Vroundpd Roundss Vroundss Roundsd Vroundsd;
    } {
        return Some(handler);
    }
    Some(match insn.mnemonic() {
        M::Cmpps      => packed2::<Compare<7>, F32>,
        M::Cmppd      => packed2::<Compare<7>, F64>,
        M::Cmpss      => scalar2::<Compare<7>, F32>,
        M::Cmpsd      => scalar2::<Compare<7>, F64>,
        M::Vcmpps     => packed2::<Compare<31>, F32>,
        M::Vcmppd     => packed2::<Compare<31>, F64>,
        M::Vcmpss     => scalar2::<Compare<31>, F32>,
        M::Vcmpsd     => scalar2::<Compare<31>, F64>,
        M::Rcpps      | M::Vrcpps      => packed1::<Reciprocal, F32>,
        M::Rcpss      | M::Vrcpss      => scalar1::<Reciprocal, F32>,
        M::Rsqrtps    | M::Vrsqrtps    => packed1::<ReciprocalRoot, F32>,
        M::Rsqrtss    | M::Vrsqrtss    => scalar1::<ReciprocalRoot, F32>,
        M::Comiss     | M::Vcomiss     => compare_flags::<F32, true>,
        M::Comisd     | M::Vcomisd     => compare_flags::<F64, true>,
        M::Ucomiss    | M::Vucomiss    => compare_flags::<F32, false>,
        M::Ucomisd    | M::Vucomisd    => compare_flags::<F64, false>,
        M::Addsubps   | M::Vaddsubps   => add_sub::<F32>,
        M::Addsubpd   | M::Vaddsubpd   => add_sub::<F64>,
        M::Haddps     | M::Vhaddps     => horizontal::<Add, F32>,
        M::Haddpd     | M::Vhaddpd     => horizontal::<Add, F64>,
        M::Hsubps     | M::Vhsubps     => horizontal::<Sub, F32>,
        M::Hsubpd     | M::Vhsubpd     => horizontal::<Sub, F64>,
        M::Dpps       | M::Vdpps       => dot_product::<F32>,
        M::Dppd       | M::Vdppd       => dot_product::<F64>,
        _ => return None,
    })
}

struct Add;
struct Sub;
struct Mul;
struct Div;
struct Min;
struct Max;
struct Sqrt;
/// ROUNDPS and kin.
struct Round;
/// CMPPS and kin with the significant bits of the immediate.
struct Compare<const BITS: u8>;
struct Reciprocal;
struct ReciprocalRoot;

impl Op2 for Add {
    fn apply<T: Float>(a: T, b: T, _: u8, ctx: &mut Ctx) -> T {
        a.add(b, ctx)
    }
    const FAST32: Fast2<F32> = fast::add32;
    const FAST64: Fast2<F64> = fast::add64;
}

impl Op2 for Sub {
    fn apply<T: Float>(a: T, b: T, _: u8, ctx: &mut Ctx) -> T {
        a.sub(b, ctx)
    }
    const FAST32: Fast2<F32> = fast::sub32;
    const FAST64: Fast2<F64> = fast::sub64;
}

impl Op2 for Mul {
    fn apply<T: Float>(a: T, b: T, _: u8, ctx: &mut Ctx) -> T {
        a.mul(b, ctx)
    }
    const FAST32: Fast2<F32> = fast::mul32;
    const FAST64: Fast2<F64> = fast::mul64;
}

impl Op2 for Div {
    fn apply<T: Float>(a: T, b: T, _: u8, ctx: &mut Ctx) -> T {
        a.div(b, ctx)
    }
    const FAST32: Fast2<F32> = fast::div32;
    const FAST64: Fast2<F64> = fast::div64;
}

impl Op2 for Min {
    fn apply<T: Float>(a: T, b: T, _: u8, ctx: &mut Ctx) -> T {
        a.min(b, ctx)
    }
}

impl Op2 for Max {
    fn apply<T: Float>(a: T, b: T, _: u8, ctx: &mut Ctx) -> T {
        a.max(b, ctx)
    }
}

impl Op1 for Sqrt {
    fn apply<T: Float>(a: T, _: u8, ctx: &mut Ctx) -> T {
        a.sqrt(ctx)
    }
    const FAST32: Fast2<F32> = |a, _| fast::sqrt32(a);
    const FAST64: Fast2<F64> = |a, _| fast::sqrt64(a);
}

impl Op1 for Round {
    /// Bit 2: direction from MXCSR; bit 3: inexactness goes unreported.
    fn apply<T: Float>(a: T, imm: u8, ctx: &mut Ctx) -> T {
        let rounding = if imm & 4 != 0 {
            ctx.rounding
        } else {
            Rounding::from_bits(imm.into())
        };
        a.round_to_int(rounding, imm & 8 == 0, ctx)
    }
}

impl<const BITS: u8> Op2 for Compare<BITS> {
    fn apply<T: Float>(a: T, b: T, imm: u8, ctx: &mut Ctx) -> T {
        truth(a.compare_predicate(b, imm & BITS, ctx))
    }
}

impl Op1 for Reciprocal {
    fn apply<T: Float>(a: T, _: u8, _: &mut Ctx) -> T {
        T::from_u64(approx::reciprocal(a.to_u64() as u32).into())
    }
}

impl Op1 for ReciprocalRoot {
    fn apply<T: Float>(a: T, _: u8, _: &mut Ctx) -> T {
        T::from_u64(approx::reciprocal_root(a.to_u64() as u32).into())
    }
}

/// COMISS, UCOMISS and kin: ZF, PF, CF from the relation, OF, SF, AF cleared.
fn compare_flags<T: Float, const SIGNALING: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = T::element(source(cpu, insn, 1, T::BYTES)?, 0);
    let a = T::element(xmm(cpu, insn.reg[0]), 0);
    let relation = float(cpu, |ctx| match SIGNALING {
        true => a.compare_signaling(b, ctx),
        false => a.compare_quiet(b, ctx),
    })?;
    let flags = match relation {
        Relation::Greater => 0,
        Relation::Less => bit::CF,
        Relation::Equal => bit::ZF,
        Relation::Unordered => bit::ZF | bit::PF | bit::CF,
    };
    cpu.state.flags.merge(bit::STATUS, flags);
    Ok(())
}

/// ADDSUBPS: even elements subtract, odd ones add.
fn add_sub<T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source_full(cpu, insn, first(insn) + 1)?;
    let a = ymm(cpu, insn.reg[first(insn)]);
    lanes_to(cpu, insn, |n, ctx| {
        T::each(|i| {
            let (x, y) = (T::element(a[n], i), T::element(b[n], i));
            if i % 2 == 0 { x.sub(y, ctx) } else { x.add(y, ctx) }
        })
    })
}

/// HADDPS, HSUBPS and kin: neighbours of the first source, then of the second.
fn horizontal<O: Op2, T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source_full(cpu, insn, first(insn) + 1)?;
    let a = ymm(cpu, insn.reg[first(insn)]);
    lanes_to(cpu, insn, |n, ctx| {
        T::each(|i| {
            let from = if i < T::COUNT / 2 { a[n] } else { b[n] };
            let i = i % (T::COUNT / 2) * 2;
            O::apply(T::element(from, i), T::element(from, i + 1), 0, ctx)
        })
    })
}

/// DPPS, DPPD: products selected by the high bits of the immediate, summed pairwise, put where the low bits say.
/// The sums start only when the products raised nothing unmasked.
fn dot_product<T: Float>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source_full(cpu, insn, first(insn) + 1)?;
    let a = ymm(cpu, insn.reg[first(insn)]);
    let (imm, count) = (insn.imm as u8, width(insn));
    let zero = T::from_u64(0);
    let products = float(cpu, |ctx| {
        let mut lane = |n: usize| -> Lane {
            T::each(|i| match imm >> (4 + i) & 1 != 0 {
                true => T::element(a[n], i).mul(T::element(b[n], i), ctx),
                false => zero,
            })
        };
        [lane(0), if count > 1 { lane(1) } else { 0 }]
    })?;
    lanes_to(cpu, insn, |n, ctx| {
        let element = |i| T::element(products[n], i);
        let mut sum = element(0).add(element(1), ctx);
        if T::COUNT == 4 {
            let upper = element(2).add(element(3), ctx);
            sum = sum.add(upper, ctx);
        }
        T::each(|i| if imm >> i & 1 != 0 { sum } else { zero })
    })
}
