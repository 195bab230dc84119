//! SYSCALL, SYSRET, SWAPGS, STAC, CLAC, reads of control registers and IRET in both engines: the templates that generated
//! code has for the usual case, and every case that they must leave to the handlers.
//!
//! A user program calls a kernel in a loop, so that generated code is warm when the special case comes. Registers,
//! counts and the TLB have to be the same as in the interpreter, however the run is cut and wherever an interrupt falls.

use accel_tcg::{Engine, Execution, ExecutionConfig};
use softmmu::tlb::TlbState;
use std::sync::Arc;
use target_i386::StopReason;
use target_i386::cpuid::{Model, Vendor};
use target_i386::flags::bit;
use target_i386::state::{CpuState, DescriptorTable, Segment, gpr};
use target_i386::testbench::{CODE, GDT, Mode, PAGE_TABLES, TestBench, selector};

const KERNEL: u64 = 0x3000;
const DATA: u64 = 0x9000;
/// HLT, for exceptions.
const HALTING: u64 = 0x4000;
/// IRETQ, for interrupts.
const RETURNING: u64 = 0x4010;
/// Skips the two bytes at the return address and returns: for #PF and #GP where a case asks for it.
const SKIPPING: u64 = 0x4020;
/// From here on 2 MiB are the supervisor's alone: SMAP shall not keep it from its own tables.
const SUPERVISOR: u64 = 0x20_0000;
const IDT: u64 = SUPERVISOR;
const TSS: u64 = SUPERVISOR + 0x1000;
const HANDLER_STACK: u64 = SUPERVISOR + 0x4000;
const SMAP: u64 = 1 << 21;
const ALL_STATUS: u64 = bit::STATUS;
/// What Linux masks.
const LINUX: u64 =
    ALL_STATUS | bit::TF | bit::IF | bit::DF | bit::IOPL | bit::NT | bit::RF | bit::AC | bit::ID;
/// Round trips of a case.
const TRIPS: u64 = 12;
/// More than any case takes.
const MOST: u64 = 2000;

/// Calls the kernel until EBX is zero; then HLT, which is #GP.
const CALLING: &[u8] = &[0x0f, 0x05, 0xff, 0xcb, 0x75, 0xfa, 0xf4];
/// The same, with RFLAGS from R12 before each call: push r12; popfq.
const WITH_FLAGS: &[u8] = &[0x41, 0x54, 0x9d, 0x0f, 0x05, 0xff, 0xcb, 0x75, 0xf7, 0xf4];

const SWAPGS: &[u8] = &[0x0f, 0x01, 0xf8];
const SYSRETQ: &[u8] = &[0x48, 0x0f, 0x07];
const STAC: &[u8] = &[0x0f, 0x01, 0xcb];
const CLAC: &[u8] = &[0x0f, 0x01, 0xca];
/// mov rax, [DATA]
const LOAD: &[u8] = &[0x48, 0x8b, 0x04, 0x25, 0x00, 0x90, 0, 0];
/// mov rdx, gs:[8]
const GS: &[u8] = &[0x65, 0x48, 0x8b, 0x14, 0x25, 8, 0, 0, 0];
/// mov rax, cr2; mov r8, cr3; mov rsi, cr0; mov r9, cr4
const CONTROL: &[u8] = &[
    0x0f, 0x20, 0xd0, 0x41, 0x0f, 0x20, 0xd8, 0x0f, 0x20, 0xc6, 0x41, 0x0f, 0x20, 0xe1,
];
/// cmp ebx, 3; jne over the next `n` bytes
const fn on_trip_3(n: u8) -> [u8; 5] {
    [0x83, 0xfb, 3, 0x75, n]
}

struct Case {
    name: &'static str,
    user: Vec<u8>,
    kernel: Vec<u8>,
    prepare: fn(&mut CpuState),
    vendor: Vendor,
    /// Trips that generated code must make by itself when it is warm: none of its exits is for the interpreter.
    stays: bool,
}

fn case(name: &'static str, user: &[u8], kernel: &[&[u8]], prepare: fn(&mut CpuState)) -> Case {
    Case {
        name,
        user: user.to_vec(),
        kernel: kernel.concat(),
        prepare,
        vendor: Vendor::Amd,
        stays: false,
    }
}

impl Case {
    fn stays(self) -> Self {
        Self { stays: true, ..self }
    }
    fn vendor(self, vendor: Vendor) -> Self {
        Self { vendor, ..self }
    }
}

