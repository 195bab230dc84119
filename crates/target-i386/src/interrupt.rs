//! Delivery of interrupts and exceptions.
//! SDM vol. 3A, chapter 7.

use crate::{Fault, Vcpu};

/// Called at an instruction boundary while requests are pending and no shadow is in force: delivers at most one
/// of INIT, SIPI, NMI, INTR, if acceptable now; wakes a halted CPU that gets one.
pub fn service(_cpu: &mut Vcpu) {}

/// Delivers an exception; RIP is that of the faulting instruction (or, for a trap, of the next).
pub fn raise(_cpu: &mut Vcpu, _fault: Fault) {}
