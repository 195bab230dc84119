//! Lines for each execution of a block: `-d exec` and `-d cpu`.

use crate::Look;
use target_i386::{Vcpu, registers};

/// What runs a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    /// Its translation, of this number.
    #[cfg(target_arch = "x86_64")]
    Block(u32),
    /// The interpreter.
    Interpreter,
}

/// The CPU is about to execute the block at its RIP.
#[cold]
#[inline(never)]
pub(crate) fn execution(look: &Look, cpu: &Vcpu, runner: Runner) {
    let pc = cpu.code_address();
    if !look.filter.contains(pc) {
        return;
    }
    if look.exec {
        let count = cpu.icount;
        match runner {
            #[cfg(target_arch = "x86_64")]
            Runner::Block(id) => tracing::trace!(target: "exec", "{pc:#018x} block {id} after {count}"),
            Runner::Interpreter => tracing::trace!(target: "exec", "{pc:#018x} interpreter after {count}"),
        }
    }
    if look.cpu {
        for line in registers::describe_integer(&cpu.state, cpu.icount).lines() {
            tracing::trace!(target: "cpu", "{line}");
        }
    }
}
