//! Conversions between floating-point formats and integers, in vector, MMX and general registers.
//! SDM vol. 1, 5.5.1.6, 5.6.1.6, 14.4 (F16C).

use super::access::*;
use super::lane::{Element, Lane, build};
use super::shape::float::{Float, first};
use crate::Vcpu;
use crate::fault::{Exec, Fault};
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic, OpKind};
use softfloat::sse::Ctx;
use softfloat::{F16, F32, F64, Rounding};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    Some(match insn.mnemonic() {
        M::Cvtsi2ss  | M::Vcvtsi2ss  => from_gpr::<F32>(insn),
        M::Cvtsi2sd  | M::Vcvtsi2sd  => from_gpr::<F64>(insn),
        M::Cvtss2si  | M::Vcvtss2si  => to_gpr::<F32, false>(insn),
        M::Cvtsd2si  | M::Vcvtsd2si  => to_gpr::<F64, false>(insn),
        M::Cvttss2si | M::Vcvttss2si => to_gpr::<F32, true>(insn),
        M::Cvttsd2si | M::Vcvttsd2si => to_gpr::<F64, true>(insn),
        M::Cvtss2sd  | M::Vcvtss2sd  => ss_to_sd,
        M::Cvtsd2ss  | M::Vcvtsd2ss  => sd_to_ss,
        M::Cvtps2pd  | M::Vcvtps2pd  => double::<PsToPd>,
        M::Cvtdq2pd  | M::Vcvtdq2pd  => double::<DqToPd>,
        M::Cvtpd2ps  | M::Vcvtpd2ps  => halve::<PdToPs>,
        M::Cvtpd2dq  | M::Vcvtpd2dq  => halve::<PdToDq<false>>,
        M::Cvttpd2dq | M::Vcvttpd2dq => halve::<PdToDq<true>>,
        M::Cvtdq2ps  | M::Vcvtdq2ps  => same::<DqToPs>,
        M::Cvtps2dq  | M::Vcvtps2dq  => same::<PsToDq<false>>,
        M::Cvttps2dq | M::Vcvttps2dq => same::<PsToDq<true>>,
        M::Cvtpi2ps                  => mmx_to_ps,
        M::Cvtpi2pd                  => mmx_to_pd,
        M::Cvtps2pi                  => ps_to_mmx::<false>,
        M::Cvttps2pi                 => ps_to_mmx::<true>,
        M::Cvtpd2pi                  => pd_to_mmx::<false>,
        M::Cvttpd2pi                 => pd_to_mmx::<true>,
        M::Vcvtph2ps                 => from_half,
        M::Vcvtps2ph                 => to_half,
        _ => return None,
    })
}

/// Truncating conversions ignore MXCSR's direction.
#[inline(always)]
fn direction<const TRUNCATE: bool>(ctx: &Ctx) -> Rounding {
    if TRUNCATE { Rounding::Zero } else { ctx.rounding }
}

fn from_gpr<T: Float>(insn: &Instruction) -> Handler {
    let last = insn.op_count() - 1;
    let long = match insn.op_kind(last) {
        OpKind::Memory => insn.memory_size().size() == 8,
        _ => insn.op_register(last).is_gpr64(),
    };
    if long {
        int_to_scalar::<T, true>
    } else {
        int_to_scalar::<T, false>
    }
}

fn to_gpr<T: Float, const TRUNCATE: bool>(insn: &Instruction) -> Handler {
    if insn.op0_register().is_gpr64() {
        scalar_to_int::<T, TRUNCATE, true>
    } else {
        scalar_to_int::<T, TRUNCATE, false>
    }
}

fn int_to_scalar<T: Float, const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let position = first(insn) + 1;
    let bits = match insn.has_mem() {
        true => load(cpu, insn, if LONG { 8 } else { 4 })? as u64,
        false => gpr(cpu, insn.reg[position], LONG),
    };
    let value = if LONG { bits as i64 } else { i64::from(bits as i32) };
    let low = float(cpu, |ctx| T::from_i64(value, ctx))?;
    let old = xmm(cpu, insn.reg[first(insn)]);
    set_low(cpu, insn, insn.reg[0], T::merge(old, low));
    Ok(())
}

