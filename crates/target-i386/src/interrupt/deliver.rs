//! The way of an event to its handler, by mode; and the state every delivery leaves.

use super::{Event, Source, long, protected, real};
use crate::flags::bit;
use crate::segment::descriptor::{Descriptor, kind};
use crate::state::{Activity, Shadow};
use crate::{Exec, Fault, Vcpu, Vector};

/// Delivers `event`; on an error (what delivery raised, EXT applied) nothing has changed, except when a task switch
/// was already done.
pub(crate) fn deliver(cpu: &mut Vcpu, event: &Event) -> Exec {
    tracing::trace!(target: "int", "{event:?} at {:#x}:{:#x}", cpu.state.seg[1].selector, cpu.state.rip);
    let ext = event.ext();
    let result = if !cpu.mode.protected {
        real::deliver(cpu, event)
    } else if cpu.mode.lma {
        long::deliver(cpu, event)
    } else {
        protected::deliver(cpu, event)
    };
    result.map_err(|fault| with_ext(fault, ext))?;
    cpu.state.shadow = Shadow::None;
    // A debug trap behind HLT finds the CPU halted.
    cpu.state.activity = Activity::Running;
    cpu.refresh_mode();
    Ok(())
}

/// ORs EXT into the error codes that have it.
fn with_ext(fault: Fault, ext: u16) -> Fault {
    const CARRIERS: [(u8, Vector); 4] = [
        (10, Vector::Ts),
        (11, Vector::Np),
        (12, Vector::Ss),
        (13, Vector::Gp),
    ];
    let carrier = CARRIERS.iter().find(|(number, _)| *number == fault.vector());
    match (carrier, fault.code()) {
        (Some((_, vector)), Some(code)) => Fault::with_code(*vector, code | ext),
        _ => fault,
    }
}

/// Checks a gate's type, DPL and presence. Errors: #GP or #NP with the IDT entry's code.
pub(super) fn check_gate(cpu: &Vcpu, event: &Event, d: Descriptor, allowed: &[u8]) -> Exec {
    let code = event.idt_code();
    if !d.is_system() || !allowed.contains(&d.kind()) {
        return Err(Fault::with_code(Vector::Gp, code));
    }
    if event.source == Source::Software && d.dpl() < cpu.state.cpl {
        return Err(Fault::with_code(Vector::Gp, code));
    }
    if !d.present() {
        return Err(Fault::with_code(Vector::Np, code));
    }
    Ok(())
}

/// The flags a handler starts with: TF, NT, RF and VM clear; IF too through an interrupt gate.
pub(super) fn enter_flags(cpu: &mut Vcpu, gate_kind: u8) {
    let mut off = bit::TF | bit::NT | bit::RF | bit::VM;
    if matches!(gate_kind, kind::INT16 | kind::INT32) {
        off |= bit::IF;
    }
    cpu.state.flags.put(off, false);
}
