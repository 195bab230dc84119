//! The registers gdb knows, where each lies in its packets, and how wide it is.
//!
//! The order is that of the target description, which is made from the same list ([`crate::description`]).

/// A register by gdb's order of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8..R15 (64-bit description), EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI
    /// (32-bit): index into [`Registers::gpr`].
    General(u8),
    /// RIP or EIP.
    Pc,
    /// RFLAGS.
    Flags,
    /// CS, SS, DS, ES, FS, GS.
    Segment(u8),
    /// ST(0)..ST(7).
    Stack(u8),
    /// fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop.
    Fpu(u8),
    /// XMM registers.
    Xmm(u8),
    /// MXCSR.
    Mxcsr,
    /// Base of FS.
    FsBase,
    /// Base of GS.
    GsBase,
    /// IA32_KERNEL_GS_BASE.
    KernelGsBase,
    /// CR0, CR2, CR3, CR4, CR8.
    Control(u8),
    /// IA32_EFER.
    Efer,
}

/// Values of all registers of one CPU, as wide as the CPU has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// Whether packets have the 64-bit form.
    pub wide: bool,
    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8..R15: in the order of their encoding.
    pub gpr: [u64; 16],
    /// RIP: an offset in CS, as the program sees it.
    pub pc: u64,
    /// RFLAGS.
    pub flags: u64,
    /// Selectors of CS, SS, DS, ES, FS, GS.
    pub segments: [u16; 6],
    /// ST(0)..ST(7): 80-bit values as in memory.
    pub stack: [[u8; 10]; 8],
    /// fctrl, fstat, ftag (two bits a register), fiseg, fioff, foseg, fooff, fop.
    pub fpu: [u32; 8],
    /// XMM registers, lowest byte first.
    pub xmm: [[u8; 16]; 16],
    /// MXCSR.
    pub mxcsr: u32,
    /// Base of FS.
    pub fs_base: u64,
    /// Base of GS.
    pub gs_base: u64,
    /// IA32_KERNEL_GS_BASE.
    pub kernel_gs_base: u64,
    /// CR0, CR2, CR3, CR4, CR8.
    pub control: [u64; 5],
    /// IA32_EFER.
    pub efer: u64,
}

/// General registers in gdb's 64-bit order.
const ORDER_64: [u8; 16] = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

const CONTROL: [&str; 5] = ["cr0", "cr2", "cr3", "cr4", "cr8"];
const SEGMENTS: [&str; 6] = ["cs", "ss", "ds", "es", "fs", "gs"];
const FPU: [&str; 8] = [
    "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop",
];
const GENERAL_64: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];
const GENERAL_32: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

impl Register {
    /// All registers of a description, in the order of packets.
    pub fn all(wide: bool) -> Vec<Self> {
        let count = if wide { 16 } else { 8 };
        let mut all: Vec<Self> = if wide {
            ORDER_64.map(Self::General).to_vec()
        } else {
            (0..8).map(Self::General).collect()
        };
        all.extend([Self::Pc, Self::Flags]);
        all.extend((0..6).map(Self::Segment));
        all.extend((0..8).map(Self::Stack));
        all.extend((0..8).map(Self::Fpu));
        all.extend((0..count).map(Self::Xmm));
        all.extend([Self::Mxcsr, Self::FsBase, Self::GsBase]);
        if wide {
            all.push(Self::KernelGsBase);
        }
        all.extend((0..5).map(Self::Control));
        all.push(Self::Efer);
        all
    }

    /// Its name in the description.
    pub fn name(self, wide: bool) -> String {
        match self {
            Self::General(n) if wide => GENERAL_64[usize::from(n) & 15].into(),
            Self::General(n) => GENERAL_32[usize::from(n) & 7].into(),
            Self::Pc => if wide { "rip" } else { "eip" }.into(),
            Self::Flags => "eflags".into(),
            Self::Segment(n) => SEGMENTS[usize::from(n) % 6].into(),
            Self::Stack(n) => format!("st{n}"),
            Self::Fpu(n) => FPU[usize::from(n) & 7].into(),
            Self::Xmm(n) => format!("xmm{n}"),
            Self::Mxcsr => "mxcsr".into(),
            Self::FsBase => "fs_base".into(),
            Self::GsBase => "gs_base".into(),
            Self::KernelGsBase => "k_gs_base".into(),
            Self::Control(n) => CONTROL[usize::from(n) % 5].into(),
            Self::Efer => "efer".into(),
        }
    }

