//! Runs single instructions as blocks of generated code, and catches what they raise with an IDT whose handlers halt.
//!
//! In the bench's supervisor memory lie the IDT, a TSS that names the stack, the handlers and that stack. What the
//! handler was entered with is read from its frame, and the state is put back to before the delivery.

use crate::host::{Raised, Runner};
use accel_tcg::optimizing::RegionConfig;
use accel_tcg::{Engine, Execution, ExecutionConfig, Look};
use target_i386::StopReason;
use target_i386::state::{Activity, DescriptorTable, Segment, gpr};
use target_i386::testbench::{RAM_SIZE, TestBench, selector};

/// Physical and linear addresses.
const IDT: u64 = RAM_SIZE - (2 << 20);
const TSS: u64 = IDT + 0x1000;
/// One HLT each; vector by vector.
const HANDLERS: u64 = IDT + 0x2000;
const STACK: u64 = IDT + 0x4000;
const VECTORS: u64 = 32;
/// INT3: what lies behind the instruction, and is no subject itself.
const BEHIND: u8 = 3;
/// More instructions than a repeated one counts for.
const MANY: u64 = 100_000;
const RF: u64 = 1 << 16;
const AC: u64 = 1 << 18;
/// Places in [`accel_tcg::stats::Translation::exits`].
const INTERPRET: usize = 2;
/// Of a hundred cases without a fault, so many may leave generated code for the interpreter: accesses across pages,
/// unmasked exceptions, and x87 operands and stacks out of the ordinary, which the x87 suite is made of.
const MOST_LEFT: u64 = 33;
/// Of a hundred, so many may be none that regions have a row for, or leave them.
const MOST_WITHOUT_REGION: u64 = 50;

pub fn runner(bench: &mut TestBench, engine: Engine) -> Box<dyn Runner> {
    for vector in 0..VECTORS {
        let handler = HANDLERS + vector;
        // Interrupt gates that user code may call; the handler's address comes in three parts.
        let low = handler & 0xffff
            | u64::from(selector::CODE64) << 16
            | 0xee00 << 32
            | (handler >> 16 & 0xffff) << 48;
        bench.put(IDT + 16 * vector, &low.to_le_bytes());
        bench.put(IDT + 16 * vector + 8, &(handler >> 32).to_le_bytes());
        bench.put(handler, &[0xf4]);
    }
    bench.put(TSS + 4, &STACK.to_le_bytes());
    let state = &mut bench.cpu.state;
    state.idtr = DescriptorTable {
        base: IDT,
        limit: (16 * VECTORS - 1) as u16,
    };
    state.tr = Segment {
        selector: 0x60,
        base: TSS,
        limit: 0x67,
        attr: 0x8b00,
    };
    Box::new(Generated {
        engine,
        execution: execution(bench, engine),
        undisturbed: 0,
        left: 0,
        complaints: Vec::new(),
    })
}

fn execution(bench: &TestBench, engine: Engine) -> Execution {
    let config = ExecutionConfig {
        engine,
        code_size: 8 << 20,
        regions: RegionConfig {
            hot: 1,
            wait: true,
            straight: true,
        },
        fault: None,
    };
    let look = Look {
        one_insn: true,
        ..Look::default()
    };
    let execution = Execution::with_look(&bench.cpu, config, look);
    assert_eq!(execution.fallback(), None);
    execution
}

struct Generated {
    engine: Engine,
    execution: Execution,
    /// Cases without a fault.
    undisturbed: u64,
    /// Those of them in which generated code was left for the interpreter.
    left: u64,
    complaints: Vec<String>,
}

impl Runner for Generated {
    fn step(&mut self, bench: &mut TestBench, repeats: bool) -> Raised {
        let cpu = &mut bench.cpu;
        let (seg, checked) = (cpu.state.seg, cpu.state.flags.get() & AC != 0);
        let start = cpu.state.rip;
        if self.engine == Engine::InterpreterOptimizing {
            // It remembers addresses at which there was nothing to compile.
            self.execution = execution(bench, self.engine);
        }
        let before = self.counters(bench);
        // A repeated instruction counts once an iteration: then INT3 ends the run.
        let budget = if repeats { MANY } else { 1 };
        let stop = self.execution.run(&mut bench.cpu, budget);
        let after = self.counters(bench);
        let raised = caught(bench, seg);
        // The handler's HLT may use the budget up.
        if !(stop == StopReason::Budget || stop == StopReason::Halted && raised.is_some()) {
            self.complaints.push(format!("at {start:#x}: {stop:?}"));
        }
        // Under alignment checks everything is interpreted, and what has no row in regions.
        if after.0 != before.0 && !checked && self.engine == Engine::Baseline {
            self.complaints.push(format!(
                "at {start:#x}: {} blocks were interpreted",
                after.0 - before.0
            ));
        }
        if raised.is_none_or(|(vector, _)| repeats && vector == BEHIND) {
            self.undisturbed += 1;
            self.left += u64::from(after != before);
        }
        raised.filter(|&(vector, _)| {
            let behind = repeats && vector == BEHIND;
            if behind {
                bench.cpu.state.rip -= 1;
            }
            !behind
        })
    }

    fn finish(&mut self) -> Vec<String> {
        println!(
            "{} of {} cases without a fault left generated code",
            self.left, self.undisturbed
        );
        let mut complaints = std::mem::take(&mut self.complaints);
        complaints.truncate(10);
        let most = if self.engine == Engine::Baseline {
            MOST_LEFT
        } else {
            MOST_WITHOUT_REGION
        };
        if self.left * 100 > self.undisturbed * most {
            complaints.push(format!(
                "{} of {} cases were interpreted",
                self.left, self.undisturbed
            ));
        }
        complaints
    }
}

impl Generated {
    /// Blocks and instructions that the interpreter ran, or that regions did not.
    fn counters(&self, bench: &TestBench) -> (u64, u64) {
        let report = self.execution.report(&bench.cpu);
        match (report.translation, report.regions) {
            (Some(translation), _) => (translation.interpreted, translation.exits[INTERPRET]),
            (None, Some(regions)) => (bench.cpu.icount - regions.executed, 0),
            (None, None) => panic!("an engine that generates code"),
        }
    }
}

/// What a handler was entered for, if one was; the state is then again what it was at the fault.
fn caught(bench: &mut TestBench, seg: [Segment; 6]) -> Raised {
    if bench.cpu.state.cpl == 3 {
        return None;
    }
    let vector = (bench.cpu.state.rip - 1 - HANDLERS) as u8;
    let frame = bench.cpu.state.gpr[gpr::RSP];
    let has_code = matches!(vector, 8 | 10..=14 | 17 | 21);
    let at = |n: u64| u64::from_le_bytes(bench.get(frame + 8 * (n + u64::from(has_code))));
    let (rip, flags, rsp) = (at(0), at(2), at(3));
    let state = &mut bench.cpu.state;
    state.rip = rip;
    state.flags.set(flags & !RF);
    state.gpr[gpr::RSP] = rsp;
    state.seg = seg;
    state.cpl = 3;
    state.activity = Activity::Running;
    bench.cpu.refresh_mode();
    Some((vector, if vector == 14 { bench.cpu.state.cr2 } else { 0 }))
}
