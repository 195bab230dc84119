//! Our side: one user-mode vCPU whose page tables map exactly what the oracle's child has mapped, and little else.

use super::{Engine, INTERPRETER, Raised, Runner};
use host_oracle::layout::{CODE_BASE, CODE_LEN, DATA_BASE, DATA_LEN};
use host_oracle::{Mode, State, X87};
use target_i386::state::{Activity, Float80, Segment, Shadow};
use target_i386::testbench::{self, TestBench};
use target_i386::{CpuState, Features, Vcpu};

/// Physical places: page tables, then code, then data.
const PML4: u64 = 0x1_0000;
const PDPT: u64 = 0x1_1000;
const PD: u64 = 0x1_2000;
const PT_CODE: u64 = 0x1_3000;
const PT_DATA: u64 = 0x1_4000;
const CODE: u64 = 0x2_0000;
const DATA: u64 = 0x3_0000;
/// 2 MiB of supervisor memory, identity mapped, that no user code reaches: the bench's GDT, and room for runners.
const SYSTEM: u64 = testbench::RAM_SIZE - (2 << 20);

/// The guest.
pub struct Bench {
    bench: TestBench,
    runner: Box<dyn Runner>,
    mode: Option<Mode>,
    /// CR0, CR4 and XCR0.
    control: [u64; 3],
    /// The same guest, interpreted.
    reference: Option<Box<Bench>>,
    /// How the last run differs from the reference.
    disagreement: Option<String>,
}

impl Bench {
    /// A guest that `engine` runs, with every feature.
    pub fn new(engine: Engine) -> Self {
        let mut bench = TestBench::with_features(testbench::Mode::LongUser, Features::all());
        const READ_WRITE: u64 = 0x67;
        const READ_ONLY: u64 = 0x65;
        const LARGE_SYSTEM: u64 = 0xe3;
        let put = |bench: &mut TestBench, table: u64, index: u64, value: u64| {
            bench.put(table + 8 * index, &value.to_le_bytes());
        };
        put(&mut bench, PML4, 0, PDPT | READ_WRITE);
        put(&mut bench, PDPT, 0, PD | READ_WRITE);
        put(&mut bench, PD, SYSTEM >> 21, SYSTEM | LARGE_SYSTEM);
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
        let control = [state.cr0, state.cr4, state.fpu.xcr0];
        Self {
            runner: (engine.runner)(&mut bench),
            bench,
            mode: None,
            control,
            reference: engine
                .against_interpreter
                .then(|| Box::new(Self::new(INTERPRETER))),
            disagreement: None,
        }
    }