/// A special action on one trip, then SYSRETQ.
fn once(action: &[u8]) -> Vec<u8> {
    let mut code = on_trip_3(action.len() as u8).to_vec();
    code.extend_from_slice(action);
    code.extend_from_slice(SYSRETQ);
    code
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use Vendor::Intel;
    let nothing: fn(&mut CpuState) = |_| {};
    // or r11, imm32
    let or_r11 = |bits: u64| { let mut code = vec![0x49, 0x81, 0xcb]; code.extend((bits as u32).to_le_bytes()); once(&code) };
    // mov rcx, imm64
    let to = |address: u64| { let mut code = vec![0x48, 0xb9]; code.extend(address.to_le_bytes()); once(&code) };
    // wrmsr of EDX:EAX = 0:value; RCX and RDX are kept in R13 and R14.
    let wrmsr = |msr: u32, value: u32| {
        let mut code = vec![0x49, 0x89, 0xcd, 0xb9];
        code.extend(msr.to_le_bytes());
        code.push(0xb8);
        code.extend(value.to_le_bytes());
        code.extend([0x31, 0xd2, 0x0f, 0x30, 0x4c, 0x89, 0xe9]);
        once(&code)
    };
    vec![
        case("round trip", CALLING, &[SWAPGS, GS, CONTROL, SWAPGS, SYSRETQ], nothing).stays(),
        case("round trip, Intel", CALLING, &[SWAPGS, GS, CONTROL, SWAPGS, SYSRETQ], nothing).vendor(Intel).stays(),
        case("nothing masked", WITH_FLAGS, &[SYSRETQ], |s| { s.msr.fmask = 0; s.gpr[12] = ALL_STATUS | bit::DF | bit::ID; }).stays(),
        case("everything masked", WITH_FLAGS, &[SYSRETQ], |s| s.gpr[12] = ALL_STATUS | bit::DF | bit::ID | bit::AC),
        case("bits that do not exist masked", WITH_FLAGS, &[SYSRETQ], |s| { s.msr.fmask = u64::MAX; s.gpr[12] = bit::OF; }).stays(),
        case("AC stays", WITH_FLAGS, &[LOAD, SYSRETQ], |s| { s.msr.fmask = bit::IF; s.gpr[12] = bit::AC; }),
        case("AC stays and suspends SMAP", WITH_FLAGS, &[LOAD, SYSRETQ], |s| { s.cr4 |= SMAP; s.msr.fmask = bit::IF; s.gpr[12] = bit::AC; }),
        case("SMAP faults", CALLING, &[LOAD, SYSRETQ], |s| s.cr4 |= SMAP),
        case("SMAP suspended", CALLING, &[STAC, LOAD, CLAC, SYSRETQ], |s| s.cr4 |= SMAP).stays(),
        case("SMAP suspended twice", CALLING, &[STAC, STAC, LOAD, CLAC, CLAC, SYSRETQ], |s| s.cr4 |= SMAP).stays(),
        case("SMAP back in force", CALLING, &[STAC, LOAD, CLAC, LOAD, SYSRETQ], |s| s.cr4 |= SMAP),
        case("AC without SMAP", CALLING, &[STAC, LOAD, CLAC, LOAD, SYSRETQ], nothing),
        case("AC kept into user mode", CALLING, &[STAC, LOAD, &or_r11(bit::AC)], |s| s.cr4 |= SMAP),
        case("alignment checks begin", &[0x0f, 0x05, 0x8b, 0x04, 0x25, 1, 0x90, 0, 0, 0xff, 0xcb, 0x75, 0xf3, 0xf4], &[&or_r11(bit::AC)], |s| s.cr0 |= 1 << 18),
        case("TF comes back", CALLING, &[&or_r11(bit::TF)], nothing),
        case("RF and VM do not", CALLING, &[&or_r11(bit::RF | bit::VM)], nothing).stays(),
        case("all other flags do", CALLING, &[&or_r11(ALL_STATUS | bit::NT | bit::IOPL | bit::VIF | bit::VIP | bit::ID | bit::DF)], nothing).stays(),
        case("bits of R11 that are no flags", CALLING, &[&or_r11(0xffc0_8028)], nothing).stays(),
        case("return to a non-canonical address", CALLING, &[&to(0x8000_0000_0000)], nothing),
        case("return to a non-canonical address, Intel", CALLING, &[&to(0x8000_0000_0000)], nothing).vendor(Intel),
        case("return to the kernel's half", CALLING, &[&to(0xffff_8000_0000_0000)], nothing),
        case("return elsewhere", CALLING, &[&to(CODE + 6)], nothing),
        // xor eax, eax; mov ss, eax
        case("null SS", CALLING, &[&[0x31, 0xc0, 0x8e, 0xd0], SYSRETQ], nothing),
        case("null SS, Intel", CALLING, &[&[0x31, 0xc0, 0x8e, 0xd0], SYSRETQ], nothing).vendor(Intel),
        // mov eax, 48h; mov ss, eax: 64 KiB, 16-bit
        case("another SS", CALLING, &[&[0xb8, 0x48, 0, 0, 0, 0x8e, 0xd0], SYSRETQ], nothing),
        case("an SS that IRET refuses", CALLING, &[SYSRETQ], |s| s.msr.star = 0x4b << 48 | 8 << 32).stays(),
        // The shadow of MOV SS ends with SYSRET.
        case("null SS, and IRET refuses", CALLING, &[&[0x31, 0xc0, 0x8e, 0xd0], SYSRETQ], |s| s.msr.star = 0x4b << 48 | 8 << 32),
        case("SYSRET to 32-bit code", CALLING, &[&once(&[0x0f, 0x07])], nothing),
        case("calls are switched off", CALLING, &[&wrmsr(0xc000_0080, 0xd00)], nothing),
        case("kernel entry moves", CALLING, &[&wrmsr(0xc000_0082, KERNEL as u32 + 0x19)], nothing),
        case("mask changes", WITH_FLAGS, &[&wrmsr(0xc000_0084, 0)], |s| s.gpr[12] = bit::CF | bit::DF),
        // dec ebx; syscall: SYSRET then goes to the kernel's code, at level 3.
        case("call from level 0", CALLING, &[&once(&[0xff, 0xcb, 0x0f, 0x05])], nothing),
        case("SWAPGS at level 3", &[0x0f, 0x05, 0xff, 0xcb, 0x75, 0xfa, 0x0f, 0x01, 0xf8], &[SYSRETQ], nothing),
        case("STAC at level 3", &[0x0f, 0x05, 0xff, 0xcb, 0x75, 0xfa, 0x0f, 0x01, 0xcb], &[SYSRETQ], nothing),
        case("CLAC at level 3", &[0x0f, 0x05, 0xff, 0xcb, 0x75, 0xfa, 0x0f, 0x01, 0xca], &[SYSRETQ], nothing),
        case("CR3 at level 3", &[0x0f, 0x05, 0xff, 0xcb, 0x75, 0xfa, 0x0f, 0x20, 0xd8], &[SYSRETQ], nothing),
        case("CR1", CALLING, &[&once(&[0x0f, 0x20, 0xc8])], nothing),
        case("SYSRET at level 3", &[0x0f, 0x05, 0xff, 0xcb, 0x75, 0xfa, 0x48, 0x0f, 0x07], &[SYSRETQ], nothing),
        case("HLT in user code is skipped", &[0x0f, 0x05, 0xf4, 0x90, 0xff, 0xcb, 0x75, 0xf8, 0x0f, 0x0b], &[SYSRETQ], |s| s.gpr[15] = 1),
        case("NT comes back through IRET", &[0x0f, 0x05, 0xf4, 0x90, 0xff, 0xcb, 0x75, 0xf8, 0x0f, 0x0b], &[&or_r11(bit::NT)], |s| s.gpr[15] = 1),
    ]
}

