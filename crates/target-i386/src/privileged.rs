//! Small system instructions that belong to no larger subject: HLT, TLB and cache control, STAC/CLAC, FS and GS
//! bases, CPUID.
//! SDM vol. 2A to 2C.

use crate::control::{cr4, require_ring0};
use crate::cpuid::{self, Dynamic};
use crate::features::Features;
use crate::flags::bit;
use crate::insn::seg;
use crate::mem::canonical;
use crate::state::{Activity, gpr};
use crate::{Exec, Fault, Insn, Vcpu};
use softmmu::GuestVirt;

/// HLT.
pub(crate) fn hlt(cpu: &mut Vcpu, _: &Insn) -> Exec {
    require_ring0(cpu)?;
    cpu.state.activity = Activity::Halted;
    Ok(())
}

/// INVD, WBINVD, WBNOINVD: there are no caches to write back.
pub(crate) fn cache_control(cpu: &mut Vcpu, _: &Insn) -> Exec {
    require_ring0(cpu)
}

/// INVLPG: never faults on the address; a non-canonical one has no translations.
pub(crate) fn invlpg(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    require_ring0(cpu)?;
    let at = cpu.ea(insn);
    let linear = cpu.linear(insn.mem.seg, at);
    cpu.tlb.flush_page(GuestVirt(linear));
    Ok(())
}

/// INVPCID.
pub(crate) fn invpcid(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    require_ring0(cpu)?;
    let kind = if cpu.mode.long() {
        cpu.reg::<u64>(insn.reg[0])
    } else {
        u64::from(cpu.reg::<u32>(insn.reg[0]))
    };
    let at = cpu.ea(insn);
    let [pcid, linear] = cpu.read_u128(insn.mem.seg, at)?;
    let pcide = cpu.state.cr4 & cr4::PCIDE != 0;
    if kind > 3 {
        return Err(Fault::GP0);
    }
    if kind < 2 && (pcid >> 12 != 0 || !pcide && pcid != 0) {
        return Err(Fault::GP0);
    }
    let asid = pcid as u16;
    match kind {
        0 if !canonical(linear) => return Err(Fault::GP0),
        0 => cpu.tlb.flush_page_asid(GuestVirt(linear), asid),
        1 => cpu.tlb.flush_asid(asid),
        2 => cpu.tlb.flush_all(),
        _ => cpu.tlb.flush_non_global(),
    }
    Ok(())
}

fn set_ac(cpu: &mut Vcpu, on: bool) -> Exec {
    if cpu.state.cpl != 0 {
        return Err(Fault::UD);
    }
    cpu.state.flags.put(bit::AC, on);
    cpu.refresh_smap();
    Ok(())
}

/// STAC.
pub(crate) fn stac(cpu: &mut Vcpu, _: &Insn) -> Exec {
    set_ac(cpu, true)
}

/// CLAC.
pub(crate) fn clac(cpu: &mut Vcpu, _: &Insn) -> Exec {
    set_ac(cpu, false)
}

/// SWAPGS.
pub(crate) fn swapgs(cpu: &mut Vcpu, _: &Insn) -> Exec {
    if !cpu.mode.long() {
        return Err(Fault::UD);
    }
    require_ring0(cpu)?;
    let gs = &mut cpu.state.seg[seg::GS as usize].base;
    std::mem::swap(gs, &mut cpu.state.msr.kernel_gs_base);
    cpu.refresh_segment(seg::GS);
    Ok(())
}

fn fsgsbase_allowed(cpu: &Vcpu) -> Exec {
    if cpu.mode.long() && cpu.state.cr4 & cr4::FSGSBASE != 0 {
        Ok(())
    } else {
        Err(Fault::UD)
    }
}

fn read_base(cpu: &mut Vcpu, insn: &Insn, index: u8) -> Exec {
    fsgsbase_allowed(cpu)?;
    let base = cpu.state.seg[index as usize].base;
    if insn.osize == 4 {
        cpu.set_reg(insn.reg[0], base as u32)
    } else {
        cpu.set_reg(insn.reg[0], base)
    }
    Ok(())
}

fn write_base(cpu: &mut Vcpu, insn: &Insn, index: u8) -> Exec {
    fsgsbase_allowed(cpu)?;
    let base = if insn.osize == 4 {
        u64::from(cpu.reg::<u32>(insn.reg[0]))
    } else {
        cpu.reg::<u64>(insn.reg[0])
    };
    if !canonical(base) {
        return Err(Fault::GP0);
    }
    cpu.state.seg[index as usize].base = base;
    cpu.refresh_segment(index);
    Ok(())
}

/// RDFSBASE.
pub(crate) fn rdfsbase(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    read_base(cpu, insn, seg::FS)
}

/// RDGSBASE.
pub(crate) fn rdgsbase(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    read_base(cpu, insn, seg::GS)
}

/// WRFSBASE.
pub(crate) fn wrfsbase(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    write_base(cpu, insn, seg::FS)
}

/// WRGSBASE.
pub(crate) fn wrgsbase(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    write_base(cpu, insn, seg::GS)
}

/// CPUID.
pub(crate) fn cpuid(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let (leaf, subleaf) = (cpu.state.gpr[gpr::RAX] as u32, cpu.state.gpr[gpr::RCX] as u32);
    let dynamic = Dynamic {
        osxsave: cpu.state.cr4 & cr4::OSXSAVE != 0,
        apic_enabled: cpu.has(Features::APIC) && cpu.platform.apic_base() & 1 << 11 != 0,
        xcr0: cpu.state.fpu.xcr0,
        xss: 0,
    };
    // It serialises: code that another vCPU wrote, and told this one of, is seen behind it.
    cpu.leave |= cpu.code.has_news();
    let [eax, ebx, ecx, edx] = cpuid::leaf(&cpu.model, &cpu.topology, &dynamic, leaf, subleaf);
    for (register, value) in [(gpr::RAX, eax), (gpr::RBX, ebx), (gpr::RCX, ecx), (gpr::RDX, edx)] {
        cpu.state.gpr[register] = u64::from(value);
    }
    Ok(())
}

/// RDPID.
pub(crate) fn rdpid(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.state.msr.tsc_aux & 0xffff_ffff;
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}
