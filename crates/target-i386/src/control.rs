//! Control registers: MOV CR, CLTS, LMSW, SMSW, and what each bit's change drags along.
//!
//! A write is checked whole, then takes effect: stored, LMA recomputed, PAE pointers reloaded, TLB flushed as far
//! as the change asks, mode refreshed. SDM vol. 3A, 2.5; vol. 2A, MOV (control registers); 10.8.5 for long mode.

use crate::features::Features;
use crate::insn::seg;
use crate::paging;
use crate::segment::descriptor::kind;
use crate::state::Segment;
use crate::{Exec, Fault, Insn, Vcpu};

/// CR0 bits.
pub mod cr0 {
    /// Protection enable.
    pub const PE: u64 = 1 << 0;
    /// Monitor coprocessor.
    pub const MP: u64 = 1 << 1;
    /// Emulation.
    pub const EM: u64 = 1 << 2;
    /// Task switched.
    pub const TS: u64 = 1 << 3;
    /// Extension type: always one.
    pub const ET: u64 = 1 << 4;
    /// Numeric error.
    pub const NE: u64 = 1 << 5;
    /// Write protect.
    pub const WP: u64 = 1 << 16;
    /// Alignment mask.
    pub const AM: u64 = 1 << 18;
    /// Not write-through.
    pub const NW: u64 = 1 << 29;
    /// Cache disable.
    pub const CD: u64 = 1 << 30;
    /// Paging.
    pub const PG: u64 = 1 << 31;
    /// All bits that can be written.
    pub const WRITABLE: u64 = PE | MP | EM | TS | NE | WP | AM | NW | CD | PG;
}

/// CR4 bits.
pub mod cr4 {
    /// Virtual-8086 mode extensions.
    pub const VME: u64 = 1 << 0;
    /// Protected-mode virtual interrupts.
    pub const PVI: u64 = 1 << 1;
    /// Time stamp disable.
    pub const TSD: u64 = 1 << 2;
    /// Debugging extensions.
    pub const DE: u64 = 1 << 3;
    /// Page size extensions.
    pub const PSE: u64 = 1 << 4;
    /// Physical address extension.
    pub const PAE: u64 = 1 << 5;
    /// Machine check enable.
    pub const MCE: u64 = 1 << 6;
    /// Page global enable.
    pub const PGE: u64 = 1 << 7;
    /// RDPMC at every privilege level.
    pub const PCE: u64 = 1 << 8;
    /// The system uses FXSAVE.
    pub const OSFXSR: u64 = 1 << 9;
    /// The system handles #XM.
    pub const OSXMMEXCPT: u64 = 1 << 10;
    /// User-mode instruction prevention.
    pub const UMIP: u64 = 1 << 11;
    /// RDFSBASE and friends.
    pub const FSGSBASE: u64 = 1 << 16;
    /// Process-context identifiers.
    pub const PCIDE: u64 = 1 << 17;
    /// XSAVE and XCR0.
    pub const OSXSAVE: u64 = 1 << 18;
    /// Supervisor-mode execution prevention.
    pub const SMEP: u64 = 1 << 20;
    /// Supervisor-mode access prevention.
    pub const SMAP: u64 = 1 << 21;
}

/// IA32_EFER bits.
pub mod efer {
    /// SYSCALL enable.
    pub const SCE: u64 = 1 << 0;
    /// Long mode enable.
    pub const LME: u64 = 1 << 8;
    /// Long mode active.
    pub const LMA: u64 = 1 << 10;
    /// No-execute enable.
    pub const NXE: u64 = 1 << 11;
}

/// CR3: "keep the entries of this PCID" in the written value.
const CR3_KEEP: u64 = 1 << 63;

/// The CR4 bits that exist on this model.
pub fn cr4_mask(cpu: &Vcpu) -> u64 {
    const TABLE: &[(Features, u64)] = &[
        (Features::VME, cr4::VME | cr4::PVI),
        (Features::TSC, cr4::TSD),
        (Features::DE, cr4::DE),
        (Features::PSE, cr4::PSE),
        (Features::PAE, cr4::PAE),
        (Features::MCE, cr4::MCE),
        (Features::PGE, cr4::PGE),
        (Features::MMX, cr4::PCE),
        (Features::FXSR, cr4::OSFXSR),
        (Features::SSE, cr4::OSXMMEXCPT),
        (Features::UMIP, cr4::UMIP),
        (Features::FSGSBASE, cr4::FSGSBASE),
        (Features::PCID, cr4::PCIDE),
        (Features::XSAVE, cr4::OSXSAVE),
        (Features::SMEP, cr4::SMEP),
        (Features::SMAP, cr4::SMAP),
    ];
    TABLE
        .iter()
        .filter(|(feature, _)| cpu.has(*feature))
        .fold(0, |mask, (_, bits)| mask | bits)
}

