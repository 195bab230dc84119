//! Runs a program in two engines and says where they part.

use crate::program::Program;
use crate::world::{LOW, SMALL_TABLE, Side};
use accel_tcg::{Engine, ExecutionConfig};
use host_oracle::Rng;
use iced_x86::{Decoder, FastFormatter};
use softmmu::tlb::TlbState;
use std::fmt::Write as _;
use target_i386::state::CpuState;
use target_i386::testbench::{PAGE_TABLES, RAM_SIZE};
use target_i386::{StopReason, decode};

/// How a run is cut into budgets, and what happens between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slicing {
    /// In one piece.
    Whole,
    /// In random pieces; the number seeds them.
    Random(u64),
    /// One instruction at a time.
    Single,
    /// In two, with an interrupt (or, if so said, an NMI) after so many instructions.
    Interrupted(u64, bool),
}

/// The engine whose results are compared with the interpreter's.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub engine: Engine,
    /// Regions are made of code without loops, too.
    pub straight: bool,
    pub code_size: usize,
}

/// Everything that must be the same.
#[derive(PartialEq)]
struct Snapshot {
    stop: StopReason,
    icount: u64,
    published: u64,
    state: CpuState,
    tlb: TlbState,
    /// What was seen between slices.
    seen: u64,
}