    /// Changes to 64-bit or 32-bit user code.
    pub fn enter(&mut self, mode: Mode) {
        if self.mode.replace(mode) == Some(mode) {
            return;
        }
        if let Some(reference) = &mut self.reference {
            reference.enter(mode);
        }
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

    /// Executes one instruction, all iterations if it repeats; what it raised.
    pub fn run(&mut self, code: &[u8], state: &mut State) -> Raised {
        self.run_after(|_| {}, code, state)
    }

    /// The same on a machine that `setup` has changed, control registers only for this once.
    pub fn run_after(&mut self, setup: fn(&mut CpuState), code: &[u8], state: &mut State) -> Raised {
        let mut expected = state.clone();
        let raised = self.run_alone(setup, code, state);
        self.disagreement = None;
        if let Some(mut reference) = self.reference.take() {
            let expected_raised = reference.run_alone(setup, code, &mut expected);
            self.compare(&reference, (state, raised), (&expected, expected_raised));
            if self.disagreement.is_some() {
                let mut data = vec![0; DATA_LEN];
                self.data(&mut data);
                reference.put_data(0, &data);
            }
            self.reference = Some(reference);
        }
        raised
    }

    fn run_alone(&mut self, setup: fn(&mut CpuState), code: &[u8], state: &mut State) -> Raised {
        // As the oracle does: the rest of the area is INT3, and instructions may read it.
        let mut padded = [0xcc; 16];
        padded[..code.len()].copy_from_slice(code);
        self.bench.put(CODE + (state.rip - CODE_BASE), &padded);
        let cpu: &mut Vcpu = &mut self.bench.cpu;
        [cpu.state.cr0, cpu.state.cr4, cpu.state.fpu.xcr0] = self.control;
        cpu.state.shadow = Shadow::None;
        cpu.state.activity = Activity::Running;
        load(&mut cpu.state, state);
        setup(&mut cpu.state);
        cpu.refresh_mode();
        let raised = self.runner.step(&mut self.bench, repeats(code, self.mode));
        store(&self.bench.cpu.state, state);
        raised
    }

    /// Notes how this run differs from the reference's.
    fn compare(&mut self, reference: &Bench, ours: (&State, Raised), theirs: (&State, Raised)) {
        let (mut our_data, mut their_data) = (vec![0; DATA_LEN], vec![0; DATA_LEN]);
        self.data(&mut our_data);
        reference.data(&mut their_data);
        let (our_fpu, their_fpu) = (&self.bench.cpu.state.fpu, &reference.bench.cpu.state.fpu);
        if let Some(at) = (our_data != their_data)
            .then(|| (0..DATA_LEN).find(|&at| our_data[at] != their_data[at]))
            .flatten()
        {
            self.disagreement = Some(format!(
                "memory at +{at:#x}: {:#x}, interpreted {:#x}",
                our_data[at], their_data[at]
            ));
        }
        if (ours, our_fpu) == (theirs, their_fpu) {
            return;
        }
        let mut differ = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                let text = self.disagreement.take().unwrap_or_default();
                self.disagreement = Some(format!("{text}\n    {what}: {ours}, interpreted {theirs}"));
            }
        };
        differ("raised", format!("{:x?}", ours.1), format!("{:x?}", theirs.1));
        let ((ours, _), (theirs, _)) = (ours, theirs);
        differ("gpr", format!("{:x?}", ours.gpr), format!("{:x?}", theirs.gpr));
        differ("rip", format!("{:x}", ours.rip), format!("{:x}", theirs.rip));
        differ(
            "rflags",
            format!("{:x}", ours.rflags),
            format!("{:x}", theirs.rflags),
        );
        if our_fpu != their_fpu {
            differ("fpu", format!("{our_fpu:x?}"), format!("{their_fpu:x?}"));
        }
    }

    /// How the last run differs from the interpreter's, if this is another engine.
    pub fn disagreement(&mut self) -> Option<String> {
        self.disagreement.take()
    }

    /// The suite is over: complaints about how it was run.
    pub fn finish(&mut self) -> Vec<String> {
        self.runner.finish()
    }

    /// The data area.
    pub fn data(&self, to: &mut [u8]) {
        self.bench.ram.read(DATA, to).expect("in RAM");
    }

    /// Writes part of the data area.
    pub fn put_data(&mut self, offset: usize, bytes: &[u8]) {
        self.bench.put(DATA + offset as u64, bytes);
        if let Some(reference) = &mut self.reference {
            reference.put_data(offset, bytes);
        }
    }
}

fn repeats(code: &[u8], mode: Option<Mode>) -> bool {
    let bits = if mode == Some(Mode::Compat) { 32 } else { 64 };
    let insn = iced_x86::Decoder::new(bits, code, 0).decode();
    insn.is_string_instruction() && (insn.has_rep_prefix() || insn.has_repne_prefix())
}

fn load(cpu: &mut CpuState, from: &State) {
    cpu.gpr[..16].copy_from_slice(&from.gpr);
    cpu.rip = from.rip;
    cpu.flags.set(from.rflags);
    let (fpu, x87) = (&mut cpu.fpu, &from.x87);
    fpu.control = x87.fcw;
    fpu.status = x87.fsw & !0x3800;
    fpu.top = (x87.fsw >> 11 & 7) as u8;
    fpu.empty = !x87.ftw;
    (fpu.opcode, fpu.ip, fpu.dp) = (x87.fop, x87.fip, x87.fdp);
    (fpu.cs, fpu.ds) = (0, 0);
    for (i, st) in x87.st.iter().enumerate() {
        fpu.st[(usize::from(fpu.top) + i) % 8] = Float80 {
            significand: u64::from_le_bytes(std::array::from_fn(|b| st[b])),
            sign_exponent: u16::from_le_bytes([st[8], st[9]]),
        };
    }
    fpu.ymm = from.ymm;
    fpu.mxcsr = from.mxcsr;
}

fn store(cpu: &CpuState, to: &mut State) {
    to.gpr.copy_from_slice(&cpu.gpr[..16]);
    to.rip = cpu.rip;
    to.rflags = cpu.flags.get();
    let fpu = &cpu.fpu;
    let mut st = [[0; 10]; 8];
    for (i, bytes) in st.iter_mut().enumerate() {
        let register = &fpu.st[(usize::from(fpu.top) + i) % 8];
        bytes[..8].copy_from_slice(&register.significand.to_le_bytes());
        bytes[8..].copy_from_slice(&register.sign_exponent.to_le_bytes());
    }
    to.x87 = X87 {
        fcw: fpu.control,
        fsw: fpu.status_word(),
        ftw: !fpu.empty,
        fop: fpu.opcode,
        fip: fpu.ip,
        fdp: fpu.dp,
        st,
    };
    to.mxcsr = fpu.mxcsr;
    to.ymm = fpu.ymm;
}
