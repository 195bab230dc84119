//! F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN, FCOS, FSINCOS. SDM vol. 1, 8.3.7 to 8.3.10.

use super::arithmetic::unary;
use super::status::{C2, conclude, enter_register, stack_fault};
use crate::{Exec, Insn, Vcpu};
use softfloat::F80;
use softfloat::x87::{self, Ctx};

/// F2XM1
pub(super) fn f2xm1(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    unary(cpu, insn, x87::f2xm1)
}

/// Replaces ST(1) by a function of ST(0) and ST(1), and pops.
fn into_st1(cpu: &mut Vcpu, insn: &Insn, f: fn(F80, F80, &mut Ctx) -> F80) -> Exec {
    enter_register(cpu, insn)?;
    let fpu = &cpu.state.fpu;
    let result = if fpu.is_empty(0) || fpu.is_empty(1) {
        if !stack_fault(cpu, false) {
            return Ok(());
        }
        F80::INDEFINITE
    } else {
        let mut ctx = fpu.ctx();
        let result = f(fpu.get(0), fpu.get(1), &mut ctx);
        if !conclude(cpu, &ctx) {
            return Ok(());
        }
        result
    };
    cpu.state.fpu.set(1, result);
    cpu.state.fpu.pop();
    Ok(())
}

/// FYL2X
pub(super) fn fyl2x(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    into_st1(cpu, insn, x87::fyl2x)
}

/// FYL2XP1
pub(super) fn fyl2xp1(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    into_st1(cpu, insn, x87::fyl2xp1)
}

/// FPATAN
pub(super) fn fpatan(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    into_st1(cpu, insn, x87::fpatan)
}

fn set_c2(cpu: &mut Vcpu, on: bool) {
    let status = &mut cpu.state.fpu.status;
    *status = *status & !C2 | if on { C2 } else { 0 };
}

/// FSIN, FCOS: in place, or C2 and nothing else.
fn in_place(cpu: &mut Vcpu, insn: &Insn, f: fn(F80, &mut Ctx) -> Option<F80>) -> Exec {
    let mut out_of_range = false;
    unary(cpu, insn, |x, ctx| {
        let result = f(x, ctx);
        out_of_range = result.is_none();
        result.unwrap_or(x)
    })?;
    set_c2(cpu, out_of_range);
    Ok(())
}

/// FSIN
pub(super) fn fsin(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    in_place(cpu, insn, x87::fsin)
}

/// FCOS
pub(super) fn fcos(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    in_place(cpu, insn, x87::fcos)
}

/// FSINCOS, FPTAN: replaces ST(0) and pushes, or C2 and nothing else.
fn and_push(cpu: &mut Vcpu, insn: &Insn, f: fn(F80, &mut Ctx) -> Option<(F80, F80)>) -> Exec {
    enter_register(cpu, insn)?;
    let fpu = &cpu.state.fpu;
    if fpu.is_empty(0) || !fpu.is_empty(7) {
        let overflow = !fpu.is_empty(0);
        if stack_fault(cpu, overflow) {
            cpu.state.fpu.set(0, F80::INDEFINITE);
            cpu.state.fpu.push(F80::INDEFINITE);
        }
        set_c2(cpu, false);
        return Ok(());
    }
    let mut ctx = fpu.ctx();
    let result = f(fpu.get(0), &mut ctx);
    if conclude(cpu, &ctx)
        && let Some((replaced, pushed)) = result
    {
        cpu.state.fpu.set(0, replaced);
        cpu.state.fpu.push(pushed);
    }
    set_c2(cpu, result.is_none());
    Ok(())
}

/// FSINCOS
pub(super) fn fsincos(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    and_push(cpu, insn, x87::fsincos)
}

/// FPTAN
pub(super) fn fptan(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    and_push(cpu, insn, x87::fptan)
}
