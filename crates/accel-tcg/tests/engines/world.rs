//! The world that a program runs in: memory map, page tables, descriptor tables and exception handlers.
//!
//! | address | holds |
//! |---|---|
//! | 1000h..6000h | code |
//! | 6000h | handlers of 16-bit modes |
//! | 7000h..8000h | stack |
//! | 9000h..1_0000h | data |
//! | 1_0000h..2_0000h | for each code address the length of the instruction there, which handlers skip |
//! | 2_0000h | IDT; then TSS, count of faults, handlers, their stack |
//! | 4000_0000h | with paging: the first 2 MiB once more |
//! | 4020_0000h | with paging: small pages of data, in all kinds of access |

use accel_tcg::{Execution, ExecutionConfig};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::Duration;
use target_i386::state::{CpuState, DescriptorTable, Segment};
use target_i386::testbench::{Mode, PAGE_TABLES, TestBench, selector};
use target_i386::{CpuSignals, StopReason};

pub const CODE: u64 = 0x1000;
pub const CODE_END: u64 = 0x6000;
const HANDLERS_16: u64 = 0x6000;
const HANDLERS: u64 = 0x2_2800;
pub const DATA: u64 = 0x9000;
pub const DATA_END: u64 = 0x1_0000;
pub const LENGTHS: u64 = 0x1_0000;
const IDT: u64 = 0x2_0000;
const TSS: u64 = 0x2_1000;
const COUNT: u64 = 0x2_2000;
const HANDLER_STACK: u64 = 0x2_4000;
/// What comparisons of memory look at (besides [`SMALL_TABLE`] and the bench's tables): everything that a program
/// reaches unless it runs wild.
pub const LOW: u64 = 0x2_4000;
/// Second mapping of low memory.
pub const ALIAS: u64 = 0x4000_0000;
/// Small pages.
pub const SMALL: u64 = 0x4020_0000;
pub const SMALL_PAGES: u64 = 64;
pub const SMALL_TABLE: u64 = PAGE_TABLES - 0x1000;

/// A bench's mode, and whether 32-bit protected mode pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub mode: Mode,
    pub paging: bool,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::new(Mode::Long, true),
        Self::new(Mode::LongUser, true),
        Self::new(Mode::CompatUser, true),
        Self::new(Mode::Protected32, false),
        Self::new(Mode::Protected32, true),
        Self::new(Mode::Protected16, false),
        Self::new(Mode::Real, false),
    ];

    const fn new(mode: Mode, paging: bool) -> Self {
        Self { mode, paging }
    }

    pub fn bits(self) -> u32 {
        match self.mode {
            Mode::Long | Mode::LongUser => 64,
            Mode::CompatUser | Mode::Protected32 => 32,
            Mode::Real | Mode::Protected16 => 16,
        }
    }
}

/// Vectors that push an error code, and whose handlers skip the instruction.
const WITH_ERROR: [u8; 6] = [10, 11, 12, 13, 14, 17];
const SKIPPING: [u8; 10] = [0, 5, 6, 7, 10, 11, 12, 13, 14, 17];

struct Code(Vec<u8>);

impl Code {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn address(&mut self, address: u64) -> &mut Self {
        self.put(&(address as u32).to_le_bytes())
    }
}

/// HLT for ever.
const HALT: &[u8] = &[0xf4, 0xeb, 0xfd];