/// Whether PAE paging (not 4-level) is in force with these registers.
fn pae_paging(cr0: u64, cr4: u64, efer: u64) -> bool {
    cr0 & cr0::PG != 0 && cr4 & cr4::PAE != 0 && efer & efer::LME == 0
}

/// Writes CR0 with all checks. Errors: #GP(0).
pub fn write_cr0(cpu: &mut Vcpu, value: u64) -> Exec {
    if value >> 32 != 0 {
        return Err(Fault::GP0);
    }
    let old = cpu.state.cr0;
    let new = value & cr0::WRITABLE | cr0::ET;
    if new & (cr0::PG | cr0::PE) == cr0::PG || new & (cr0::NW | cr0::CD) == cr0::NW {
        return Err(Fault::GP0);
    }
    let changed = old ^ new;
    let (cr4, efer) = (cpu.state.cr4, cpu.state.msr.efer);
    let mut new_efer = efer;
    if changed & cr0::PG != 0 {
        if new & cr0::PG != 0 {
            if efer & efer::LME != 0 {
                let code = &cpu.state.seg[seg::CS as usize];
                let narrow_tss =
                    matches!(cpu.state.tr.kind(), kind::TSS16 | kind::TSS16_BUSY) && cpu.state.tr.present();
                if cr4 & cr4::PAE == 0 || code.attr & Segment::L != 0 || narrow_tss {
                    return Err(Fault::GP0);
                }
                new_efer |= efer::LMA;
            }
        } else {
            if cpu.mode.long() || cr4 & cr4::PCIDE != 0 {
                return Err(Fault::GP0);
            }
            new_efer &= !efer::LMA;
        }
    }
    if pae_paging(new, cr4, efer) && changed & (cr0::PG | cr0::CD | cr0::NW) != 0 {
        cpu.state.pdpte = paging::read_pdptes(cpu, cpu.state.cr3).ok_or(Fault::GP0)?;
    }
    cpu.state.cr0 = new;
    cpu.state.msr.efer = new_efer;
    if changed & (cr0::PG | cr0::PE | cr0::WP) != 0 {
        cpu.tlb.flush_all();
    }
    cpu.refresh_mode();
    Ok(())
}

/// Writes CR3 with all checks. Errors: #GP(0).
pub fn write_cr3(cpu: &mut Vcpu, value: u64) -> Exec {
    let pcide = cpu.state.cr4 & cr4::PCIDE != 0;
    let keep = pcide && value & CR3_KEEP != 0;
    let new = if pcide { value & !CR3_KEEP } else { value };
    if cpu.mode.lma && new & !cpu.model.phys_mask() != 0 {
        return Err(Fault::GP0);
    }
    if pae_paging(cpu.state.cr0, cpu.state.cr4, cpu.state.msr.efer) {
        cpu.state.pdpte = paging::read_pdptes(cpu, new).ok_or(Fault::GP0)?;
    }
    load_cr3(cpu, new, keep);
    Ok(())
}

/// Stores a CR3 that is known to be good and flushes what it must.
pub(crate) fn load_cr3(cpu: &mut Vcpu, value: u64, keep: bool) {
    cpu.state.cr3 = value;
    let asid = if cpu.state.cr4 & cr4::PCIDE != 0 {
        (value & 0xfff) as u16
    } else {
        0
    };
    cpu.tlb.set_asid(asid);
    if !keep {
        cpu.tlb.flush_asid(asid);
    }
}