struct Side {
    bench: TestBench,
    execution: Execution,
}

impl Side {
    fn new(case: &Case, engine: Engine) -> Self {
        let mut bench = TestBench::new(Mode::LongUser);
        bench.cpu.model = Arc::new(Model {
            vendor: case.vendor,
            ..Model::clone(&bench.cpu.model)
        });
        for page in [SUPERVISOR, GDT].map(|at| at >> 21) {
            let entry: u64 = page << 21 | 0xe3;
            bench.put(PAGE_TABLES + 0x2000 + 8 * page, &entry.to_le_bytes());
        }
        // What STAR leads to, where the bench has another; and a small segment.
        bench.put(GDT + 0x28, &0x00cf_f300_0000_ffffu64.to_le_bytes());
        bench.put(GDT + 0x48, &0x0000_9300_0000_ffffu64.to_le_bytes());
        // Beside code for SYSRET at 58h, an SS that no IRET takes.
        bench.put(GDT + 0x50, &0x0000_9300_0000_ffffu64.to_le_bytes());
        bench.put(GDT + 0x58, &0x00af_fb00_0000_ffffu64.to_le_bytes());
        bench.put(CODE, &case.user);
        bench.put(KERNEL, &case.kernel);
        bench.put(HALTING, &[0xf4, 0xeb, 0xfd]);
        bench.put(RETURNING, &[0x48, 0xcf]);
        // add qword [rsp + 8], 2; add rsp, 8; iretq
        bench.put(
            SKIPPING,
            &[0x48, 0x83, 0x44, 0x24, 8, 2, 0x48, 0x83, 0xc4, 8, 0x48, 0xcf],
        );
        let mut state = bench.cpu.state.clone();
        state.gpr[gpr::RBX] = TRIPS;
        state.msr.star = 0x23 << 48 | 8 << 32;
        state.msr.lstar = KERNEL;
        state.msr.cstar = HALTING;
        state.msr.fmask = LINUX;
        state.msr.kernel_gs_base = DATA;
        state.flags.put(bit::IF, true);
        (case.prepare)(&mut state);
        let skips = state.gpr[15] != 0;
        for vector in 0..=255u64 {
            let handler = match vector {
                13 if skips => SKIPPING,
                2 | 32.. => RETURNING,
                _ => HALTING,
            };
            let gate = handler & 0xffff | u64::from(selector::CODE64) << 16 | 0xee01 << 32;
            bench.put(IDT + 16 * vector, &gate.to_le_bytes());
        }
        state.idtr = DescriptorTable {
            base: IDT,
            limit: 0xfff,
        };
        state.tr = Segment {
            selector: 0x48,
            base: TSS,
            limit: 0x67,
            attr: Segment::P | 11 << 8,
        };
        bench.put(TSS + 0x24, &HANDLER_STACK.to_le_bytes());
        bench.cpu.state = state;
        bench.cpu.refresh_mode();
        bench.cpu.tlb.flush_all();
        let config = ExecutionConfig {
            engine,
            code_size: 1 << 20,
            ..ExecutionConfig::default()
        };
        let execution = Execution::new(&bench.cpu, config);
        Self { bench, execution }
    }

