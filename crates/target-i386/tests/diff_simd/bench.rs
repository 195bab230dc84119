//! Our side: one vCPU in 64-bit user mode whose page tables map exactly what the oracle's child has mapped.

use host_oracle::State;
use host_oracle::layout::{CODE_BASE, CODE_LEN, DATA_BASE, DATA_LEN};
use softmmu::lock::Solo;
use softmmu::{AddressSpace, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;
use target_i386::cpuid::{Model, Topology};
use target_i386::decode::{self, Context, Decoded};
use target_i386::state::{Float80, Fpu, Segment};
use target_i386::testbench::Board;
use target_i386::{CpuSignals, CpuState, Features, InstructionCount, Vcpu, VcpuParts};

/// Attributes of a present, readable user code segment: L, or D.
const CODE64: u32 = 0xa0_fb00;
const CODE32: u32 = 0xc0_fb00;

const RAM: u64 = 1 << 20;
/// Physical places: page tables, then code, then data.
const PML4: u64 = 0x1000;
const PDPT: u64 = 0x2000;
const PD: u64 = 0x3000;
const PT_CODE: u64 = 0x4000;
const PT_DATA: u64 = 0x5000;
const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;

pub struct Bench {
    cpu: Box<Vcpu>,
    ram: RamBlock,
    features: Features,
    bits: u32,
}

impl Bench {
    pub fn new() -> Self {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let root = MemoryRegion::container("memory", 1 << 40);
        let ram = RamBlock::new(&map, "ram", RAM).expect("host memory");
        let memory = AddressSpace::new(&map, "memory", root.clone());
        let io = AddressSpace::new(&map, "io", MemoryRegion::container("io", 1 << 16));
        map.transaction(|_| root.add_subregion(0, &MemoryRegion::ram(ram.clone()), 0));
        let features = Features::all();
        let count = Arc::new(InstructionCount::default());
        let cpu = Vcpu::new(VcpuParts {
            memory,
            io,
            signals: Arc::new(CpuSignals::new()),
            platform: Arc::new(Board::new(count.clone())),
            count,
            model: Arc::new(Model::with_features(features)),
            topology: Topology::default(),
        });
        let mut bench = Bench {
            cpu,
            ram,
            features,
            bits: 64,
        };
        bench.map_pages();
        bench.enter_user_mode();
        bench
    }

    fn map_pages(&self) {
        const PRESENT_WRITABLE_USER: u64 = 7;
        const READ_ONLY_USER: u64 = 5;
        let put =
            |table: u64, index: u64, value: u64| self.ram.store(table + 8 * index, value).expect("in RAM");
        put(PML4, 0, PDPT | PRESENT_WRITABLE_USER);
        put(PDPT, 0, PD | PRESENT_WRITABLE_USER);
        for (base, len, table, physical, access) in [
            (CODE_BASE, CODE_LEN, PT_CODE, CODE, READ_ONLY_USER),
            (DATA_BASE, DATA_LEN, PT_DATA, DATA, PRESENT_WRITABLE_USER),
        ] {
            put(PD, base >> 21 & 511, table | PRESENT_WRITABLE_USER);
            for page in 0..len as u64 / 4096 {
                put(
                    table,
                    (base >> 12 & 511) + page,
                    (physical + 4096 * page) | access,
                );
            }
        }
    }

    fn enter_user_mode(&mut self) {
        let state = &mut self.cpu.state;
        // PE MP NE WP AM PG; PAE OSFXSR OSXMMEXCPT OSXSAVE; LME LMA NXE.
        state.cr0 = 0x8005_0023;
        state.cr3 = PML4;
        state.cr4 = 0x4_0620;
        state.msr.efer = 0xd00;
        state.fpu.xcr0 = 7;
        let flat = Segment {
            selector: 0x2b,
            base: 0,
            limit: u32::MAX,
            attr: 0xc0_f300,
        };
        state.seg = [flat; 6];
        state.seg[1] = Segment {
            selector: 0x33,
            attr: CODE64,
            ..flat
        };
        state.cpl = 3;
        self.bits = 64;
        self.cpu.refresh_mode();
    }

    /// As [`Bench::run`], on a machine that `setup` has changed.
    pub fn run_after(
        &mut self,
        setup: fn(&mut CpuState),
        code: &[u8],
        state: &mut State,
        memory: &[u8],
    ) -> Option<(u8, u64)> {
        self.enter_user_mode();
        // `run` loads what `State` holds; what it holds of the x87 status and MXCSR, `setup` may change too.
        setup(&mut self.cpu.state);
        self.cpu.refresh_mode();
        let (status, mxcsr) = (self.cpu.state.fpu.status, self.cpu.state.fpu.mxcsr);
        state.x87.fsw = status;
        state.mxcsr = mxcsr;
        let result = self.run(code, state, memory, 64);
        self.cpu.state.fpu = Fpu::default();
        self.enter_user_mode();
        result
    }

    /// Executes one instruction in 32-bit or 64-bit code; the vector and page-fault address if it faults.
    pub fn run(&mut self, code: &[u8], state: &mut State, memory: &[u8], bits: u32) -> Option<(u8, u64)> {
        if bits != self.bits {
            self.bits = bits;
            self.cpu.state.seg[1].attr = if bits == 64 { CODE64 } else { CODE32 };
            self.cpu.refresh_mode();
        }
        self.ram.write(DATA, memory).expect("in RAM");
        self.load(state);
        let context = Context {
            bits,
            real_like: false,
            features: self.features,
        };
        let Decoded::Insn(insn) = decode::decode(code, context) else {
            panic!("incomplete: {code:02x?}");
        };
        self.cpu.state.rip = state.rip.wrapping_add(insn.len.into());
        let result = (insn.exec)(&mut self.cpu, &insn);
        if result.is_err() {
            self.cpu.state.rip = state.rip;
        }
        self.store(state);
        result.err().map(|fault| {
            let page_fault = fault.vector() == 14;
            (
                fault.vector(),
                if page_fault { self.cpu.state.fault_addr } else { 0 },
            )
        })
    }

    /// The data area.
    pub fn data(&self) -> Vec<u8> {
        let mut bytes = vec![0; DATA_LEN];
        self.ram.read(DATA, &mut bytes).expect("in RAM");
        bytes
    }

    fn load(&mut self, from: &State) {
        let cpu = &mut self.cpu.state;
        cpu.gpr[..16].copy_from_slice(&from.gpr);
        cpu.flags.set(from.rflags);
        let fpu = &mut cpu.fpu;
        fpu.control = from.x87.fcw;
        fpu.top = (from.x87.fsw >> 11 & 7) as u8;
        fpu.status = from.x87.fsw & !0x3800;
        fpu.empty = !from.x87.ftw;
        for (i, st) in from.x87.st.iter().enumerate() {
            let significand = u64::from_le_bytes(std::array::from_fn(|b| st[b]));
            let sign_exponent = u16::from_le_bytes([st[8], st[9]]);
            fpu.st[(usize::from(fpu.top) + i) % 8] = Float80 {
                significand,
                sign_exponent,
            };
        }
        fpu.ymm = from.ymm;
        fpu.mxcsr = from.mxcsr;
    }

    fn store(&self, to: &mut State) {
        let cpu = &self.cpu.state;
        to.gpr.copy_from_slice(&cpu.gpr[..16]);
        to.rip = cpu.rip;
        to.rflags = cpu.flags.get();
        let fpu = &cpu.fpu;
        to.x87.fsw = fpu.status | u16::from(fpu.top) << 11;
        to.x87.ftw = !fpu.empty;
        for (i, st) in to.x87.st.iter_mut().enumerate() {
            let register = &fpu.st[(usize::from(fpu.top) + i) % 8];
            st[..8].copy_from_slice(&register.significand.to_le_bytes());
            st[8..].copy_from_slice(&register.sign_exponent.to_le_bytes());
        }
        to.ymm = fpu.ymm;
        to.mxcsr = fpu.mxcsr;
    }
}
