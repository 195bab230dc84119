//! FADD, FSUB(R), FMUL, FDIV(R) in all forms, FSQRT, FRNDINT, FSCALE, FXTRACT, FPREM(1), FABS, FCHS.
//! SDM vol. 1, 8.3.5.

use super::source::Source;
use super::stack::sti;
use super::status::{C0, C1, C2, C3, conclude, enter, enter_register, point_memory, stack_fault};
use crate::{Exec, Insn, Vcpu};
use softfloat::F80;
use softfloat::x87::{self, Ctx, Operand, Remainder};

/// One of the six two-operand operations.
pub(super) trait Binary {
    /// Destination and source in; the new destination out.
    fn apply(dest: Operand, source: Operand, ctx: &mut Ctx) -> F80;
}

macro_rules! binary {
    ($($name:ident: |$d:ident, $s:ident, $c:ident| $body:expr;)*) => {$(
        pub(super) struct $name;
        impl Binary for $name {
            #[inline]
            fn apply($d: Operand, $s: Operand, $c: &mut Ctx) -> F80 {
                $body
            }
        }
    )*};
}

binary! {
    Add: |d, s, c| x87::add(d, s, c);
    Mul: |d, s, c| x87::mul(d, s, c);
    Sub: |d, s, c| x87::sub(d, s, c);
    SubReverse: |d, s, c| x87::sub(s, d, c);
    Div: |d, s, c| x87::div(d, s, c);
    DivReverse: |d, s, c| x87::div(s, d, c);
}

/// FADD m32fp; FIADD m16int; …
pub(super) fn memory<O: Binary, S: Source>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let source = S::read(cpu, insn)?;
    point_memory(cpu, insn);
    if cpu.state.fpu.is_empty(0) {
        if stack_fault(cpu, false) {
            cpu.state.fpu.set(0, F80::INDEFINITE);
        }
        return Ok(());
    }
    let mut ctx = cpu.state.fpu.ctx();
    let result = O::apply(cpu.state.fpu.get(0).into(), source, &mut ctx);
    if conclude(cpu, &ctx) {
        cpu.state.fpu.set(0, result);
    }
    Ok(())
}

/// FADD ST(0), ST(i)
pub(super) fn to_st0<O: Binary>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    registers::<O>(cpu, 0, sti(insn));
    Ok(())
}

/// FADD ST(i), ST(0)
pub(super) fn to_sti<O: Binary>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    registers::<O>(cpu, sti(insn), 0);
    Ok(())
}

/// FADDP ST(i), ST(0)
pub(super) fn to_sti_pop<O: Binary>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    if registers::<O>(cpu, sti(insn), 0) {
        cpu.state.fpu.pop();
    }
    Ok(())
}

/// Whether it completed.
#[inline]
fn registers<O: Binary>(cpu: &mut Vcpu, dest: u8, source: u8) -> bool {
    let fpu = &mut cpu.state.fpu;
    if fpu.is_empty(dest) || fpu.is_empty(source) {
        let masked = stack_fault(cpu, false);
        if masked {
            cpu.state.fpu.set(dest, F80::INDEFINITE);
        }
        return masked;
    }
    let mut ctx = fpu.ctx();
    let result = O::apply(fpu.get(dest).into(), fpu.get(source).into(), &mut ctx);
    let completed = conclude(cpu, &ctx);
    if completed {
        cpu.state.fpu.set(dest, result);
    }
    completed
}

/// An instruction that replaces ST(0) by a function of it.
pub(super) fn unary(cpu: &mut Vcpu, insn: &Insn, f: impl FnOnce(F80, &mut Ctx) -> F80) -> Exec {
    enter_register(cpu, insn)?;
    if cpu.state.fpu.is_empty(0) {
        if stack_fault(cpu, false) {
            cpu.state.fpu.set(0, F80::INDEFINITE);
        }
        return Ok(());
    }
    let mut ctx = cpu.state.fpu.ctx();
    let result = f(cpu.state.fpu.get(0), &mut ctx);
    if conclude(cpu, &ctx) {
        cpu.state.fpu.set(0, result);
    }
    Ok(())
}

/// FCHS
pub(super) fn fchs(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    unary(cpu, insn, |x, _| x.negated())
}

/// FABS
pub(super) fn fabs(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    unary(cpu, insn, |x, _| x.absolute())
}

/// FSQRT
pub(super) fn fsqrt(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    unary(cpu, insn, |x, ctx| x87::sqrt(x.into(), ctx))
}

/// FRNDINT
pub(super) fn frndint(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    unary(cpu, insn, x87::round_to_int)
}

/// FSCALE
pub(super) fn fscale(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    with_st1(cpu, x87::scale);
    Ok(())
}

/// Replaces ST(0) by a function of ST(0) and ST(1).
fn with_st1(cpu: &mut Vcpu, f: impl FnOnce(F80, F80, &mut Ctx) -> F80) {
    let fpu = &cpu.state.fpu;
    if fpu.is_empty(0) || fpu.is_empty(1) {
        if stack_fault(cpu, false) {
            cpu.state.fpu.set(0, F80::INDEFINITE);
        }
        return;
    }
    let mut ctx = fpu.ctx();
    let result = f(fpu.get(0), fpu.get(1), &mut ctx);
    if conclude(cpu, &ctx) {
        cpu.state.fpu.set(0, result);
    }
}

/// FXTRACT
pub(super) fn fxtract(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let fpu = &cpu.state.fpu;
    if fpu.is_empty(0) || !fpu.is_empty(7) {
        let overflow = !fpu.is_empty(0);
        if stack_fault(cpu, overflow) {
            cpu.state.fpu.set(0, F80::INDEFINITE);
            cpu.state.fpu.push(F80::INDEFINITE);
        }
        return Ok(());
    }
    let mut ctx = fpu.ctx();
    let (exponent, significand) = x87::extract(fpu.get(0), &mut ctx);
    if conclude(cpu, &ctx) {
        cpu.state.fpu.set(0, exponent);
        cpu.state.fpu.push(significand);
    }
    Ok(())
}

/// FPREM
pub(super) fn fprem(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    remainder(cpu, insn, x87::fprem)
}

/// FPREM1
pub(super) fn fprem1(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    remainder(cpu, insn, x87::fprem1)
}

/// C2 tells a partial reduction; the quotient bits go to C0, C3, C1. Without a quotient C0 and C3 stay.
fn remainder(cpu: &mut Vcpu, insn: &Insn, f: fn(F80, F80, &mut Ctx) -> Remainder) -> Exec {
    enter_register(cpu, insn)?;
    let (mut partial, mut quotient) = (false, None);
    with_st1(cpu, |a, b, ctx| {
        let r = f(a, b, ctx);
        (partial, quotient) = (r.partial, r.quotient);
        r.value
    });
    let status = &mut cpu.state.fpu.status;
    *status = *status & !C2 | if partial { C2 } else { 0 };
    if let Some(q) = quotient {
        let bit = |mask, code| if q & mask != 0 { code } else { 0 };
        *status = *status & !(C0 | C1 | C3) | bit(4, C0) | bit(2, C3) | bit(1, C1);
    }
    Ok(())
}
