//! A decoded instruction: operands resolved as far as they can be before execution, and the handler to call.
//!
//! Made by `decode`, kept in blocks, handed to the handler by reference. Independent of the address it was
//! decoded at: branches and RIP-relative operands hold displacements from the next instruction.

use crate::{Exec, Vcpu};
use bitflags::bitflags;
use iced_x86::Code;

/// Executes one instruction. On entry `cpu.state.rip` is the address of the *next* instruction; on `Err` the run
/// loop puts it back, and every other visible state must be as before the instruction (but for what the SDM
/// lets a faulting instruction change, such as RCX/RSI/RDI of completed REP iterations).
pub type Handler = fn(&mut Vcpu, &Insn) -> Exec;

/// `base`/`index` value for "none": entry [`crate::state::ZERO_REG`] of the register file, always zero.
pub const NO_REG: u8 = crate::state::ZERO_REG as u8;
/// `base` value for RIP-relative operands.
pub const RIP_BASE: u8 = 17;

/// Segment register numbers, in encoding order.
pub mod seg {
    /// ES.
    pub const ES: u8 = 0;
    /// CS.
    pub const CS: u8 = 1;
    /// SS.
    pub const SS: u8 = 2;
    /// DS.
    pub const DS: u8 = 3;
    /// FS.
    pub const FS: u8 = 4;
    /// GS.
    pub const GS: u8 = 5;
}

/// A memory operand: segment, and offset = base + (index << shift) + disp, truncated to the address size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemOperand {
    /// Displacement, sign-extended. (A 64-bit moffs address is in [`Insn::imm`] instead, with no base.)
    pub disp: i32,
    /// Register number, [`NO_REG`] or [`RIP_BASE`].
    pub base: u8,
    /// Register number or [`NO_REG`]. For VSIB the vector register.
    pub index: u8,
    /// log2 of the scale.
    pub shift: u8,
    /// Effective segment, see [`seg`].
    pub seg: u8,
    /// Address size in bytes: 2, 4 or 8.
    pub asize: u8,
    /// 64 minus the address size in bits: how far to shift ones down for the truncation mask.
    pub trunc: u8,
}

bitflags! {
    /// Facts about an instruction that handlers or the block builder ask for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InsnFlags: u16 {
        /// F3 prefix on an instruction that repeats.
        const REP = 1 << 0;
        /// F2 prefix on an instruction that repeats.
        const REPNE = 1 << 1;
        /// LOCK prefix.
        const LOCK = 1 << 2;
        /// One operand is memory ([`Insn::mem`] is meaningful).
        const MEM = 1 << 3;
        /// May change RIP, mode, mapping or interrupt acceptance: last in its block.
        const ENDS_BLOCK = 1 << 4;
        /// Encoded with VEX.
        const VEX = 1 << 5;
        /// VEX.L or 256-bit operands.
        const VEX_L = 1 << 6;
        /// REX.W or VEX.W.
        const W = 1 << 7;
        /// Decoded in 64-bit mode.
        const LONG = 1 << 8;
        /// Ends its block and may have changed what the run loop looks at between blocks (activity, shadow, TF,
        /// RF, IF, breakpoints).
        const RECHECK = 1 << 10;
        /// Decoded in 32-bit code (neither this nor LONG: 16-bit).
        const CODE32 = 1 << 9;
    }
}

/// One decoded instruction.
#[derive(Clone, Copy)]
pub struct Insn {
    /// What executes it.
    pub exec: Handler,
    /// Immediate, extended as the instruction says; a near branch's displacement; a far pointer
    /// (selector << 32 | offset); ENTER's size | nesting << 16; a 64-bit moffs address.
    pub imm: u64,
    /// The memory operand, if [`InsnFlags::MEM`].
    pub mem: MemOperand,
    /// iced's code: names mnemonic and operand forms.
    pub code: Code,
    /// See [`InsnFlags`].
    pub flags: InsnFlags,
    /// Register operands by operand position, in iced's operand order. General registers 0..=15 whatever their
    /// size; AH, CH, DH, BH are 16 + 0..=3 as byte operands (see [`HIGH_BYTE`]); ST(i), MM, XMM/YMM, CR, DR and
    /// segment registers by their number. 0 where the operand is no register.
    pub reg: [u8; 4],
    /// Length in bytes, 1..=15.
    pub len: u8,
    /// Operand size in bytes for integer instructions: 1, 2, 4 or 8.
    pub osize: u8,
}

/// Byte-register operands from here on are the second byte of register `n - HIGH_BYTE`.
pub const HIGH_BYTE: u8 = 16;

impl Insn {
    /// Whether the memory operand is present.
    #[inline]
    pub fn has_mem(&self) -> bool {
        self.flags.contains(InsnFlags::MEM)
    }
}
