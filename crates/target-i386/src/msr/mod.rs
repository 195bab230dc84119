//! Model-specific registers: RDMSR, WRMSR and what each number holds.
//!
//! [`read`] and [`write()`] are the whole interface; [`mtrr`] checks memory types. An MSR that is not known reads
//! as zero and ignores writes, with a log line: operating systems probe for more than any CPU has.
//! SDM vol. 4; APM vol. 2, appendix A.

mod mtrr;

use crate::control::{cr0, efer};
use crate::cpuid::Vendor;
use crate::features::Features;
use crate::{Exec, Fault, Insn, Vcpu, state::gpr, tsc};

/// MSR numbers.
pub mod number {
    /// IA32_TIME_STAMP_COUNTER.
    pub const TSC: u32 = 0x10;
    /// IA32_APIC_BASE.
    pub const APIC_BASE: u32 = 0x1b;
    /// IA32_TSC_ADJUST.
    pub const TSC_ADJUST: u32 = 0x3b;
    /// IA32_BIOS_SIGN_ID.
    pub const BIOS_SIGN_ID: u32 = 0x8b;
    /// IA32_MTRRCAP.
    pub const MTRR_CAP: u32 = 0xfe;
    /// IA32_SYSENTER_CS.
    pub const SYSENTER_CS: u32 = 0x174;
    /// IA32_SYSENTER_ESP.
    pub const SYSENTER_ESP: u32 = 0x175;
    /// IA32_SYSENTER_EIP.
    pub const SYSENTER_EIP: u32 = 0x176;
    /// IA32_MCG_CAP.
    pub const MCG_CAP: u32 = 0x179;
    /// IA32_MCG_STATUS.
    pub const MCG_STATUS: u32 = 0x17a;
    /// IA32_MCG_CTL.
    pub const MCG_CTL: u32 = 0x17b;
    /// IA32_MISC_ENABLE.
    pub const MISC_ENABLE: u32 = 0x1a0;
    /// First of IA32_MTRR_PHYSBASE0, PHYSMASK0, …
    pub const MTRR_VAR: u32 = 0x200;
    /// IA32_PAT.
    pub const PAT: u32 = 0x277;
    /// IA32_MTRR_DEF_TYPE.
    pub const MTRR_DEF_TYPE: u32 = 0x2ff;
    /// IA32_MC0_CTL, first of the machine-check banks.
    pub const MC0_CTL: u32 = 0x400;
    /// IA32_TSC_DEADLINE.
    pub const TSC_DEADLINE: u32 = 0x6e0;
    /// First x2APIC register.
    pub const X2APIC: u32 = 0x800;
    /// IA32_XSS.
    pub const XSS: u32 = 0xda0;
    /// IA32_EFER.
    pub const EFER: u32 = 0xc000_0080;
    /// IA32_STAR.
    pub const STAR: u32 = 0xc000_0081;
    /// IA32_LSTAR.
    pub const LSTAR: u32 = 0xc000_0082;
    /// IA32_CSTAR.
    pub const CSTAR: u32 = 0xc000_0083;
    /// IA32_FMASK.
    pub const FMASK: u32 = 0xc000_0084;
    /// IA32_FS_BASE.
    pub const FS_BASE: u32 = 0xc000_0100;
    /// IA32_GS_BASE.
    pub const GS_BASE: u32 = 0xc000_0101;
    /// IA32_KERNEL_GS_BASE.
    pub const KERNEL_GS_BASE: u32 = 0xc000_0102;
    /// IA32_TSC_AUX.
    pub const TSC_AUX: u32 = 0xc000_0103;
    /// AMD SYSCFG.
    pub const SYSCFG: u32 = 0xc001_0010;
    /// AMD HWCR.
    pub const HWCR: u32 = 0xc001_0015;
    /// AMD DE_CFG (LFENCE serialisation).
    pub const DE_CFG: u32 = 0xc001_1029;
}

use number as n;

/// Machine-check banks.
const MC_BANKS: u32 = 10;

/// Kept as written, without effect: MCG and bank registers, and the vendor's configuration words.
fn is_plain(cpu: &Vcpu, msr: u32) -> bool {
    match msr {
        n::MCG_STATUS | n::MCG_CTL => true,
        n::MC0_CTL.. if msr < n::MC0_CTL + 4 * MC_BANKS => true,
        n::SYSCFG | n::HWCR | n::DE_CFG => cpu.model.vendor == Vendor::Amd,
        _ => false,
    }
}

fn plain(cpu: &Vcpu, msr: u32) -> u64 {
    let stored = &cpu.state.msr.plain;
    stored.binary_search_by_key(&msr, |e| e.0).map_or_else(
        // Banks and MCG_CTL power on with every error enabled.
        |_| {
            if msr == n::MCG_CTL || (n::MC0_CTL..=0x4ff).contains(&msr) && msr & 3 == 0 {
                u64::MAX
            } else {
                0
            }
        },
        |i| stored[i].1,
    )
}

