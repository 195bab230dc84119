//! A CPU with flat RAM, ready to run bytes in any mode: for tests, examples and benches of every instruction group.
//!
//! Memory is RAM from 0, identity mapped. A GDT lies at [`GDT`]; long mode has 2 MiB pages, user accessible,
//! with tables at [`PAGE_TABLES`]. Code is loaded at [`CODE`], the stack grows down from [`STACK`], and nothing else
//! is below [`DATA`]. There is no IDT: an exception ends as whatever the interrupt code makes of that.
//!
//! ```
//! use target_i386::testbench::{Mode, TestBench};
//! let mut bench = TestBench::new(Mode::Long);
//! bench.cpu.state.gpr[0] = 40;
//! bench.code(&[0x48, 0x83, 0xc0, 0x02]); // add rax, 2
//! bench.run(1);
//! assert_eq!(bench.cpu.state.gpr[0], 42);
//! ```

use crate::cpuid::{Model, Topology};
use crate::insn::seg;
use crate::mode::cr;
use crate::state::{DescriptorTable, Segment, gpr};
use crate::{CpuSignals, Features, InstructionCount, Platform, StopReason, Vcpu, VcpuParts};
use parking_lot::Mutex;
use softmmu::lock::Solo;
use softmmu::{AddressSpace, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

/// Bytes of RAM.
pub const RAM_SIZE: u64 = 16 << 20;
/// Where [`TestBench::code`] puts code: offset in CS and linear address alike.
pub const CODE: u64 = 0x1000;
/// Initial stack pointer; the stack segment's base is 0.
pub const STACK: u64 = 0x8000;
/// First address that the bench leaves to the test.
pub const DATA: u64 = 0x9000;
/// Descriptors of all the bench's segments, [`selector`] by selector.
pub const GDT: u64 = RAM_SIZE - 0x1_0000;
/// Page tables of long mode.
pub const PAGE_TABLES: u64 = RAM_SIZE - 0x2_0000;

/// Selectors in the bench's GDT.
pub mod selector {
    /// 64-bit ring-0 code.
    pub const CODE64: u16 = 0x08;
    /// Ring-0 data, 4 GiB.
    pub const DATA: u16 = 0x10;
    /// 32-bit ring-0 code.
    pub const CODE32: u16 = 0x18;
    /// 16-bit ring-0 code, 64 KiB.
    pub const CODE16: u16 = 0x20;
    /// 16-bit ring-0 data, 64 KiB.
    pub const DATA16: u16 = 0x28;
    /// 64-bit ring-3 code.
    pub const USER_CODE64: u16 = 0x33;
    /// Ring-3 data.
    pub const USER_DATA: u16 = 0x3b;
    /// 32-bit ring-3 code.
    pub const USER_CODE32: u16 = 0x43;
}

/// The mode the bench starts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real-address mode, segment bases 0.
    Real,
    /// 16-bit protected mode, ring 0.
    Protected16,
    /// 32-bit protected mode, ring 0, no paging.
    Protected32,
    /// 64-bit mode, ring 0.
    Long,
    /// 64-bit mode, ring 3.
    LongUser,
    /// Compatibility mode (32-bit code under IA-32e), ring 3.
    CompatUser,
}

/// A board that does nothing: no interrupts, and a clock of one nanosecond an instruction.
pub struct Board {
    count: Arc<InstructionCount>,
    /// Vectors to hand out at INTA, last first.
    pub vectors: Mutex<Vec<u8>>,
    /// Level of FERR#.
    pub ferr: Mutex<bool>,
    /// CR8.
    pub priority: Mutex<u8>,
}

impl Board {
    /// A board whose clock follows `count`; nothing pending, all levels low.
    pub fn new(count: Arc<InstructionCount>) -> Self {
        Self {
            count,
            vectors: Mutex::default(),
            ferr: Mutex::default(),
            priority: Mutex::default(),
        }
    }
}

