//! Decoding: guest bytes to [`Insn`](crate::Insn), by iced-x86 and our handler tables.
