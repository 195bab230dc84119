//! Power-on reset, INIT and the start-up IPI.
//! SDM vol. 3A, table 10-1 and 10.4.

use crate::flags::Flags;
use crate::insn::seg;
use crate::state::{Activity, CpuState, Segment, Shadow, gpr};
use crate::{Fault, Vcpu};

/// IA32_APIC_BASE: this is the bootstrap processor.
const APIC_BSP: u64 = 1 << 8;

/// Power-on reset, or the board's RESET line. Application processors wait for a start-up IPI.
pub fn reset(cpu: &mut Vcpu) {
    cpu.state = CpuState::default();
    // Each processor has random numbers of its own.
    cpu.state.entropy ^= u64::from(cpu.topology.apic_id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    cpu.state.gpr[gpr::RDX] = u64::from(cpu.model.signature());
    settle(cpu);
}

/// INIT: as reset, but caches, x87 and vector registers, MSRs (all but EFER), TSC and CR0's cache bits stay.
pub fn init(cpu: &mut Vcpu) {
    let old = &cpu.state;
    let mut new = CpuState {
        msr: old.msr.clone(),
        fpu: old.fpu.clone(),
        entropy: old.entropy,
        cr0: 0x10 | old.cr0 & 0x6000_0000,
        ..CpuState::default()
    };
    new.msr.efer = 0;
    cpu.state = new;
    cpu.state.gpr[gpr::RDX] = u64::from(cpu.model.signature());
    settle(cpu);
}

/// The rest of both: who waits, and what is cached of the state.
fn settle(cpu: &mut Vcpu) {
    let bootstrap = cpu.platform.apic_base() & APIC_BSP != 0 || cpu.topology.apic_id == 0;
    cpu.state.activity = if bootstrap {
        Activity::Running
    } else {
        Activity::WaitForSipi
    };
    cpu.debug_hits = 0;
    cpu.tlb.set_asid(0);
    cpu.tlb.flush_all();
    cpu.refresh_mode();
}

/// A start-up IPI with `vector`: real mode at vector:0000.
pub fn sipi(cpu: &mut Vcpu, vector: u8) {
    let selector = u16::from(vector) << 8;
    let code = Segment {
        selector,
        base: u64::from(vector) << 12,
        ..cpu.state.seg[seg::CS as usize]
    };
    cpu.state.rip = 0;
    cpu.state.flags = Flags::default();
    cpu.state.shadow = Shadow::None;
    cpu.state.activity = Activity::Running;
    cpu.set_segment(seg::CS, code);
}

/// RSM: there is no system-management mode to return from.
pub(crate) fn rsm(_: &mut Vcpu, _: &crate::Insn) -> crate::Exec {
    Err(Fault::UD)
}
