//! The architectural user-mode state that goes into an instruction and comes out of it.

use crate::layout::{CODE_START, DATA_BASE, DATA_LEN};

/// x87 state in the shape FXSAVE gives it (SDM Vol. 1, 10.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X87 {
    /// Control word.
    pub fcw: u16,
    /// Status word; TOP is bits 11 to 13.
    pub fsw: u16,
    /// Abridged tag word: bit *n* is set when *physical* register *n* is not empty.
    pub ftw: u8,
    /// Last opcode. AMD CPUs keep it, `fip` and `fdp` only while an exception is pending.
    pub fop: u16,
    /// Last instruction's address.
    pub fip: u64,
    /// Last operand's address.
    pub fdp: u64,
    /// ST(0) to ST(7), 80 bits each, little endian; the MMX registers are the low 64 bits of the
    /// *physical* registers, which equal these when TOP is 0.
    pub st: [[u8; 10]; 8],
}

/// All user-mode registers of one test case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// RAX RCX RDX RBX RSP RBP RSI RDI R8 to R15 (encoding order).
    pub gpr: [u64; 16],
    /// Address of the instruction; afterwards, of the next one (or of the faulting one).
    pub rip: u64,
    /// Flags; the host forces IF and bit 1, and TF never shows.
    pub rflags: u64,
    /// FS base address.
    pub fs_base: u64,
    /// GS base address.
    pub gs_base: u64,
    /// x87 and MMX.
    pub x87: X87,
    /// SSE control and status.
    pub mxcsr: u32,
    /// YMM registers, least significant quadword first; XMM is the first two quadwords.
    pub ymm: [[u64; 4]; 16],
}

impl State {
    /// Zeroed registers at the usual code address, the stack at the end of the data area, flags
    /// clear, x87 and MXCSR as a new process finds them (all exceptions masked).
    #[must_use]
    pub fn new() -> Self {
        let mut gpr = [0; 16];
        gpr[4] = DATA_BASE + DATA_LEN as u64 - 256;
        State {
            gpr,
            rip: CODE_START,
            rflags: 0x202,
            fs_base: 0,
            gs_base: 0,
            x87: X87 {
                fcw: 0x37f,
                fsw: 0,
                ftw: 0,
                fop: 0,
                fip: 0,
                fdp: 0,
                st: [[0; 10]; 8],
            },
            mxcsr: 0x1f80,
            ymm: [[0; 4]; 16],
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