fn set_plain(cpu: &mut Vcpu, msr: u32, value: u64) {
    let stored = &mut cpu.state.msr.plain;
    match stored.binary_search_by_key(&msr, |e| e.0) {
        Ok(i) => stored[i].1 = value,
        Err(i) => stored.insert(i, (msr, value)),
    }
}

/// Whether `address` is canonical for 48-bit linear addresses.
#[inline]
pub(crate) const fn canonical(address: u64) -> bool {
    (address as i64) << 16 >> 16 == address as i64
}

fn need(cpu: &Vcpu, feature: Features) -> Exec {
    if cpu.has(feature) { Ok(()) } else { Err(Fault::GP0) }
}

/// Reads an MSR. Errors: #GP(0).
pub fn read(cpu: &Vcpu, msr: u32) -> Result<u64, Fault> {
    let m = &cpu.state.msr;
    let long = cpu.has(Features::LM);
    Ok(match msr {
        n::TSC => tsc::read(cpu),
        n::APIC_BASE => {
            need(cpu, Features::APIC)?;
            cpu.platform.apic_base()
        }
        n::TSC_ADJUST => {
            need(cpu, Features::TSC_ADJUST)?;
            m.tsc_adjust
        }
        n::BIOS_SIGN_ID => 0,
        n::SYSENTER_CS => m.sysenter_cs,
        n::SYSENTER_ESP => m.sysenter_esp,
        n::SYSENTER_EIP => m.sysenter_eip,
        // MCG_CTL_P, ten banks.
        n::MCG_CAP => u64::from(MC_BANKS) | 1 << 8,
        n::MISC_ENABLE => m.misc_enable,
        n::PAT => m.pat,
        n::MTRR_CAP | n::MTRR_DEF_TYPE => mtrr::read(m, msr).ok_or(Fault::GP0)?,
        _ if mtrr::is_range(msr) => mtrr::read(m, msr).ok_or(Fault::GP0)?,
        n::XSS => {
            need(cpu, Features::XSAVES)?;
            0
        }
        n::TSC_DEADLINE | n::X2APIC..0x900 => {
            need(
                cpu,
                if msr == n::TSC_DEADLINE {
                    Features::TSC_DEADLINE
                } else {
                    Features::X2APIC
                },
            )?;
            cpu.platform.apic_msr(msr).ok_or(Fault::GP0)?
        }
        n::EFER => m.efer,
        n::STAR => m.star,
        n::LSTAR if long => m.lstar,
        n::CSTAR if long => m.cstar,
        n::FMASK if long => m.fmask,
        n::FS_BASE if long => cpu.state.seg[4].base,
        n::GS_BASE if long => cpu.state.seg[5].base,
        n::KERNEL_GS_BASE if long => m.kernel_gs_base,
        n::TSC_AUX => {
            need(cpu, Features::RDTSCP)?;
            m.tsc_aux
        }
        _ if is_plain(cpu, msr) => plain(cpu, msr),
        _ => {
            tracing::debug!(target: "msr", "read of unknown MSR {msr:#x}");
            0
        }
    })
}

