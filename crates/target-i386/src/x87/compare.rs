//! FCOM, FUCOM, FTST, FICOM, FCOMI, FXAM, FCMOV. SDM vol. 1, 8.3.6.

use super::source::Source;
use super::stack::sti;
use super::status::{C0, C1, C2, C3, enter, enter_register, point_memory, raise, stack_fault};
use crate::flags::bit;
use crate::{Exec, Insn, Vcpu};
use softfloat::F80;
use softfloat::sse::Relation;
use softfloat::x87::{self, Class, Ctx, Operand};

type Compare = fn(Operand, Operand, &mut Ctx) -> Relation;

/// Whether a quiet NaN is invalid.
fn operation<const QUIET: bool>() -> Compare {
    if QUIET { x87::ucompare } else { x87::compare }
}

fn set_codes(cpu: &mut Vcpu, relation: Relation) {
    cpu.state.fpu.set_conditions(match relation {
        Relation::Greater => 0,
        Relation::Less => C0,
        Relation::Equal => C3,
        Relation::Unordered => C0 | C2 | C3,
    });
}

/// Compares ST(0) with `other` (none: an empty register); whether it completed. On AMD processors the
/// codes change even when an unmasked exception keeps the stack from being popped.
fn compare_st0(cpu: &mut Vcpu, other: Option<Operand>, f: Compare) -> bool {
    let fpu = &cpu.state.fpu;
    let (false, Some(other)) = (fpu.is_empty(0), other) else {
        let masked = stack_fault(cpu, false);
        set_codes(cpu, Relation::Unordered);
        return masked;
    };
    let mut ctx = fpu.ctx();
    let relation = f(fpu.get(0).into(), other, &mut ctx);
    raise(cpu, ctx.flags);
    set_codes(cpu, relation);
    !ctx.refused()
}

fn register(cpu: &Vcpu, i: u8) -> Option<Operand> {
    let fpu = &cpu.state.fpu;
    (!fpu.is_empty(i)).then(|| fpu.get(i).into())
}

fn pop(cpu: &mut Vcpu, times: u8) {
    for _ in 0..times {
        cpu.state.fpu.pop();
    }
}

/// FCOM m32fp, FICOMP m16int, …
pub(super) fn memory<S: Source, const POPS: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let source = S::read(cpu, insn)?;
    point_memory(cpu, insn);
    if compare_st0(cpu, Some(source), x87::compare) {
        pop(cpu, POPS);
    }
    Ok(())
}

/// FCOM ST(i), FUCOMP ST(i), …
pub(super) fn sti_form<const QUIET: bool, const POPS: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let other = register(cpu, sti(insn));
    if compare_st0(cpu, other, operation::<QUIET>()) {
        pop(cpu, POPS);
    }
    Ok(())
}

/// FCOMPP, FUCOMPP
pub(super) fn pop_both<const QUIET: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let other = register(cpu, 1);
    if compare_st0(cpu, other, operation::<QUIET>()) {
        pop(cpu, 2);
    }
    Ok(())
}

/// FTST
pub(super) fn ftst(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    compare_st0(cpu, Some(F80::ZERO.into()), x87::compare);
    Ok(())
}

/// FCOMI, FUCOMI and their popping forms: to ZF, PF, CF; OF, SF and AF are cleared.
///
/// On AMD processors C1 changes with stack faults only, and RFLAGS also when an unmasked exception keeps
/// the stack from being popped.
pub(super) fn to_rflags<const QUIET: bool, const POPS: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let fpu = &cpu.state.fpu;
    let i = sti(insn);
    let (relation, completed) = if fpu.is_empty(0) || fpu.is_empty(i) {
        (Relation::Unordered, stack_fault(cpu, false))
    } else {
        let mut ctx = fpu.ctx();
        let relation = operation::<QUIET>()(fpu.get(0).into(), fpu.get(i).into(), &mut ctx);
        raise(cpu, ctx.flags);
        (relation, !ctx.refused())
    };
    cpu.state.flags.set_status(match relation {
        Relation::Greater => 0,
        Relation::Less => bit::CF,
        Relation::Equal => bit::ZF,
        Relation::Unordered => bit::ZF | bit::PF | bit::CF,
    });
    if completed {
        pop(cpu, POPS);
    }
    Ok(())
}

/// FXAM
pub(super) fn fxam(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let fpu = &mut cpu.state.fpu;
    let value = fpu.get(0);
    let class = match value.class() {
        _ if fpu.is_empty(0) => C3 | C0,
        Class::Unsupported => 0,
        Class::Quiet | Class::Signaling => C0,
        Class::Normal => C2,
        Class::Infinity => C2 | C0,
        Class::Zero => C3,
        Class::Denormal => C3 | C2,
    };
    fpu.set_conditions(class | if value.sign() { C1 } else { 0 });
    Ok(())
}

/// FCMOVcc: condition `CC` as Jcc encodes it.
pub(super) fn fcmov<const CC: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let i = sti(insn);
    let taken = cpu.state.flags.condition(CC);
    let fpu = &mut cpu.state.fpu;
    if fpu.is_empty(0) || fpu.is_empty(i) {
        // Also when the condition does not hold.
        if stack_fault(cpu, false) {
            cpu.state.fpu.set(0, F80::INDEFINITE);
        }
        return Ok(());
    }
    if taken {
        let value = fpu.get(i);
        fpu.set(0, value);
    }
    Ok(())
}
