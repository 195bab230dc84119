//! A vCPU in 64-bit mode with the oracle's data area as its only memory, and one-instruction runs on it.

use host_oracle::layout::{DATA_BASE, DATA_LEN};
use host_oracle::{State, X87};
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock, lock::Solo};
use std::sync::Arc;
use target_i386::cpuid::{Model, Topology};
use target_i386::decode::{self, Context, Decoded};
use target_i386::insn::seg;
use target_i386::state::{Float80, Segment};
use target_i386::testbench::Board;
use target_i386::{CpuSignals, Exec, Features, InstructionCount, Vcpu, VcpuParts};

pub struct Guest {
    pub cpu: Box<Vcpu>,
    pub memory: Arc<AddressSpace>,
    pub board: Arc<Board>,
}

impl Guest {
    pub fn new() -> Guest {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let root = MemoryRegion::container("system", 1 << 32);
        let ram = RamBlock::new(&map, "ram", DATA_LEN as u64).expect("RAM");
        root.add_subregion(DATA_BASE, &MemoryRegion::ram(ram), 0);
        let memory = AddressSpace::new(&map, "memory", root);
        let io = AddressSpace::new(&map, "io", MemoryRegion::container("io", 1 << 16));
        let count = Arc::new(InstructionCount::default());
        let board = Arc::new(Board::new(count.clone()));
        let mut cpu = Vcpu::new(VcpuParts {
            memory: memory.clone(),
            io,
            signals: Arc::new(CpuSignals::new()),
            platform: board.clone(),
            count,
            model: Arc::new(Model::with_features(Features::all())),
            topology: Topology::default(),
        });
        let state = &mut cpu.state;
        // IA-32e mode without paging, which no processor has, saves the page tables.
        state.cr0 = 0x23;
        state.cr4 = 0x620;
        state.msr.efer = 0x500;
        state.seg[usize::from(seg::CS)].attr |= Segment::L;
        state.seg[usize::from(seg::CS)].selector = 0x33;
        cpu.refresh_mode();
        Guest { cpu, memory, board }
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
        let context = Context {
            bits: self.cpu.mode.code,
            real_like: !self.cpu.mode.protected,
            features: self.cpu.features,
        };
        let Decoded::Insn(insn) = decode::decode(code, context) else {
            panic!("incomplete: {code:02x?}");
        };
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
