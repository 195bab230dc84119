//! MMX, SSE, AVX instructions.

use crate::Handler;
use iced_x86::Instruction;

/// The handler of `instruction`, if it belongs here.
pub fn lookup(_instruction: &Instruction) -> Option<Handler> {
    None
}
