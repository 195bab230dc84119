//! Runs a program in both engines, and says what it changed.
//!
//! | address | holds |
//! |---|---|
//! | 600h..700h | two HLT for each exception: handlers |
//! | 1000h | code, unless the file says otherwise |
//! | ..8000h | stack |
//! | E000h | IDT |
//! | F000h | TSS; below 1_0000h the stack of handlers in long mode |

use super::program::{GENERAL, Program};
use accel_tcg::baseline::Baseline;
use accel_tcg::optimizing::RegionConfig;
use accel_tcg::{Engine, Execution, ExecutionConfig};
use target_i386::jit::Key;
use target_i386::state::{Activity, CpuState, DescriptorTable, Segment};
use target_i386::testbench::{Mode, TestBench, selector};

const HANDLERS: u64 = 0x600;
const VECTORS: u64 = 32;
const IDT: u64 = 0xe000;
const TSS: u64 = 0xf000;
const HANDLER_STACK: u64 = 0x1_0000;
/// Memory that is compared.
const MEMORY: usize = 1 << 20;
/// What no program changes but through the CPU's own ways.
const OURS: std::ops::Range<usize> = IDT as usize..HANDLER_STACK as usize;
/// Instructions that a program may execute.
const MOST: u64 = 100_000;
/// Bytes for generated code.
const CODE_SIZE: usize = 1 << 20;

/// What there is after a run.
struct After {
    state: CpuState,
    memory: Vec<u8>,
    count: u64,
}

/// What a program does.
pub struct Outcome {
    /// What differs from the start.
    pub after: Vec<String>,
    /// How generated code was left, the second time round.
    pub exits: String,
}

/// A bench in which exceptions halt.
fn bench(program: &Program) -> TestBench {
    let mode = program.mode;
    let mut bench = TestBench::new(mode);
    for vector in 0..VECTORS {
        let handler = HANDLERS + 2 * vector;
        bench.put(handler, &[0xf4, 0xf4]);
        match mode {
            Mode::Real => bench.put(4 * vector, &(handler as u32).to_le_bytes()),
            Mode::Protected16 | Mode::Protected32 => {
                let (code, kind) = match mode {
                    Mode::Protected16 => (selector::CODE16, 0xe600),
                    _ => (selector::CODE32, 0xee00),
                };
                let gate = handler | u64::from(code) << 16 | kind << 32;
                bench.put(IDT + 8 * vector, &gate.to_le_bytes());
            }
            _ => {
                // On the first stack of the interrupt stack table.
                let gate = handler | u64::from(selector::CODE64) << 16 | 0xee01 << 32;
                bench.put(IDT + 16 * vector, &gate.to_le_bytes());
            }
        }
    }
    for slot in [0x04, 0x24] {
        bench.put(TSS + slot, &HANDLER_STACK.to_le_bytes());
    }
    let state = &mut bench.cpu.state;
    state.idtr = DescriptorTable {
        base: if mode == Mode::Real { 0 } else { IDT },
        limit: 0xfff,
    };
    state.tr = Segment {
        selector: 0x48,
        base: TSS,
        limit: 0x67,
        attr: Segment::P | 11 << 8,
    };
    program.load(&mut bench);
    bench
}

fn memory(bench: &TestBench) -> Vec<u8> {
    let mut memory = vec![0; MEMORY];
    bench.ram.read(0, &mut memory).expect("the bench has more");
    memory
}

impl After {
    fn of(bench: &TestBench, count: u64) -> Self {
        Self {
            state: bench.cpu.state.clone(),
            memory: memory(bench),
            count,
        }
    }
}

/// The part of the mode that a listing of the program depends on.
///
/// # Errors
/// Nothing is translated in this mode.
pub fn key(program: &Program) -> Result<Key, String> {
    let bench = bench(program);
    bench
        .cpu
        .jit_key()
        .ok_or_else(|| "nothing is translated in this mode".into())
}