impl Platform for Board {
    fn virtual_ns(&self) -> i64 {
        self.count.get() as i64
    }
    fn acknowledge_interrupt(&self) -> Option<u8> {
        self.vectors.lock().pop()
    }
    fn apic_base(&self) -> u64 {
        0xfee0_0900
    }
    fn set_apic_base(&self, _: u64) -> bool {
        true
    }
    fn task_priority(&self) -> u8 {
        *self.priority.lock()
    }
    fn set_task_priority(&self, priority: u8) {
        *self.priority.lock() = priority;
    }
    fn apic_msr(&self, _: u32) -> Option<u64> {
        None
    }
    fn set_apic_msr(&self, _: u32, _: u64) -> bool {
        false
    }
    fn set_tsc_deadline(&self, _: u64, _: i64) {}
    fn set_ferr(&self, level: bool) {
        *self.ferr.lock() = level;
    }
}

/// A CPU, its RAM and its board.
pub struct TestBench {
    /// The CPU.
    pub cpu: Box<Vcpu>,
    /// The RAM.
    pub ram: RamBlock,
    /// The root of the memory map, for tests that add regions.
    pub root: MemoryRegion,
    /// The root of the port space.
    pub ports: MemoryRegion,
    /// The machine's memory.
    pub map: MemoryMap,
    /// The board.
    pub board: Arc<Board>,
}

impl TestBench {
    /// A bench with a CPU that has every feature.
    ///
    /// # Panics
    /// If the host has no memory for [`RAM_SIZE`].
    pub fn new(mode: Mode) -> Self {
        Self::with_features(mode, Features::all())
    }

    /// A bench with a CPU of some features.
    ///
    /// # Panics
    /// If the host has no memory for [`RAM_SIZE`].
    pub fn with_features(mode: Mode, features: Features) -> Self {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let ram = RamBlock::new(&map, "ram", RAM_SIZE).expect("host memory for the bench");
        let root = MemoryRegion::container("memory", u64::MAX);
        root.add_subregion(0, &MemoryRegion::ram(ram.clone()), 0);
        let ports = MemoryRegion::container("io", 0x1_0000);
        let count = Arc::new(InstructionCount::default());
        let board = Arc::new(Board::new(count.clone()));
        let cpu = Vcpu::new(VcpuParts {
            memory: AddressSpace::new(&map, "memory", root.clone()),
            io: AddressSpace::new(&map, "io", ports.clone()),
            signals: Arc::new(CpuSignals::new()),
            platform: board.clone(),
            count,
            model: Arc::new(Model::with_features(features)),
            topology: Topology::default(),
        });
        let mut bench = Self {
            cpu,
            ram,
            root,
            ports,
            map,
            board,
        };
        bench.write_tables();
        bench.enter(mode);
        bench
    }

    fn write_tables(&mut self) {
        for (selector, descriptor) in [
            (selector::CODE64, 0x00af_9b00_0000_ffffu64),
            (selector::DATA, 0x00cf_9300_0000_ffff),
            (selector::CODE32, 0x00cf_9b00_0000_ffff),
            (selector::CODE16, 0x0000_9b00_0000_ffff),
            (selector::DATA16, 0x0000_9300_0000_ffff),
            (selector::USER_CODE64, 0x00af_fb00_0000_ffff),
            (selector::USER_DATA, 0x00cf_f300_0000_ffff),
            (selector::USER_CODE32, 0x00cf_fb00_0000_ffff),
        ] {
            self.put(GDT + u64::from(selector & !7), &descriptor.to_le_bytes());
        }
        // Present, writable, user, accessed, dirty.
        const ENTRY: u64 = 0x67;
        const LARGE: u64 = 0x80;
        self.put(PAGE_TABLES, &((PAGE_TABLES + 0x1000) | ENTRY).to_le_bytes());
        for gib in 0..4 {
            let directory = PAGE_TABLES + 0x2000 + gib * 0x1000;
            self.put(PAGE_TABLES + 0x1000 + gib * 8, &(directory | ENTRY).to_le_bytes());
            for page in 0..512 {
                let base = gib << 30 | page << 21;
                self.put(directory + page * 8, &(base | ENTRY | LARGE).to_le_bytes());
            }
        }
    }

