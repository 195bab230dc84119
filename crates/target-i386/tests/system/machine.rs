//! A test bench with an IDT whose handlers halt, a TSS, and a few descriptors of every kind.

use target_i386::cpuid::{Model, Topology};
use target_i386::state::{Activity, DescriptorTable, Segment, gpr};
use target_i386::testbench::{CODE, GDT, Mode, TestBench, selector};

/// Handlers: vector n halts at `HANDLERS + 16 n`.
pub const HANDLERS: u64 = 0x50_0000;
/// The IDT.
pub const IDT: u64 = 0x51_0000;
/// The current task's TSS, 32-bit or 64-bit by mode; its I/O map starts at 104.
pub const TSS: u64 = 0x52_0000;
/// Top of ring 0's stack.
pub const RING0_STACK: u64 = 0x54_0000;
/// Top of IST 1.
pub const IST1: u64 = 0x56_0000;
/// The LDT.
pub const LDT: u64 = 0x57_0000;
/// TSS of the current task.
pub const TR: u16 = 0x70;
/// First selector that a test may define.
pub const FREE: u16 = 0x80;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the `jmp $` behind the code.
    Done,
    /// In the handler of a vector, with the error code that was pushed.
    Exception(u8, Option<u32>),
    /// Triple fault.
    Shutdown,
    /// Elsewhere: the RIP.
    At(u64),
}

/// Vectors with error codes.
fn has_code(vector: u8) -> bool {
    matches!(vector, 8 | 10..=14 | 17)
}

pub struct Machine {
    pub bench: TestBench,
    pub mode: Mode,
}

impl Machine {
    pub fn new(mode: Mode) -> Self {
        Self::with_model(mode, Model::max())
    }

    pub fn with_model(mode: Mode, model: Model) -> Self {
        let mut bench = TestBench::with_features(mode, model.features);
        bench.cpu.model = std::sync::Arc::new(model);
        bench.cpu.topology = Topology::default();
        let mut machine = Self { bench, mode };
        machine.build();
        machine
    }

    fn long(&self) -> bool {
        matches!(self.mode, Mode::Long | Mode::LongUser | Mode::CompatUser)
    }

    fn build(&mut self) {
        for vector in 0..=255_u64 {
            self.bench.put(HANDLERS + vector * 16, &[0xf4]);
            self.gate(vector as u8, 14, 0);
        }
        if self.mode == Mode::Real {
            self.bench.cpu.state.idtr = DescriptorTable {
                base: 0,
                limit: 0x3ff,
            };
            for vector in 0..=255_u64 {
                // Handlers at 7000:16n.
                self.bench.put(0x7_0000 + vector * 16, &[0xf4]);
                self.bench.put(
                    vector * 4,
                    &((0x7000_u32 << 16) | (vector as u32 * 16)).to_le_bytes(),
                );
            }
            return;
        }
        let limit = if self.long() { 0xfff } else { 0x7ff };
        self.bench.cpu.state.idtr = DescriptorTable { base: IDT, limit };
        self.bench.cpu.state.gdtr.limit = 0x1ff;
        let low = (104 + 0x2000) | TSS << 16 & 0xff_ffff_0000 | 0x8b << 40 | (TSS >> 24) << 56;
        self.descriptor(TR, low);
        self.descriptor(TR + 8, 0);
        self.bench.cpu.state.tr = Segment {
            selector: TR,
            base: TSS,
            limit: 104 + 0x2000,
            attr: Segment::P | 11 << 8,
        };
        if self.long() {
            self.bench.put(TSS + 4, &RING0_STACK.to_le_bytes());
            self.bench.put(TSS + 36, &IST1.to_le_bytes());
        } else {
            self.bench.put(TSS + 4, &(RING0_STACK as u32).to_le_bytes());
            self.bench.put(TSS + 8, &selector::DATA.to_le_bytes());
        }
        self.bench.put(TSS + 102, &104_u16.to_le_bytes());
    }