fn scalar_to_int<T: Float, const TRUNCATE: bool, const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let a = T::element(source(cpu, insn, 1, T::BYTES)?, 0);
    let value = float(cpu, |ctx| {
        let rounding = direction::<TRUNCATE>(ctx);
        if LONG {
            a.to_i64(rounding, ctx) as u64
        } else {
            u64::from(a.to_i32(rounding, ctx) as u32)
        }
    })?;
    set_gpr(cpu, insn.reg[0], value);
    Ok(())
}

fn ss_to_sd(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = F32::element(source(cpu, insn, first(insn) + 1, 4)?, 0);
    let low = float(cpu, |ctx| b.to_f64(ctx))?;
    let old = xmm(cpu, insn.reg[first(insn)]);
    set_low(cpu, insn, insn.reg[0], F64::merge(old, low));
    Ok(())
}

fn sd_to_ss(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = F64::element(source(cpu, insn, first(insn) + 1, 8)?, 0);
    let low = float(cpu, |ctx| b.to_f32(ctx))?;
    let old = xmm(cpu, insn.reg[first(insn)]);
    set_low(cpu, insn, insn.reg[0], F32::merge(old, low));
    Ok(())
}

/// An element conversion; patterns in and out, so that integers and floats look alike.
trait Convert {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64;
}

struct PsToPd;
struct DqToPd;
struct PdToPs;
struct PdToDq<const TRUNCATE: bool>;
struct DqToPs;
struct PsToDq<const TRUNCATE: bool>;

impl Convert for PsToPd {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64 {
        F32(bits as u32).to_f64(ctx).0
    }
}

impl Convert for DqToPd {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64 {
        <F64 as softfloat::Ieee>::from_i64((bits as i32).into(), ctx).0
    }
}

impl Convert for PdToPs {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64 {
        F64(bits).to_f32(ctx).0.into()
    }
}

impl<const TRUNCATE: bool> Convert for PdToDq<TRUNCATE> {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64 {
        to_dword(F64(bits), direction::<TRUNCATE>(ctx), ctx)
    }
}

impl Convert for DqToPs {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64 {
        <F32 as softfloat::Ieee>::from_i64((bits as i32).into(), ctx)
            .0
            .into()
    }
}

impl<const TRUNCATE: bool> Convert for PsToDq<TRUNCATE> {
    fn convert(bits: u64, ctx: &mut Ctx) -> u64 {
        to_dword(F32(bits as u32), direction::<TRUNCATE>(ctx), ctx)
    }
}

fn to_dword<T: Float>(x: T, rounding: Rounding, ctx: &mut Ctx) -> u64 {
    (x.to_i32(rounding, ctx) as u32).into()
}

fn dword(lane: Lane, i: usize) -> u64 {
    u64::from((lane >> (32 * i)) as u32)
}

/// Four elements to four of the same size, in each lane.
fn same<C: Convert>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let a = source_full(cpu, insn, 1)?;
    super::shape::float::lanes_to(cpu, insn, |n, ctx| {
        u32::join([0, 1, 2, 3].map(|i| C::convert(dword(a[n], i), ctx) as u32))
    })
}

/// Doublewords to quadwords: the source is half as wide as the destination.
fn double<C: Convert>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let a = if is_wide(insn) && insn.has_mem() {
        load(cpu, insn, 16)?
    } else {
        source(cpu, insn, 1, 8)?
    };
    super::shape::float::lanes_to(cpu, insn, |n, ctx| {
        u64::join([0, 1].map(|i| C::convert(dword(a, 2 * n + i), ctx)))
    })
}

/// Quadwords to doublewords: the result is half as wide as the source, with zeros above.
fn halve<C: Convert>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let wide = is_wide(insn);
    let a = source_full(cpu, insn, 1)?;
    let result = float(cpu, |ctx| {
        let mut one = |i: usize| C::convert((a[i / 2] >> (i % 2 * 64)) as u64, ctx) as u32;
        u32::join(if wide {
            [one(0), one(1), one(2), one(3)]
        } else {
            [one(0), one(1), 0, 0]
        })
    })?;
    set_low(cpu, insn, insn.reg[0], result);
    Ok(())
}