    /// Bytes in a packet.
    pub fn size(self, wide: bool) -> usize {
        match self {
            Self::Flags | Self::Segment(_) | Self::Fpu(_) | Self::Mxcsr => 4,
            Self::Stack(_) => 10,
            Self::Xmm(_) => 16,
            Self::KernelGsBase | Self::Efer => 8,
            Self::General(_) | Self::Pc | Self::FsBase | Self::GsBase | Self::Control(_) => {
                if wide {
                    8
                } else {
                    4
                }
            }
        }
    }
}

/// A number from up to eight bytes, lowest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

impl Registers {
    /// The bytes of a register in a packet; `to` is as long as [`Register::size`] says.
    pub fn get(&self, register: Register, to: &mut [u8]) {
        let value = match register {
            Register::General(n) => self.gpr[usize::from(n) & 15],
            Register::Pc => self.pc,
            Register::Flags => self.flags,
            Register::Segment(n) => u64::from(self.segments[usize::from(n) % 6]),
            Register::Fpu(n) => u64::from(self.fpu[usize::from(n) & 7]),
            Register::Mxcsr => u64::from(self.mxcsr),
            Register::FsBase => self.fs_base,
            Register::GsBase => self.gs_base,
            Register::KernelGsBase => self.kernel_gs_base,
            Register::Control(n) => self.control[usize::from(n) % 5],
            Register::Efer => self.efer,
            Register::Stack(n) => return copy(&self.stack[usize::from(n) & 7], to),
            Register::Xmm(n) => return copy(&self.xmm[usize::from(n) & 15], to),
        };
        copy(&value.to_le_bytes(), to);
    }

    /// Sets a register from its bytes in a packet.
    pub fn set(&mut self, register: Register, from: &[u8]) {
        let value = number(&from[..from.len().min(8)]);
        match register {
            Register::General(n) => self.gpr[usize::from(n) & 15] = value,
            Register::Pc => self.pc = value,
            // The upper half is not in the packet, and zero.
            Register::Flags => self.flags = value,
            Register::Segment(n) => self.segments[usize::from(n) % 6] = value as u16,
            Register::Fpu(n) => self.fpu[usize::from(n) & 7] = value as u32,
            Register::Mxcsr => self.mxcsr = value as u32,
            Register::FsBase => self.fs_base = value,
            Register::GsBase => self.gs_base = value,
            Register::KernelGsBase => self.kernel_gs_base = value,
            Register::Control(n) => self.control[usize::from(n) % 5] = value,
            Register::Efer => self.efer = value,
            Register::Stack(n) => copy(from, &mut self.stack[usize::from(n) & 7]),
            Register::Xmm(n) => copy(from, &mut self.xmm[usize::from(n) & 15]),
        }
    }

    /// All of them, as `g` has them.
    pub fn to_packet(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        for register in Register::all(self.wide) {
            let at = packet.len();
            packet.resize(at + register.size(self.wide), 0);
            self.get(register, &mut packet[at..]);
        }
        packet
    }

    /// Takes what a `G` packet has; its length says which description it follows. None if it follows none.
    pub fn from_packet(packet: &[u8]) -> Option<Self> {
        let length = |wide| -> usize { Register::all(wide).iter().map(|r| r.size(wide)).sum() };
        let wide = [true, false]
            .into_iter()
            .find(|&wide| length(wide) == packet.len())?;
        let mut registers = Self {
            wide,
            ..Self::default()
        };
        let mut rest = packet;
        for register in Register::all(wide) {
            let (own, behind) = rest.split_at(register.size(wide));
            registers.set(register, own);
            rest = behind;
        }
        Some(registers)
    }
}

fn copy(from: &[u8], to: &mut [u8]) {
    let len = from.len().min(to.len());
    to[..len].copy_from_slice(&from[..len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_round_trip() {
        for wide in [false, true] {
            let mut registers = Registers {
                wide,
                ..Registers::default()
            };
            for (n, register) in Register::all(wide).into_iter().enumerate() {
                let bytes: Vec<u8> = (0..register.size(wide)).map(|i| (n * 7 + i) as u8).collect();
                // Selectors have 16 bits.
                let bytes = match register {
                    Register::Segment(_) => vec![bytes[0], bytes[1], 0, 0],
                    _ => bytes,
                };
                registers.set(register, &bytes);
                let mut back = vec![0; bytes.len()];
                registers.get(register, &mut back);
                assert_eq!(back, bytes, "{}", register.name(wide));
            }
            assert_eq!(Registers::from_packet(&registers.to_packet()), Some(registers));
        }
        assert_eq!(Registers::from_packet(&[0; 17]), None);
    }

    #[test]
    fn gdb_wants_rbx_second() {
        let registers = Registers {
            wide: true,
            gpr: std::array::from_fn(|n| n as u64),
            ..Registers::default()
        };
        assert_eq!(registers.to_packet()[8], 3);
    }
}