/// What a run came to, and a digest of what was seen between its slices: flags live shorter than programs do.
fn run(side: &mut Side, slicing: Slicing, total: u64) -> (StopReason, u64) {
    let mut seen = 0u64;
    let start = side.bench.cpu.icount;
    let mut slices = Rng::new(match slicing {
        Slicing::Random(seed) => seed,
        _ => 0,
    });
    let mut interrupt = match slicing {
        Slicing::Interrupted(after, nmi) => Some((after, nmi)),
        _ => None,
    };
    loop {
        let done = side.bench.cpu.icount - start;
        let left = total.saturating_sub(done);
        if left == 0 {
            return (StopReason::Budget, seen);
        }
        if let Some((after, nmi)) = interrupt
            && done == after
        {
            interrupt = None;
            if nmi {
                side.bench.cpu.signals.nmi();
            } else {
                *side.bench.board.vectors.lock() = vec![0x40];
                side.bench.cpu.signals.set_intr(true);
            }
        }
        let budget = match slicing {
            Slicing::Whole => left,
            Slicing::Random(_) => {
                let most = if slices.one_in(2) { 8 } else { 200 };
                1 + slices.below(most)
            }
            Slicing::Single => 1,
            // INTR falls once it was acknowledged; boards do that in their own time.
            Slicing::Interrupted(..) => match interrupt {
                Some((after, _)) => after - done,
                None if side.bench.cpu.signals.pending() != 0 => 1,
                None => left,
            },
        };
        let stop = side.run(budget.min(left));
        let state = &side.bench.cpu.state;
        for value in [state.rip, state.flags.get()].iter().chain(&state.gpr[..16]) {
            seen = (seen.rotate_left(7) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        if side.bench.board.vectors.lock().is_empty() {
            side.bench.cpu.signals.set_intr(false);
        }
        if stop != StopReason::Budget {
            return (stop, seen);
        }
    }
}

fn interpreter() -> ExecutionConfig {
    ExecutionConfig {
        engine: Engine::Interpreter,
        ..ExecutionConfig::default()
    }
}

fn sides(program: &Program, subject: Subject) -> [Side; 2] {
    let Subject {
        engine,
        code_size,
        straight,
    } = subject;
    let regions = accel_tcg::optimizing::RegionConfig {
        hot: 1,
        wait: true,
        straight,
    };
    [
        interpreter(),
        ExecutionConfig {
            engine,
            code_size,
            regions,
            fault: None,
        },
    ]
    .map(|config| Side::new(program.kind, config, &program.low, &program.state))
}

fn snapshot(side: &mut Side, (stop, seen): (StopReason, u64)) -> Snapshot {
    let cpu = &side.bench.cpu;
    Snapshot {
        stop,
        icount: cpu.icount,
        published: cpu.count().get(),
        state: cpu.state.clone(),
        tlb: cpu.tlb.save(),
        seen,
    }
}

/// Compares both sides' memory; the first address that differs. All of it if `all`.
fn memory_difference(sides: &[Side; 2], all: bool) -> Option<String> {
    let everything = [0..RAM_SIZE, 0..0];
    let reached = [0..LOW, SMALL_TABLE..PAGE_TABLES + 0x6000];
    let areas = if all { everything } else { reached };
    for area in areas {
        let [a, b] = [0, 1].map(|n: usize| {
            let mut bytes = vec![0u8; (area.end - area.start) as usize];
            let side: &Side = &sides[n];
            side.bench.ram.read(area.start, &mut bytes).expect("in RAM");
            bytes
        });
        if let Some(at) = (0..a.len()).find(|&at| a[at] != b[at]) {
            return Some(format!(
                "memory at {:#x}: {:#04x} and {:#04x}",
                area.start + at as u64,
                a[at],
                b[at]
            ));
        }
    }
    None
}

fn differences(a: &Snapshot, b: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    if a == b {
        return found;
    }
    let mut check = |what: &str, a: &dyn std::fmt::Debug, b: &dyn std::fmt::Debug| {
        let (a, b) = (format!("{a:x?}"), format!("{b:x?}"));
        if a != b {
            found.push(format!("{what}: {a} and {b}"));
        }
    };
    check("stopped by", &a.stop, &b.stop);
    check("count", &a.icount, &b.icount);
    check("published count", &a.published, &b.published);
    let (s, t) = (&a.state, &b.state);
    for n in 0..s.gpr.len() {
        check(&format!("gpr {n}"), &s.gpr[n], &t.gpr[n]);
    }
    check("rip", &s.rip, &t.rip);
    check("flags", &s.flags.get(), &t.flags.get());
    for n in 0..6 {
        check(&format!("segment {n}"), &s.seg[n], &t.seg[n]);
    }
    for n in 0..16 {
        check(&format!("ymm {n}"), &s.fpu.ymm[n], &t.fpu.ymm[n]);
    }
    check("mxcsr", &s.fpu.mxcsr, &t.fpu.mxcsr);
    check(
        "x87",
        &(s.fpu.st, s.fpu.top, s.fpu.status, s.fpu.empty),
        &(t.fpu.st, t.fpu.top, t.fpu.status, t.fpu.empty),
    );
    check(
        "x87 pointers",
        &(s.fpu.opcode, s.fpu.ip, s.fpu.cs, s.fpu.dp, s.fpu.ds),
        &(t.fpu.opcode, t.fpu.ip, t.fpu.cs, t.fpu.dp, t.fpu.ds),
    );
    check("what was seen between slices", &a.seen, &b.seen);
    check("tlb victims", &a.tlb.next_victim, &b.tlb.next_victim);
    if a.tlb.entries != b.tlb.entries {
        let only = |a: &TlbState, b: &TlbState| {
            let only: Vec<_> = a.entries.iter().filter(|e| !b.entries.contains(e)).collect();
            format!("{only:x?}")
        };
        found.push(format!(
            "tlb: {} and {}",
            only(&a.tlb, &b.tlb),
            only(&b.tlb, &a.tlb)
        ));
    }
    if found.is_empty() {
        found.push(format!("state: {s:x?} and {t:x?}"));
    }
    found
}

/// Runs `total` instructions of a program on both sides. If only one of them seems to get nowhere, the host may have been
/// busy elsewhere: that has to happen more than once to count.
fn run_both(
    program: &Program,
    subject: Subject,
    slicing: Slicing,
    total: u64,
) -> ([Side; 2], [(StopReason, u64); 2]) {
    let mut attempts = 3;
    loop {
        let mut sides = sides(program, subject);
        let runs = [0, 1].map(|n: usize| run(&mut sides[n], slicing, total));
        let nowhere = runs.iter().filter(|run| run.0 == StopReason::ExitRequest).count();
        attempts -= 1;
        if nowhere != 1 || attempts == 0 {
            return (sides, runs);
        }
    }
}

/// Runs `total` instructions of a program on both sides; what differs then.
pub fn compare(
    program: &Program,
    subject: Subject,
    slicing: Slicing,
    total: u64,
    all_memory: bool,
) -> Vec<String> {
    let (mut sides, [run_a, run_b]) = run_both(program, subject, slicing, total);
    if [run_a.0, run_b.0] == [StopReason::ExitRequest; 2] {
        println!("  runs get nowhere");
        return Vec::new();
    }
    let [a, b] = &mut sides;
    let mut found = differences(&snapshot(a, run_a), &snapshot(b, run_b));
    found.extend(memory_difference(&sides, all_memory));
    found
}

/// The smallest number of instructions after which the sides differ, and a report of what was executed last.
pub fn bisect(program: &Program, subject: Subject, slicing: Slicing, total: u64) -> String {
    let (mut same, mut different) = (0, total);
    while different - same > 1 {
        let middle = same + (different - same) / 2;
        if compare(program, subject, slicing, middle, false).is_empty() {
            same = middle;
        } else {
            different = middle;
        }
    }
    let mut report = format!("{:?} {slicing:?}: after {different} instructions\n", program.kind);
    for line in compare(program, subject, slicing, different, true) {
        let _ = writeln!(report, "  {line}");
    }
    let [mut side, _] = sides(program, subject);
    run(&mut side, slicing, different.saturating_sub(25));
    let _ = writeln!(report, "  the interpreter's last:");
    for _ in different.saturating_sub(25)..different {
        let _ = writeln!(report, "    {}", instruction(&side));
        if side.run(1) != StopReason::Budget {
            break;
        }
    }
    let state = &side.bench.cpu.state;
    let _ = writeln!(
        report,
        "  gpr {:x?} flags {:x}",
        &state.gpr[..16],
        state.flags.get()
    );
    report
}

/// Prints what the interpreter executes.
pub fn show(program: &Program, total: u64) {
    let mut side = Side::new(program.kind, interpreter(), &program.low, &program.state);
    for _ in 0..total {
        println!("    {}", instruction(&side));
        if side.run(1) != StopReason::Budget {
            break;
        }
    }
}

/// The instruction that comes next.
fn instruction(side: &Side) -> String {
    let cpu = &side.bench.cpu;
    let linear = cpu.code_address();
    let mut bytes = [0; 15];
    // Code is mapped where it lies, and once more above.
    side.bench.ram.read(linear & 0xff_ffff, &mut bytes);
    let bits = cpu.mode.code;
    let raw = Decoder::with_ip(bits, &bytes, cpu.state.rip, decode::options(cpu.features)).decode();
    let mut text = String::new();
    FastFormatter::new().format(&raw, &mut text);
    format!("{linear:8x}: {text}  ({:02x?})", &bytes[..raw.len().clamp(1, 15)])
}