/// Runs a program in the interpreter, and twice in generated code: cold, and then linked and with all it needs in
/// the TLB.
///
/// # Errors
/// It does not end, or engines disagree.
pub fn run(program: &Program) -> Result<Outcome, String> {
    let mut bench = bench(program);
    let start = After::of(&bench, 0);
    let expected = interpret(&mut bench, program)?;

    let mut bench = self::bench(program);
    let mut engine = Baseline::new(&bench.cpu, CODE_SIZE)
        .map_err(|error| format!("no memory for generated code: {error}"))?;
    let running = expected.state.activity == Activity::Running;
    // The jump at the end takes one more, with which the last block fits into the budget. What halts does so by itself.
    let budget = if running { expected.count + 1 } else { MOST };
    let compiled = |bench: &mut TestBench, engine: &mut Baseline, pass: &str| {
        let before = bench.cpu.icount;
        engine.run(&mut bench.cpu, budget);
        let actual = After::of(bench, bench.cpu.icount - before);
        let mut found = changes(&expected, &actual);
        let count = actual.count - u64::from(running);
        if count != expected.count {
            found.push(format!("{count} instructions, not {}", expected.count));
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "{pass}, generated code differs in\n    {}",
                found.join("\n    ")
            ))
        }
    };
    compiled(&mut bench, &mut engine, "the first time")?;
    let mut exits = engine.exits();
    // With the jump at the end.
    let code = program.at as usize..program.end() as usize + 2;
    // Writing where blocks are would kill them.
    if expected.memory[code.clone()] == start.memory[code.clone()] {
        for at in (0..MEMORY).step_by(8) {
            let then = &start.memory[at..at + 8];
            if *then != expected.memory[at..at + 8] {
                bench.put(at as u64, then);
            }
        }
        bench.cpu.state = start.state.clone();
        bench.cpu.refresh_mode();
        compiled(&mut bench, &mut engine, "the second time")?;
        for (now, before) in exits.iter_mut().zip(engine.exits()) {
            *now = before - *now;
        }
    }
    let [entry, link, interpret, after, fault] = exits;
    Ok(Outcome {
        after: description(&start, &expected, program),
        exits: format!(
            "{entry} refused, {link} unlinked, {interpret} interpreted, {after} after handlers, {fault} faults"
        ),
    })
}

/// How often a program's regions were entered, and for how many instructions.
pub struct Entered {
    pub times: u64,
    pub instructions: u64,
}

/// Runs a program in the engines that compile regions, each of which is compiled when it is first seen.
///
/// # Errors
/// It does not end, engines disagree, or no region was entered.
pub fn run_regions(program: &Program) -> Result<Entered, String> {
    let expected = interpret(&mut bench(program), program)?;
    let running = expected.state.activity == Activity::Running;
    let budget = if running { expected.count } else { MOST };
    let run = |engine: Engine| {
        let mut bench = bench(program);
        let config = ExecutionConfig {
            engine,
            code_size: CODE_SIZE,
            regions: RegionConfig {
                hot: 1,
                wait: true,
                ..RegionConfig::default()
            },
            fault: None,
        };
        let mut execution = Execution::new(&bench.cpu, config);
        execution.run(&mut bench.cpu, budget);
        let actual = After::of(&bench, bench.cpu.icount);
        let mut found = changes(&expected, &actual);
        if actual.count != expected.count {
            found.push(format!("{} instructions, not {}", actual.count, expected.count));
        }
        if !found.is_empty() {
            return Err(format!("{engine:?} differs in\n    {}", found.join("\n    ")));
        }
        let counters = execution.report(&bench.cpu).regions.unwrap_or_default();
        if counters.executed == 0 {
            return Err(format!("{engine:?} executed nothing in a region"));
        }
        Ok(Entered {
            times: counters.entered,
            instructions: counters.executed,
        })
    };
    run(Engine::Optimizing)?;
    run(Engine::InterpreterOptimizing)
}