/// Writes CR4 with all checks. Errors: #GP(0).
pub fn write_cr4(cpu: &mut Vcpu, value: u64) -> Exec {
    if value & !cr4_mask(cpu) != 0 {
        return Err(Fault::GP0);
    }
    let old = cpu.state.cr4;
    let changed = old ^ value;
    let efer = cpu.state.msr.efer;
    if cpu.mode.lma && value & cr4::PAE == 0 {
        return Err(Fault::GP0);
    }
    let pcid_on = changed & value & cr4::PCIDE != 0;
    if pcid_on && (efer & efer::LMA == 0 || cpu.state.cr3 & 0xfff != 0) {
        return Err(Fault::GP0);
    }
    let reload = cr4::PAE | cr4::PSE | cr4::PGE | cr4::SMEP;
    if pae_paging(cpu.state.cr0, value, efer) && changed & reload != 0 {
        cpu.state.pdpte = paging::read_pdptes(cpu, cpu.state.cr3).ok_or(Fault::GP0)?;
    }
    cpu.state.cr4 = value;
    if changed & (reload | cr4::PCIDE | cr4::SMAP) != 0 {
        cpu.tlb.flush_all();
        let asid = if value & cr4::PCIDE != 0 {
            (cpu.state.cr3 & 0xfff) as u16
        } else {
            0
        };
        cpu.tlb.set_asid(asid);
    }
    cpu.refresh_mode();
    Ok(())
}

/// #GP(0) unless CPL is 0.
pub(crate) fn require_ring0(cpu: &Vcpu) -> Exec {
    if cpu.state.cpl != 0 {
        Err(Fault::GP0)
    } else {
        Ok(())
    }
}

/// #UD for a register that is not there; CR8 needs 64-bit mode.
fn exists(cpu: &Vcpu, number: u8) -> Exec {
    match number {
        0 | 2 | 3 | 4 => Ok(()),
        8 if cpu.mode.long() => Ok(()),
        _ => Err(Fault::UD),
    }
}

/// MOV r32/r64, CRn.
pub(crate) fn mov_from_cr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let number = insn.reg[1];
    exists(cpu, number)?;
    require_ring0(cpu)?;
    let value = match number {
        0 => cpu.state.cr0,
        2 => cpu.state.cr2,
        3 => cpu.state.cr3,
        4 => cpu.state.cr4,
        _ => u64::from(cpu.platform.task_priority()),
    };
    let value = if cpu.mode.long() {
        value
    } else {
        value & 0xffff_ffff
    };
    cpu.state.gpr[insn.reg[0] as usize & 15] = value;
    Ok(())
}

/// MOV CRn, r32/r64.
pub(crate) fn mov_to_cr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let number = insn.reg[0];
    exists(cpu, number)?;
    require_ring0(cpu)?;
    let value = cpu.state.gpr[insn.reg[1] as usize & 15];
    let value = if cpu.mode.long() {
        value
    } else {
        value & 0xffff_ffff
    };
    match number {
        0 => write_cr0(cpu, value),
        2 => {
            cpu.state.cr2 = value;
            Ok(())
        }
        3 => write_cr3(cpu, value),
        4 => write_cr4(cpu, value),
        _ if value > 15 => Err(Fault::GP0),
        _ => {
            cpu.platform.set_task_priority(value as u8);
            Ok(())
        }
    }
}

/// CLTS.
pub(crate) fn clts(cpu: &mut Vcpu, _: &Insn) -> Exec {
    require_ring0(cpu)?;
    cpu.state.cr0 &= !cr0::TS;
    cpu.refresh_mode();
    Ok(())
}

/// LMSW: the low four bits of CR0, of which PE can only be set.
pub(crate) fn lmsw(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    require_ring0(cpu)?;
    let word = u64::from(super::system::read_rm16(cpu, insn, 0)?);
    let old = cpu.state.cr0;
    write_cr0(cpu, old & !0xe | word & 0xf | old & cr0::PE)
}

/// SMSW: CR0, as wide as the operand (memory: 16 bits).
pub(crate) fn smsw(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    umip(cpu)?;
    let value = cpu.state.cr0;
    super::system::write_rm16_or_register(cpu, insn, value)
}

/// #GP(0) for SGDT, SIDT, SLDT, SMSW and STR above ring 0 with CR4.UMIP.
pub(crate) fn umip(cpu: &Vcpu) -> Exec {
    if cpu.state.cpl > 0 && cpu.state.cr4 & cr4::UMIP != 0 {
        Err(Fault::GP0)
    } else {
        Ok(())
    }
}
