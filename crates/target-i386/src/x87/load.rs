//! FLD, FILD, FBLD, the constants, FXCH. SDM vol. 1, 8.3.3 and 8.3.4.

use super::source::Source;
use super::stack::sti;
use super::status::{conclude, enter, enter_register, point_memory, raise, stack_fault};
use crate::{Exec, Insn, Vcpu};
use softfloat::F80;
use softfloat::x87::{self, Constant};

/// Pushes unless that overflows.
fn push(cpu: &mut Vcpu, value: F80) {
    let fpu = &mut cpu.state.fpu;
    if fpu.is_empty(7) {
        fpu.set_c1(false);
        fpu.push(value);
    } else if stack_fault(cpu, true) {
        cpu.state.fpu.push(F80::INDEFINITE);
    }
}

/// FLD m32fp, m64fp; FILD
pub(super) fn memory<S: Source>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let source = S::read(cpu, insn)?;
    point_memory(cpu, insn);
    if !cpu.state.fpu.is_empty(7) {
        push(cpu, F80::INDEFINITE);
        return Ok(());
    }
    let mut ctx = cpu.state.fpu.ctx();
    let value = source.load(&mut ctx);
    raise(cpu, ctx.flags);
    cpu.state.fpu.set_c1(false);
    if !ctx.load_refused() {
        cpu.state.fpu.push(value);
    }
    Ok(())
}

/// FLD m80fp
pub(super) fn extended(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let (sig, sign_exp) = cpu.read_f80(insn.mem.seg, cpu.ea(insn))?;
    point_memory(cpu, insn);
    push(cpu, F80 { sign_exp, sig });
    Ok(())
}

/// FBLD
pub(super) fn decimal(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let mut bytes = [0; 10];
    cpu.read_bytes(insn.mem.seg, cpu.ea(insn), &mut bytes)?;
    point_memory(cpu, insn);
    push(cpu, x87::from_packed_bcd(bytes));
    Ok(())
}

/// FLD ST(i)
pub(super) fn register(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let (fpu, i) = (&cpu.state.fpu, sti(insn));
    if fpu.is_empty(i) {
        if stack_fault(cpu, false) {
            cpu.state.fpu.push(F80::INDEFINITE);
        }
    } else {
        let value = fpu.get(i);
        push(cpu, value);
    }
    Ok(())
}

/// FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ, by the low bits of the opcode.
pub(super) fn constant<const WHICH: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    const CONSTANTS: [Constant; 7] = [
        Constant::One,
        Constant::Log2Ten,
        Constant::Log2E,
        Constant::Pi,
        Constant::Log10Two,
        Constant::LnTwo,
        Constant::Zero,
    ];
    enter_register(cpu, insn)?;
    let value = x87::constant(CONSTANTS[usize::from(WHICH)], &cpu.state.fpu.ctx());
    push(cpu, value);
    Ok(())
}

/// FXCH
pub(super) fn fxch(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let (fpu, i) = (&mut cpu.state.fpu, sti(insn));
    let (empty0, empty_i) = (fpu.is_empty(0), fpu.is_empty(i));
    let (mut a, mut b) = (fpu.get(0), fpu.get(i));
    if empty0 || empty_i {
        if !stack_fault(cpu, false) {
            return Ok(());
        }
        if empty0 {
            a = F80::INDEFINITE;
        }
        if empty_i {
            b = F80::INDEFINITE;
        }
    } else {
        let ctx = fpu.ctx();
        conclude(cpu, &ctx);
    }
    cpu.state.fpu.set(0, b);
    cpu.state.fpu.set(i, a);
    Ok(())
}
