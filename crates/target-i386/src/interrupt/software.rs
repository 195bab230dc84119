//! INT n, INT3, INTO, INT1.
//! SDM vol. 2A, INT; vol. 3A, 21.3.3 (virtual-8086 methods).

use super::{Event, Source, deliver, real};
use crate::control::cr4;
use crate::flags::bit;
use crate::mem::Privilege;
use crate::{Exec, Fault, Insn, Vcpu, Vector};

fn software(cpu: &mut Vcpu, vector: u8, source: Source) -> Exec {
    // The handler starts with TF clear and nothing pending of the step that the instruction would have been.
    cpu.inhibit_trap = true;
    deliver::deliver(
        cpu,
        &Event {
            vector,
            code: None,
            source,
        },
    )
}

/// INT imm8.
pub(crate) fn int(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let vector = insn.imm as u8;
    if cpu.mode.v86 {
        if cpu.state.cr4 & cr4::VME != 0 && redirects(cpu, vector)? {
            cpu.inhibit_trap = true;
            return real::redirected(cpu, vector);
        }
        if !cpu.state.flags.has(bit::IOPL) {
            return Err(Fault::GP0);
        }
    }
    software(cpu, vector, Source::Software)
}

/// Whether the TSS's redirection map sends `vector` to the 8086 program: the 32 bytes below the I/O map, bit clear.
fn redirects(cpu: &mut Vcpu, vector: u8) -> Result<bool, Fault> {
    let tr = cpu.state.tr;
    if tr.limit < 103 {
        return Err(Fault::GP0);
    }
    let map = u64::from(cpu.read_linear::<u16>(tr.base.wrapping_add(102) & 0xffff_ffff, Privilege::System)?);
    let at = (map + u64::from(vector / 8)).wrapping_sub(32);
    if at > u64::from(tr.limit) {
        return Err(Fault::GP0);
    }
    let byte = cpu.read_linear::<u8>(tr.base.wrapping_add(at) & 0xffff_ffff, Privilege::System)?;
    Ok(byte >> (vector & 7) & 1 == 0)
}

/// INT3: neither IOPL nor the redirection map concerns it.
pub(crate) fn int3(cpu: &mut Vcpu, _: &Insn) -> Exec {
    software(cpu, Vector::Bp as u8, Source::Software)
}

/// INTO.
pub(crate) fn into(cpu: &mut Vcpu, _: &Insn) -> Exec {
    if cpu.state.flags.of() {
        software(cpu, Vector::Of as u8, Source::Software)
    } else {
        Ok(())
    }
}

/// INT1 (F1): #DB without a cause in DR6.
pub(crate) fn int1(cpu: &mut Vcpu, _: &Insn) -> Exec {
    software(cpu, Vector::Db as u8, Source::Int1)
}
