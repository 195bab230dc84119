//! Instructions that run over a page's end, in generated code: the page behind may be another one the next time, its bytes
//! may change, and it may be gone. Results, counts and the TLB are the interpreter's; only faults and page walks leave
//! generated code.

use accel_tcg::{Engine, Execution, ExecutionConfig};
use softmmu::tlb::TlbState;
use target_i386::StopReason;
use target_i386::state::{CpuState, gpr};
use target_i386::testbench::{CODE, Mode, PAGE_TABLES, TestBench};

/// The page table of the first 2 MiB, made here: the bench has large pages.
const TABLE: u64 = 0xa000;
/// The two pages that can be behind the end that is run over, which is at this linear address.
const SECOND: u64 = 0x11000;
const OTHER: u64 = 0x12000;
/// Rounds of the program, and calls of the instruction in one.
const ROUNDS: u64 = 40;
const CALLS: u64 = 2;
/// More instructions than any case takes.
const MOST: u64 = 4000;

/// An instruction, and what happens between two calls of it.
struct Case {
    name: &'static str,
    /// The instruction, of which `before` bytes lie on the first page.
    across: &'static [u8],
    before: u64,
    action: &'static [u8],
    /// RBX at the end, by calls in a round.
    sum: u64,
}

/// xor qword [abs TABLE + 8 * 0x11], SECOND ^ OTHER; invlpg [abs SECOND]
const REMAP: &[u8] = &[
    0x48, 0x81, 0x34, 0x25, 0x88, 0xa0, 0, 0, 0x00, 0x30, 0, 0, 0x0f, 0x01, 0x3c, 0x25, 0x00, 0x10, 0x01, 0,
];
/// inc byte [abs SECOND]: the last bytes of the instruction.
const PATCH: &[u8] = &[0xfe, 0x04, 0x25, 0x00, 0x10, 0x01, 0];
/// invlpg [abs SECOND]
const FLUSH: &[u8] = &[0x0f, 0x01, 0x3c, 0x25, 0x00, 0x10, 0x01, 0];
const NOTHING: &[u8] = &[];

/// mov eax, imm32, whose last byte is on the second page.
const MOV: &[u8] = &[0xb8, 1, 0, 0, 5];
/// add eax, [rip + disp32] with its displacement behind the end.
const LOAD: &[u8] = &[0x03, 0x05, 0x10, 0x00, 0x00, 0x00];
/// jmp rel32 to the RET behind itself.
const JUMP: &[u8] = &[0xe9, 0x00, 0x00, 0x00, 0x00];
/// movaps xmm0, xmm1
const VECTOR: &[u8] = &[0x0f, 0x28, 0xc1];

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "immediate", across: MOV, before: 4, action: NOTHING, sum: ROUNDS * 0x0500_0001 },
    Case { name: "two pages in turn", across: MOV, before: 4, action: REMAP, sum: ROUNDS / 2 * (0x0500_0001 + 0x0900_0001) },
    Case { name: "changed bytes", across: MOV, before: 4, action: PATCH, sum: ROUNDS * 0x0500_0001 + ((ROUNDS * (ROUNDS - 1) / 2) << 24) },
    Case { name: "flushed page", across: MOV, before: 4, action: FLUSH, sum: ROUNDS * 0x0500_0001 },
    Case { name: "load", across: LOAD, before: 2, action: NOTHING, sum: 0 },
    Case { name: "branch", across: JUMP, before: 1, action: NOTHING, sum: 0 },
    Case { name: "vector", across: VECTOR, before: 1, action: NOTHING, sum: 0 },
];

fn bench(case: &Case) -> TestBench {
    let mut bench = TestBench::new(Mode::Long);
    // The bench's first page directory entry, as a table of small pages.
    let directory = PAGE_TABLES + 0x2000;
    for page in 0..512u64 {
        bench.put(TABLE + 8 * page, &(page << 12 | 3).to_le_bytes());
    }
    bench.put(directory, &(TABLE | 3).to_le_bytes());
    let start = SECOND - case.before;
    bench.put(start, case.across);
    let rest = &case.across[case.before as usize..];
    for (page, change) in [(SECOND, 0), (OTHER, 4)] {
        let mut bytes = rest.to_vec();
        // The other page holds another last byte, where that is an immediate.
        bytes[rest.len() - 1] += if case.across == MOV { change } else { 0 };
        bytes.push(0xc3);
        bench.put(page, &bytes);
    }
    // call start; add rbx, rax (twice: the first may be left to the interpreter); (action); dec ecx; jnz; hlt
    let mut code = Vec::new();
    for _ in 0..CALLS {
        code.push(0xe8);
        code.extend((start.wrapping_sub(CODE + code.len() as u64 + 4) as u32).to_le_bytes());
        code.extend([0x48, 0x01, 0xc3]);
    }
    code.extend(case.action);
    code.extend([0xff, 0xc9, 0x0f, 0x85]);
    let back = -(code.len() as i32 + 4);
    code.extend(back.to_le_bytes());
    code.push(0xf4);
    bench.code(&code);
    bench.cpu.state.gpr[gpr::RCX] = ROUNDS;
    bench.cpu.refresh_mode();
    bench
}

/// How a run went: state, count, TLB, and exits to the interpreter.
fn run(case: &Case, engine: Engine, cut: u64) -> (CpuState, u64, TlbState, u64) {
    let mut bench = bench(case);
    let config = ExecutionConfig {
        engine,
        ..ExecutionConfig::default()
    };
    let mut execution = Execution::new(&bench.cpu, config);
    loop {
        let reason = execution.run(&mut bench.cpu, cut);
        assert!(bench.cpu.icount < MOST, "{}: does not end", case.name);
        if reason != StopReason::Budget {
            break;
        }
    }
    let report = execution.report(&bench.cpu);
    let left = report.translation.map_or(0, |t| t.interpreted + t.exits[2]);
    let (count, tlb) = (bench.cpu.icount, bench.cpu.tlb.save());
    (bench.cpu.state.clone(), count, tlb, left)
}

#[test]
fn agrees_with_the_interpreter() {
    for case in CASES {
        for cut in [u64::MAX, 1, 3, 7] {
            let (state, count, tlb, _) = run(case, Engine::Interpreter, u64::MAX);
            assert_eq!(state.gpr[gpr::RBX], CALLS * case.sum, "{}", case.name);
            let (own, own_count, own_tlb, _) = run(case, Engine::Baseline, cut);
            assert_eq!(own.gpr, state.gpr, "{}, cut {cut}", case.name);
            assert_eq!(own.rip, state.rip, "{}, cut {cut}", case.name);
            assert_eq!(own_count, count, "{}, cut {cut}", case.name);
            assert!(own_tlb == tlb, "{}, cut {cut}: TLBs differ", case.name);
        }
    }
}

/// What is warm stays in generated code.
#[test]
fn stays_in_generated_code() {
    for case in CASES.iter().filter(|case| case.action.is_empty()) {
        let (.., left) = run(case, Engine::Baseline, u64::MAX);
        assert!(
            left < 10,
            "{}: {left} exits to the interpreter in {ROUNDS} rounds",
            case.name
        );
    }
}
