//! The optimizing translator's front: hot loops of guest code as Cranelift functions.
//!
//! ```text
//! copied bytes of a page -> Region (blocks of one loop) -> lower (rows, flags, memory) -> CLIF -> accel-tcg compiles
//! ```
//!
//! A region is one loop of one page with a single entry: the blocks that are reached from its entry by direct jumps in
//! the page and lead back to it. Guest registers are SSA values, read from `CpuState` at the entry and written back
//! where the region is left. Whatever a region does not know (an instruction without a row, a fault, a device, a write
//! to code) leaves *before* that instruction with exact state. Lowering reads the copied bytes alone, so it runs on
//! any thread.
//!
//! The function is `extern "C" fn(env: *mut Env) -> u64`; [`RegionExit`] explains what it returns. Code is
//! position independent in the same way as the baseline's: addresses are offsets from `Env::rip_base`.

mod exit;
mod flags;
mod integer;
mod lower;
mod memory;
mod pages;
mod plan;
mod region;
mod rows;

pub use crate::jit::names::place;
pub(crate) use exit::PAGES;
pub use exit::{RegionExit, RegionExitKind, slow};
pub use lower::{Lowering, signature, slow_signature};
pub use region::{MAX_INSNS, Region};
