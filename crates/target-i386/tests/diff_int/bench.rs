//! Our side: one user-mode vCPU whose page tables map exactly what the oracle's child has mapped.

use host_oracle::layout::{CODE_BASE, CODE_LEN, DATA_BASE, DATA_LEN};
use host_oracle::{Mode, State};
use softmmu::RamBlock;
use target_i386::state::Segment;
use target_i386::testbench::{self, TestBench};
use target_i386::{Features, Vcpu};

/// Physical places: page tables, then code, then data.
const PML4: u64 = 0x1_0000;
const PDPT: u64 = 0x1_1000;
const PD: u64 = 0x1_2000;
const PT_CODE: u64 = 0x1_3000;
const PT_DATA: u64 = 0x1_4000;
const CODE: u64 = 0x2_0000;
const DATA: u64 = 0x3_0000;

pub struct Bench {
    bench: TestBench,
}

impl Bench {
    pub fn new(features: Features) -> Self {
        let mut bench = TestBench::with_features(testbench::Mode::LongUser, features);
        const READ_WRITE: u64 = 0x67;
        const READ_ONLY: u64 = 0x65;
        let put = |bench: &mut TestBench, table: u64, index: u64, value: u64| {
            bench.put(table + 8 * index, &value.to_le_bytes());
        };
        put(&mut bench, PML4, 0, PDPT | READ_WRITE);
        put(&mut bench, PDPT, 0, PD | READ_WRITE);
        for (base, len, table, physical, access) in [
            (CODE_BASE, CODE_LEN, PT_CODE, CODE, READ_ONLY),
            (DATA_BASE, DATA_LEN, PT_DATA, DATA, READ_WRITE),
        ] {
            put(&mut bench, PD, base >> 21 & 511, table | READ_WRITE);
            for page in 0..len as u64 / 4096 {
                put(
                    &mut bench,
                    table,
                    (base >> 12 & 511) + page,
                    (physical + 4096 * page) | access,
                );
            }
        }
        bench.put(CODE, &[0xcc; CODE_LEN]);
        let state = &mut bench.cpu.state;
        // Alignment checks as Linux has them: CR0.AM.
        state.cr0 |= 1 << 18;
        state.cr3 = PML4;
        Self { bench }
    }

    pub fn enter(&mut self, mode: Mode) {
        let flat = Segment {
            selector: 0x2b,
            base: 0,
            limit: u32::MAX,
            attr: 0xc0_f300,
        };
        let code = match mode {
            Mode::Long => Segment {
                selector: 0x33,
                attr: 0xa0_fb00,
                ..flat
            },
            Mode::Compat => Segment {
                selector: 0x23,
                attr: 0xc0_fb00,
                ..flat
            },
        };
        let cpu = &mut self.bench.cpu;
        cpu.state.seg = [flat, code, flat, flat, flat, flat];
        for index in [4, 5] {
            // Null, as Linux leaves them; in 64-bit mode that is base 0.
            cpu.state.seg[index] = Segment::default();
        }
        cpu.state.cpl = 3;
        cpu.tlb.flush_all();
        cpu.refresh_mode();
    }

    fn cpu(&mut self) -> &mut Vcpu {
        &mut self.bench.cpu
    }

    /// Executes one instruction; the vector and page-fault address if it faults.
    pub fn run(&mut self, code: &[u8], state: &mut State) -> Option<(u8, u64)> {
        // As the oracle does: the rest of the area is INT3, and instructions may read it.
        let mut padded = [0xcc; 16];
        padded[..code.len()].copy_from_slice(code);
        self.bench.put(CODE + (state.rip - CODE_BASE), &padded);
        let cpu = self.cpu();
        cpu.state.gpr[..16].copy_from_slice(&state.gpr);
        cpu.state.flags.set(state.rflags);
        cpu.state.rip = state.rip;
        cpu.refresh_mode();
        let result = cpu.step_raw();
        state.gpr.copy_from_slice(&cpu.state.gpr[..16]);
        state.rip = cpu.state.rip;
        state.rflags = cpu.state.flags.get();
        result.err().map(|fault| {
            (
                fault.vector(),
                if fault.vector() == 14 {
                    cpu.state.fault_addr
                } else {
                    0
                },
            )
        })
    }

    /// The data area.
    pub fn data(&self, to: &mut [u8]) {
        self.ram().read(DATA, to).expect("in RAM");
    }

    /// Writes part of the data area.
    pub fn put_data(&mut self, offset: usize, bytes: &[u8]) {
        self.bench.put(DATA + offset as u64, bytes);
    }

    fn ram(&self) -> &RamBlock {
        &self.bench.ram
    }
}
