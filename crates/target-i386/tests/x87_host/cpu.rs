//! A vCPU in 64-bit mode with the oracle's data area as its only memory, and one-instruction runs on it.

use host_oracle::layout::{DATA_BASE, DATA_LEN};
use host_oracle::{State, X87};
use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock, lock::Solo};
use std::sync::Arc;
use target_i386::insn::{InsnFlags, MemOperand, NO_REG, seg};
use target_i386::state::{Float80, Segment};
use target_i386::{CpuSignals, Exec, Features, Insn, InstructionCount, Platform, Vcpu, VcpuParts};

/// A board that has nothing to say.
struct Board;

impl Platform for Board {
    fn virtual_ns(&self) -> i64 {
        0
    }
    fn acknowledge_interrupt(&self) -> Option<u8> {
        None
    }
    fn apic_base(&self) -> u64 {
        0
    }
    fn set_apic_base(&self, _: u64) -> bool {
        false
    }
    fn task_priority(&self) -> u8 {
        0
    }
    fn set_task_priority(&self, _: u8) {}
    fn apic_msr(&self, _: u32) -> Option<u64> {
        None
    }
    fn set_apic_msr(&self, _: u32, _: u64) -> bool {
        false
    }
    fn set_tsc_deadline(&self, _: u64, _: i64) {}
    fn set_ferr(&self, _: bool) {}
}

pub struct Guest {
    pub cpu: Vcpu,
    memory: Arc<AddressSpace>,
}

impl Guest {
    pub fn new() -> Guest {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let root = MemoryRegion::container("system", 1 << 32);
        let ram = RamBlock::new(&map, "ram", DATA_LEN as u64).expect("RAM");
        root.add_subregion(DATA_BASE, &MemoryRegion::ram(ram), 0);
        let memory = AddressSpace::new(&map, "memory", root);
        let io = AddressSpace::new(&map, "io", MemoryRegion::container("io", 1 << 16));
        let mut cpu = Vcpu::new(VcpuParts {
            memory: memory.clone(),
            io,
            signals: Arc::new(CpuSignals::new()),
            platform: Arc::new(Board),
            count: Arc::new(InstructionCount::default()),
            features: Features::all(),
        });
        let state = &mut cpu.state;
        state.cr0 = 0x8000_0023;
        state.cr4 = 0x620;
        state.msr.efer = 0x500;
        state.seg[usize::from(seg::CS)].attr |= Segment::L;
        state.seg[usize::from(seg::CS)].selector = 0x33;
        cpu.refresh_mode();
        Guest { cpu, memory }
    }

    pub fn load(&mut self, state: &State, data: &[u8]) {
        let cpu = &mut self.cpu.state;
        cpu.gpr[..16].copy_from_slice(&state.gpr);
        cpu.rip = state.rip;
        cpu.flags.set(state.rflags);
        let (fpu, x87) = (&mut cpu.fpu, &state.x87);
        fpu.control = x87.fcw;
        fpu.status = x87.fsw & !0x3800;
        fpu.top = (x87.fsw >> 11 & 7) as u8;
        fpu.empty = !x87.ftw;
        (fpu.opcode, fpu.ip, fpu.dp) = (x87.fop, x87.fip, x87.fdp);
        (fpu.cs, fpu.ds) = (0, 0);
        for i in 0..8 {
            let bytes = x87.st[i];
            fpu.st[(usize::from(fpu.top) + i) & 7] = Float80 {
                significand: u64::from_le_bytes(bytes[..8].try_into().unwrap()),
                sign_exponent: u16::from_le_bytes(bytes[8..].try_into().unwrap()),
            };
        }
        fpu.mxcsr = state.mxcsr;
        fpu.ymm = state.ymm;
        self.memory.write(GuestPhys(DATA_BASE), data).expect("data area");
    }

    pub fn run(&mut self, code: &[u8]) -> Exec {
        let insn = decode(code);
        let start = self.cpu.state.rip;
        self.cpu.state.rip = start.wrapping_add(insn.len.into());
        let result = (insn.exec)(&mut self.cpu, &insn);
        if result.is_err() {
            self.cpu.state.rip = start;
        }
        result
    }

    pub fn store(&self, state: &mut State, data: &mut [u8]) {
        let cpu = &self.cpu.state;
        state.gpr.copy_from_slice(&cpu.gpr[..16]);
        state.rip = cpu.rip;
        state.rflags = cpu.flags.get();
        let fpu = &cpu.fpu;
        let mut st = [[0; 10]; 8];
        for (i, bytes) in st.iter_mut().enumerate() {
            let value = fpu.st[(usize::from(fpu.top) + i) & 7];
            bytes[..8].copy_from_slice(&value.significand.to_le_bytes());
            bytes[8..].copy_from_slice(&value.sign_exponent.to_le_bytes());
        }
        state.x87 = X87 {
            fcw: fpu.control,
            fsw: fpu.status_word(),
            ftw: !fpu.empty,
            fop: fpu.opcode,
            fip: fpu.ip,
            fdp: fpu.dp,
            st,
        };
        state.mxcsr = fpu.mxcsr;
        state.ymm = fpu.ymm;
        self.memory.read(GuestPhys(DATA_BASE), data).expect("data area");
    }
}

fn number(register: Register) -> u8 {
    if register == Register::None {
        NO_REG
    } else {
        register.number() as u8
    }
}

/// As the decoder would have it, for instructions with at most [base] as memory operand.
pub fn decode(code: &[u8]) -> Insn {
    let instruction: Instruction = Decoder::new(64, code, DecoderOptions::NONE).decode();
    let exec = target_i386::x87::lookup(&instruction)
        .unwrap_or_else(|| panic!("no handler for {code:02x?} {:?}", instruction.code()));
    let opcode = code.iter().position(|byte| byte & 0xf8 == 0xd8).unwrap_or(0);
    let memory = instruction.memory_base() != Register::None;
    let reg = core::array::from_fn(|i| {
        let is_register =
            (i as u32) < instruction.op_count() && instruction.op_kind(i as u32) == OpKind::Register;
        if is_register {
            number(instruction.op_register(i as u32))
        } else {
            0
        }
    });
    Insn {
        exec,
        imm: u64::from(code[opcode] & 7) << 8 | u64::from(code.get(opcode + 1).copied().unwrap_or(0)),
        mem: MemOperand {
            disp: instruction.memory_displacement64() as i32,
            base: number(instruction.memory_base()),
            index: NO_REG,
            shift: 0,
            seg: seg::DS,
            asize: 8,
            trunc: 0,
        },
        code: instruction.code(),
        flags: if memory {
            InsnFlags::MEM | InsnFlags::LONG
        } else {
            InsnFlags::LONG
        },
        reg,
        len: instruction.len() as u8,
        osize: 0,
    }
}
