//! System-mode behaviour: exceptions with vector, code and frame, segmentation, paging, tasks, fast calls, debugging.
//!
//! Each case is code, state and what the SDM says comes out; [`machine::Machine`] runs it and tells how it ended.

mod debugging;
mod events;
mod fast_calls;
mod garbage;
mod identification;
mod legacy;
mod machine;
mod memory;
mod ports;
mod registers;
mod segments;
mod state_components;
mod tasks;