    /// Puts the CPU into a mode, with RIP at [`CODE`] and RSP at [`STACK`].
    pub fn enter(&mut self, mode: Mode) {
        let (code, data) = match mode {
            Mode::Real => (0, 0),
            Mode::Protected16 => (selector::CODE16, selector::DATA16),
            Mode::Protected32 => (selector::CODE32, selector::DATA),
            Mode::Long => (selector::CODE64, selector::DATA),
            Mode::LongUser => (selector::USER_CODE64, selector::USER_DATA),
            Mode::CompatUser => (selector::USER_CODE32, selector::USER_DATA),
        };
        let long = matches!(mode, Mode::Long | Mode::LongUser | Mode::CompatUser);
        let state = &mut self.cpu.state;
        const CR0_MP_ET_NE_WP: u64 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16;
        const CR4_PAE_OSFXSR_OSXMMEXCPT_OSXSAVE: u64 = 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18;
        const EFER_SCE_LME_LMA_NXE: u64 = 1 | 1 << 8 | 1 << 10 | 1 << 11;
        state.cr0 = CR0_MP_ET_NE_WP
            | if mode == Mode::Real { 0 } else { cr::CR0_PE }
            | if long { cr::CR0_PG } else { 0 };
        state.cr4 = CR4_PAE_OSFXSR_OSXMMEXCPT_OSXSAVE;
        state.fpu.xcr0 = 7;
        state.cr3 = PAGE_TABLES;
        state.msr.efer = if long { EFER_SCE_LME_LMA_NXE } else { 0 };
        state.cpl = (code & 3) as u8;
        state.gdtr = DescriptorTable {
            base: GDT,
            limit: 0xff,
        };
        for index in 0..6 {
            let selector = if index == seg::CS { code } else { data };
            self.cpu.state.seg[index as usize] = if mode == Mode::Real {
                let kind = if index == seg::CS { Segment::CODE } else { 0 };
                let attr = Segment::P | Segment::S | Segment::RW | Segment::ACCESSED | kind;
                Segment {
                    selector: 0,
                    base: 0,
                    limit: 0xffff,
                    attr,
                }
            } else {
                self.segment(selector)
            };
        }
        self.cpu.state.rip = CODE;
        self.cpu.state.gpr[gpr::RSP] = STACK;
        self.cpu.refresh_mode();
        self.cpu.tlb.flush_all();
    }

    /// The segment that a selector of the GDT describes.
    pub fn segment(&self, selector: u16) -> Segment {
        let at = GDT + u64::from(selector & !7);
        let low = self.ram.load::<u32>(at).unwrap_or(0);
        let high = self.ram.load::<u32>(at + 4).unwrap_or(0);
        let limit = low & 0xffff | high & 0xf_0000;
        Segment {
            selector,
            base: u64::from(low >> 16 | (high & 0xff) << 16 | high & 0xff00_0000),
            limit: if high & Segment::G != 0 {
                limit << 12 | 0xfff
            } else {
                limit
            },
            attr: high & 0x00f0_ff00,
        }
    }

    /// Loads code at [`CODE`] and points RIP there.
    pub fn code(&mut self, bytes: &[u8]) {
        self.put(CODE, bytes);
        self.cpu.state.rip = CODE;
    }

    /// Writes RAM, past everything.
    ///
    /// # Panics
    /// Outside RAM.
    pub fn put(&mut self, addr: u64, bytes: &[u8]) {
        self.ram.write(addr, bytes).expect("within the bench's RAM");
    }

    /// Reads RAM.
    ///
    /// # Panics
    /// Outside RAM.
    pub fn get<const N: usize>(&self, addr: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.ram.read(addr, &mut bytes).expect("within the bench's RAM");
        bytes
    }

    /// Runs up to `budget` instructions.
    pub fn run(&mut self, budget: u64) -> StopReason {
        self.cpu.run(budget)
    }

    /// Executes one instruction at [`CODE`] without event delivery: its fault, if it raised one.
    ///
    /// # Errors
    /// The fault.
    pub fn step(&mut self, bytes: &[u8]) -> crate::Exec {
        self.code(bytes);
        self.cpu.step_raw()
    }
}
