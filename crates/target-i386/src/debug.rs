//! Debug exceptions: hooks of the run loop and the memory path.
//! SDM vol. 3B, 19.2 and 19.3.

use crate::{Exec, Vcpu};
use softmmu::Access;

/// Called before the instruction at the current RIP when RF is clear and a breakpoint is armed.
///
/// # Errors
/// #DB, as a fault, for an instruction breakpoint; DR6 is set.
pub fn before_instruction(_cpu: &mut Vcpu) -> Exec {
    Ok(())
}

/// Called after an instruction that started with TF set or hit data breakpoints ([`Vcpu::debug_hits`]).
///
/// # Errors
/// #DB, as a trap; DR6 is set.
pub fn after_instruction(_cpu: &mut Vcpu, _trap_flag: bool) -> Exec {
    Ok(())
}

/// Notes in [`Vcpu::debug_hits`] which data breakpoints an access hits.
pub fn watch(_cpu: &mut Vcpu, _addr: u64, _len: u64, _access: Access) {}