/// A handler that adds the length of the instruction at the return address to it, or halts if there is none.
fn skipping(long: bool, error: bool) -> Vec<u8> {
    let slot = if long { 8 } else { 4 };
    let at = slot + if error { slot } else { 0 };
    let mut code = Code(vec![]);
    code.put(&[0x50]); // push rax
    code.put(&[0x0f, 0xb7, 0x44, 0x24, at]); // movzx eax, word [rsp+at]
    // Through CS: a program may have narrowed DS.
    code.put(&[0x2e, 0x0f, 0xb6, 0x80]).address(LENGTHS); // movzx eax, byte cs:[rax+LENGTHS]
    code.put(&[0x85, 0xc0, 0x74, 0x00]); // test eax, eax; jz end
    let end = code.0.len();
    if long {
        code.put(&[0x48, 0x01, 0x44, 0x24, at]); // add [rsp+at], rax
        code.put(&[0xff, 0x04, 0x25]).address(COUNT); // inc dword [COUNT]
        // What the flags were, of all deliveries.
        code.put(&[0x48, 0x8b, 0x44, 0x24, at + 0x10]); // mov rax, [rsp+at+16]
        code.put(&[0x48, 0x01, 0x04, 0x25]).address(COUNT + 8); // add [COUNT+8], rax
        code.put(&[0x48, 0xd1, 0x04, 0x25]).address(COUNT + 8); // rol qword [COUNT+8], 1
    } else {
        code.put(&[0x01, 0x44, 0x24, at]);
    }
    code.put(&[0x58]); // pop rax
    match (long, error) {
        (true, true) => code.put(&[0x48, 0x83, 0xc4, 8]),
        (false, true) => code.put(&[0x83, 0xc4, 4]),
        _ => &mut code,
    };
    code.put(if long { &[0x48, 0xcf] } else { &[0xcf] }); // iret
    code.0[end - 1] = (code.0.len() - end) as u8;
    code.put(HALT);
    code.0
}

/// A handler that returns.
fn returning(long: bool) -> Vec<u8> {
    let mut code = Code(vec![]);
    if long {
        code.put(&[0xff, 0x04, 0x25]).address(COUNT).put(&[0x48, 0xcf]);
    } else {
        code.put(&[0xcf]);
    }
    code.0
}

/// Writes handlers and the table that leads to them.
fn write_handlers(bench: &mut TestBench, kind: Kind) {
    let long = matches!(kind.mode, Mode::Long | Mode::LongUser | Mode::CompatUser);
    let handlers = [
        HALT.to_vec(),
        returning(long),
        skipping(long, false),
        skipping(long, true),
    ];
    let base = if kind.bits() == 16 { HANDLERS_16 } else { HANDLERS };
    let place = |n: usize| base + 0x80 * n as u64;
    for (n, code) in handlers.iter().enumerate() {
        bench.put(place(n), code);
    }
    for vector in 0..=255u8 {
        let skips = SKIPPING.contains(&vector) && kind.bits() != 16;
        let handler = place(match vector {
            _ if skips && WITH_ERROR.contains(&vector) => 3,
            _ if skips => 2,
            1 | 2 | 4 | 32.. if kind.mode != Mode::Real || vector != 1 => 1,
            _ => 0,
        });
        let split = handler & 0xffff | handler >> 16 << 48;
        match kind.mode {
            Mode::Real => bench.put(4 * u64::from(vector), &(handler as u32).to_le_bytes()),
            Mode::Protected16 => {
                let gate = handler | u64::from(selector::CODE16) << 16 | 0xe600 << 32;
                bench.put(IDT + 8 * u64::from(vector), &gate.to_le_bytes());
            }
            Mode::Protected32 => {
                let gate = split | u64::from(selector::CODE32) << 16 | 0xee00 << 32;
                bench.put(IDT + 8 * u64::from(vector), &gate.to_le_bytes());
            }
            _ => {
                // On the first stack of the interrupt stack table.
                let gate = split | u64::from(selector::CODE64) << 16 | 0xee01 << 32;
                bench.put(IDT + 16 * u64::from(vector), &gate.to_le_bytes());
                bench.put(IDT + 16 * u64::from(vector) + 8, &[0; 8]);
            }
        }
    }
    let state = &mut bench.cpu.state;
    state.idtr = if kind.mode == Mode::Real {
        DescriptorTable {
            base: 0,
            limit: 0x3ff,
        }
    } else {
        DescriptorTable {
            base: IDT,
            limit: 0xfff,
        }
    };
    state.tr = Segment {
        selector: 0x48,
        base: TSS,
        limit: 0x67,
        attr: Segment::P | 11 << 8,
    };
    if long {
        for slot in [0x04, 0x24] {
            bench.put(TSS + slot, &HANDLER_STACK.to_le_bytes());
        }
    }
}

