//! Architectural state of one CPU: plain data, cloned for snapshots, hashed for digests, no pointers.

mod fpu;
mod segment;
mod system;

pub use fpu::{Float80, Fpu};
pub use segment::{DescriptorTable, Segment};
pub use system::{DebugRegs, Msrs};

use crate::flags::Flags;
use serde::{Deserialize, Serialize};

/// Index of the always-zero entry of the register file: the "register" of an absent base or index.
pub const ZERO_REG: usize = 16;

/// Entries of the register file: a power of two, so that a masked register number needs no bounds check.
pub const GPR_FILE: usize = 32;

/// General register numbers.
pub mod gpr {
    /// RAX.
    pub const RAX: usize = 0;
    /// RCX.
    pub const RCX: usize = 1;
    /// RDX.
    pub const RDX: usize = 2;
    /// RBX.
    pub const RBX: usize = 3;
    /// RSP.
    pub const RSP: usize = 4;
    /// RBP.
    pub const RBP: usize = 5;
    /// RSI.
    pub const RSI: usize = 6;
    /// RDI.
    pub const RDI: usize = 7;
}

/// What the CPU is doing when it does not execute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// Executing instructions.
    #[default]
    Running,
    /// In HLT: waits for an interrupt.
    Halted,
    /// After INIT on an application processor: waits for a start-up IPI.
    WaitForSipi,
    /// Triple fault: waits for the board's reset.
    Shutdown,
}

/// Everything the architecture gives one logical processor, but its local APIC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CpuState {
    /// RAX..R15 in encoding order; entry [`ZERO_REG`] and those above are always zero.
    pub gpr: [u64; GPR_FILE],
    /// Instruction pointer, an offset in CS. While a handler runs: of the next instruction.
    pub rip: u64,
    /// RFLAGS, status flags kept lazily.
    pub flags: Flags,
    /// ES, CS, SS, DS, FS, GS with their hidden parts.
    pub seg: [Segment; 6],
    /// LDTR.
    pub ldtr: Segment,
    /// TR.
    pub tr: Segment,
    /// GDTR.
    pub gdtr: DescriptorTable,
    /// IDTR.
    pub idtr: DescriptorTable,
    /// Current privilege level, 0..=3.
    pub cpl: u8,
    /// CR0.
    pub cr0: u64,
    /// CR2.
    pub cr2: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// PAE page-directory pointers as loaded with CR3 (SDM vol. 3A, 5.4.1).
    pub pdpte: [u64; 4],
    /// DR0..DR3, DR6, DR7.
    pub dr: DebugRegs,
    /// Model-specific registers that are plain storage or CPU state.
    pub msr: Msrs,
    /// x87, MMX, SSE, AVX and XSAVE control.
    pub fpu: Fpu,
    /// Running, halted, …
    pub activity: Activity,
    /// Interrupts (and, for MOV SS, debug traps too) are held off until one more instruction is complete.
    pub shadow: Shadow,
    /// NMIs are held off until IRET.
    pub nmi_blocked: bool,
    /// State of the generator behind RDRAND and RDSEED; part of the machine, so that runs repeat.
    pub entropy: u64,
    /// Linear address of the page fault being raised; becomes CR2 on delivery.
    pub fault_addr: u64,
}

/// Interrupt shadow (SDM vol. 3A, 7.8.3 and STI in vol. 2B).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shadow {
    /// None.
    #[default]
    None,
    /// After STI: maskable interrupts wait one instruction.
    Sti,
    /// After MOV SS or POP SS: interrupts, NMI and debug traps wait one instruction.
    MovSs,
}

impl Default for CpuState {
    /// The state after power-on reset (SDM vol. 3A, table 10-1); EDX, which holds the CPU's signature, is 0.
    fn default() -> Self {
        let data = Segment {
            selector: 0,
            base: 0,
            limit: 0xffff,
            attr: Segment::P | Segment::S | Segment::RW | Segment::ACCESSED,
        };
        let code = Segment {
            selector: 0xf000,
            base: 0xffff_0000,
            attr: data.attr | Segment::CODE,
            ..data
        };
        let table = DescriptorTable {
            base: 0,
            limit: 0xffff,
        };
        Self {
            gpr: [0; GPR_FILE],
            rip: 0xfff0,
            flags: Flags::default(),
            seg: [data, code, data, data, data, data],
            ldtr: Segment {
                selector: 0,
                base: 0,
                limit: 0xffff,
                attr: Segment::P | 2 << 8,
            },
            tr: Segment {
                selector: 0,
                base: 0,
                limit: 0xffff,
                attr: Segment::P | 11 << 8,
            },
            gdtr: table,
            idtr: table,
            cpl: 0,
            cr0: 0x6000_0010,
            cr2: 0,
            cr3: 0,
            cr4: 0,
            pdpte: [0; 4],
            dr: DebugRegs {
                addr: [0; 4],
                dr6: 0xffff_0ff0,
                dr7: 0x400,
            },
            msr: Msrs {
                pat: 0x0007_0406_0007_0406,
                misc_enable: 1,
                ..Msrs::default()
            },
            fpu: Fpu::default(),
            activity: Activity::Running,
            shadow: Shadow::None,
            nmi_blocked: false,
            fault_addr: 0,
            entropy: 0x9e37_79b9_7f4a_7c15,
        }
    }
}
