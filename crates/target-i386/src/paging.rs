//! Paging for one CPU: page walks on a TLB miss, #PF with its address, PAE pointers, look-ups for the monitor.
//!
//! A miss in [`crate::mem`] -> [`fill`] -> [`walk`] over the current view of physical memory -> an entry in the
//! TLB, or #PF. A clean page is entered read-only, so that its first write walks again and sets the dirty bit.
//! SDM vol. 3A, chapter 5.

mod entry;
pub mod walk;

#[cfg(test)]
mod tests;

use crate::features::Features;
use crate::mem::Privilege;
use crate::mode::{MMU_KERNEL_AC, MMU_USER};
use crate::{Fault, Vcpu};
use softmmu::tlb::{Access, Prot, TlbFill};
use softmmu::{FlatView, GuestPhys, GuestVirt};
use walk::{AccessKind, Context, Page, PhysMem, Rights};

/// Page tables lie in RAM; elsewhere reads give ones and accessed bits are not kept.
impl PhysMem for FlatView {
    #[inline]
    fn read_u32(&self, at: u64) -> u32 {
        self.ram_load(GuestPhys(at)).unwrap_or(u32::MAX)
    }

    #[inline]
    fn read_u64(&self, at: u64) -> u64 {
        self.ram_load(GuestPhys(at)).unwrap_or(u64::MAX)
    }

    fn swap_u32(&self, at: u64, old: u32, new: u32) -> bool {
        self.ram_cas(GuestPhys(at), old, new).is_none_or(|r| r.is_ok())
    }

    fn swap_u64(&self, at: u64, old: u64, new: u64) -> bool {
        self.ram_cas(GuestPhys(at), old, new).is_none_or(|r| r.is_ok())
    }
}

/// The registers that steer this CPU's translation.
pub fn context(cpu: &Vcpu) -> Context {
    let state = &cpu.state;
    Context {
        cr0: state.cr0,
        cr3: state.cr3,
        cr4: state.cr4,
        efer: state.msr.efer,
        pdpte: state.pdpte,
        phys_mask: cpu.model.phys_mask(),
        gigabyte_pages: cpu.has(Features::PDPE1GB),
        pse36: cpu.has(Features::PSE36),
    }
}

/// Puts the page of `laddr` into the TLB of the MMU index that `privilege` means (for a fetch: that of fetches).
///
/// # Errors
/// #PF, with `fault_addr` set.
pub fn fill(cpu: &mut Vcpu, laddr: u64, access: Access, privilege: Privilege) -> Result<(), Fault> {
    let idx = if access == Access::Fetch {
        cpu.mode.fetch_mmu
    } else {
        cpu.mmu_index(privilege)
    };
    let rights = match idx {
        MMU_USER => Rights::User,
        MMU_KERNEL_AC => Rights::SupervisorAc,
        _ => Rights::Supervisor,
    };
    let kind = match access {
        Access::Read => AccessKind::Read,
        Access::Write => AccessKind::Write,
        Access::Fetch => AccessKind::Fetch,
    };
    let view = cpu.view.view();
    let page = match context(cpu).translate(view, laddr, kind, rights) {
        Ok(page) => page,
        Err(code) => {
            cpu.state.fault_addr = laddr;
            cpu.counts.faults += 1;
            tracing::trace!(target: "mmu", "{laddr:#018x} {access:?}: page fault, code {code:#x}");
            return Err(Fault::page(code));
        }
    };
    let paddr = GuestPhys(page.phys);
    let fill = TlbFill {
        vaddr: GuestVirt(laddr),
        paddr,
        access,
        prot: Prot {
            read: page.read,
            write: page.write,
        },
        global: page.global,
        page_size: page.size,
        translation: (),
    };
    cpu.tlb.fill_from(idx, &fill, view);
    cpu.counts.fills[access as usize] += 1;
    tracing::trace!(
        target: "mmu",
        "{laddr:#018x} {access:?}: filled index {} with {paddr:?}, {:?}, {:#x} bytes{}",
        idx.raw(),
        fill.prot,
        page.size,
        if page.global { ", global" } else { "" }
    );
    Ok(())
}

/// Where `laddr` lies, without rights, faults or accessed bits: for the monitor and debuggers.
pub fn look_up(cpu: &Vcpu, laddr: u64) -> Option<Page> {
    context(cpu).probe(cpu.view.view(), laddr).ok()
}

/// The four PAE pointers that CR3 value `cr3` points to; none if a reserved bit is set in one.
pub(crate) fn read_pdptes(cpu: &Vcpu, cr3: u64) -> Option<[u64; 4]> {
    walk::read_pdptes(cpu.view.view(), cr3, cpu.model.phys_mask())
}
