//! Far control transfers: JMP, CALL, RET across segments, through call gates, and to inner and outer rings.
//!
//! Each transfer checks everything, pushes on a [`stack::Stack`] that is not yet the CPU's, and only then changes
//! registers, so that a fault leaves the instruction restartable. SDM vol. 3A, 6.8; vol. 2A, CALL and JMP; vol. 2B, RET.

pub(crate) mod call;
pub(crate) mod code;
pub(crate) mod jump;
pub(crate) mod ret;
pub(crate) mod stack;
