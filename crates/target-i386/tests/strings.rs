//! String instructions in bulk against one element at a time: registers, memory, the count and the TLB's content must
//! be the same, wherever pages, code, overlaps and budgets lie.

use proptest::prelude::*;
use target_i386::state::gpr;
use target_i386::testbench::{CODE, Mode, RAM_SIZE, TestBench};

#[derive(Clone, Debug)]
struct Case {
    code: Vec<u8>,
    mode: Mode,
    from: u64,
    to: u64,
    count: u64,
    rax: u64,
    down: bool,
    /// Bytes at the source and the target that are not like the others.
    odd: [u64; 2],
    /// Budgets of the runs; the last one repeats.
    budgets: Vec<u64>,
}

/// REP, REPNE or nothing, with an element size, then a jump to itself.
fn code() -> impl Strategy<Value = Vec<u8>> {
    let prefix = prop_oneof![4 => Just(vec![0xf3]), 2 => Just(vec![0xf2]), 1 => Just(vec![])];
    let narrow = prop::sample::select(vec![0xa4u8, 0xa5, 0xaa, 0xab, 0xa6, 0xa7, 0xae, 0xaf, 0xac, 0xad]);
    let size = prop::sample::select(vec![vec![], vec![], vec![0x66], vec![0x67]]);
    (size, prefix, any::<bool>(), narrow).prop_map(|(size, prefix, wide, opcode)| {
        let mut code = size;
        code.extend(prefix);
        code.extend(wide.then_some(0x48));
        code.push(opcode);
        code.extend([0xeb, 0xfe]);
        code
    })
}

/// Near page ends, in pages that share a TLB slot, and around the code itself.
fn address() -> impl Strategy<Value = u64> {
    let base = prop::sample::select(vec![0x40_0000u64, 0x40_1000, 0x80_0000, 0x80_1000, 0xc0_0000]);
    prop_oneof![
        6 => (base, 0u64..0x1000).prop_map(|(base, offset)| base + offset),
        2 => (0u64..600).prop_map(|offset| CODE - 256 + offset),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let mode = prop_oneof![3 => Just(Mode::Long), 1 => Just(Mode::Protected32)];
    let to = prop_oneof![2 => address().prop_map(Some), 1 => Just(None)];
    let count = prop_oneof![2 => 0u64..40, 3 => 0u64..3000];
    let budgets = prop::collection::vec(1u64..2000, 1..4);
    let rest = (
        count,
        any::<u64>(),
        prop::bool::weighted(0.2),
        any::<[u16; 2]>(),
        budgets,
    );
    (code(), mode, address(), to, -80i64..80, rest).prop_map(|(code, mode, from, to, near, rest)| {
        let (count, rax, down, odd, budgets) = rest;
        let mut code = code;
        if mode == Mode::Protected32 {
            code.retain(|byte| *byte != 0x48);
        }
        Case {
            code,
            mode,
            from,
            to: to.unwrap_or(from.wrapping_add_signed(near)),
            count,
            rax: if rax & 1 == 0 { 0 } else { rax },
            down,
            odd: odd.map(u64::from),
            budgets,
        }
    })
}

/// Runs a case and gives everything that can differ.
fn outcome(case: &Case, budgets: &[u64]) -> (TestBench, u64) {
    let mut bench = TestBench::new(case.mode);
    bench.code(&case.code);
    bench.put(case.from + case.odd[0] % 3000, &[7]);
    bench.put(case.to + case.odd[1] % 3000, &[9]);
    let state = &mut bench.cpu.state;
    state.gpr[gpr::RSI] = case.from;
    state.gpr[gpr::RDI] = case.to;
    state.gpr[gpr::RCX] = case.count;
    state.gpr[gpr::RAX] = case.rax;
    state.flags.put(target_i386::flags::bit::DF, case.down);
    let mut left = case.count + 3;
    let mut budgets = budgets.iter().copied();
    let mut budget = 1;
    while left != 0 {
        budget = budgets.next().unwrap_or(budget);
        let before = bench.cpu.icount;
        bench.run(budget.min(left));
        let ran = bench.cpu.icount - before;
        if ran == 0 {
            break;
        }
        left -= ran;
    }
    (bench, left)
}

fn memory(bench: &TestBench) -> Vec<u8> {
    let mut bytes = vec![0; RAM_SIZE as usize];
    bench.ram.read(0, &mut bytes).expect("all of RAM");
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn bulk_is_one_by_one(case in case()) {
        let (one, one_left) = outcome(&case, &[1]);
        for budgets in [&case.budgets[..], &[1 << 20]] {
            let (bulk, left) = outcome(&case, budgets);
            prop_assert_eq!(left, one_left);
            prop_assert_eq!(&bulk.cpu.state, &one.cpu.state, "{:?}", budgets);
            prop_assert_eq!(bulk.cpu.icount, one.cpu.icount);
            prop_assert_eq!(bulk.cpu.tlb.save(), one.cpu.tlb.save());
            prop_assert!(memory(&bulk) == memory(&one), "memory differs with {:?}", budgets);
        }
    }
}