/// The source of CVTPI2PS and CVTPI2PD: only an MMX register has to do with the x87 state (as on AMD processors;
/// the SDM says so of CVTPI2PD).
fn mmx_source(cpu: &mut Vcpu, insn: &Insn) -> Result<u64, Fault> {
    check_sse(cpu)?;
    if insn.has_mem() {
        return Ok(load(cpu, insn, 8)? as u64);
    }
    check_mmx(cpu)?;
    enter_mmx(cpu);
    Ok(mm(cpu, insn.reg[1]))
}

/// CVTPI2PS: two doublewords to the low half; the high half stays.
fn mmx_to_ps(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = mmx_source(cpu, insn)?;
    let low = float(cpu, |ctx| {
        DqToPs::convert(a, ctx) | DqToPs::convert(a >> 32, ctx) << 32
    })?;
    let old = xmm(cpu, insn.reg[0]);
    set_xmm(cpu, insn.reg[0], F64::merge(old, F64(low)));
    Ok(())
}

/// CVTPI2PD: always exact.
fn mmx_to_pd(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = mmx_source(cpu, insn)?;
    let result = float(cpu, |ctx| {
        u64::join([DqToPd::convert(a, ctx), DqToPd::convert(a >> 32, ctx)])
    })?;
    set_xmm(cpu, insn.reg[0], result);
    Ok(())
}

/// CVTPS2PI and kin. The transition to MMX happens even when the conversion then raises #XM.
fn ps_to_mmx<const TRUNCATE: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_sse(cpu)?;
    check_mmx(cpu)?;
    let a = source(cpu, insn, 1, 8)? as u64;
    enter_mmx(cpu);
    let result = float(cpu, |ctx| {
        PsToDq::<TRUNCATE>::convert(a, ctx) | PsToDq::<TRUNCATE>::convert(a >> 32, ctx) << 32
    })?;
    set_mm(cpu, insn.reg[0], result);
    Ok(())
}

fn pd_to_mmx<const TRUNCATE: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_sse(cpu)?;
    check_mmx(cpu)?;
    let a = source(cpu, insn, 1, 16)?;
    enter_mmx(cpu);
    let result = float(cpu, |ctx| {
        PdToDq::<TRUNCATE>::convert(a as u64, ctx) | PdToDq::<TRUNCATE>::convert((a >> 64) as u64, ctx) << 32
    })?;
    set_mm(cpu, insn.reg[0], result);
    Ok(())
}

/// VCVTPH2PS.
fn from_half(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let wide = is_wide(insn);
    let a = source(cpu, insn, 1, if wide { 16 } else { 8 })?;
    super::shape::float::lanes_to(cpu, insn, |n, ctx| {
        u32::join([0, 1, 2, 3].map(|i| F16((a >> (16 * (4 * n + i))) as u16).to_f32(ctx).0))
    })
}

/// VCVTPS2PH: immediate bit 2 takes the direction from MXCSR. The destination is checked before flags are raised.
fn to_half(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let wide = is_wide(insn);
    let bytes = if wide { 16 } else { 8 };
    let imm = insn.imm as u32;
    let a = ymm(cpu, insn.reg[1]);
    if insn.has_mem() {
        cpu.probe_write(insn.mem.seg, cpu.ea(insn), bytes as u64)?;
    }
    let result: Lane = float(cpu, |ctx| {
        let rounding = if imm & 4 != 0 {
            ctx.rounding
        } else {
            Rounding::from_bits(imm)
        };
        build(|i| {
            match wide || i < 4 {
                true => F32(dword(a[i / 4], i % 4) as u32),
                false => F32(0),
            }
            .to_f16(rounding, &mut *ctx)
            .0
        })
    })?;
    if insn.has_mem() {
        return store(cpu, insn, bytes, result);
    }
    set_ymm(cpu, insn.reg[0], [result, 0]);
    Ok(())
}