    /// Writes a descriptor into the GDT.
    pub fn descriptor(&mut self, selector: u16, value: u64) {
        self.bench
            .put(GDT + u64::from(selector & !7), &value.to_le_bytes());
    }

    /// Makes the LDT current, with the descriptors given.
    pub fn ldt(&mut self, descriptors: &[u64]) {
        for (n, d) in descriptors.iter().enumerate() {
            self.bench.put(LDT + 8 * n as u64, &d.to_le_bytes());
        }
        self.bench.cpu.state.ldtr = Segment {
            selector: 0x68,
            base: LDT,
            limit: 8 * descriptors.len() as u32 - 1,
            attr: Segment::P | 2 << 8,
        };
    }

    /// Sets a gate of `kind` and `dpl` to the vector's own handler.
    pub fn gate(&mut self, vector: u8, kind: u64, dpl: u64) {
        let at = HANDLERS + u64::from(vector) * 16;
        let code = if self.long() {
            selector::CODE64
        } else {
            selector::CODE32
        };
        self.gate_to(vector, kind, dpl, code, at, 0);
    }

    /// Sets a gate.
    pub fn gate_to(&mut self, vector: u8, kind: u64, dpl: u64, code: u16, at: u64, ist: u64) {
        let low = at & 0xffff
            | u64::from(code) << 16
            | ist << 32
            | (0x80 | dpl << 5 | kind) << 40
            | (at >> 16 & 0xffff) << 48;
        let size = if self.long() { 16 } else { 8 };
        self.bench.put(IDT + size * u64::from(vector), &low.to_le_bytes());
        if self.long() {
            self.bench
                .put(IDT + size * u64::from(vector) + 8, &(at >> 32).to_le_bytes());
        }
    }

    /// A register.
    pub fn reg(&mut self, register: usize) -> &mut u64 {
        &mut self.bench.cpu.state.gpr[register]
    }

    /// Runs `code`, up to 100 instructions.
    pub fn run(&mut self, code: &[u8]) -> End {
        let base = self.bench.cpu.state.seg[1].base;
        self.bench.put(base + CODE, &[code, &[0xeb, 0xfe]].concat());
        self.bench.cpu.state.rip = CODE;
        self.resume(code.len() as u64)
    }

    /// Goes on; `len` is the length of the code at CODE.
    pub fn resume(&mut self, len: u64) -> End {
        self.bench.run(100);
        let state = &self.bench.cpu.state;
        match state.activity {
            Activity::Shutdown => return End::Shutdown,
            Activity::Halted => {}
            _ if state.rip == CODE + len => return End::Done,
            _ => return End::At(state.rip),
        }
        let (handlers, at) = if self.mode == Mode::Real {
            (0x7_0000, state.seg[1].base + state.rip - 1)
        } else {
            (HANDLERS, state.rip - 1)
        };
        if !(handlers..handlers + 0x1000).contains(&at) {
            return End::At(state.rip);
        }
        let vector = ((at - handlers) / 16) as u8;
        let code = has_code(vector) && self.mode != Mode::Real;
        End::Exception(vector, code.then(|| self.stacked(0) as u32))
    }

    /// Slot `n` of the stack: 8 bytes in long mode, 4 else.
    pub fn stacked(&self, n: u64) -> u64 {
        let sp = self.bench.cpu.state.gpr[gpr::RSP];
        if self.bench.cpu.mode.long() {
            u64::from_le_bytes(self.bench.get(sp + 8 * n))
        } else {
            u64::from(u32::from_le_bytes(self.bench.get(sp + 4 * n)))
        }
    }
}

/// #GP.
pub fn gp(code: u32) -> End {
    End::Exception(13, Some(code))
}

/// #PF.
pub fn pf(code: u32) -> End {
    End::Exception(14, Some(code))
}

/// #UD.
pub const UD: End = End::Exception(6, None);
