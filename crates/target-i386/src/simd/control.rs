//! MXCSR and EMMS. SDM vol. 1, 5.4.8 and 5.5.2.

use super::access::*;
use crate::Vcpu;
use crate::fault::{Exec, Fault};
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic};

/// MXCSR bits that may be set: all of the low word (MXCSR_MASK as FXSAVE reports it is FFFFh).
pub(crate) const MXCSR_MASK: u32 = 0xffff;

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    Some(match insn.mnemonic() {
        M::Ldmxcsr | M::Vldmxcsr            => load_mxcsr,
        M::Stmxcsr | M::Vstmxcsr            => store_mxcsr,
        M::Emms                             => empty_mmx,
        _ => return None,
    })
}

/// LDMXCSR: reserved bits are #GP(0).
fn load_mxcsr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = load(cpu, insn, 4)? as u32;
    if value & !MXCSR_MASK != 0 {
        return Err(Fault::GP0);
    }
    cpu.state.fpu.mxcsr = value;
    Ok(())
}

fn store_mxcsr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = cpu.state.fpu.mxcsr;
    store(cpu, insn, 4, value.into())
}

/// EMMS: all registers empty again.
fn empty_mmx(cpu: &mut Vcpu, _: &Insn) -> Exec {
    check_mmx(cpu)?;
    cpu.state.fpu.top = 0;
    cpu.state.fpu.empty = 0xff;
    Ok(())
}
