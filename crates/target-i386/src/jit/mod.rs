//! The baseline translator: one pass from guest bytes to x86-64 host code.
//!
//! ```text
//! guest bytes -> block (decode, plan: who needs which flags where) -> rows (one template per instruction) -> code
//! ```
//!
//! Guest registers live in same-named host registers ([`regs`]); most rows emit the guest's own opcode with its
//! registers renamed and its memory operand replaced by the host address that a TLB probe found ([`memory`]). A row
//! that does not exist calls the interpreter's handler for that one instruction, so every instruction runs from the
//! first day. Whatever is out of the ordinary (a fault, a device, write tracking, an unaligned access across pages)
//! leaves generated code *before* the instruction, with exact state, and the interpreter executes it.
//!
//! Code is position independent: the guest address of a block is known only as an offset in its page, so one
//! translation serves every mapping of a physical page. `accel-tcg` places, links and evicts it.
//! Mirrors the role of QEMU's `target/i386/tcg/translate.c` and `tcg/i386`.

mod asm;
mod block;
mod bmi;
mod calls;
mod control;
mod encoding;
pub(crate) mod env;
mod flags;
mod host;
mod integer;
mod memory;
pub mod names;
mod owed;
mod plan;
mod regs;
mod remake;
mod rows;
mod runtime;
mod stack;
mod system;
mod thunks;
mod vector;
mod vector_rows;
mod vector_state;
mod x87;

pub use block::{Link, Settles, Translation, Translator};
pub use env::{Env, Finder, Jump, Key};
pub use host::Host;
pub use owed::{Owed, Taker};
pub use runtime::{Exit, ExitKind, Helper};
pub(crate) use runtime::{slow, vcpu};
pub use thunks::{Thunk, Thunks};