/// Runs until the end of the code or HLT, one instruction at a time.
fn interpret(bench: &mut TestBench, program: &Program) -> Result<After, String> {
    let start = bench.cpu.icount;
    loop {
        let state = &bench.cpu.state;
        let count = bench.cpu.icount - start;
        if state.activity != Activity::Running || bench.cpu.code_address() == program.end() {
            return Ok(After::of(bench, count));
        }
        if count >= MOST {
            return Err(format!(
                "still running after {MOST} instructions, at {:x}",
                state.rip
            ));
        }
        bench.cpu.run(1);
    }
}

/// What happened to the state, and the count.
fn description(start: &After, end: &After, program: &Program) -> Vec<String> {
    let mut lines = Vec::new();
    let rip = end.state.rip;
    let handlers = HANDLERS..HANDLERS + 2 * VECTORS;
    if end.state.activity == Activity::Halted && handlers.contains(&(rip - 1)) {
        lines.push(format!("exception {}", (rip - 1 - HANDLERS) / 2));
    } else if end.state.activity != Activity::Running {
        lines.push(format!("{:?} at {rip:x}", end.state.activity).to_lowercase());
    } else if rip != program.end() {
        lines.push(format!("at {rip:x}"));
    }
    lines.push(format!("{} instructions", end.count));
    lines.extend(
        changes(start, end)
            .into_iter()
            .filter(|line| !line.starts_with("rip=")),
    );
    lines
}

/// What of `b` is different from `a`, one line each.
fn changes(a: &After, b: &After) -> Vec<String> {
    let mut lines = Vec::new();
    let (s, t) = (&a.state, &b.state);
    let mut check = |name: &str, a: u64, b: u64| {
        if a != b {
            lines.push(format!("{name}={b:#x}"));
        }
    };
    for (n, name) in GENERAL.iter().enumerate() {
        check(name, s.gpr[n], t.gpr[n]);
    }
    check("rip", s.rip, t.rip);
    check("rflags", s.flags.get(), t.flags.get());
    for n in 0..6 {
        check(
            &format!("segment {n}"),
            s.seg[n].selector.into(),
            t.seg[n].selector.into(),
        );
        check(&format!("base of segment {n}"), s.seg[n].base, t.seg[n].base);
    }
    check("cr2", s.cr2, t.cr2);
    check("mxcsr", s.fpu.mxcsr.into(), t.fpu.mxcsr.into());
    check("x87 control", s.fpu.control.into(), t.fpu.control.into());
    check("x87 status", s.fpu.status.into(), t.fpu.status.into());
    check("x87 top", s.fpu.top.into(), t.fpu.top.into());
    check("x87 empty", s.fpu.empty.into(), t.fpu.empty.into());
    check("x87 pointer", s.fpu.ip, t.fpu.ip);
    check("x87 operand", s.fpu.dp, t.fpu.dp);
    check("x87 opcode", s.fpu.opcode.into(), t.fpu.opcode.into());
    for n in 0..8 {
        let (a, b) = (s.fpu.st[n], t.fpu.st[n]);
        if a != b {
            lines.push(format!("r{n}={:#x}.{:016x}", b.sign_exponent, b.significand));
        }
    }
    for n in 0..16 {
        let b = t.fpu.ymm[n];
        if s.fpu.ymm[n] != b {
            lines.push(format!(
                "ymm{n}={:016x}_{:016x}_{:016x}_{:016x}",
                b[3], b[2], b[1], b[0]
            ));
        }
    }
    lines.extend(memory_changes(&a.memory, &b.memory));
    lines
}

/// Runs of changed bytes, lowest address first, at most 16 bytes in a line.
fn memory_changes(a: &[u8], b: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(next) = (at..MEMORY).find(|&at| a[at] != b[at] && !OURS.contains(&at)) {
        // Quadwords are easier to read.
        let start = next & !7;
        let mut end = start + 8;
        while end < start + 16 && a[end..end + 8] != b[end..end + 8] {
            end += 8;
        }
        let bytes: Vec<String> = b[start..end].iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push(format!("[{start:#x}]={}", bytes.join(" ")));
        at = end;
    }
    lines
}
