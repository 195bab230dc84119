//! Reading and marking entries of the GDT and the LDT.
//! SDM vol. 3A, 3.5.1.

use super::descriptor::Descriptor;
use crate::mem::Privilege;
use crate::{Exec, Fault, Vcpu, Vector};

/// Whether a selector is one of the four null ones.
pub(crate) const fn is_null(selector: u16) -> bool {
    selector & !3 == 0
}

/// Linear address and highest valid offset of the table a selector points into; none for an LDT that is not loaded.
fn table_of(cpu: &Vcpu, selector: u16) -> Option<(u64, u64)> {
    if selector & 4 == 0 {
        Some((cpu.state.gdtr.base, u64::from(cpu.state.gdtr.limit)))
    } else {
        let ldtr = &cpu.state.ldtr;
        (ldtr.present() && !is_null(ldtr.selector)).then_some((ldtr.base, u64::from(ldtr.limit)))
    }
}

/// Linear address of a selector's entry if `len` bytes of it lie within the table.
fn entry_address(cpu: &Vcpu, selector: u16, len: u64) -> Option<u64> {
    let (base, limit) = table_of(cpu, selector)?;
    let offset = u64::from(selector & !7);
    (offset + len - 1 <= limit).then(|| cpu.truncate_linear(base.wrapping_add(offset)))
}

/// The descriptor of `selector`; none if it lies outside its table. Errors: #PF.
pub(crate) fn find(cpu: &mut Vcpu, selector: u16) -> Result<Option<Descriptor>, Fault> {
    match entry_address(cpu, selector, 8) {
        Some(at) => Ok(Some(Descriptor(cpu.read_linear(at, Privilege::System)?))),
        None => Ok(None),
    }
}

/// The descriptor of `selector`. Errors: `vector`(selector) outside the table, #PF.
pub(crate) fn get(cpu: &mut Vcpu, selector: u16, vector: Vector) -> Result<Descriptor, Fault> {
    find(cpu, selector)?.ok_or(Fault::with_code(vector, selector & !3))
}

/// The second half of a sixteen-byte descriptor (long mode). Errors: `vector`(selector) outside the table or with
/// type bits set, #PF.
pub(crate) fn get_upper(cpu: &mut Vcpu, selector: u16, vector: Vector) -> Result<u64, Fault> {
    let fault = Fault::with_code(vector, selector & !3);
    let at = entry_address(cpu, selector, 16).ok_or(fault)?;
    let upper = cpu.read_linear::<u64>(at.wrapping_add(8), Privilege::System)?;
    if upper >> 40 & 0x1f != 0 {
        Err(fault)
    } else {
        Ok(upper)
    }
}

/// Sets the accessed bit of a code or data descriptor that does not have it yet. Errors: #PF.
pub(crate) fn mark_accessed(cpu: &mut Vcpu, selector: u16, descriptor: Descriptor) -> Exec {
    if descriptor.kind() & 1 != 0 {
        return Ok(());
    }
    change_type(cpu, selector, |byte| byte | 1)
}

/// Sets or clears the busy bit of a TSS descriptor. Errors: #PF.
pub(crate) fn set_busy(cpu: &mut Vcpu, selector: u16, busy: bool) -> Exec {
    change_type(cpu, selector, |byte| if busy { byte | 2 } else { byte & !2 })
}

fn change_type(cpu: &mut Vcpu, selector: u16, f: impl Fn(u8) -> u8) -> Exec {
    let Some(at) = entry_address(cpu, selector, 8) else {
        return Ok(());
    };
    cpu.rmw_linear::<u8, ()>(at.wrapping_add(5), Privilege::System, true, |byte| (f(byte), ()))
}