    /// Runs in pieces of `piece` instructions, with an interrupt after `interrupt` of them; what was seen at the end.
    fn run(&mut self, piece: u64, interrupt: Option<u64>) -> (StopReason, u64, CpuState, TlbState) {
        let mut left = MOST;
        let mut interrupt = interrupt;
        let stop = loop {
            if interrupt == Some(MOST - left) {
                interrupt = None;
                *self.bench.board.vectors.lock() = vec![0x40];
                self.bench.cpu.signals.set_intr(true);
            }
            let pending = self.bench.cpu.signals.pending() != 0;
            let until = interrupt.map_or(left, |at| at - (MOST - left));
            let budget = piece.min(left).min(until).min(if pending { 1 } else { MOST });
            let before = self.bench.cpu.icount;
            let stop = self.execution.run(&mut self.bench.cpu, budget);
            left -= self.bench.cpu.icount - before;
            if self.bench.board.vectors.lock().is_empty() {
                self.bench.cpu.signals.set_intr(false);
            }
            if stop != StopReason::Budget || left == 0 {
                break stop;
            }
        };
        let cpu = &self.bench.cpu;
        (stop, cpu.icount, cpu.state.clone(), cpu.tlb.save())
    }
}

fn check(case: &Case, piece: u64, interrupt: Option<u64>) {
    let [expected, actual] =
        [Engine::Interpreter, Engine::Baseline].map(|engine| Side::new(case, engine).run(piece, interrupt));
    let how = format!("{}, pieces of {piece}, interrupt {interrupt:?}", case.name);
    assert_eq!(expected.0, StopReason::Halted, "{how}");
    assert_eq!((actual.0, actual.1), (expected.0, expected.1), "{how}");
    assert_eq!(
        format!("{:#x?}", actual.2),
        format!("{:#x?}", expected.2),
        "{how}"
    );
    assert!(actual.3 == expected.3, "{how}: the TLB differs");
}

#[test]
fn engines_agree() {
    for case in cases() {
        for piece in [MOST, 1, 3, 7] {
            check(&case, piece, None);
        }
    }
}

#[test]
fn interrupts_at_every_boundary() {
    for case in cases() {
        for after in 0..40 {
            check(&case, MOST, Some(after));
        }
    }
}

#[test]
fn usual_trips_stay_in_generated_code() {
    for case in cases().iter().filter(|case| case.stays) {
        let exits = |trips: u64| {
            let mut side = Side::new(case, Engine::Baseline);
            side.bench.cpu.state.gpr[gpr::RBX] = trips;
            side.run(MOST, None);
            let report = side.execution.report(&side.bench.cpu);
            report.translation.expect("the baseline engine").exits
        };
        assert_eq!(exits(20), exits(60), "{}", case.name);
    }
}
