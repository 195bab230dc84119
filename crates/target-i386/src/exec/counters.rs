//! RDTSC, RDTSCP, RDPMC, RDRAND, RDSEED: numbers that come from the machine's own clock and generator.
//! SDM vol. 3B, 18.17 (time stamp) and vol. 1, 7.3.17 (random numbers).

use super::{by_wide_size, operand_size};
use crate::flags::bit;
use crate::mem::Word;
use crate::state::gpr::{RAX, RCX, RDX};
use crate::{Exec, Fault, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic, OpKind};

const CR4_TSD: u64 = 1 << 2;
const CR4_PCE: u64 = 1 << 8;
/// Legacy performance counters of an AMD CPU.
const PERF_COUNTERS: u32 = 4;

fn set_edx_eax(cpu: &mut Vcpu, value: u64) {
    cpu.set_reg(RAX as u8, value as u32);
    cpu.set_reg(RDX as u8, (value >> 32) as u32);
}

fn check_tsd(cpu: &Vcpu) -> Exec {
    let allowed = cpu.state.cr4 & CR4_TSD == 0 || cpu.state.cpl == 0;
    if allowed { Ok(()) } else { Err(Fault::GP0) }
}

fn rdtsc(cpu: &mut Vcpu, _: &Insn) -> Exec {
    check_tsd(cpu)?;
    let now = crate::tsc::read(cpu);
    set_edx_eax(cpu, now);
    Ok(())
}

fn rdtscp(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    rdtsc(cpu, insn)?;
    let aux = cpu.state.msr.tsc_aux as u32;
    cpu.set_reg(RCX as u8, aux);
    Ok(())
}

fn rdpmc(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let allowed = cpu.state.cr4 & CR4_PCE != 0 || cpu.state.cpl == 0;
    if !allowed || cpu.reg::<u32>(RCX as u8) >= PERF_COUNTERS {
        return Err(Fault::GP0);
    }
    // Counters that no event ever advances.
    set_edx_eax(cpu, 0);
    Ok(())
}

/// The next number of the machine's own generator (splitmix64): repeatable, part of the saved state.
fn random(cpu: &mut Vcpu) -> u64 {
    cpu.state.entropy = cpu.state.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = cpu.state.entropy;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn rdrand<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = random(cpu);
    cpu.set_reg(insn.reg[0], T::from_u64(value));
    cpu.state.flags.set_status(bit::CF);
    Ok(())
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    Some(match raw.mnemonic() {
        Mnemonic::Rdtsc => rdtsc,
        Mnemonic::Rdtscp => rdtscp,
        Mnemonic::Rdpmc => rdpmc,
        Mnemonic::Rdrand | Mnemonic::Rdseed if raw.op0_kind() == OpKind::Register => {
            by_wide_size!(operand_size(raw), rdrand)
        }
        _ => return None,
    })
}
