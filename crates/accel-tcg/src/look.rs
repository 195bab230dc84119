//! What somebody wants to see of the engine at work. All of it is decided before the engine starts: where nothing is
//! wanted, the run loop tests a flag of its own and no more.

use crate::dfilter::AddressFilter;
use crate::perf::{JitDump, PerfMap};
use std::sync::Arc;

/// What the engine shows. Lines go out as `tracing` events whose targets have the names of `-d`'s items.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Guest code of each block as it is translated.
    pub in_asm: bool,
    /// Host code of each block.
    pub out_asm: bool,
    /// Intermediate code of each region that is compiled.
    pub clif: bool,
    /// Each execution of a block. Nothing is linked then: every block is entered by the run loop.
    pub exec: bool,
    /// Registers before each execution of a block. Nothing is linked then.
    pub cpu: bool,
    /// Link no blocks.
    pub nochain: bool,
    /// Measure where time goes, for the report.
    pub stats: bool,
    /// One guest instruction a block (`one-insn-per-tb=on`).
    pub one_insn: bool,
    /// Restricts `in_asm`, `out_asm`, `clif`, `exec` and `cpu` to blocks and regions that begin there (linear
    /// addresses).
    pub filter: AddressFilter,
    /// Names each block for `perf report`.
    pub perf_map: Option<Arc<PerfMap>>,
    /// Hands each block's code to `perf inject`.
    pub jit_dump: Option<Arc<JitDump>>,
}

impl Look {
    /// Whether each execution of a block is shown.
    pub(crate) fn at_executions(&self) -> bool {
        self.exec || self.cpu
    }

    /// Whether blocks may be linked, and looked up by generated code itself.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn may_chain(&self) -> bool {
        !self.exec && !self.cpu && !self.nochain
    }

    /// Whether anybody wants to know of each region.
    pub(crate) fn at_regions(&self) -> bool {
        self.clif || self.at_translations()
    }

    /// Whether anybody wants to know of each translation.
    pub(crate) fn at_translations(&self) -> bool {
        self.in_asm || self.out_asm || self.perf_map.is_some() || self.jit_dump.is_some()
    }
}