fn write_pages(bench: &mut TestBench) {
    const ENTRY: u64 = 0x67;
    const LARGE: u64 = 0x80;
    // The tables of the second GiB.
    let directory = PAGE_TABLES + 0x3000;
    bench.put(directory, &(ENTRY | LARGE).to_le_bytes());
    bench.put(directory + 8, &(SMALL_TABLE | ENTRY).to_le_bytes());
    for page in 0..SMALL_PAGES {
        let frame = match page % 9 {
            8 => CODE + (page / 9 % 5) * 0x1000,
            n => DATA + n % 7 * 0x1000,
        };
        // Present, writable, user; accessed and dirty come with use.
        let access = match page % 16 {
            3 => 0,
            6 => 5,
            11 => 3,
            14 => 0x105,
            _ => 7,
        };
        let entry = if access == 0 { 0 } else { frame | access };
        bench.put(SMALL_TABLE + 8 * page, &entry.to_le_bytes());
    }
}

/// A bench with all of this, at the start of a program.
pub fn bench(kind: Kind) -> TestBench {
    let mut bench = TestBench::new(kind.mode);
    write_handlers(&mut bench, kind);
    if kind.paging {
        write_pages(&mut bench);
    }
    if kind.mode == Mode::Protected32 && kind.paging {
        let state = &mut bench.cpu.state;
        state.cr0 |= 1 << 31;
        state.cr3 = PAGE_TABLES + 0x1000;
        for gib in 0..4 {
            state.pdpte[gib as usize] = (PAGE_TABLES + 0x2000 + gib * 0x1000) | 1;
        }
    }
    bench.cpu.refresh_mode();
    bench.cpu.tlb.flush_all();
    bench
}

/// One of two worlds that run the same program.
pub struct Side {
    pub bench: TestBench,
    execution: Execution,
}

/// Ends runs that get nowhere: a handler whose first instruction faults raises faults for ever, as it would on silicon.
#[derive(Default)]
struct Watchdog {
    /// What each test's thread runs, and how many ticks it has been at it.
    running: Mutex<HashMap<ThreadId, (Arc<CpuSignals>, u32)>>,
}

impl Watchdog {
    const TICK: Duration = Duration::from_millis(100);
    /// Ticks that a run may take: most take less than one.
    const PATIENCE: u32 = 50;

    fn get() -> &'static Self {
        static DOG: OnceLock<Watchdog> = OnceLock::new();
        DOG.get_or_init(|| {
            std::thread::spawn(|| Self::get().watch());
            Self::default()
        })
    }

    fn watch(&self) {
        loop {
            std::thread::sleep(Self::TICK);
            for (signals, ticks) in self.running.lock().values_mut() {
                *ticks += 1;
                if *ticks > Self::PATIENCE {
                    signals.kick();
                }
            }
        }
    }
}

impl Side {
    /// A world with `low` memory and a CPU in `state`.
    pub fn new(kind: Kind, config: ExecutionConfig, low: &[u8], state: &CpuState) -> Self {
        let mut bench = bench(kind);
        bench.put(0, low);
        bench.cpu.state = state.clone();
        bench.cpu.refresh_mode();
        bench.cpu.tlb.flush_all();
        let execution = Execution::new(&bench.cpu, config);
        Self { bench, execution }
    }

    /// As [`Execution::run`]; ends with [`StopReason::ExitRequest`] if it gets nowhere.
    pub fn run(&mut self, budget: u64) -> StopReason {
        let thread = std::thread::current().id();
        let running = &Watchdog::get().running;
        running
            .lock()
            .insert(thread, (Arc::clone(&self.bench.cpu.signals), 0));
        let stop = self.execution.run(&mut self.bench.cpu, budget);
        running.lock().remove(&thread);
        stop
    }
}