/// Writes an MSR. Errors: #GP(0).
pub fn write(cpu: &mut Vcpu, msr: u32, value: u64) -> Exec {
    let long = cpu.has(Features::LM);
    let base = |value: u64| {
        if canonical(value) {
            Ok(value)
        } else {
            Err(Fault::GP0)
        }
    };
    match msr {
        n::TSC => {
            let old = tsc::read(cpu);
            let delta = value.wrapping_sub(old);
            cpu.state.msr.tsc_offset = cpu.state.msr.tsc_offset.wrapping_add(delta);
            cpu.state.msr.tsc_adjust = cpu.state.msr.tsc_adjust.wrapping_add(delta);
            tsc::moved(cpu);
        }
        n::TSC_ADJUST => {
            need(cpu, Features::TSC_ADJUST)?;
            let delta = value.wrapping_sub(cpu.state.msr.tsc_adjust);
            cpu.state.msr.tsc_offset = cpu.state.msr.tsc_offset.wrapping_add(delta);
            cpu.state.msr.tsc_adjust = value;
            tsc::moved(cpu);
        }
        n::APIC_BASE => {
            need(cpu, Features::APIC)?;
            let reserved =
                0x2ff | !cpu.model.phys_mask() | if cpu.has(Features::X2APIC) { 0 } else { 1 << 10 };
            if value & reserved != 0 || !cpu.platform.set_apic_base(value) {
                return Err(Fault::GP0);
            }
        }
        n::BIOS_SIGN_ID => {}
        n::SYSENTER_CS => cpu.state.msr.sysenter_cs = value & 0xffff_ffff,
        n::SYSENTER_ESP => cpu.state.msr.sysenter_esp = base(value)?,
        n::SYSENTER_EIP => cpu.state.msr.sysenter_eip = base(value)?,
        n::MTRR_CAP | n::MCG_CAP => return Err(Fault::GP0),
        n::MCG_STATUS if value & !7 != 0 => return Err(Fault::GP0),
        // Banks: CTL all or nothing; STATUS and ADDR, MISC only zero (APM vol. 2, 9.3.2).
        n::MC0_CTL.. if msr < n::MC0_CTL + 4 * MC_BANKS && msr & 3 != 0 && value != 0 => {
            return Err(Fault::GP0);
        }
        n::MISC_ENABLE => cpu.state.msr.misc_enable = value,
        n::PAT => {
            if !mtrr::valid_pat(value) {
                return Err(Fault::GP0);
            }
            cpu.state.msr.pat = value;
        }
        n::MTRR_DEF_TYPE => write_mtrr(cpu, msr, value)?,
        _ if mtrr::is_range(msr) => write_mtrr(cpu, msr, value)?,
        n::XSS => {
            need(cpu, Features::XSAVES)?;
            if value != 0 {
                return Err(Fault::GP0);
            }
        }
        n::TSC_DEADLINE => {
            need(cpu, Features::TSC_DEADLINE)?;
            let at = tsc::deadline_ns(cpu, value);
            cpu.platform.set_tsc_deadline(value, at);
        }
        n::X2APIC..0x900 => {
            need(cpu, Features::X2APIC)?;
            if !cpu.platform.set_apic_msr(msr, value) {
                return Err(Fault::GP0);
            }
        }
        n::EFER => write_efer(cpu, value)?,
        n::STAR => cpu.state.msr.star = value,
        n::LSTAR if long => cpu.state.msr.lstar = base(value)?,
        n::CSTAR if long => cpu.state.msr.cstar = base(value)?,
        n::FMASK if long => cpu.state.msr.fmask = value & 0xffff_ffff,
        n::FS_BASE if long => {
            cpu.state.seg[4].base = base(value)?;
            cpu.refresh_segment(4);
        }
        n::GS_BASE if long => {
            cpu.state.seg[5].base = base(value)?;
            cpu.refresh_segment(5);
        }
        n::KERNEL_GS_BASE if long => cpu.state.msr.kernel_gs_base = base(value)?,
        n::TSC_AUX => {
            need(cpu, Features::RDTSCP)?;
            // Intel reserves the upper half, AMD drops it.
            if cpu.model.vendor == Vendor::Intel && value >> 32 != 0 {
                return Err(Fault::GP0);
            }
            cpu.state.msr.tsc_aux = value & 0xffff_ffff;
        }
        _ if is_plain(cpu, msr) => set_plain(cpu, msr, value),
        _ => tracing::debug!(target: "msr", "write of {value:#x} to unknown MSR {msr:#x}"),
    }
    Ok(())
}

fn write_mtrr(cpu: &mut Vcpu, msr: u32, value: u64) -> Exec {
    need(cpu, Features::MTRR)?;
    let phys_mask = cpu.model.phys_mask();
    if mtrr::write(&mut cpu.state.msr, msr, value, phys_mask) {
        Ok(())
    } else {
        Err(Fault::GP0)
    }
}

/// IA32_EFER: unknown bits are refused, LME cannot change under paging, LMA is read-only.
fn write_efer(cpu: &mut Vcpu, value: u64) -> Exec {
    let mut known = efer::LMA;
    for (feature, bit) in [
        (Features::SYSCALL, efer::SCE),
        (Features::LM, efer::LME),
        (Features::NX, efer::NXE),
    ] {
        if cpu.has(feature) {
            known |= bit;
        }
    }
    let old = cpu.state.msr.efer;
    if value & !known != 0 || (old ^ value) & efer::LME != 0 && cpu.state.cr0 & cr0::PG != 0 {
        return Err(Fault::GP0);
    }
    cpu.state.msr.efer = value & !efer::LMA | old & efer::LMA;
    if (old ^ value) & efer::NXE != 0 {
        cpu.tlb.flush_all();
    }
    cpu.refresh_mode();
    Ok(())
}

/// RDMSR.
pub(crate) fn rdmsr(cpu: &mut Vcpu, _: &Insn) -> Exec {
    crate::control::require_ring0(cpu)?;
    let value = read(cpu, cpu.state.gpr[gpr::RCX] as u32)?;
    cpu.state.gpr[gpr::RAX] = value & 0xffff_ffff;
    cpu.state.gpr[gpr::RDX] = value >> 32;
    Ok(())
}

/// WRMSR.
pub(crate) fn wrmsr(cpu: &mut Vcpu, _: &Insn) -> Exec {
    crate::control::require_ring0(cpu)?;
    let value = cpu.state.gpr[gpr::RAX] & 0xffff_ffff | cpu.state.gpr[gpr::RDX] << 32;
    write(cpu, cpu.state.gpr[gpr::RCX] as u32, value)
}
